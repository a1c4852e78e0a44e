package console

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"utmsim/internal/eventlog"
	"utmsim/protocols"
	"utmsim/proxy"
	"utmsim/sessiontable"
)

// menu is one application of "get test": its levels, and how it prints them.
type menu struct {
	word, help string
	name       string // of the protocol where that is not the word
	letter     string // of the lines of a protocol's menu; "" for the worker's
	levels     []level
}

// level is one test level of an application.
type level struct {
	number int
	text   string
	run    func(*call) error
}

// menus are the applications, in the order of help.
func menus() []*menu {
	var out []*menu
	for _, p := range protocols.All {
		out = append(out, protocolMenu(p))
	}
	all := protocols.All[:]
	return append(out, &menu{word: "proxyworker", help: "Proxy worker.", levels: []level{
		{1, "Dump memory usage", (*call).memoryUse},
		{2, "Drop all connections", func(c *call) error { return c.dropAll((*proxy.Engine).DropAll) }},
		{22, "Drop max idle connections", func(c *call) error { return c.dropMaxIdle((*proxy.Engine).DropMaxIdle) }},
		{222, "Drop all idle connections", func(c *call) error { return c.dropAllIdle((*proxy.Engine).DropAllIdle) }},
		{4, "Display connection stat", (*call).workerStat},
		{44, "Display info per connection", func(c *call) error { return c.connections(all) }},
		{444, "Display connections per state", func(c *call) error { return c.states(all) }},
		{4444, "Display per-VDOM statistics", (*call).vdomStat},
		{44444, "Display information about idle connections", func(c *call) error { return c.idle(all) }},
		{99, "Restart proxy", (*call).restart},
	}})
}

// protocolMenu is the menu of one protocol's proxy (fidelity page, section 1.2).
func protocolMenu(p protocols.Protocol) *menu {
	only := []protocols.Protocol{p}
	word := p.Word()
	if p == protocols.FTP {
		word = "ftpd" // the appliance's name for it
	}
	return &menu{word: word, name: p.Word(), help: p.String() + " proxy.", letter: p.String()[:1], levels: []level{
		{2, "Drop all connections", func(c *call) error {
			return c.dropAll(func(e *proxy.Engine) int { return e.DropAllOf(p) })
		}},
		{22, "Drop max idle connections", func(c *call) error {
			return c.dropMaxIdle(func(e *proxy.Engine) (sessiontable.Victim, bool) { return e.DropMaxIdleOf(p) })
		}},
		{222, "Drop all idle connections", func(c *call) error {
			return c.dropAllIdle(func(e *proxy.Engine) int { return e.DropAllIdleOf(p) })
		}},
		{4, "Display connection stat", func(c *call) error { return c.protocolStat(p) }},
		{44, "Display info per connection", func(c *call) error { return c.connections(only) }},
		{444, "Display connections per state", func(c *call) error { return c.states(only) }},
		{4444, "Display per-VDOM statistics", func(c *call) error { return c.protocolVDOMStat(p) }},
		{44444, "Display information about idle connections", func(c *call) error { return c.idle(only) }},
		{55, "Display tcp info per connection", func(c *call) error { return c.tcpInfo(p) }},
	}}
}

// level runs the level that was asked for; one that there is not shows the menu.
func (m *menu) level(c *call) error {
	n := c.number("level", 0)
	for _, l := range m.levels {
		if l.number == n {
			return l.run(c)
		}
	}
	return m.usage(c)
}

// usage prints the menu (fidelity page, sections 1.2 and 1.3).
func (m *menu) usage(c *call) error {
	worker := c.engine().Report().Index
	if m.letter == "" {
		fmt.Fprintf(c.out, "Proxy Worker %d\n\nProxy Worker Test Usage\n\n", worker)
		for _, l := range m.levels {
			fmt.Fprintf(c.out, "%d: %s\n", l.number, l.text)
		}
		return nil
	}
	name := cmp.Or(m.name, m.word)
	fmt.Fprintf(c.out, "Proxy Worker %d - %s\n", worker, name)
	prefix := fmt.Sprintf("[%d:%s]", worker, m.letter)
	fmt.Fprintf(c.out, "%s %s Proxy Test Usage\n%s\n", prefix, strings.ToUpper(name), prefix)
	for _, l := range m.levels {
		fmt.Fprintf(c.out, "%s %d: %s\n", prefix, l.number, l.text)
	}
	return nil
}

// workerStat is level 4 of the worker.
func (c *call) workerStat() error { return c.engine().Report().Level4(c.out) }

// protocolStat is level 4 of one protocol.
func (c *call) protocolStat(p protocols.Protocol) error {
	return c.engine().Report().ProtocolLevel4(c.out, p)
}

// The appliance's answers to the levels that drop are not public; these are ours.

func (c *call) dropAll(drop func(*proxy.Engine) int) error {
	if err := c.acts(); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%d connections dropped\n", drop(c.engine()))
	return nil
}

func (c *call) dropAllIdle(drop func(*proxy.Engine) int) error {
	if err := c.acts(); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%d idle connections dropped\n", drop(c.engine()))
	return nil
}

func (c *call) dropMaxIdle(drop func(*proxy.Engine) (sessiontable.Victim, bool)) error {
	if err := c.acts(); err != nil {
		return err
	}
	v, ok := drop(c.engine())
	if !ok {
		fmt.Fprintln(c.out, "no idle connection")
		return nil
	}
	fmt.Fprintf(c.out, "dropped entry=%d protocol=%s client=%s rank=%d connections=%d idle=%s\n",
		v.Number, v.Key.Proto, v.Key.Client, v.Rank, v.Client, v.IdleFor.Truncate(time.Millisecond))
	return nil
}

func (c *call) restart() error {
	if err := c.acts(); err != nil {
		return err
	}
	n := c.engine().Restart()
	c.shell.console.opts.Log.Info(eventlog.Restarted, zap.String("who", c.shell.who), zap.Int("sessions", n))
	fmt.Fprintf(c.out, "proxy restarted, %d connections closed\n", n)
	return nil
}
