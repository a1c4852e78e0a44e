package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"utmsim/internal/lab/load"
)

const (
	idleBatch   = 100             // sessions opened before looking whether that works
	idleTimeout = 3 * time.Second // of a session that a proxy can't take
)

// idleColumn is the memory of each of so many sessions at rest.
func idleColumn(sessions int) Column {
	return Column{Key: idleKey(sessions), Title: "KiB per idle session at " + thousands(float64(sessions), 0), Digits: 1}
}

func idleKey(sessions int) string { return fmt.Sprintf("idle_%d_kib", sessions) }

// takeIdle opens sessions that do one transaction and rest, and divides what the
// proxy's process has grown by since its first. What the kernel holds for the
// sockets is not in it. A proxy that can't hold as many is measured with those it
// holds.
func takeIdle(ctx context.Context, subject Subject, settings Settings) (Sample, error) {
	sample := Sample{Values: make(map[string]float64)}
	if subject.PID == 0 {
		return sample, nil
	}
	s := scales{pid: subject.PID, settle: settings.Settle}
	err := s.tare(ctx, subject)
	if errors.Is(err, load.ErrNoProc) {
		return sample, nil
	}
	if err != nil {
		return Sample{}, err
	}
	idle, err := openIdle(ctx, subject)
	if err != nil {
		return Sample{}, err
	}
	defer idle.Close()
	for _, sessions := range settings.Idle {
		grown, err := s.weigh(ctx, idle, sessions)
		if err != nil {
			return Sample{}, err
		}
		held := idle.Held()
		if held > 0 {
			sample.Values[idleKey(sessions)] = float64(grown) / 1024 / float64(held)
		}
		if held < sessions {
			sample.Notes = append(sample.Notes, fmt.Sprintf("held %s of %s sessions at rest",
				thousands(float64(held), 0), thousands(float64(sessions), 0)))
			break
		}
	}
	if again := idle.Again(ctx); again.Failures() > 0 {
		sample.Notes = append(sample.Notes, fmt.Sprintf("%d sessions at rest were gone afterwards", again.Failures()))
	}
	return sample, nil
}

// openIdle begins to hold sessions that have moved the small object; none is open
// yet.
func openIdle(ctx context.Context, subject Subject) (*load.Idle, error) {
	target := subject.target(small)
	target.Timeout = idleTimeout
	idle, _, err := load.OpenIdle(ctx, target, 0)
	return idle, err
}

// scales weigh one process.
type scales struct {
	pid    int
	settle time.Duration
	empty  int64 // bytes resident after the first session
}

// tare notes the memory of the process when it has served one session, so that
// what a program sets up once isn't charged to the sessions.
func (s *scales) tare(ctx context.Context, subject Subject) error {
	first, err := openIdle(ctx, subject)
	if err != nil {
		return err
	}
	_, err = first.Add(ctx, 1)
	first.Close()
	if err == nil {
		err = rest(ctx, s.settle)
	}
	if err == nil {
		s.empty, err = load.RSS(s.pid)
	}
	return err
}

// weigh opens sessions until as many rest, or the proxy takes no more, and
// returns by how many bytes the process has grown.
func (s *scales) weigh(ctx context.Context, idle *load.Idle, sessions int) (int64, error) {
	for full := false; idle.Held() < sessions && !full; {
		result, err := idle.Add(ctx, min(idleBatch, sessions-idle.Held()))
		if err != nil {
			return 0, err
		}
		full = result.Failures() > 0
	}
	if err := rest(ctx, s.settle); err != nil {
		return 0, err
	}
	resident, err := load.RSS(s.pid)
	return resident - s.empty, err
}

func rest(ctx context.Context, duration time.Duration) error {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
