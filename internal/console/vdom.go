package console

import (
	"slices"

	"utmsim/internal/stats"
)

// The VDOM that a session of the console is in narrows down what commands show to
// it: connections, failopen states, the ledger, the log. What there is once in the
// unit, the worker above all, is the same everywhere.

// vdom is the VDOM the session is in; outside of all its first one if it is kept to
// some, else "".
func (c *call) vdom() string {
	if here := c.shell.editor.VDOM(); here != "" || !c.confined() {
		return here
	}
	return c.shell.vdoms[0]
}

// confined tells whether the session is kept to some of the VDOMs.
func (c *call) confined() bool { return len(c.shell.vdoms) > 0 && c.shell.multiVDOM() }

// sees tells whether what belongs to a VDOM is shown here.
func (c *call) sees(vdom string) bool {
	here := c.vdom()
	return here == "" || here == vdom
}

// vdoms are the VDOMs that are shown here.
func (c *call) vdoms() []string {
	return slices.DeleteFunc(c.engine().VDOMs(), func(name string) bool { return !c.sees(name) })
}

// report are the counters of the VDOM the session is in, or of the unit.
func (c *call) report() *stats.Report {
	if here := c.vdom(); here != "" {
		if r := c.engine().ReportVDOM(here); r != nil {
			return r
		}
	}
	return c.engine().Report()
}
