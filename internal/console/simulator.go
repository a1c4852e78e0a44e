package console

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"utmsim/failopen"
	"utmsim/internal/stats"
	"utmsim/protocols"
	"utmsim/proxy"
)

// fillClient is whose phantom entries are when nobody is named: an address that
// is documentation's (RFC 5737), so that no real client is taken for it.
var fillClient = netip.AddrFrom4([4]byte{192, 0, 2, 1})

// failopen prints one line a protocol: "diagnose sim failopen".
func (c *call) failopen() error {
	engine := c.engine()
	for _, st := range engine.Failopen() {
		if !c.sees(st.VDOM) {
			continue
		}
		fmt.Fprintf(c.out, "%-4s vd=%s state=%s trigger=%s since=%s action=%s entries=%d/%d room=%s latch=%s row=%d %s\n",
			st.Proto, st.VDOM, stateWord(&st), triggerWord(&st), c.since(&st), st.Action,
			st.Entries, st.Limit, roomWord(&st), st.LatchScope, uint8(st.Row), st.Row.Text())
	}
	return nil
}

func stateWord(st *proxy.FailopenState) string {
	if st.State.Failopen {
		return "failopen"
	}
	return "normal"
}

// roomWord tells whether an entry is free for the protocol: a shared table may be
// full while the protocol itself has few.
func roomWord(st *proxy.FailopenState) string {
	if st.Full {
		return "no"
	}
	return "yes"
}

// triggerWord names the causes that act, which are never merged.
func triggerWord(st *proxy.FailopenState) string {
	var acting []string
	if st.Session {
		acting = append(acting, failopen.SessionTrigger.String())
	}
	if st.Memory != failopen.Normal {
		acting = append(acting, failopen.MemoryTrigger.String())
	}
	if len(acting) == 0 {
		return failopen.NoTrigger.String()
	}
	return strings.Join(acting, ",")
}

// since is when the state began, with its age.
func (c *call) since(st *proxy.FailopenState) string {
	if !st.State.Failopen {
		return "-"
	}
	age := c.engine().Age(st.Since)
	return fmt.Sprintf("%s(%s)", c.local(time.Now().Add(-age)).Format(time.TimeOnly), age.Truncate(time.Second))
}

// memory prints the memory model: "diagnose sim memory".
func (c *call) memory() error {
	m := c.engine().Memory()
	total := max(m.Total, 1)
	row := func(name string, bytes int64, percent float64) {
		fmt.Fprintf(c.out, "%-24s%12.1f MB%8.1f%%\n", name+":", float64(bytes)/failopen.MiB, percent)
	}
	line := func(name string, bytes int64) { row(name, bytes, float64(bytes)*100/float64(total)) }
	fmt.Fprintf(c.out, "%-24s%12s\n", "level:", m.Level)
	line("total", m.Total)
	line("used", m.Used)
	line("  base", m.Base)
	line("  sessions", m.Sessions)
	line("  spools", m.Spools)
	line("  dial", m.Dial)
	th := m.Thresholds
	at := th.Of(m.Total)
	row("conserve above (red)", at.Red*failopen.MiB, float64(th.Red))
	green := "normal below (green)"
	if th.Classic {
		green = "normal up to (green)" // 30 % or more free
	}
	row(green, at.Green*failopen.MiB, float64(th.Green))
	if th.Extreme > 0 {
		row("extreme above", at.Extreme*failopen.MiB, float64(th.Extreme))
	}
	return nil
}

// setMemory turns the dial: "diagnose sim memory PERCENT".
func (c *call) setMemory() error {
	if err := c.acts(); err != nil {
		return err
	}
	if err := c.engine().SetMemory(c.number("percent", 0)); err != nil {
		return errOurs("%v", err)
	}
	return c.memory()
}

// autoMemory turns the dial off: "diagnose sim memory auto".
func (c *call) autoMemory() error {
	if err := c.acts(); err != nil {
		return err
	}
	c.engine().AutoMemory()
	return c.memory()
}

// fill puts phantom entries into the table: "diagnose sim fill".
func (c *call) fill() error {
	if err := c.acts(); err != nil {
		return err
	}
	p, err := protocols.Parse(c.args["protocol"])
	if err != nil {
		return errOurs("%v", err)
	}
	engine, want := c.engine(), c.number("count", 0)
	idle := time.Duration(c.number("idle", 0)) * time.Second
	done := engine.Fill(c.vdom(), p, want, c.address("client", fillClient), idle)
	fmt.Fprintf(c.out, "%d of %d entries filled, ", done, want)
	return c.occupancy(p)
}

// drain takes the phantom entries out: "diagnose sim drain".
func (c *call) drain() error {
	if err := c.acts(); err != nil {
		return err
	}
	done := c.engine().Drain()
	fmt.Fprintf(c.out, "%d entries drained\n", done)
	return nil
}

// occupancy prints how full the table is for a protocol.
func (c *call) occupancy(p protocols.Protocol) error {
	r := c.report()
	total := 0
	for _, common := range r.Common {
		total += common.Current
	}
	fmt.Fprintf(c.out, "%s %d", p, r.Common[p].Current)
	if r.Pool > 0 {
		fmt.Fprintf(c.out, ", all protocols %d/%d\n", total, r.Pool)
		return nil
	}
	fmt.Fprintf(c.out, "/%d\n", r.Common[p].Limit)
	return nil
}

// leak prints the ledger: "diagnose sim leak".
func (c *call) leak() error {
	ledger := c.report().Ledger
	row := func(protocol, reason string, l stats.LeakReport) {
		fmt.Fprintf(c.out, "%-9s%-20s%12d%20d\n", protocol, reason, l.Sessions, l.Bytes)
	}
	fmt.Fprintf(c.out, "%-9s%-20s%12s%20s\n", "protocol", "reason", "sessions", "bytes")
	var total stats.LeakReport
	for _, p := range protocols.All {
		for i, l := range ledger[p].Leaks {
			if l.Sessions == 0 && l.Bytes == 0 {
				continue
			}
			row(p.String(), stats.LeakReason(i).String(), l)
			total.Sessions += l.Sessions
			total.Bytes += l.Bytes
		}
	}
	row("all", "total", total)
	for _, p := range protocols.All {
		for _, audit := range []struct {
			what string
			of   stats.LeakReport
		}{{"audit: scanned", ledger[p].Audited}, {"audit: detections", ledger[p].Detected}, {"audit: not scanned", ledger[p].Missed}} {
			if audit.of.Sessions > 0 {
				row(p.String(), audit.what, audit.of)
			}
		}
	}
	if held, waiting := c.engine().AuditMemory(); waiting > 0 {
		fmt.Fprintf(c.out, "audit: %d recordings wait, %d bytes held\n", waiting, held)
	}
	for _, p := range protocols.All {
		l := ledger[p]
		fmt.Fprintf(c.out, "%-4s bypassed=%d refused=%d dropped=%d\n", p, l.Bypassed.Sessions, l.Refused, l.Dropped)
	}
	return nil
}
