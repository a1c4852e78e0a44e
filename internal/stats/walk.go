package stats

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// source is a field of a block that a line can show.
type source interface {
	// fold puts the source's value into a line: added to it, or compared with
	// it, as its kind wants.
	fold(into *Line, now time.Time)
	// absorb adds the value of another source of the same kind.
	absorb(other source)
	reset(now time.Time)
}

func (c *Counter) fold(into *Line, _ time.Time)   { into.Value += c.Load() }
func (c *Counter) reset(time.Time)                { c.n.Store(0) }
func (m *Max) fold(into *Line, _ time.Time)       { into.Value = max(into.Value, m.Load()) }
func (m *Max) reset(time.Time)                    { m.n.Store(0) }
func (e *Elapsed) fold(into *Line, _ time.Time)   { into.Value += int64(e.Load()) }
func (e *Elapsed) reset(time.Time)                { e.ns.Store(0) }
func (u *Uptime) fold(into *Line, now time.Time)  { into.Value = int64(u.Since(now)) }
func (u *Uptime) reset(now time.Time)             { u.Start(now) }
func (d *Derived) fold(into *Line, now time.Time) {}
func (d *Derived) reset(time.Time)                {}
func (l *Last) reset(time.Time)                   { l.p.Store(nil) }

func (c *Counter) absorb(other source) { c.Add(other.(*Counter).Load()) }
func (m *Max) absorb(other source)     { m.Observe(other.(*Max).Load()) }
func (e *Elapsed) absorb(other source) { e.Add(other.(*Elapsed).Load()) }
func (u *Uptime) absorb(source)        {}
func (d *Derived) absorb(source)       {}

func (l *Last) absorb(other source) {
	mine, theirs := l.p.Load(), other.(*Last).p.Load()
	if theirs != nil && (mine == nil || mine.at.Before(theirs.at)) {
		l.p.Store(theirs)
	}
}

func (l *Last) fold(into *Line, _ time.Time) {
	s := l.p.Load()
	if s == nil || s.at.Before(into.at) {
		return
	}
	into.Value, into.at = s.value, s.at
}

// block is the lines of one block, bound to the fields they show.
type block struct {
	title string
	lines []bound
}

type bound struct {
	source source
	proto  Line // the line without its value
	hidden bool // counted but not printed in this block
}

// bind reads the tags of the struct that ptr points to. A field without a tag is a
// mistake in a declaration and panics. Lines tagged only:"word" are printed in
// blocks that embed their group with:"word"; a group tagged noun:"word" has that
// word in front of its labels.
func bind(title string, ptr any) block {
	b := block{title: title}
	b.add(reflect.ValueOf(ptr).Elem(), "", "")
	return b
}

func (b *block) add(v reflect.Value, with, noun string) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Name == "_" {
			continue
		}
		if prefix := f.Tag.Get("noun"); f.Anonymous || prefix != "" {
			b.add(v.Field(i), f.Tag.Get("with"), prefix)
			continue
		}
		src, ok := v.Field(i).Addr().Interface().(source)
		if !ok {
			panic(fmt.Sprintf("stats: %s: field %s can't be printed", b.title, f.Name))
		}
		line := parseTag(b.title, f)
		line.Label = strings.TrimPrefix(noun+" "+line.Label, " ")
		only := f.Tag.Get("only")
		b.lines = append(b.lines, bound{src, line, only != "" && only != with})
	}
}

// parseTag makes a line of a field's tag.
func parseTag(title string, f reflect.StructField) Line {
	text, ok := f.Tag.Lookup("line")
	if !ok {
		text, ok = f.Tag.Lookup("acct")
	}
	if !ok {
		panic(fmt.Sprintf("stats: %s: field %s has no label", title, f.Name))
	}
	words := strings.Split(text, ",")
	l := Line{Label: words[0]}
	for _, w := range words[1:] {
		switch w {
		case "kb":
			l.Unit = Kilobytes
		case "hms":
			l.Unit = HourClock
		case "ms":
			l.Unit = MinuteClock
		case "wrap":
			l.wrap = true
		case "poll":
			l.poll = true
		default:
			panic(fmt.Sprintf("stats: %s: field %s: unknown word %q", title, f.Name, w))
		}
	}
	return l
}

// absorb adds the values of another block of the same fields.
func (b *block) absorb(other *block) {
	for i := range b.lines {
		b.lines[i].source.absorb(other.lines[i].source)
	}
}

func (b *block) reset(now time.Time) {
	for i := range b.lines {
		b.lines[i].source.reset(now)
	}
}

// foldInto adds the block's values to its image, which it lays out first when
// it is empty.
func (b *block) foldInto(image *Block, now time.Time) {
	if image.Lines == nil {
		image.Title = b.title
		image.Lines = make([]Line, 0, len(b.lines))
		for i := range b.lines {
			if !b.lines[i].hidden {
				image.Lines = append(image.Lines, b.lines[i].proto)
			}
		}
	}
	at := 0
	for i := range b.lines {
		if !b.lines[i].hidden {
			b.lines[i].source.fold(&image.Lines[at], now)
			at++
		}
	}
}
