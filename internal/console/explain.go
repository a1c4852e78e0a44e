package console

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"utmsim/failopen"
	"utmsim/internal/config"
	"utmsim/proxy"
)

// explainCommands are the nodes of "diagnose sim explain".
func explainCommands() []*node {
	id := func(word, help string, run func(*call) error) *node {
		return &node{word: word, help: help, children: []*node{{word: "<ID>", help: "Number, as in the log.", arg: integer("id", 1, 1<<62), run: run}}}
	}
	return []*node{
		id("drop", "A session that was dropped for a newcomer.", (*call).explainDrop),
		id("refusal", "A session that was refused.", (*call).explainRefusal),
		id("session", "Any session: open, refused, bypassed, dropped, or one that leaked.", (*call).explainSession),
	}
}

const (
	documented = "https://help.fortinet.com/fos50hlp/52/FortiOS%205.2%20Help/Common_questions.174.24.html"
	conserving = "https://docs.fortinet.com/document/fortigate/7.6.4/administration-guide/194558/conserve-mode"
)

// source is the page that a row of the decision table rests on; docs/decisions.md
// has all.
func source(r failopen.Row) string {
	switch r {
	case 1, 3, 4, 5, 6:
		return conserving
	case 8:
		return "DISA STIG FortiGate Firewall, V-234148"
	}
	return documented
}

// id is the number that the command was given.
func (c *call) id() uint64 {
	n, err := strconv.ParseUint(c.args["id"], 10, 63)
	if err != nil {
		panic("console: an id was not checked: " + err.Error())
	}
	return n
}

func (c *call) notRemembered(what string) error {
	fmt.Fprintf(c.out, "%s %d is not known: the newest 1000 of each kind are remembered\n", what, c.id())
	return nil
}

// fact prints one line of an explanation.
func (c *call) fact(name, format string, args ...any) {
	fmt.Fprintf(c.out, "%-14s%s\n", name+":", fmt.Sprintf(format, args...))
}

// reason prints from what a decision was made.
func (c *call) reason(d *proxy.Circumstances) {
	c.fact("decision", "row %d: %s", uint8(d.Row), d.Row.Text())
	of := ""
	if d.OfVDOM {
		of = " of the VDOM"
	}
	c.fact("trigger", "%s, entries %d/%d%s", d.Trigger, d.Entries, d.Limit, of)
	c.fact("settings", "config system global: av-failopen %s, av-failopen-session %s", d.Policy, onOff(d.Session))
	c.fact("source", "%s", source(d.Row))
}

func (c *call) explainRefusal() error {
	r, ok := c.engine().FindTurnedAway(c.id())
	if !ok || !r.Refused || !c.sees(r.VDOM) {
		return c.notRemembered("refusal")
	}
	c.turnedAway(&r)
	return nil
}

// turnedAway explains a refused or a bypassed session.
func (c *call) turnedAway(r *proxy.TurnedAway) {
	c.fact("session", "%d %s vd=%s from %s at %s", r.Session, r.Proto, r.VDOM, r.Client, c.local(r.At).Format(time.DateTime))
	if !r.Refused {
		c.fact("outcome", "bypassed: relayed without an entry and without a look")
		c.reason(&r.Circumstances)
		c.fact("counters", "ledger: bypassed sessions and bytes; Acceptor Read and Write; no setup, no conn")
		return
	}
	c.fact("outcome", "refused, %s", styleText(r.Style))
	c.reason(&r.Circumstances)
	c.fact("counters", "%s setup_fail +1, Acceptor Read +1, Acceptor Write +1; ledger: refused +1", r.Proto)
}

func styleText(s config.Refuse) string {
	return fmt.Sprintf("style %s (config system simulator, set refuse)", s)
}

func (c *call) explainDrop() error {
	d, ok := c.engine().FindDrop(c.id())
	if !ok || !c.sees(d.VDOM) {
		return c.notRemembered("drop")
	}
	c.dropped(&d)
	return nil
}

// dropped explains why this session was the victim.
func (c *call) dropped(d *proxy.DropRecord) {
	owner := "session " + strconv.FormatUint(d.Session, 10)
	if d.Session == 0 {
		owner = "a phantom entry"
	}
	c.fact("drop", "%d: entry %d, %s, %s vd=%s of %s at %s", d.Number, d.Entry, owner, d.Proto, d.VDOM, d.Client, c.local(d.At).Format(time.DateTime))
	c.fact("outcome", "dropped for session %d of %s, which was inspected", d.Newcomer, d.For)
	c.fact("victim", "idle for %s, the longest of its client; the client had %d entries and was number %d in the order of victims", d.Idle, d.Held, d.Rank)
	c.reason(&d.Circumstances)
	c.fact("counters", "%s Current Connections -1; ledger: dropped +1", d.Proto)
}

func (c *call) explainSession() error {
	id := c.id()
	if d, ok := c.engine().FindDropped(id); ok && c.sees(d.VDOM) {
		c.dropped(&d)
		return nil
	}
	away, isAway := c.engine().FindTurnedAway(id)
	if isAway = isAway && c.sees(away.VDOM); isAway {
		c.turnedAway(&away)
	}
	leak, leaked := c.engine().FindLeaked(id)
	if leaked = leaked && c.sees(leak.VDOM); leaked {
		if !isAway {
			c.fact("session", "%d %s vd=%s from %s", leak.Session, leak.Proto, leak.VDOM, leak.Client)
		}
		c.fact("leaked", "%d bytes unscanned (%s), to or from %s; ended at %s: %s", leak.Bytes, reasonsText(&leak), serverText(&leak), c.local(leak.Ended).Format(time.DateTime), leak.Close)
		if text := auditText(&leak.Audit); text != "" {
			c.fact("audit", "%s", text)
		}
	}
	open := false
	c.engine().Rows(func(r proxy.Row) bool {
		if open = r.Session == id && c.sees(r.VDOM); open {
			c.open(&r, isAway)
		}
		return !open
	})
	if !isAway && !leaked && !open {
		return c.notRemembered("session")
	}
	return nil
}

// open explains a session that is there.
func (c *call) open(r *proxy.Row, told bool) {
	if !told {
		c.fact("session", "%d %s vd=%s from %s, %s old", r.Session, r.Proto, r.VDOM, r.Client, r.Age.Truncate(time.Millisecond))
	}
	if r.Entry != 0 {
		c.fact("outcome", "inspected, entry %d", r.Entry)
		c.fact("decision", "row %d: %s", uint8(r.Admitted), r.Admitted.Text())
		c.fact("source", "%s", source(r.Admitted))
	}
	c.fact("now", "%s, up %d, down %d bytes", r.State, r.Up, r.Down)
	if r.State == proxy.RowIdle {
		set := &c.shell.console.opts.Store.Snapshot().Simulator
		c.fact("idle", "for %s; idledrop may take it after %s (config system simulator, set idle-threshold)", r.Idle.Truncate(time.Millisecond), set.IdleThreshold)
	}
	c.fact("counters", "clt %d, srv %d events so far", r.ClientEvents, r.ServerEvents)
}

func reasonsText(l *proxy.LeakRecord) string {
	text := ""
	for i, r := range l.Reasons {
		if i > 0 {
			text += ", "
		}
		text += r.String()
	}
	return text
}

// auditText is what the audit of a bypassed session has brought, "" for one that was
// not audited.
func auditText(a *proxy.Audit) string {
	text := ""
	switch a.State {
	case proxy.AuditWaits:
		text = "not scanned yet"
	case proxy.AuditClean:
		text = "clean"
	case proxy.AuditDetect:
		text = strings.Join(a.Names, ", ")
	}
	switch {
	case a.Missed == 0:
		return text
	case text == "":
		return "not scanned"
	}
	return fmt.Sprintf("%s, %d bytes not scanned", text, a.Missed)
}

func serverText(l *proxy.LeakRecord) string {
	if l.Server.IsValid() {
		return l.Server.String()
	}
	return "no server"
}

// leakSessions prints the newest sessions of the ledger: "diagnose sim leak sessions".
func (c *call) leakSessions() error {
	list := slices.DeleteFunc(c.engine().Leaked(maxLeakView), func(l proxy.LeakRecord) bool { return !c.sees(l.VDOM) })
	list = list[:min(len(list), c.number("count", leakView))]
	fmt.Fprintf(c.out, "%-20s%10s %-9s%-24s%-24s%14s  %s\n", "ended", "session", "protocol", "client", "server", "bytes", "reason")
	for i := range list {
		l := &list[i]
		fmt.Fprintf(c.out, "%-20s%10d %-9s%-24s%-24s%14d  %s", c.local(l.Ended).Format(time.DateTime), l.Session, l.Proto, l.Client, serverText(l), l.Bytes, reasonsText(l))
		if text := auditText(&l.Audit); text != "" {
			fmt.Fprintf(c.out, "; audit: %s", text)
		}
		fmt.Fprintln(c.out)
	}
	return nil
}

// Lines of "diagnose sim leak sessions".
const (
	leakView    = 20
	maxLeakView = 1000
)
