package console

import (
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"utmsim/internal/eventlog"
	"utmsim/protocols"
)

// menu is one application of "get test": its levels, and how it prints them.
type menu struct {
	word, help string
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
	return []*menu{
		{word: "http", help: "HTTP proxy.", letter: "H", levels: []level{
			{4, "Display connection stat", func(c *call) error { return c.protocolStat(protocols.HTTP) }},
		}},
		{word: "smtp", help: "SMTP proxy.", letter: "S", levels: []level{
			{4, "Display connection stat", func(c *call) error { return c.protocolStat(protocols.SMTP) }},
		}},
		{word: "pop3", help: "POP3 proxy.", letter: "P", levels: []level{
			{4, "Display connection stat", func(c *call) error { return c.protocolStat(protocols.POP3) }},
		}},
		{word: "imap", help: "IMAP proxy.", letter: "I", levels: []level{
			{4, "Display connection stat", func(c *call) error { return c.protocolStat(protocols.IMAP) }},
		}},
		{word: "nntp", help: "NNTP proxy.", letter: "N", levels: []level{
			{4, "Display connection stat", func(c *call) error { return c.protocolStat(protocols.NNTP) }},
		}},
		{word: "proxyworker", help: "Proxy worker.", levels: []level{
			{2, "Drop all connections", (*call).dropAll},
			{22, "Drop max idle connections", (*call).dropMaxIdle},
			{222, "Drop all idle connections", (*call).dropAllIdle},
			{4, "Display connection stat", (*call).workerStat},
			{99, "Restart proxy", (*call).restart},
		}},
	}
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
	fmt.Fprintf(c.out, "Proxy Worker %d - %s\n", worker, m.word)
	prefix := fmt.Sprintf("[%d:%s]", worker, m.letter)
	fmt.Fprintf(c.out, "%s %s Proxy Test Usage\n%s\n", prefix, strings.ToUpper(m.word), prefix)
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

func (c *call) dropAll() error {
	c.acts()
	fmt.Fprintf(c.out, "%d connections dropped\n", c.engine().DropAll())
	return nil
}

func (c *call) dropAllIdle() error {
	c.acts()
	fmt.Fprintf(c.out, "%d idle connections dropped\n", c.engine().DropAllIdle())
	return nil
}

func (c *call) dropMaxIdle() error {
	c.acts()
	v, ok := c.engine().DropMaxIdle()
	if !ok {
		fmt.Fprintln(c.out, "no idle connection")
		return nil
	}
	fmt.Fprintf(c.out, "dropped entry=%d protocol=%s client=%s rank=%d connections=%d idle=%s\n",
		v.Number, v.Key.Proto, v.Key.Client, v.Rank, v.Client, v.IdleFor.Truncate(time.Millisecond))
	return nil
}

func (c *call) restart() error {
	c.acts()
	n := c.engine().Restart()
	c.shell.console.opts.Log.Info(eventlog.Restarted, zap.String("who", c.shell.who), zap.Int("sessions", n))
	fmt.Fprintf(c.out, "proxy restarted, %d connections closed\n", n)
	return nil
}
