package config

import (
	"fmt"
	"strings"
)

// Report says what of a file is kept but not simulated.
type Report struct {
	Name    string    // of the file
	Skipped []Skipped // in the order of the file
}

// Skipped is one thing that is not simulated: a block, a setting of an object or
// table, an entry of a table, or a value.
type Skipped struct {
	Line  int // where it stands first
	Count int // how often it stands in the file
	What  string
}

// String is the report as lines for people, "FILE:LINE: WHAT is not simulated".
func (r *Report) String() string {
	var b strings.Builder
	for _, s := range r.Skipped {
		fmt.Fprintf(&b, "%s:%d: %s is not simulated", r.Name, s.Line, s.What)
		if s.Count > 1 {
			fmt.Fprintf(&b, " (%d times)", s.Count)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// reporter fills a report, one item for each thing.
type reporter struct {
	report Report
	index  map[string]int
}

func (r *reporter) skip(line int, what string) {
	if i, ok := r.index[what]; ok {
		r.report.Skipped[i].Count++
		return
	}
	r.index[what] = len(r.report.Skipped)
	r.report.Skipped = append(r.report.Skipped, Skipped{Line: line, Count: 1, What: what})
}
