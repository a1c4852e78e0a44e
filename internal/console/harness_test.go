package console

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"utmsim/internal/config"
	"utmsim/internal/eventlog"
	"utmsim/proxy"
	"utmsim/scanner"
	"utmsim/scanner/health"
	"utmsim/scanner/simulated"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// unit is an appliance without listeners: an engine whose table is filled with
// phantom entries, a store, and the console on both.
type unit struct {
	*Console
	engine    *proxy.Engine
	store     *config.Store
	logs      *observer.ObservedLogs
	scanning  scanning
	shutdowns int
}

// scanning is two scan engines, one of which does not answer.
type scanning struct{ dial simulated.Dial }

func (s *scanning) States() []health.State {
	since := time.Now().Add(-90 * time.Second)
	return []health.State{
		{Name: "builtin", Known: true, Up: true, Since: since, Version: "builtin own", Scans: 12, Errors: 1},
		{Name: "clamd", Known: true, Since: since, Err: errors.New("connecting 127.0.0.1:3310: refused"), Errors: 7},
		{Name: "icap"},
	}
}

func (s *scanning) Cache() (entries, limit int, hits, misses int64) { return 3, 100, 5, 8 }

func (s *scanning) Dial() *simulated.Dial { return &s.dial }

// newUnit makes a unit with configuration lines on top of the factory's.
func newUnit(t testing.TB, lines ...string) *unit {
	t.Helper()
	core, logs := observer.New(zapcore.InfoLevel)
	u := &unit{store: config.NewStore(), logs: logs}
	if len(lines) > 0 {
		_, err := u.store.Load("test", strings.NewReader(strings.Join(lines, "\n")+"\n"))
		require.NoError(t, err)
	}
	var err error
	crashes := new(Crashlog)
	u.engine, err = proxy.New(proxy.Options{
		Log:        zap.New(crashes.Core()),
		NewScanner: func(*config.Engine) (scanner.Scanner, error) { return nil, nil },
	}, u.store.Snapshot())
	require.NoError(t, err)
	u.store.OnCommit(func(c config.Commit) error {
		if err := Veto(u.engine.Memory().Level, c); err != nil {
			return err
		}
		return u.engine.Apply(c.New)
	})
	events, err := eventlog.New(t.TempDir(), eventlog.Settings{Memory: 1 << 20, Disk: 1 << 20})
	require.NoError(t, err)
	u.Console = New(Options{
		Engine: u.engine, Store: u.store, Scanning: &u.scanning, Log: zap.New(zapcore.NewTee(core, events.Core())), Events: events, Version: "0.0-test",
		Shutdown: func() { u.shutdowns++ }, Crashlog: crashes, StateDir: t.TempDir(),
	})
	t.Cleanup(func() {
		require.NoError(t, u.Close())
		require.NoError(t, events.Close())
		require.NoError(t, u.engine.Shutdown(context.Background()))
	})
	return u
}

// exec executes lines and returns what they printed.
func (u *unit) exec(lines ...string) (string, bool) {
	var out strings.Builder
	ok := u.Exec("test", lines, &out)
	return out.String(), ok
}

// newStore is a store with the configuration that text is.
func newStore(t testing.TB, text string) *config.Store {
	t.Helper()
	s := config.NewStore()
	_, err := s.Replace("test", config.Input{Name: "test", Reader: strings.NewReader(text)})
	require.NoError(t, err)
	return s
}
