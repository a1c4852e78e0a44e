package console

import (
	"fmt"
	"time"

	"utmsim/failopen"
	"utmsim/internal/stats"
)

// What "diagnose hardware sysinfo" prints is the memory model (fidelity page,
// section 2.4), which has no kernel whose memory could run short by itself.

// conserve prints "diagnose hardware sysinfo conserve", persona 5.6 and later.
func (c *call) conserve() error {
	m := c.engine().Memory()
	on := "off"
	if m.Level != failopen.Normal {
		on = "on"
	}
	const mb = failopen.MiB
	total := max(m.Total/mb, 1)
	line := func(name string, n int64) {
		fmt.Fprintf(c.out, "%-45s%10d MB%5d%% of total RAM\n", name+":", n, n*100/total)
	}
	fmt.Fprintf(c.out, "%-45s%s\n", "memory conserve mode:", on)
	fmt.Fprintf(c.out, "%-45s%10d MB\n", "total RAM:", m.Total/mb)
	line("memory used", m.Used/mb)
	at := m.Thresholds.Of(m.Total)
	threshold := func(name string, n int64, percent int) {
		fmt.Fprintf(c.out, "%-45s%10d MB%5d%% of total RAM\n", "memory used threshold "+name+":", n, percent)
	}
	threshold("extreme", at.Extreme, m.Thresholds.Extreme)
	threshold("red", at.Red, m.Thresholds.Red)
	threshold("green", at.Green, m.Thresholds.Green)
	return nil
}

// entriesOf is how many entries the session table has.
func entriesOf(r *stats.Report) (n int) {
	for _, common := range r.Common {
		n += common.Current
	}
	return n
}

// shm prints "diagnose hardware sysinfo shm", persona 5.0 to 5.4. The shared memory
// is what the proxies have: all but the base of the model.
func (c *call) shm() error {
	m, r := c.engine().Memory(), c.engine().Report()
	on := 0
	if m.Level != failopen.Normal {
		on = 1
	}
	entered := "n/a"
	if at, ok := c.shell.console.opts.Crashlog.lastConserve(); ok {
		entered = c.local(at).Format(time.ANSIC)
	}
	total, used := m.Total-m.Base, m.Used-m.Base
	fmt.Fprintf(c.out, "SHM counter: %d\nSHM allocated: %d\nSHM total: %d\n", entriesOf(r), used, total)
	fmt.Fprintf(c.out, "conservemode: %d\nshm last entered: %s\nsystem last entered: n/a\n", on, entered)
	free := max(total-used, 0)
	fmt.Fprintf(c.out, "SHM FS total: %d\nSHM FS free: %d\nSHM FS avail: %d\nSHM FS alloc: %d\n", total, free, free, total-free)
	return nil
}
