package simulated

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/scanner"
)

func named(name string, size int64) *scanner.Object { return &scanner.Object{Name: name, Size: size} }

func TestRules(t *testing.T) {
	e := New(1, []Rule{
		{Match: ByName, Pattern: "*.EXE", Verdict: scanner.Verdict{Class: scanner.Worm, Name: "W"}},
		{Match: BySize, Size: 1000, Verdict: scanner.Verdict{Class: scanner.Encrypted, Name: "large"}},
		{Match: ByCount, Every: 3, Verdict: scanner.Verdict{Class: scanner.Virus, Name: "third"}},
	})
	for _, c := range []struct {
		obj  *scanner.Object
		want string
	}{
		{named("dir/setup.exe", 5000), "W"},
		{named("a.txt", 1000), "large"},
		{named("a.txt", 999), ""},
		{named("a.txt", 999), ""},
		{named("b.Exe", 1), "W"},
		{named("a.txt", 999), "third"},
		{named("a.txt", 999), ""},
		{&scanner.Object{Flat: make([]byte, 1000)}, "large"},
	} {
		v, err := e.Scan(t.Context(), c.obj)
		require.NoError(t, err)
		assert.Equal(t, c.want, v.Name)
		assert.Equal(t, c.want != "", v.Engine == Name)
		assert.Equal(t, c.want == "large", v.Findings.Has(scanner.Encrypted))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := e.Scan(ctx, named("", 0))
	assert.ErrorIs(t, err, context.Canceled)
}

func TestShareIsSeeded(t *testing.T) {
	run := func(seed uint64) (hits int, series []bool) {
		e := New(seed, []Rule{{Match: ByShare, Percent: 20, Verdict: scanner.Verdict{Class: scanner.Virus}}})
		for range 5000 {
			v, err := e.Scan(t.Context(), named("", 1))
			require.NoError(t, err)
			series = append(series, v.Class == scanner.Virus)
			if v.Class == scanner.Virus {
				hits++
			}
		}
		return hits, series
	}
	hits, first := run(7)
	assert.InDelta(t, 1000, hits, 100)
	_, again := run(7)
	assert.Equal(t, first, again)
	_, other := run(8)
	assert.NotEqual(t, first, other)
}

// clean is an engine that finds nothing.
func clean() scanner.Scanner { return New(0, nil) }

// took is how long a scan takes, and its error.
func took(ctx context.Context, s scanner.Scanner) (time.Duration, error) {
	began := time.Now()
	_, err := s.Scan(ctx, named("", 1))
	return time.Since(began), err
}

func TestCurves(t *testing.T) {
	for name, timing := range map[string]Timing{
		"fixed":     {Latency: 100 * time.Millisecond},
		"normal":    {Curve: Normal, Latency: 100 * time.Millisecond, Deviation: 20 * time.Millisecond, Seed: 3},
		"lognormal": {Curve: Lognormal, Latency: 100 * time.Millisecond, Deviation: 80 * time.Millisecond, Seed: 4},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := Wrap(clean(), timing)
				var sum, squares float64
				const n = 4000
				for range n {
					d, err := took(t.Context(), s)
					require.NoError(t, err)
					ms := float64(d) / 1e6
					sum, squares = sum+ms, squares+ms*ms
				}
				mean := sum / n
				assert.InDelta(t, 100, mean, 5)
				assert.InDelta(t, float64(timing.Deviation)/1e6, math.Sqrt(squares/n-mean*mean), 10)
			})
		})
	}
}

func TestErrorsAreAShare(t *testing.T) {
	s := Wrap(clean(), Timing{Errors: 30, Seed: 9})
	failed := 0
	for range 2000 {
		if _, err := s.Scan(t.Context(), named("", 1)); err != nil {
			require.ErrorIs(t, err, ErrFault)
			failed++
		}
	}
	assert.InDelta(t, 600, failed, 80)
}

func TestWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Wrap(clean(), Timing{StallEach: 10 * time.Second, StallFor: 2 * time.Second, CrashEach: 25 * time.Second, CrashFor: 5 * time.Second})
		check := func(want time.Duration, fails error) {
			t.Helper()
			d, err := took(t.Context(), s)
			assert.ErrorIs(t, err, fails)
			assert.Equal(t, want, d)
		}
		check(0, nil)
		time.Sleep(8 * time.Second) // 8: the stall begins
		check(2*time.Second, nil)   // 10
		check(0, nil)
		time.Sleep(9500 * time.Millisecond)     // 19.5
		check(500*time.Millisecond, ErrCrashed) // 20: it crashed meanwhile
		check(0, ErrCrashed)
		time.Sleep(5 * time.Second) // 25
		check(0, nil)
		time.Sleep(4 * time.Second) // 29
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		d, err := took(ctx, s)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 300*time.Millisecond, d)
	})
}

func TestDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dial Dial
		s := dial.Wrap(clean())
		check := func(want time.Duration) {
			t.Helper()
			d, err := took(t.Context(), s)
			require.NoError(t, err)
			assert.Equal(t, want, d)
		}
		check(0)
		dial.Latency(time.Second)
		check(time.Second)
		dial.Stall(5 * time.Second)
		check(5 * time.Second)
		check(time.Second)
		dial.Normal()
		assert.Equal(t, Setting{}, dial.Setting())
		check(0)
		dial.Errors(100)
		_, err := took(t.Context(), s)
		require.ErrorIs(t, err, ErrFault)
		assert.Equal(t, 100, dial.Setting().Errors)

		dial.Normal()
		dial.Stall(time.Hour) // who waits is let go when the dial is turned back
		done := make(chan time.Duration)
		go func() {
			d, err := took(t.Context(), s)
			assert.NoError(t, err)
			done <- d
		}()
		time.Sleep(time.Minute)
		dial.Latency(2 * time.Minute)
		time.Sleep(time.Minute)
		dial.Normal()
		assert.Equal(t, 2*time.Minute, <-done)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		dial.Stall(time.Hour)
		_, err = took(ctx, s)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func BenchmarkDialAtRest(b *testing.B) {
	var dial Dial
	s := dial.Wrap(clean())
	o := named("", 1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Scan(b.Context(), o); err != nil {
			b.Fatal(err)
		}
	}
}
