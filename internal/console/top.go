package console

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"utmsim/failopen"
	"utmsim/protocols"
)

// topProcess is one row of "diagnose sys top". The program is one process; its rows
// are the parts of it that are accounted for by themselves.
type topProcess struct {
	name   string
	state  string
	cpu    float64 // percent of the machine
	memory float64 // percent of the memory model
}

// topView is what a live view remembers from page to page.
type topView struct {
	at       time.Time
	cpu      cpuTime
	scanned  time.Duration // the worker's time in scans
	byMemory bool
	lines    int
}

const (
	topDelay = 5 // seconds
	topLines = 20
	maxDelay = 60
	maxLines = 100
)

// top is "diagnose sys top": on a terminal a page that changes until q is typed,
// else one page.
func (c *call) top() error {
	v := &topView{lines: c.number("lines", topLines)}
	c.sampleTop(v)
	if live := c.shell.live; live != nil {
		return live(time.Duration(c.number("delay", topDelay))*time.Second, func(key byte, rows int) string {
			switch key {
			case 'm', 'M':
				v.byMemory = true
			case 'p', 'P':
				v.byMemory = false
			}
			return c.topPage(v, min(rows, v.lines+2))
		})
	}
	c.out.WriteString(c.topPage(v, v.lines+2))
	return nil
}

// sampleTop notes where the next page counts from.
func (c *call) sampleTop(v *topView) {
	v.at, v.cpu, v.scanned = time.Now(), processTime(), c.scanTime()
}

func (c *call) scanTime() time.Duration {
	r := c.engine().Report()
	n, _ := r.Worker.Get("Time in loop scanning")
	return time.Duration(n)
}

// topPage is one page of so many rows, counted from the page before; the first
// counts from the start of the program.
func (c *call) topPage(v *topView, rows int) string {
	now, used, scanned := time.Now(), processTime(), c.scanTime()
	span := now.Sub(v.at) * time.Duration(runtime.NumCPU())
	user, system, scan := used.user-v.cpu.user, used.system-v.cpu.system, scanned-v.scanned
	if now.Sub(v.at) < 100*time.Millisecond { // the first page: nothing to compare with yet
		span = time.Since(c.shell.console.started) * time.Duration(runtime.NumCPU())
		user, system, scan = used.user, used.system, scanned
	}
	v.at, v.cpu, v.scanned = now, used, scanned
	share := func(d time.Duration) float64 { return min(max(float64(d)*100/float64(max(span, 1)), 0), 100) }

	m := c.engine().Memory()
	total := max(m.Total, 1)
	part := func(n int64) float64 { return float64(n) * 100 / float64(total) }
	running := "S"
	if n, _ := c.engine().Scans(); n > 0 {
		running = "R"
	}
	list := []topProcess{
		{"proxyworker", "S", max(share(user+system)-share(scan), 0), part(m.Base + m.Sessions)},
		{"scanunit", running, min(share(scan), share(user+system)), part(m.Spools)},
	}
	slices.SortStableFunc(list, func(a, b topProcess) int {
		if v.byMemory {
			return cmp.Compare(b.memory, a.memory)
		}
		return cmp.Compare(b.cpu, a.cpu)
	})
	var out strings.Builder
	up := time.Since(c.shell.console.started)
	fmt.Fprintf(&out, "Run Time:  %d days, %d hours and %d minutes\n", int(up.Hours())/24, int(up.Hours())%24, int(up.Minutes())%60)
	fmt.Fprintf(&out, "%dU, 0N, %dS, %dI, 0WA, 0HI, 0SI, 0ST; %dT, %dF\n", int(share(user)), int(share(system)),
		max(0, 100-int(share(user))-int(share(system))), m.Total/failopen.MiB, max(m.Total-m.Used, 0)/failopen.MiB)
	for _, p := range list {
		fmt.Fprintf(&out, "%16s %8d      %s %8.1f %7.1f\n", p.name, os.Getpid(), p.state, p.cpu, p.memory)
	}
	for _, st := range c.engine().Failopen() {
		fmt.Fprintf(&out, "%16s %8s %-9s entries=%d/%d\n", strings.ToLower(protocols.Protocol(st.Proto).String()), "-", stateWord(&st), st.Entries, st.Limit)
	}
	text := out.String()
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(lines[:min(max(rows, 1), len(lines))], "")
}
