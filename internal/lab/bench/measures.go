package bench

import (
	"context"
	"fmt"
	"slices"
	"time"

	"utmsim/internal/lab/load"
)

// parallelClients move medium objects at the same time.
const parallelClients = 8

// Measures are what is taken of every contender for a protocol.
func (p Protocol) Measures() []Measure {
	s := p.Sizes
	return []Measure{
		{Name: "keepalive", Take: takeKeepAlive, Columns: []Column{
			{Key: "transactions_per_s", Title: p.Transaction + " " + sizeTitle(s.Small) + ", tx/s", Ratio: true},
			{Key: "p99_ms", Title: "p99 ms", Digits: 1},
			{Key: "cpu_us_per_tx", Title: "CPU us/tx", Digits: 1},
		}},
		{Name: "sessions", Take: takeSessions, Columns: []Column{
			{Key: "sessions_per_s", Title: "new sessions/s", Ratio: true},
		}},
		{Name: "large", Take: takeObjects("large_mb_per_s", large, 1), Columns: []Column{
			{Key: "large_mb_per_s", Title: "one " + sizeTitle(s.Large) + " object, MB/s", Ratio: true},
		}},
		{Name: "oversize", Take: takeObjects("oversize_mb_per_s", oversize, 1), Columns: []Column{
			{Key: "oversize_mb_per_s", Title: "one " + sizeTitle(s.Oversize) + " object (oversize), MB/s", Ratio: true},
		}},
		{Name: "parallel", Take: takeObjects("parallel_mb_per_s", medium, parallelClients), Columns: []Column{
			{Key: "parallel_mb_per_s", Title: fmt.Sprintf("%d x %s objects, MB/s", parallelClients, sizeTitle(s.Medium)), Ratio: true},
		}},
		{Name: "idle", Take: takeIdle, PerIdle: idleColumn, Fresh: true, Once: true},
	}
}

// takeKeepAlive measures transactions over kept connections, and what each
// costs the proxy's process.
func takeKeepAlive(ctx context.Context, subject Subject, settings Settings) (Sample, error) {
	target := subject.target(small)
	limit := load.Limit{Connections: settings.Connections, Duration: settings.Duration}
	if err := warmUp(ctx, target, limit); err != nil {
		return Sample{}, err
	}
	before, cpuErr := load.CPU(subject.PID)
	result, err := load.KeepAlive(ctx, target, limit)
	if err != nil {
		return Sample{}, err
	}
	sample := newSample(result)
	sample.Values["transactions_per_s"] = result.Rate()
	sample.Values["p99_ms"] = float64(result.Latency.P99.Microseconds()) / 1000
	if subject.PID == 0 || cpuErr != nil || result.Transactions == 0 {
		return sample, nil // without a proxy, or /proc, there is nothing to divide
	}
	after, err := load.CPU(subject.PID)
	if err != nil {
		return Sample{}, err
	}
	sample.Values["cpu_us_per_tx"] = float64((after - before).Microseconds()) / float64(result.Transactions)
	return sample, nil
}

func takeSessions(ctx context.Context, subject Subject, settings Settings) (Sample, error) {
	target := subject.target(small)
	limit := load.Limit{Connections: settings.Connections, Duration: settings.Duration}
	result, err := load.NewSessions(ctx, target, limit)
	if err != nil {
		return Sample{}, err
	}
	sample := newSample(result)
	sample.Values["sessions_per_s"] = result.Rate()
	return sample, nil
}

// takeObjects measures the throughput of one object, moved over and over on each
// connection.
func takeObjects(key string, which object, connections int) func(context.Context, Subject, Settings) (Sample, error) {
	return func(ctx context.Context, subject Subject, settings Settings) (Sample, error) {
		target := subject.target(which)
		limit := load.Limit{Connections: connections, Duration: settings.Duration}
		if err := warmUp(ctx, target, limit); err != nil {
			return Sample{}, err
		}
		result, err := load.KeepAlive(ctx, target, limit)
		if err != nil {
			return Sample{}, err
		}
		sample := newSample(result)
		sample.Values[key] = result.Throughput() / 1e6
		return sample, nil
	}
}

// warmUp lets buffers, pools and connections come to be before time is taken.
func warmUp(ctx context.Context, target load.Target, limit load.Limit) error {
	limit.Duration = min(limit.Duration/10+time.Millisecond, 500*time.Millisecond)
	_, err := load.KeepAlive(ctx, target, limit)
	return err
}

// newSample carries the failures of a run over.
func newSample(result load.Result) Sample {
	sample := Sample{Values: make(map[string]float64)}
	kinds := make([]string, 0, len(result.Errors))
	for kind := range result.Errors {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		sample.Notes = append(sample.Notes, fmt.Sprintf("%d failed (%s)", result.Errors[kind], kind))
	}
	return sample
}
