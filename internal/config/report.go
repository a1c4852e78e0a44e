package config

import "fmt"

// Report says what of the files read is kept but not simulated.
type Report struct {
	Skipped []Skipped // in the order of the files
}

// Skipped is one thing that is not simulated: a block, a setting of an object or
// table, an entry of a table, or a value.
type Skipped struct {
	File  string
	Line  int // where it stands first
	Count int // how often it stands in the file
	What  string
}

// String is the line "FILE:LINE: WHAT is not simulated".
func (s Skipped) String() string {
	text := fmt.Sprintf("%s:%d: %s is not simulated", s.File, s.Line, s.What)
	if s.Count > 1 {
		text += fmt.Sprintf(" (%d times)", s.Count)
	}
	return text
}

// Summary is the report in lines for people, one for each thing.
func (r *Report) Summary() []string {
	lines := make([]string, len(r.Skipped))
	for i, s := range r.Skipped {
		lines[i] = s.String()
	}
	return lines
}

// reporter collects what a file holds beyond what is simulated.
type reporter struct {
	file    string
	skipped []Skipped
	index   map[string]int // into skipped, by What
}

func (r *reporter) skip(line int, what string) {
	if i, ok := r.index[what]; ok {
		r.skipped[i].Count++
		return
	}
	r.index[what] = len(r.skipped)
	r.skipped = append(r.skipped, Skipped{File: r.file, Line: line, Count: 1, What: what})
}
