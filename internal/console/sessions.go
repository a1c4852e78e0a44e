package console

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"utmsim/internal/config"
	"utmsim/proxy"
)

// sessionFilter is what "diagnose sys session filter" has set in one session of the
// console; conditions that are not set match everything.
type sessionFilter struct {
	src, dst     netip.Addr // the client, and where it connected to
	sport, dport int
	policy       int
	hasPolicy    bool
	proto        string // a protocol's word
}

func (f *sessionFilter) matches(r proxy.Row) bool {
	return (!f.src.IsValid() || f.src == r.Client.Addr().Unmap()) &&
		(!f.dst.IsValid() || f.dst == r.Door.Addr().Unmap() || f.dst == r.Server.Addr().Unmap()) &&
		(f.sport == 0 || f.sport == int(r.Client.Port())) &&
		(f.dport == 0 || f.dport == int(r.Door.Port()) || f.dport == int(r.Server.Port())) &&
		(!f.hasPolicy || f.policy == r.Policy) &&
		(f.proto == "" || f.proto == r.Proto.Word())
}

// sessionCommands are the commands below "diagnose sys session".
func sessionCommands() []*node {
	set := func(word, help, arg string, a *argument) *node {
		return &node{word: word, help: help, children: []*node{{word: arg, help: help, arg: a, run: (*call).setSessionFilter}}}
	}
	const maxPort = 1<<16 - 1
	return []*node{
		{word: "clear", help: "Clear the sessions that the filter lets pass.", run: (*call).clearSessions},
		{word: "filter", help: "Filters for list and clear.", run: (*call).showSessionFilter, children: []*node{
			{word: "clear", help: "Clear the filter.", run: (*call).clearSessionFilter},
			set("dport", "Destination port.", "<PORT>", integer("dport", 1, maxPort)),
			set("dst", "Destination IP address.", "<ADDR>", address("dst")),
			set("policy", "Policy ID.", "<ID>", integer("policy", 0, 1<<32-2)),
			set("proto", "Protocol of the proxy (on the appliance its IP protocol, which is always 6 here).", "<PROTOCOL>", oneOf("proto", protocolWords())),
			set("sport", "Source port.", "<PORT>", integer("sport", 1, maxPort)),
			set("src", "Source IP address.", "<ADDR>", address("src")),
		}},
		{word: "list", help: "List sessions.", run: (*call).listSessions},
		{word: "stat", help: "Session table statistics.", run: (*call).sessionStat},
	}
}

// setSessionFilter sets the one condition that was given.
func (c *call) setSessionFilter() error {
	f := &c.shell.sessions
	for name := range c.args {
		switch name {
		case "src":
			f.src = c.address(name, netip.Addr{})
		case "dst":
			f.dst = c.address(name, netip.Addr{})
		case "sport":
			f.sport = c.number(name, 0)
		case "dport":
			f.dport = c.number(name, 0)
		case "policy":
			f.policy, f.hasPolicy = c.number(name, 0), true
		case "proto":
			f.proto = c.args[name]
		}
	}
	return nil
}

func (c *call) clearSessionFilter() error {
	c.shell.sessions = sessionFilter{}
	return nil
}

// showSessionFilter is "diagnose sys session filter".
func (c *call) showSessionFilter() error {
	f := &c.shell.sessions
	line := func(name, value string, set bool) {
		if !set {
			value = "any"
		}
		fmt.Fprintf(c.out, "\t%s: %s\n", name, value)
	}
	fmt.Fprintln(c.out, "session filter:")
	line("proto", f.proto, f.proto != "")
	line("source ip", f.src.String(), f.src.IsValid())
	line("source port", fmt.Sprint(f.sport), f.sport != 0)
	line("dest ip", f.dst.String(), f.dst.IsValid())
	line("dest port", fmt.Sprint(f.dport), f.dport != 0)
	line("policy id", fmt.Sprint(f.policy), f.hasPolicy)
	return nil
}

// listSessions is "diagnose sys session list": sessions that are proxied and those
// that are bypassed, in the form of the appliance as far as there is something to
// tell. Phantoms are no sessions.
func (c *call) listSessions() error {
	f := &c.shell.sessions
	list, more := c.rows(func(r proxy.Row) bool { return r.Session != 0 && f.matches(r) })
	slices.SortFunc(list, func(a, b proxy.Row) int { return cmp.Compare(a.Session, b.Session) })
	for _, r := range list {
		c.session(r)
	}
	c.andMore(more)
	fmt.Fprintf(c.out, "total session %d\n", len(list)+more)
	return nil
}

func (c *call) session(r proxy.Row) {
	state := []string{"may_dirty", "redir"}
	if r.Entry == 0 {
		state = []string{"bypass"}
	}
	seconds := func(d time.Duration) int { return int(d.Seconds()) }
	fmt.Fprintf(c.out, "session info: proto=6 proto_state=01 duration=%d expire=%d timeout=%d\n",
		seconds(r.Age), seconds(r.Expires), seconds(r.Expires+r.Idle))
	fmt.Fprintf(c.out, "state=%s\n", strings.Join(state, " "))
	fmt.Fprintf(c.out, "statistic(bytes): org=%d reply=%d\n", r.Up, r.Down)
	fmt.Fprintf(c.out, "hook=pre dir=org act=dnat %s->%s(%s)\n", end(r.Client), end(r.Door), end(r.Server))
	verdict := ""
	if r.Verdict != "" {
		verdict = fmt.Sprintf(" verdict=%q", r.Verdict)
	}
	fmt.Fprintf(c.out, "misc=0 policy_id=%d vd=%s serial=%08x app=%s utm=%s entry=%d row=%d%s\n\n",
		r.Policy, r.VDOM, r.Session, r.Proto.Word(), strings.ToUpper(r.State.String()), r.Entry, uint8(r.Bypass), verdict)
}

// sessionStat is "diagnose sys session stat".
func (c *call) sessionStat() error {
	console := c.shell.console
	console.meter.read(time.Now(), c.engine())
	var refused, dropped int64
	inspected, bypassed := 0, 0
	for r := range c.engine().Rows {
		switch {
		case r.Session == 0 || !c.sees(r.VDOM):
		case r.Entry == 0:
			bypassed++
		default:
			inspected++
		}
	}
	report := c.report()
	for _, l := range report.Ledger {
		refused += l.Refused
		dropped += l.Dropped
	}
	fmt.Fprintf(c.out, "misc info:\t session_count=%d setup_rate=%d\n", inspected+bypassed, console.meter.average(time.Minute).setups)
	fmt.Fprintf(c.out, "proxy:\t inspected=%d bypassed=%d refused=%d dropped=%d\n", inspected, bypassed, refused, dropped)
	limit := console.opts.Store.Snapshot().Resource.Proxy
	if c.vdom() != "" && report.Pool > 0 {
		limit = report.Pool
	}
	fmt.Fprintf(c.out, "table:\t entries=%d limit=%d\n", entriesOf(report), limit)
	return nil
}

// clearSessions is "diagnose sys session clear".
func (c *call) clearSessions() error {
	if err := c.acts(); err != nil {
		return err
	}
	f := &c.shell.sessions
	fmt.Fprintf(c.out, "%d sessions cleared\n", c.engine().End(func(r proxy.Row) bool { return c.sees(r.VDOM) && f.matches(r) }))
	return nil
}

// anyText is an argument that may be any text.
func anyText(name string) *argument {
	return &argument{name: name, check: func(string) *config.CLIError { return nil }}
}
