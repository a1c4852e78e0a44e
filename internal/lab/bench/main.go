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
// measures, prints a table for each protocol to stdout and progress to stderr, and returns the
// exit status: 0, 1 (a measurement failed) or 2 (wrong usage). With the first argument
// "console" it measures the answers of the console instead (see Answers), with "noise"
// what noise on the console's SSH port costs traffic (see NoiseRow).
func Main(ctx context.Context, arguments []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(arguments) > 0 && arguments[0] == ChildWord {
		return Child(arguments[1:], stdin, stdout, stderr)
	}
	if len(arguments) > 0 && arguments[0] == consoleWord {
		return answersMain(ctx, arguments[1:], stdout, stderr)
	}
	if len(arguments) > 0 && arguments[0] == noiseWord {
		return noiseMain(ctx, arguments[1:], stdout, stderr)
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
	protocols  []Protocol
	contenders string
	measures   string
	settings   Settings
	json       string
	utmsim     string
	before     string
	module     string
}

// parse reads the flags; it names what there is to choose from when a choice is
// wrong.
func parse(arguments []string, stderr io.Writer) (plan, error) {
	var p plan
	var protocols, idle string
	var short bool
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&protocols, "protocol", "", "protocols, separated by commas (default all)")
	flags.StringVar(&p.contenders, "which", "", "contenders, separated by commas (default all); the first is what ratios refer to")
	flags.StringVar(&p.measures, "measures", "", "measures, separated by commas (default all)")
	flags.StringVar(&idle, "idle", "5000,9500", "numbers of sessions at rest, ascending")
	flags.DurationVar(&p.settings.Duration, "duration", 4*time.Second, "time for each measure")
	flags.DurationVar(&p.settings.Settle, "settle", 2*time.Second, "time before memory is read")
	flags.IntVar(&p.settings.Rounds, "rounds", 3, "rounds")
	flags.IntVar(&p.settings.Connections, "connections", 64, "clients at a time")
	flags.BoolVar(&short, "short", false, "small objects, few clients, little time: to see that it works, not how fast it is")
	flags.StringVar(&p.json, "json", "", "file for the figures of every round")
	flags.StringVar(&p.utmsim, "utmsim", "", "a built utmsim (default: build ./cmd/utmsim)")
	flags.StringVar(&p.before, "before", "", "an older utmsim, measured beside the other: what a change has brought")
	flags.StringVar(&p.module, "module", ".", "folder of the module to build utmsim from")
	if err := flags.Parse(arguments); err != nil {
		return plan{}, err
	}
	if flags.NArg() > 0 {
		return plan{}, fmt.Errorf("reading the arguments: %q is not a flag", flags.Arg(0))
	}
	var err error
	if p.protocols, err = chosen(protocols, Protocols(), func(p Protocol) string { return p.Name }); err != nil {
		return plan{}, fmt.Errorf("reading -protocol: %w", err)
	}
	if p.settings.Idle, err = numbers(idle); err != nil {
		return plan{}, fmt.Errorf("reading -idle: %w", err)
	}
	if short {
		p.shorten(flags)
	}
	return p, errors.Join(p.settings.check(), p.check())
}

// shorten makes a quick look of everything that wasn't asked for.
func (p *plan) shorten(flags *flag.FlagSet) {
	asked := make(map[string]bool)
	flags.Visit(func(f *flag.Flag) { asked[f.Name] = true })
	set := func(name string, change func()) {
		if !asked[name] {
			change()
		}
	}
	set("idle", func() { p.settings.Idle = []int{20} })
	set("duration", func() { p.settings.Duration = 50 * time.Millisecond })
	set("settle", func() { p.settings.Settle = 10 * time.Millisecond })
	set("rounds", func() { p.settings.Rounds = 1 })
	set("connections", func() { p.settings.Connections = 4 })
	for i := range p.protocols {
		p.protocols[i].Sizes = shortSizes(p.protocols[i].Sizes.Small)
	}
}

// check looks for contenders and measures that no protocol has.
func (p plan) check() error {
	for _, protocol := range p.protocols {
		_, contenders, err := p.of(protocol)
		if err != nil {
			return err
		}
		if len(contenders) == 0 {
			return fmt.Errorf("reading -which: %s has none of %s", protocol.Name, p.contenders)
		}
	}
	return nil
}

// of are the measures and contenders chosen for a protocol. Contenders that scan
// are left out where there is no driver.
func (p plan) of(protocol Protocol) ([]Measure, []Contender, error) {
	measures, err := chosen(p.measures, protocol.Measures(), func(m Measure) string { return m.Name })
	if err != nil {
		return nil, nil, fmt.Errorf("reading -measures: %w", err)
	}
	nameOf := func(c Contender) string { return c.Name }
	all, err := chosen(p.contenders, Protocols()[0].Contenders, nameOf)
	if err != nil {
		return nil, nil, fmt.Errorf("reading -which: %w", err)
	}
	var contenders []Contender
	for _, one := range all {
		own, err := named(one.Name, protocol.Contenders, nameOf)
		if err != nil {
			continue
		}
		contenders = append(contenders, own)
		if own.Scans && p.before != "" {
			contenders = append(contenders, own.before(p.before))
		}
	}
	return measures, contenders, nil
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
	site := Site{Folder: folder, Self: self, Utmsim: p.utmsim, Module: p.module}
	var reports []Report
	for _, protocol := range p.protocols {
		measures, contenders, err := p.of(protocol)
		if err != nil {
			return err
		}
		site.Protocol = protocol
		report, err := Run(ctx, &site, contenders, measures, p.settings, stderr)
		if err != nil {
			return fmt.Errorf("%s: %w", protocol.Name, err)
		}
		if err := report.WriteMarkdown(stdout); err != nil {
			return err
		}
		fmt.Fprintln(stdout)
		reports = append(reports, report)
	}
	if p.json == "" {
		return nil
	}
	return writeFile(p.json, reports)
}

func writeFile(name string, reports []Report) error {
	file, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return errors.Join(WriteJSON(file, reports), file.Close())
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
