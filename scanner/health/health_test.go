package health

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/scanner"
	"utmsim/scanner/remote"
)

// engine is one whose fate the test decides.
type engine struct {
	fate   atomic.Pointer[error] // nil: it works
	silent atomic.Bool
	asked  atomic.Int64
	scans  atomic.Int64
	closed atomic.Bool
}

func (e *engine) fail(err error) { e.fate.Store(&err) }

func (e *engine) Scan(ctx context.Context, _ *scanner.Object) (scanner.Verdict, error) {
	e.scans.Add(1)
	if e.silent.Load() {
		<-ctx.Done()
		return scanner.Verdict{}, ctx.Err()
	}
	if err := e.fate.Load(); err != nil {
		return scanner.Verdict{}, *err
	}
	return scanner.Verdict{Class: scanner.Virus, Name: "V"}, nil
}

func (e *engine) Ping(ctx context.Context) (string, error) {
	e.asked.Add(1)
	if e.silent.Load() {
		<-ctx.Done()
		return "", ctx.Err()
	}
	if err := e.fate.Load(); err != nil {
		return "", *err
	}
	return "1", nil
}

func (e *engine) Close() error {
	e.closed.Store(true)
	return nil
}

var errGone = errors.New("gone")

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := new(engine)
		var heard []State
		w := New(e, Options{Name: "x", Changed: func(s State) { heard = append(heard, s) }})
		scan := func() error {
			t.Helper()
			v, err := w.Scan(t.Context(), &scanner.Object{})
			assert.Equal(t, err == nil, v.Class == scanner.Virus)
			return err
		}
		synctest.Wait()
		assert.True(t, w.State().Up)
		assert.Equal(t, "x 1", w.Version())
		require.NoError(t, scan())

		e.fail(errGone)
		require.ErrorIs(t, scan(), errGone, "noticed by a scan")
		synctest.Wait()
		assert.False(t, w.State().Up)
		asked := e.scans.Load()
		require.ErrorIs(t, scan(), ErrDown)
		assert.ErrorContains(t, scan(), "gone")
		assert.Equal(t, asked, e.scans.Load(), "it is not asked while it is down")

		e.fate.Store(nil)
		time.Sleep(retry)
		synctest.Wait()
		require.NoError(t, scan())

		e.fail(errGone)
		time.Sleep(DefaultInterval)
		synctest.Wait()
		assert.False(t, w.State().Up, "noticed without a scan")
		e.fail(remote.ErrBusy)
		time.Sleep(2 * retry)
		synctest.Wait()
		assert.False(t, w.State().Up, "busy says nothing")

		e.fate.Store(nil)
		time.Sleep(retry)
		synctest.Wait()
		e.silent.Store(true)
		time.Sleep(DefaultInterval + pingTimeout)
		synctest.Wait()
		assert.False(t, w.State().Up)
		assert.ErrorContains(t, w.State().Err, "no answer within 5s")

		require.NoError(t, w.Close())
		assert.True(t, e.closed.Load())
		var ups []bool
		for _, s := range heard {
			ups = append(ups, s.Up)
		}
		assert.Equal(t, []bool{true, false, true, false, true, false}, ups)
		s := w.State()
		assert.EqualValues(t, 2, s.Scans)
		assert.EqualValues(t, 3, s.Errors)
	})
}

func TestDownAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := new(engine)
		e.fail(errGone)
		w := New(e, Options{Name: "x"})
		defer w.Close()
		synctest.Wait()
		_, err := w.Scan(t.Context(), &scanner.Object{})
		require.ErrorIs(t, err, ErrDown)
		e.fate.Store(nil)
		time.Sleep(retry)
		synctest.Wait()
		_, err = w.Scan(t.Context(), &scanner.Object{})
		require.NoError(t, err)
	})
}

func TestAScanThatWasCutSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := new(engine)
		w := New(e, Options{Name: "x"})
		defer w.Close()
		synctest.Wait()
		asked := e.asked.Load()
		e.silent.Store(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := w.Scan(ctx, &scanner.Object{})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		synctest.Wait()
		assert.Equal(t, asked, e.asked.Load())
	})
}
