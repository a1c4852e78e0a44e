package console

import (
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap/zapcore"

	"utmsim/internal/config"
)

// Crashlog remembers what "diagnose debug crashlog read" shows: conserve mode
// entered and left, and panics of drivers. It takes them from the log's records,
// by their messages, so that the two can't disagree. Its methods may be called
// from any goroutine; a nil one is empty.
type Crashlog struct {
	mu      sync.Mutex // guards the fields below
	records []crash
	entered time.Time // conserve mode, the last time
}

// crash is one record.
type crash struct {
	at       time.Time
	conserve string           // "on", "extreme" or "exit"; "" for a panic
	mb       map[string]int64 // the figures of the memory model by their names in the record
	text     string           // of a panic
}

// maxCrashes is how many records are kept; the oldest give way.
const maxCrashes = 100

// The messages of the records that belong into the crash log.
const (
	conserveMessage = "memory conserve mode"
	panicMessage    = "panic in a driver"
)

// Core is the end of the log that fills the crash log.
func (l *Crashlog) Core() zapcore.Core { return crashCore{l} }

type crashCore struct{ log *Crashlog }

func (crashCore) Enabled(at zapcore.Level) bool       { return at >= zapcore.WarnLevel }
func (c crashCore) With([]zapcore.Field) zapcore.Core { return c }
func (crashCore) Sync() error                         { return nil }

func (c crashCore) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) && (e.Message == conserveMessage || e.Message == panicMessage) {
		return to.AddCore(e, c)
	}
	return to
}

func (c crashCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	enc := zapcore.NewMapObjectEncoder()
	for _, f := range fields {
		f.AddTo(enc)
	}
	c.log.add(e, enc.Fields)
	return nil
}

func (l *Crashlog) add(e zapcore.Entry, fields map[string]any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	x := crash{at: e.Time, mb: map[string]int64{}}
	for name, value := range fields {
		if n, ok := value.(int64); ok {
			x.mb[name] = n
		}
	}
	switch {
	case e.Message == panicMessage:
		x.text = fmt.Sprintf("protocol=%v session=%v panic=%q", fields["protocol"], fields["session"], fmt.Sprint(fields["panic"]))
	case fields["to"] == "normal":
		x.conserve = "exit"
	case fields["to"] == "extreme":
		x.conserve = "extreme"
	default:
		x.conserve = "on"
	}
	if x.conserve != "" && x.conserve != "exit" && fields["from"] == "normal" {
		l.entered = e.Time
	}
	if len(l.records) == maxCrashes {
		l.records = append(l.records[:0], l.records[1:]...)
	}
	l.records = append(l.records, x)
}

// lastConserve is when conserve mode was entered last.
func (l *Crashlog) lastConserve() (time.Time, bool) {
	if l == nil {
		return time.Time{}, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.entered, !l.entered.IsZero()
}

// clear forgets everything.
func (l *Crashlog) clear() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = nil
}

// lines are the log as a release prints it: numbered, one event on several lines
// (fidelity page, section 2.4).
func (l *Crashlog) lines(persona config.Persona, zone *time.Location) []string {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, x := range l.records {
		for _, text := range x.texts(persona) {
			out = append(out, fmt.Sprintf("%d: %s %s", len(out)+1, x.at.In(zone).Format(time.DateTime), text))
		}
	}
	return out
}

func (x *crash) texts(persona config.Persona) []string {
	if x.conserve == "" {
		return []string{"application proxyworker: " + x.text}
	}
	total, used, red, green := x.mb["total MB"], x.mb["used MB"], x.mb["red MB"], x.mb["green MB"]
	dump := []string{fmt.Sprintf("MemTotal: %d kB", total<<10), fmt.Sprintf("MemFree: %d kB", max(total-used, 0)<<10)}
	if persona == config.Persona52 {
		msg := "The system has entered conserve mode"
		if x.conserve == "exit" {
			msg = "The system exited conserve mode"
		}
		return append([]string{
			fmt.Sprintf(`conserve=%s total="%d MB" free="%d MB"`, x.conserve, total, max(total-used, 0)),
			fmt.Sprintf(`entermargin="%d MB" exitmargin="%d MB" msg="%s"`, total-red, total-green, msg),
		}, dump...)
	}
	msg := map[string]string{
		"on": "Kernel enters memory conserve mode", "exit": "Kernel leaves memory conserve mode", "extreme": "Kernel enters extreme low memory mode",
	}[x.conserve]
	return append([]string{
		fmt.Sprintf(`service=kernel conserve=%s total="%d MB" used="%d MB" red="%d MB"`, x.conserve, total, used, red),
		fmt.Sprintf(`green="%d MB" msg="%s"`, green, msg),
	}, dump...)
}

// readCrashlog is "diagnose debug crashlog read".
func (c *call) readCrashlog() error {
	console := c.shell.console
	for _, l := range console.opts.Crashlog.lines(console.opts.Store.Snapshot().Simulator.Persona, c.zone()) {
		fmt.Fprintln(c.out, l)
	}
	return nil
}

// clearCrashlog is "diagnose debug crashlog clear".
func (c *call) clearCrashlog() error {
	if err := c.acts(); err != nil {
		return err
	}
	c.shell.console.opts.Crashlog.clear()
	return nil
}
