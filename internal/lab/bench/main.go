package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"utmsim/internal/lab/load"
)

// Main is the program: it reads the arguments (without the program's name),
// measures, prints the table to stdout and progress to stderr, and returns the
// exit status: 0, 1 (a measurement failed) or 2 (wrong usage).
func Main(ctx context.Context, arguments []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(arguments) > 0 && arguments[0] == ChildWord {
		return Child(arguments[1:], stdin, stdout, stderr)
	}
	plan, err := parse(arguments, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	if err := plan.execute(ctx, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

// plan is what the arguments ask for.
type plan struct {
	protocol   Protocol
	contenders []Contender
	measures   []Measure
	settings   Settings
	json       string
	utmsim     string
	module     string
}

// parse reads the flags; it names what there is to choose from when a choice is
// wrong.
func parse(arguments []string, stderr io.Writer) (plan, error) {
	var p plan
	var protocol, contenders, measures, idle string
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&protocol, "protocol", "http", "protocol to measure")
	flags.StringVar(&contenders, "which", "", "contenders, separated by commas (default all); the first is what ratios refer to")
	flags.StringVar(&measures, "measures", "", "measures, separated by commas (default all)")
	flags.StringVar(&idle, "idle", "5000,9500", "numbers of sessions at rest, ascending")
	flags.DurationVar(&p.settings.Duration, "duration", 4*time.Second, "time for each measure")
	flags.DurationVar(&p.settings.Settle, "settle", 2*time.Second, "time before memory is read")
	flags.IntVar(&p.settings.Rounds, "rounds", 3, "rounds")
	flags.IntVar(&p.settings.Connections, "connections", 64, "clients at a time")
	flags.StringVar(&p.json, "json", "", "file for the figures of every round")
	flags.StringVar(&p.utmsim, "utmsim", "", "a built utmsim (default: build ./cmd/utmsim)")
	flags.StringVar(&p.module, "module", ".", "folder of the module to build utmsim from")
	if err := flags.Parse(arguments); err != nil {
		return plan{}, err
	}
	if flags.NArg() > 0 {
		return plan{}, fmt.Errorf("reading the arguments: %q is not a flag", flags.Arg(0))
	}
	var err error
	if p.protocol, err = named(protocol, Protocols(), func(p Protocol) string { return p.Name }); err != nil {
		return plan{}, fmt.Errorf("reading -protocol: %w", err)
	}
	if p.contenders, err = chosen(contenders, p.protocol.Contenders, func(c Contender) string { return c.Name }); err != nil {
		return plan{}, fmt.Errorf("reading -which: %w", err)
	}
	if p.measures, err = chosen(measures, p.protocol.Measures, func(m Measure) string { return m.Name }); err != nil {
		return plan{}, fmt.Errorf("reading -measures: %w", err)
	}
	if p.settings.Idle, err = numbers(idle); err != nil {
		return plan{}, fmt.Errorf("reading -idle: %w", err)
	}
	return p, p.settings.check()
}

// check refuses what the load generator would refuse later.
func (s Settings) check() error {
	switch {
	case s.Duration <= 0 || s.Duration > load.MaxDuration:
		return fmt.Errorf("reading -duration: %s, allowed is up to %s", s.Duration, load.MaxDuration)
	case s.Settle < 0 || s.Settle > load.MaxDuration:
		return fmt.Errorf("reading -settle: %s, allowed is up to %s", s.Settle, load.MaxDuration)
	case s.Connections < 1 || s.Connections > load.MaxConnections:
		return fmt.Errorf("reading -connections: %d, allowed are 1 to %d", s.Connections, load.MaxConnections)
	case s.Rounds < 1 || s.Rounds > 100:
		return fmt.Errorf("reading -rounds: %d, allowed are 1 to 100", s.Rounds)
	}
	return nil
}

// execute runs the comparison in a temporary folder.
func (p plan) execute(ctx context.Context, stdout, stderr io.Writer) (err error) {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	folder, err := os.MkdirTemp("", "utmsim-bench-")
	if err != nil {
		return fmt.Errorf("making a temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	site := &Site{Protocol: p.protocol, Folder: folder, Self: self, Utmsim: p.utmsim, Module: p.module}
	report, err := Run(ctx, site, p.contenders, p.measures, p.settings, stderr)
	if err != nil {
		return err
	}
	if p.json != "" {
		if err := writeFile(p.json, report); err != nil {
			return err
		}
	}
	return report.WriteMarkdown(stdout)
}

func writeFile(name string, report Report) error {
	file, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return errors.Join(report.WriteJSON(file), file.Close())
}

// named finds one by name.
func named[T any](name string, all []T, nameOf func(T) string) (T, error) {
	var names []string
	for _, one := range all {
		if nameOf(one) == name {
			return one, nil
		}
		names = append(names, nameOf(one))
	}
	var none T
	return none, fmt.Errorf("there is no %q; choose from %s", name, strings.Join(names, ", "))
}

// chosen finds those of a comma-separated list, in its order; an empty list is
// all of them.
func chosen[T any](list string, all []T, nameOf func(T) string) ([]T, error) {
	if list == "" {
		return all, nil
	}
	var some []T
	for name := range strings.SplitSeq(list, ",") {
		one, err := named(strings.TrimSpace(name), all, nameOf)
		if err != nil {
			return nil, err
		}
		some = append(some, one)
	}
	return some, nil
}

// numbers reads ascending numbers of sessions.
func numbers(list string) ([]int, error) {
	var found []int
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 1 || n > load.MaxIdle {
			return nil, fmt.Errorf("%q is not a number from 1 to %d", text, load.MaxIdle)
		}
		found = append(found, n)
	}
	if !slices.IsSorted(found) {
		return nil, fmt.Errorf("%s is not ascending", list)
	}
	return found, nil
}
