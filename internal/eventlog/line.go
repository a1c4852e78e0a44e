package eventlog

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Category is the log that a line belongs to; its numbers and words are those of
// "execute log filter category".
type Category uint8

// The categories that have lines.
const (
	Event       Category = 1
	Virus       Category = 2
	WebFilter   Category = 3
	EmailFilter Category = 5
)

// categories are in the order of their numbers.
var categories = [...]Category{Event, Virus, WebFilter, EmailFilter}

// Categories lists the categories that have lines, in the order of their numbers.
func Categories() []Category { return categories[:] }

// String is the word of the category.
func (c Category) String() string {
	switch c {
	case Virus:
		return "virus"
	case WebFilter:
		return "webfilter"
	case EmailFilter:
		return "emailfilter"
	default:
		return "event"
	}
}

// file is the name of the category's file on disk, as on the appliance.
func (c Category) file() string {
	switch c {
	case Virus:
		return "vlog"
	case WebFilter:
		return "wlog"
	case EmailFilter:
		return "slog"
	default:
		return "elog"
	}
}

// Severity is the level of a line: the severities of syslog (RFC 5424 section 6.2.1).
type Severity uint8

// The severities that lines have.
const (
	Critical    Severity = 2
	Error       Severity = 3
	Warning     Severity = 4
	Notice      Severity = 5
	Information Severity = 6
)

// String is the word in the field level.
func (s Severity) String() string {
	return [...]string{"emergency", "alert", "critical", "error", "warning", "notice", "information", "debug"}[s]
}

// Field is one pair of a line. Numbers and addresses stand bare, other values in
// quotation marks.
type Field struct {
	Key, Value string
	Bare       bool
}

func text(key, value string) Field   { return Field{Key: key, Value: value} }
func number(key string, n int) Field { return Field{Key: key, Value: strconv.Itoa(n), Bare: true} }
func bare(key, value string) Field   { return Field{Key: key, Value: value, Bare: true} }

// Line is one entry of the log.
type Line struct {
	Time     time.Time
	Category Category
	Severity Severity
	Text     string // without a line end
}

// Format is how a release writes its lines: fidelity page, section 10.
type Format uint8

// The formats.
const (
	Format52 Format = iota // ids and words of the header bare
	Format56               // eventtime and tz, quoted
)

// render writes a line: the common header, then the fields of its kind.
func render(f Format, at time.Time, k *kind, vdom string, fields []Field) Line {
	head := []Field{bare("date", at.Format("2006-01-02")), bare("time", at.Format("15:04:05"))}
	if f == Format56 {
		head = append(head, bare("eventtime", strconv.FormatInt(at.UnixNano(), 10)), text("tz", at.Format("-0700")))
	}
	words := []Field{text("logid", fmt.Sprintf("%010d", k.id)), text("type", k.typ()), text("subtype", k.subtype)}
	if k.eventtype != "" {
		words = append(words, text("eventtype", k.eventtype))
	}
	words = append(words, text("level", k.severity.String()))
	for i := range words {
		words[i].Bare = f == Format52
	}
	head = append(append(head, words...), text("vd", vdom))
	if k.desc != "" {
		head = append(head, text("logdesc", k.desc))
	}
	var b strings.Builder
	for i, field := range append(head, fields...) {
		if i > 0 {
			b.WriteByte(' ')
		}
		field.write(&b)
	}
	return Line{Time: at, Category: k.category, Severity: k.severity, Text: b.String()}
}

// write appends the pair. What could be taken for the end of a value or of the line
// is escaped: content from the network may not forge fields.
func (f Field) write(b *strings.Builder) {
	b.WriteString(f.Key)
	b.WriteByte('=')
	if f.Bare && bareWord(f.Value) {
		b.WriteString(f.Value)
		return
	}
	b.WriteByte('"')
	for _, r := range f.Value {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(b, `\x%02x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}

// bareWord tells whether a value needs no quotation marks.
func bareWord(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '"' || r == '\\' || r == '=' || r >= 0x7f })
}

// Value finds a field in a line and returns its value without quotation marks.
func (l Line) Value(key string) (string, bool) {
	for rest := l.Text; rest != ""; {
		name, after, ok := strings.Cut(rest, "=")
		if !ok {
			return "", false
		}
		value, next := cutValue(after)
		if name == key {
			return value, true
		}
		rest = next
	}
	return "", false
}

// cutValue takes the value that s begins with and returns what follows the blank
// behind it.
func cutValue(s string) (value, rest string) {
	if !strings.HasPrefix(s, `"`) {
		value, rest, _ = strings.Cut(s, " ")
		return value, rest
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		case s[i] == '"':
			return b.String(), strings.TrimPrefix(s[i+1:], " ")
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), ""
}
