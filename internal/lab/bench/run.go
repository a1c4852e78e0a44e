package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"
)

// Run measures the contenders one after the other, round after round, and
// reports progress to log, one line a measure. Contenders that can't be started
// because they are missing are left out and named in the report; any other
// failure ends the run. Every process it started has ended when it returns.
func Run(ctx context.Context, at *Site, contenders []Contender, measures []Measure, settings Settings, log io.Writer) (report Report, err error) {
	report = Report{
		Protocol: at.Protocol.Name,
		Began:    time.Now().UTC().Truncate(time.Second),
		Machine:  fmt.Sprintf("%d processors, %s/%s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version()),
		Sizes:    at.Protocol.Sizes,
		Settings: settings,
	}
	for _, measure := range measures {
		report.columns = append(report.columns, measure.columns(settings)...)
	}
	at.scripts = newScripts(at.Protocol)
	origin, err := at.startSelf(originArguments(at.Protocol)...)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, origin.End()) }()
	r := &run{site: at, origin: origin.Address, settings: settings, log: log}
	defer func() { err = errors.Join(err, r.end()) }()
	if err := r.start(ctx, contenders, &report); err != nil {
		return Report{}, err
	}
	for round := range settings.Rounds {
		for _, measure := range measures {
			if measure.Once && round > 0 {
				continue
			}
			if err := r.round(ctx, round, measure); err != nil {
				return Report{}, err
			}
		}
	}
	for _, racer := range r.racers {
		report.Contenders[racer.row].settle(racer.samples)
	}
	report.compare()
	return report, nil
}

// run is one comparison under way.
type run struct {
	site     *Site
	origin   string
	settings Settings
	log      io.Writer
	racers   []*racer
}

// racer is a contender that has been started.
type racer struct {
	contender Contender
	process   *Process
	row       int // in the report
	samples   []Sample
}

// start brings the contenders up side by side; at rest they cost nothing.
func (r *run) start(ctx context.Context, contenders []Contender, report *Report) error {
	for i, contender := range contenders {
		report.Contenders = append(report.Contenders, Row{Name: contender.Name, Title: contender.Title, Scans: contender.Scans})
		process, err := contender.Start(ctx, r.site, r.origin)
		var missing Missing
		if errors.As(err, &missing) {
			report.Contenders[i].Skipped = string(missing)
			fmt.Fprintf(r.log, "%s is left out: %s\n", contender.Name, missing)
			continue
		}
		if err != nil {
			return err
		}
		r.racers = append(r.racers, &racer{contender: contender, process: process, row: i})
	}
	return nil
}

// round takes one measure of every racer. Who begins changes from round to
// round, so that no one always follows the same neighbour.
func (r *run) round(ctx context.Context, round int, measure Measure) error {
	for i := range r.racers {
		racer := r.racers[(i+round)%len(r.racers)]
		sample, err := r.take(ctx, racer, measure)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("measuring %s of %s: %w", measure.Name, racer.contender.Name, err)
		}
		fmt.Fprintf(r.log, "round %d  %-10s  %-14s %s\n", round+1, measure.Name, racer.contender.Name, sample)
		for n := range sample.Notes {
			sample.Notes[n] = fmt.Sprintf("%s, round %d: %s", measure.Name, round+1, sample.Notes[n])
		}
		racer.samples = append(racer.samples, sample)
	}
	return nil
}

func (r *run) take(ctx context.Context, racer *racer, measure Measure) (sample Sample, err error) {
	process := racer.process
	if measure.Fresh {
		if process, err = racer.contender.Start(ctx, r.site, r.origin); err != nil {
			return Sample{}, err
		}
		defer func() { err = errors.Join(err, process.End()) }()
	}
	return measure.Take(ctx, Subject{Address: process.Address, PID: process.PID, scripts: r.site.scripts}, r.settings)
}

func (r *run) end() error {
	var errs []error
	for _, racer := range r.racers {
		errs = append(errs, racer.process.End())
	}
	return errors.Join(errs...)
}
