package console

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"utmsim/internal/stats"
	"utmsim/protocols"
	"utmsim/proxy"
)

// The levels below 4 of "get test" that look at single connections. No sample of
// the appliance's output is public; the lines have the form of its accounting
// (fidelity page, section 1.7).

// maxListed is how many connections one command shows: a console keeps what it shows
// in memory.
const maxListed = 10_000

// rows are the connections that are shown here and pass, up to maxListed, and how
// many more there are.
func (c *call) rows(pass func(proxy.Row) bool) (list []proxy.Row, more int) {
	for r := range c.engine().Rows {
		switch {
		case !c.sees(r.VDOM) || !pass(r):
		case len(list) < maxListed:
			list = append(list, r)
		default:
			more++
		}
	}
	return list, more
}

// byNumber orders connections as they came; phantoms, which have no number, by
// their entries.
func byNumber(a, b proxy.Row) int {
	return cmp.Or(cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.Session, b.Session), cmp.Compare(a.Entry, b.Entry))
}

// connections is level 44: one line a connection.
func (c *call) connections(ps []protocols.Protocol) error {
	list, more := c.rows(func(r proxy.Row) bool { return slices.Contains(ps, r.Proto) })
	slices.SortFunc(list, byNumber)
	c.perProtocol(ps, func(p protocols.Protocol) {
		for _, r := range list {
			if r.Proto == p {
				c.connection(r)
			}
		}
	})
	c.andMore(more)
	return nil
}

func (c *call) andMore(more int) {
	if more > 0 {
		fmt.Fprintf(c.out, "\n%d more connections are not shown\n", more)
	}
}

// perProtocol prints a heading for each protocol and what f prints.
func (c *call) perProtocol(ps []protocols.Protocol, f func(protocols.Protocol)) {
	worker := c.engine().Report().Index
	for i, p := range ps {
		if i > 0 {
			c.out.WriteByte('\n')
		}
		fmt.Fprintf(c.out, "Worker[%d] %s\n", worker, p)
		f(p)
	}
}

// connection prints one connection; times are in seconds.
func (c *call) connection(r proxy.Row) {
	fmt.Fprintf(c.out, "id=%d vd=%s %s->%s state=%s idle=%d age=%d clt=%d srv=%d buf=%d bypass=%d entry=%d\n",
		r.Session, r.VDOM, end(r.Client), end(r.Server), strings.ToUpper(r.State.String()),
		int(r.Idle.Seconds()), int(r.Age.Seconds()), r.ClientEvents, r.ServerEvents, r.Held, uint8(r.Bypass), r.Entry)
}

// end is one end of a connection: a phantom's client has no port.
func end(a netip.AddrPort) string {
	switch {
	case !a.IsValid():
		return "-"
	case a.Port() == 0:
		return a.Addr().String()
	}
	return a.String()
}

// states is level 444: how many connections are in which state.
func (c *call) states(ps []protocols.Protocol) error {
	var counts [protocols.Count][proxy.RowIdle + 1]int
	var bypassed [protocols.Count]int
	for r := range c.engine().Rows {
		if !c.sees(r.VDOM) {
			continue
		}
		counts[r.Proto][r.State]++
		if r.Entry == 0 {
			bypassed[r.Proto]++
		}
	}
	c.perProtocol(ps, func(p protocols.Protocol) {
		for s, n := range counts[p] {
			if proxy.RowState(s) == proxy.RowURLFilter && p != protocols.HTTP {
				continue // no other protocol has URLs
			}
			fmt.Fprintf(c.out, "%s=%d ", strings.ToUpper(proxy.RowState(s).String()), n)
		}
		fmt.Fprintf(c.out, "BYPASSED=%d\n", bypassed[p])
	})
	return nil
}

// idle is level 44444: the connections that idledrop could take, longest idle
// first.
func (c *call) idle(ps []protocols.Protocol) error {
	after := c.engine().IdleAfter()
	var total [protocols.Count]int
	list, more := c.rows(func(r proxy.Row) bool {
		total[r.Proto]++
		return slices.Contains(ps, r.Proto) && r.Entry != 0 && r.State == proxy.RowIdle && r.Idle >= after
	})
	slices.SortFunc(list, func(a, b proxy.Row) int { return cmp.Or(cmp.Compare(b.Idle, a.Idle), byNumber(a, b)) })
	c.perProtocol(ps, func(p protocols.Protocol) {
		clients := map[netip.Addr]int{}
		n := 0
		for _, r := range list {
			if r.Proto == p {
				clients[r.Client.Addr()]++
				n++
			}
		}
		fmt.Fprintf(c.out, "idle=%d connections=%d clients=%d idle-threshold=%d\n", n, total[p], len(clients), int(after/time.Second))
		for _, r := range list {
			if r.Proto == p {
				c.connection(r)
			}
		}
	})
	c.andMore(more)
	return nil
}

// vdomStat is level 4444: the statistics of each VDOM.
func (c *call) vdomStat() error {
	return c.perVDOM(func(r *stats.Report) error { return r.Level4444(c.out) })
}

// perVDOM prints the statistics of each VDOM.
func (c *call) perVDOM(print func(*stats.Report) error) error {
	for i, name := range c.vdoms() {
		r := c.engine().ReportVDOM(name)
		if r == nil {
			continue // it was removed meanwhile
		}
		if i > 0 {
			c.out.WriteByte('\n')
		}
		if err := print(r); err != nil {
			return err
		}
	}
	return nil
}

// protocolVDOMStat is level 4444 of one protocol.
func (c *call) protocolVDOMStat(p protocols.Protocol) error {
	return c.perVDOM(func(r *stats.Report) error {
		fmt.Fprintf(c.out, "VDOM %s\n", r.VDOM)
		return r.ProtocolLevel4(c.out, p)
	})
}

// memoryUse is level 1: what the memory model charges, and for what. The appliance
// prints kilobytes where it says so, else bytes.
func (c *call) memoryUse() error {
	engine := c.engine()
	m, r := engine.Memory(), engine.Report()
	each := c.shell.console.opts.Store.Snapshot().Simulator.MemorySession
	fmt.Fprintf(c.out, "Worker[%d] Memory\n", r.Index)
	fmt.Fprintf(c.out, "Total memory %d (kb)\nUsed memory %d (kb)\nMemory level %s\n", m.Total>>10, m.Used>>10, m.Level)
	fmt.Fprintf(c.out, "Base %d (kb)\n", m.Base>>10)
	for _, p := range protocols.All {
		n := int64(r.Common[p].Current)
		fmt.Fprintf(c.out, "%s sessions %d x %d = %d\n", p, n, each, n*each)
	}
	fmt.Fprintf(c.out, "Held objects %d\nOperator's dial %d\n", m.Spools, m.Dial)
	return nil
}
