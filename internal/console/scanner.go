package console

import (
	"fmt"
	"time"

	"utmsim/scanner/health"
	"utmsim/scanner/simulated"
)

// Scanning is the scan engines as the console sees them.
type Scanning interface {
	// States are what is known about the engines, in the order in which they are asked.
	States() []health.State
	// Cache is how full the cache of verdicts is and what it has saved; limit 0 means
	// that there is none.
	Cache() (entries, limit int, hits, misses int64)
	// Dial slows down and breaks all engines together.
	Dial() *simulated.Dial
}

// scanner prints the scan engines: "diagnose sim scanner".
func (c *call) scanner() error {
	scanning := c.shell.console.opts.Scanning
	fmt.Fprintf(c.out, "%-10s%-9s%-20s%10s%10s  %s\n", "engine", "state", "since", "scans", "errors", "version")
	for _, s := range scanning.States() {
		fmt.Fprintf(c.out, "%-10s%-9s%-20s%10d%10d  %s\n", s.Name, engineWord(&s), c.engineSince(&s), s.Scans, s.Errors, s.Version)
		if s.Err != nil {
			fmt.Fprintf(c.out, "  %v\n", s.Err)
		}
	}
	running, waiting := c.engine().Scans()
	fmt.Fprintf(c.out, "scans: running=%d waiting=%d\n", running, waiting)
	if entries, limit, hits, misses := scanning.Cache(); limit > 0 {
		fmt.Fprintf(c.out, "cache: verdicts=%d/%d hits=%d misses=%d\n", entries, limit, hits, misses)
	} else {
		fmt.Fprintf(c.out, "cache: off\n")
	}
	dial := scanning.Dial().Setting()
	fmt.Fprintf(c.out, "dial: latency=%s errors=%d%% stalled=%s\n", dial.Latency, dial.Errors, stalledWord(dial.Stalled))
	return nil
}

func engineWord(s *health.State) string {
	switch {
	case !s.Known:
		return "unknown"
	case s.Up:
		return "up"
	}
	return "down"
}

func (c *call) engineSince(s *health.State) string {
	if !s.Known {
		return "-"
	}
	return fmt.Sprintf("%s(%s)", c.local(s.Since).Format(time.TimeOnly), time.Since(s.Since).Truncate(time.Second))
}

func stalledWord(until time.Time) string {
	if left := time.Until(until).Truncate(time.Millisecond); left > 0 {
		return left.String()
	}
	return "no"
}

// turned notes that the dial was turned and shows what is in force now.
func (c *call) turned() error {
	c.acts()
	return c.scanner()
}

// scanLatency is "diagnose sim scanner latency".
func (c *call) scanLatency() error {
	c.shell.console.opts.Scanning.Dial().Latency(c.duration("time"))
	return c.turned()
}

// scanErrors is "diagnose sim scanner errors".
func (c *call) scanErrors() error {
	c.shell.console.opts.Scanning.Dial().Errors(c.number("percent", 0))
	return c.turned()
}

// scanStall is "diagnose sim scanner stall".
func (c *call) scanStall() error {
	c.shell.console.opts.Scanning.Dial().Stall(c.duration("time"))
	return c.turned()
}

// scanNormal is "diagnose sim scanner normal".
func (c *call) scanNormal() error {
	c.shell.console.opts.Scanning.Dial().Normal()
	return c.turned()
}
