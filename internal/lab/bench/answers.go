package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"utmsim/internal/lab/load"
)

// consoleWord is the first argument that asks for the answers of the console.
const consoleWord = "console"

// consoleLines are what is asked: the long level of the documentation, a short
// line, and one that walks the whole configuration.
var consoleLines = []string{"get test proxyworker 4", "get system status", "show"}

// Answers is how long the console takes for a line, at rest and while the session
// table is full and load wants all processors.
type Answers struct {
	Began   time.Time
	Machine string
	Lines   int // asked of each kind
	Rows    []AnswerRow
	Busy    float64 // share of the processors' time under load; 0 where the system doesn't tell
	Clean   int     // objects that were scanned meanwhile, by the console's own count
	Table   string  // entries and limit at the end
}

// AnswerRow is one line over one carrier.
type AnswerRow struct {
	Carrier, Line string
	Loaded        bool
	P50, P99, Max time.Duration
}

// answersMain reads the arguments behind the word "console" and prints a table.
func answersMain(ctx context.Context, arguments []string, stdout, stderr io.Writer) int {
	b := answersBench{site: Site{Protocol: Protocols()[0]}}
	flags := flag.NewFlagSet("bench console", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&b.lines, "lines", 500, "lines asked of each kind")
	flags.IntVar(&b.clients, "connections", 64, "clients of HTTP; a quarter as many of SMTP, an eighth that make new sessions")
	flags.StringVar(&b.site.Utmsim, "utmsim", "", "a built utmsim (default: build ./cmd/utmsim)")
	flags.StringVar(&b.site.Module, "module", ".", "folder of the module to build utmsim from")
	switch err := flags.Parse(arguments); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err == nil && (flags.NArg() > 0 || b.lines < 1 || b.clients < 8 || b.clients > load.MaxConnections):
		fmt.Fprintf(stderr, "reading the arguments: want 1 line or more, 8 to %d connections, and nothing else\n", load.MaxConnections)
		return 2
	case err != nil:
		return 2
	}
	answers, err := b.run(ctx)
	if err == nil {
		err = answers.WriteMarkdown(stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

// answersBench measures answers.
type answersBench struct {
	site           Site
	lines, clients int
	unit           *unit
	answers        Answers
}

func (b *answersBench) run(ctx context.Context) (_ Answers, err error) {
	if b.site.Self, err = os.Executable(); err != nil {
		return Answers{}, fmt.Errorf("finding this program: %w", err)
	}
	if b.site.Folder, err = os.MkdirTemp("", "utmsim-bench-"); err != nil {
		return Answers{}, fmt.Errorf("making a temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.site.Folder)) }()
	b.answers = Answers{
		Began: time.Now().UTC().Truncate(time.Second), Lines: b.lines,
		Machine: fmt.Sprintf("%d processors, %s/%s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version()),
	}
	if b.unit, err = b.site.startUnit(ctx); err != nil {
		return Answers{}, errors.Join(err, b.unit.end())
	}
	defer func() { err = errors.Join(err, b.unit.end()) }()
	if err := b.measure(ctx, false); err != nil {
		return Answers{}, err
	}
	if err := b.starve(ctx); err != nil {
		return Answers{}, err
	}
	return b.answers, nil
}

// starve fills the table, lets load have the processors, and measures again.
func (b *answersBench) starve(ctx context.Context) error {
	sessions := b.clients + b.clients/4
	if err := errors.Join(b.unit.load("http", loadKept, b.clients), b.unit.load("smtp", loadKept, b.clients/4)); err != nil {
		return err
	}
	if err := b.unit.await(ctx, func() (bool, error) { n, _, err := b.unit.entries(); return n >= sessions, err }); err != nil {
		return fmt.Errorf("waiting for %d sessions: %w", sessions, err)
	}
	if _, err := b.unit.console.ask("diagnose sim fill http 8032"); err != nil {
		return err
	}
	if err := b.unit.load("http", loadNew, b.clients/8); err != nil {
		return err
	}
	before, err := b.unit.clean()
	if err != nil {
		return err
	}
	busy, all, noProc := load.Processors()
	if err := b.measure(ctx, true); err != nil {
		return err
	}
	busyNow, allNow, _ := load.Processors()
	if noProc == nil && allNow > all {
		b.answers.Busy = float64(busyNow-busy) / float64(allNow-all)
	}
	after, err := b.unit.clean()
	if err != nil {
		return err
	}
	b.answers.Clean = after - before
	now, limit, err := b.unit.entries()
	b.answers.Table = fmt.Sprintf("%d/%d", now, limit)
	return err
}

// measure asks every line over every carrier, in turn.
func (b *answersBench) measure(ctx context.Context, loaded bool) error {
	for _, c := range b.unit.carriers {
		took := make(map[string][]time.Duration)
		for range b.lines {
			for _, line := range consoleLines {
				start := time.Now()
				if _, err := c.ask(line); err != nil {
					return err
				}
				took[line] = append(took[line], time.Since(start))
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		for _, line := range consoleLines {
			b.answers.Rows = append(b.answers.Rows, answerRow(c.name, line, loaded, took[line]))
		}
	}
	return nil
}

func answerRow(carrier, line string, loaded bool, took []time.Duration) AnswerRow {
	slices.Sort(took)
	at := func(percent int) time.Duration { return took[(len(took)-1)*percent/100] }
	return AnswerRow{Carrier: carrier, Line: line, Loaded: loaded, P50: at(50), P99: at(99), Max: at(100)}
}

// WriteMarkdown writes a table and what was going on meanwhile.
func (a Answers) WriteMarkdown(w io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s, %s; %d lines of each kind; under load the table held %s entries, %s objects were scanned",
		a.Began.Format(time.RFC3339), a.Machine, a.Lines, a.Table, thousands(float64(a.Clean), 0))
	if a.Busy > 0 {
		fmt.Fprintf(&text, ", and the processors were busy for %.0f %% of the time", a.Busy*100)
	}
	text.WriteString(".\n\n| console over | line | load | p50 ms | p99 ms | max ms |\n|---|---|---|---|---|---|\n")
	for _, r := range a.Rows {
		state := "none"
		if r.Loaded {
			state = "full"
		}
		ms := func(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000) }
		fmt.Fprintf(&text, "| %s | `%s` | %s | %s | %s | %s |\n", r.Carrier, r.Line, state, ms(r.P50), ms(r.P99), ms(r.Max))
	}
	_, err := io.WriteString(w, text.String())
	return err
}
