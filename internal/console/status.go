package console

import (
	"cmp"
	"fmt"
	"time"

	"utmsim/failopen"
	"utmsim/internal/config"
)

// status prints "get system status". The lines that the appliance has and we
// have no such thing for (serial number, BIOS, disk) are left out.
func (c *call) status() error {
	console := c.shell.console
	snap := console.opts.Store.Snapshot()
	// Programs look for a blank, v and the release in this line.
	fmt.Fprintf(c.out, "Version: utmsim v%s (%s)\n", snap.Simulator.Persona, console.opts.Version)
	fmt.Fprintf(c.out, "Hostname: %s\n", snap.Global.Hostname)
	fmt.Fprintf(c.out, "Current virtual domain: %s\n", cmp.Or(c.vdom(), config.RootVDOM))
	fmt.Fprintf(c.out, "Virtual domain configuration: %s\n", onOff(snap.Global.VDOMAdmin))
	fmt.Fprintf(c.out, "Memory level: %s\n", c.engine().Memory().Level)
	fmt.Fprintf(c.out, "Uptime: %s\n", uptime(time.Since(console.started)))
	fmt.Fprintf(c.out, "System time: %s\n", c.local(time.Now()).Format(time.ANSIC))
	return nil
}

// local is an instant by the clock of the appliance, for printing.
func (c *call) local(at time.Time) time.Time { return at.In(c.zone()) }

func (c *call) zone() *time.Location {
	return c.shell.console.opts.Store.Snapshot().Global.Timezone.Location()
}

// Veto refuses changes of the configuration while memory conserve mode is on, as
// the releases of persona 5.6 do (behaviour page, section 4). The failopen settings and
// "config system simulator" may always be changed: the former end a latch, the
// latter end the conserve mode itself. The error is in the appliance's form of a
// refused commit; its wording is ours. It is meant to be asked first in
// config.Store.OnCommit.
func Veto(level failopen.Memory, c config.Commit) error {
	if level == failopen.Normal || c.Old.Simulator.Persona != config.Persona56 {
		return nil
	}
	for _, ch := range c.Changes {
		if !alwaysAllowed(ch) {
			return &config.CLIError{Lines: []string{
				"Configuration changes are refused: memory conserve mode is on.",
				"object check operator error, -45, discard the setting",
			}, Code: 1}
		}
	}
	return nil
}

func alwaysAllowed(ch config.Change) bool {
	switch ch.Path {
	case "system simulator":
		return true
	case "system global":
		return ch.Setting == "av-failopen" || ch.Setting == "av-failopen-session"
	}
	return false
}
