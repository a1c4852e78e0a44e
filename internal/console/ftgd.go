package console

import (
	"fmt"
	"strings"

	"utmsim/protocols"
)

// ftgdStatistics prints "get webfilter ftgd-statistics": those of the documented lines
// that there is a number for [30]. Their columns are not public.
func (c *call) ftgdStatistics() error {
	r := c.shell.console.opts.Ratings()
	stat := &c.engine().Report().Stat[protocols.HTTP]
	of := func(labels ...string) (n int64) {
		for _, l := range labels {
			v, _ := stat.Get("URL requests rating " + l)
			n += v
		}
		return n
	}
	submit, _ := stat.Get("URL requests submit error")
	c.heading("Rating Statistics:")
	c.figure("Wrong package type", r.Ignored)
	c.figure("Request timeout", r.Timeouts)
	c.figure("Total requests", r.Requests)
	c.figure("Requests to FortiGuard servers", r.Queries)
	c.figure("Allowed", of("allow"))
	c.figure("Blocked", of("block"))
	c.figure("Errors", of("error")+submit)

	misses := r.Requests - min(r.CacheHits, r.Requests)
	fmt.Fprintln(c.out)
	c.heading("Cache Statistics:")
	c.figure("Nodes", r.Cached)
	c.figure("Requests", r.Requests)
	c.figure("Misses", misses)
	c.figure("Hits", r.CacheHits)
	fmt.Fprintln(c.out)
	c.figure("Percent full", percent(uint64(r.Cached), uint64(r.Limit)))
	c.figure("Miss rate", percent(misses, r.Requests))
	c.figure("Hit rate", percent(r.CacheHits, r.Requests))
	return nil
}

func (c *call) heading(text string) {
	fmt.Fprintf(c.out, "%s\n%s\n", text, strings.Repeat("=", 21))
}

func (c *call) figure(label string, value any) {
	fmt.Fprintf(c.out, "%-31s: %10v\n", label, value)
}

func percent(part, whole uint64) string {
	if whole == 0 {
		return "0%"
	}
	return fmt.Sprintf("%d%%", 100*part/whole)
}
