package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"utmsim/internal/lab"
	"utmsim/internal/lab/load"
)

// The objects the HTTP measures ask for.
const (
	smallObject  = 1 << 10
	mediumObject = 1 << 20
	largeObject  = 100 << 20
	parallel     = 8 // connections that fetch medium objects
)

// HTTP is the comparison of HTTP proxies in front of one origin.
func HTTP() Protocol {
	return Protocol{
		Name: "http",
		Origin: func(address string) (Origin, error) {
			return lab.StartFastHTTP(address, smallObject, mediumObject, largeObject)
		},
		Probe: probeHTTP,
		Measures: []Measure{
			{Name: "keepalive", Take: takeKeepAlive, Columns: []Column{
				{Key: "transactions_per_s", Title: "keep-alive 1 KiB, tx/s", Ratio: true},
				{Key: "p99_ms", Title: "p99 ms", Digits: 1},
				{Key: "cpu_us_per_tx", Title: "CPU us/tx", Digits: 1},
			}},
			{Name: "sessions", Take: takeSessions, Columns: []Column{
				{Key: "sessions_per_s", Title: "new sessions/s", Ratio: true},
			}},
			{Name: "large", Take: takeObjects("large_mb_per_s", largeObject, 1), Columns: []Column{
				{Key: "large_mb_per_s", Title: "one 100 MiB object, MB/s", Ratio: true},
			}},
			{Name: "parallel", Take: takeObjects("parallel_mb_per_s", mediumObject, parallel), Columns: []Column{
				{Key: "parallel_mb_per_s", Title: "8 x 1 MiB objects, MB/s", Ratio: true},
			}},
			{Name: "idle", Take: takeIdle(openHTTP), PerIdle: idleColumn, Fresh: true, Once: true},
		},
		Contenders: []Contender{
			direct(),
			relay(),
			haproxy("http", haproxyHTTP),
			utmsim("utmsim", "utmsim, scanning", true, utmsimHTTP(true)),
			utmsim("utmsim-bypass", "utmsim, bypassed", false, utmsimHTTP(false)),
		},
	}
}

func objectTarget(subject Subject, size int64) load.Target {
	return load.Target{Address: subject.Address, Path: fmt.Sprintf("/bytes/%d", size)}
}

// probeHTTP makes one request for the small object.
func probeHTTP(ctx context.Context, address string) error {
	target := objectTarget(Subject{Address: address}, smallObject)
	target.Timeout = time.Second
	result, err := load.NewSessions(ctx, target, load.Limit{Connections: 1, Duration: time.Second, Requests: 1})
	if err != nil {
		return err
	}
	if result.Transactions == 0 {
		return errors.New("no answer: " + strings.Join(newSample(result).Notes, ", "))
	}
	return nil
}

// openHTTP begins to hold sessions that have fetched the small object.
func openHTTP(ctx context.Context, subject Subject) (*load.Idle, error) {
	target := objectTarget(subject, smallObject)
	target.Timeout = idleTimeout
	idle, _, err := load.OpenIdle(ctx, target, 0)
	return idle, err
}

// takeKeepAlive measures transactions over kept connections, and what each
// costs the proxy's process.
func takeKeepAlive(ctx context.Context, subject Subject, settings Settings) (Sample, error) {
	target := objectTarget(subject, smallObject)
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
	target := objectTarget(subject, smallObject)
	limit := load.Limit{Connections: settings.Connections, Duration: settings.Duration}
	result, err := load.NewSessions(ctx, target, limit)
	if err != nil {
		return Sample{}, err
	}
	sample := newSample(result)
	sample.Values["sessions_per_s"] = result.Rate()
	return sample, nil
}

// takeObjects measures the throughput of objects of one size, fetched one after
// the other on each connection.
func takeObjects(key string, size int64, connections int) func(context.Context, Subject, Settings) (Sample, error) {
	return func(ctx context.Context, subject Subject, settings Settings) (Sample, error) {
		target := objectTarget(subject, size)
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
