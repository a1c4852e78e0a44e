package stats

import (
	"fmt"
	"io"
	"strings"
	"time"

	"utmsim/protocols"
)

// labelWidth is the column where values begin in "label value" lines. The
// documents collapse runs of blanks, so the real width is not public; the
// longest label has 35 characters.
const labelWidth = 40

// Level4 writes the statistics of level 4: the Common blocks, the worker's Stat
// and those of the protocols, the worker's Accounting and those of the protocols.
func (r *Report) Level4(w io.Writer) error {
	out := page{}
	fmt.Fprintf(&out, "Worker[%d]\n", r.Index)
	for _, p := range protocols.All {
		out.common(p, r.Common[p], true)
		out.gap()
	}
	out.gap()
	out.stat(&r.Worker)
	for p := range r.Stat {
		out.gap()
		out.stat(&r.Stat[p])
	}
	out.gap()
	out.accounting(&r.WorkerAccounting)
	for p := range r.Accounting {
		out.gap()
		out.accounting(&r.Accounting[p])
	}
	return out.send(w)
}

// ProtocolLevel4 writes level 4 of one protocol alone, as "get test http 4"
// does: its Common block without the peak, and its Stat block.
func (r *Report) ProtocolLevel4(w io.Writer, p protocols.Protocol) error {
	out := page{}
	out.common(p, r.Common[p], false)
	out.gap()
	out.stat(&r.Stat[p])
	return out.send(w)
}

// Level4444 writes the statistics of one virtual domain; the report is one of
// SumVDOM. The worker's blocks belong to no virtual domain.
func (r *Report) Level4444(w io.Writer) error {
	out := page{}
	fmt.Fprintf(&out, "VDOM %s\n", r.VDOM)
	for _, p := range protocols.All {
		out.common(p, r.Common[p], true)
		out.gap()
	}
	for p := range r.Stat {
		out.gap()
		out.stat(&r.Stat[p])
	}
	for p := range r.Accounting {
		out.gap()
		out.accounting(&r.Accounting[p])
	}
	return out.send(w)
}

// page collects output, so that it leaves in one write.
type page struct{ strings.Builder }

func (o *page) gap() { o.WriteByte('\n') }

func (o *page) send(w io.Writer) error {
	if _, err := io.WriteString(w, o.String()); err != nil {
		return fmt.Errorf("writing statistics: %w", err)
	}
	return nil
}

func (o *page) line(label, value string) {
	fmt.Fprintf(o, "%-*s%s\n", labelWidth, label, value)
}

func (o *page) common(p protocols.Protocol, c Common, peak bool) {
	fmt.Fprintf(o, "%s Common\n", p)
	o.line("Current Connections", fmt.Sprintf("%d/%d", c.Current, c.Limit))
	if peak {
		o.line("Max Concurrent Connections", fmt.Sprint(c.Peak))
	}
}

func (o *page) stat(b *Block) {
	o.WriteString(b.Title + "\n")
	for i := range b.Lines {
		o.line(b.Lines[i].Label, b.Lines[i].Text())
	}
}

func (o *page) accounting(b *Block) {
	o.WriteString(b.Title)
	for i := range b.Lines {
		l := &b.Lines[i]
		if strings.Contains(l.Label, "/") {
			o.WriteString("/" + l.Text())
			continue
		}
		o.WriteByte(l.before(i))
		o.WriteString(l.Label + "=" + l.Text())
	}
	o.gap()
}

// before is what separates a pair of an Accounting block, the i-th, from what
// precedes it.
func (l *Line) before(i int) byte {
	if i == 0 || l.wrap {
		return '\n'
	}
	return ' '
}

// Text is the value as it is printed.
func (l *Line) Text() string {
	switch l.Unit {
	case Kilobytes:
		return fmt.Sprintf("%d (kb)", l.Value/1024)
	case HourClock:
		h, m, s, us := clock(l.Value)
		return fmt.Sprintf("%02d:%02d:%02d:%06d", h, m, s, us)
	case MinuteClock:
		h, m, s, us := clock(l.Value)
		return fmt.Sprintf("%d:%02d:%06d", h*60+m, s, us)
	default:
		return fmt.Sprint(l.Value)
	}
}

// clock splits nanoseconds into hours, which are not folded into days, minutes,
// seconds and microseconds.
func clock(ns int64) (hours, minutes, seconds, micros int64) {
	d := time.Duration(ns)
	hours = int64(d / time.Hour)
	minutes = int64(d / time.Minute % 60)
	seconds = int64(d / time.Second % 60)
	micros = int64(d / time.Microsecond % 1e6)
	return hours, minutes, seconds, micros
}
