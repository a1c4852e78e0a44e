package eventlog

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// Query asks for lines, newest first.
type Query struct {
	Category Category
	Disk     bool              // from the files; otherwise from memory
	Fields   map[string]string // values that lines must have
	Start    int               // the first line wanted, from 1
	Count    int               // how many lines
}

// Find answers a query; found is how many lines there are in all. An error is one of
// reading the files.
func (l *Log) Find(q Query) (lines []string, found int, err error) {
	keep := q.Start - 1 + q.Count // of the newest
	visit := func(text string) {
		if !q.accepts(text) {
			return
		}
		found++
		lines = append(lines, text)
		if len(lines) >= 2*keep {
			lines = append(lines[:0], lines[len(lines)-keep:]...)
		}
	}
	if q.Disk {
		err = l.readFiles(q.Category, visit)
	} else {
		for _, line := range l.Lines(q.Category) {
			visit(line.Text)
		}
	}
	slices.Reverse(lines)
	first := min(q.Start-1, len(lines))
	return lines[first:min(keep, len(lines))], found, err
}

func (q *Query) accepts(text string) bool {
	for key, want := range q.Fields {
		if v, ok := (Line{Text: text}).Value(key); !ok || v != want {
			return false
		}
	}
	return true
}

// longestLine bounds what is read of a line on disk, in bytes.
const longestLine = 1 << 20

func (l *Log) readFiles(c Category, visit func(string)) error {
	if err := l.Flush(); err != nil {
		return fmt.Errorf("reading the log: %w", err)
	}
	for _, name := range l.Files(c) {
		f, err := os.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("reading the log: %w", err)
		}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, longestLine)
		for lines.Scan() {
			visit(lines.Text())
		}
		f.Close()
		if err := lines.Err(); err != nil {
			return fmt.Errorf("reading the log: %w", err)
		}
	}
	return nil
}
