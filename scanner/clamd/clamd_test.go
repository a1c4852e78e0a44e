package clamd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"utmsim/scanner"
	"utmsim/scanner/samples"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func object(data []byte) *scanner.Object {
	return &scanner.Object{Body: bytes.NewReader(data), Size: int64(len(data))}
}

func plain(n int) []byte { return bytes.Repeat([]byte("plain text. "), n/12+1)[:n] }

var infected = scanner.Verdict{Class: scanner.Virus, Name: "Lab.Eicar", Engine: "clamd"}

func TestVerdicts(t *testing.T) {
	for network, at := range map[string]string{"tcp": "127.0.0.1:0", "unix": filepath.Join(t.TempDir(), "s")} {
		d := start(t, network, at)
		e := d.engine()
		n := int64(0)
		for _, size := range []int{0, 1, chunk - 1, chunk, chunk + 1, 3 << 20} {
			v, err := e.Scan(t.Context(), object(plain(size)))
			require.NoError(t, err)
			assert.Equal(t, scanner.Verdict{}, v)
			flat := append(plain(size), samples.EICAR()...)
			v, err = e.Scan(t.Context(), &scanner.Object{Flat: flat, Size: int64(len(flat))})
			require.NoError(t, err)
			assert.Equal(t, infected, v)
			n += int64(2*size + 68)
		}
		assert.Equal(t, n, d.bytes.Load())
		assert.EqualValues(t, 1, d.sessions.Load(), "one connection for all")
		version, err := e.Ping(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "ClamAV 1.4.6/27000", version)
	}
}

func TestCodingsAreTakenOff(t *testing.T) {
	e := start(t, "tcp", "127.0.0.1:0").engine()
	for coding, pack := range map[string]func([]byte) []byte{
		"gzip": samples.Gzip, "deflate": samples.Deflate, "br": samples.Brotli, "zstd": samples.Zstd, "x-gzip": samples.Gzip,
	} {
		o := object(pack(append(plain(5000), samples.EICAR()...)))
		o.Encodings = []string{coding}
		v, err := e.Scan(t.Context(), o)
		require.NoError(t, err)
		assert.Equal(t, infected, v, coding)
	}
	o := object(samples.Zstd(samples.Gzip(samples.EICAR())))
	o.Encodings = []string{"gzip", "zstd"}
	v, err := e.Scan(t.Context(), o)
	require.NoError(t, err)
	assert.Equal(t, infected, v)

	for name, c := range map[string]struct {
		data  []byte
		codes []string
		class scanner.Class
	}{
		"not true":      {plain(100), []string{"gzip"}, scanner.Corrupt},
		"cut":           {samples.Gzip(plain(5000))[:30], []string{"gzip"}, scanner.Corrupt},
		"not known":     {plain(100), []string{"compress"}, scanner.Unhandled},
		"too many":      {plain(100), strings.Split("gzip,gzip,gzip,gzip,gzip,gzip,gzip,gzip,gzip", ","), scanner.Corrupt},
		"infected, raw": {samples.EICAR(), []string{"br"}, scanner.Virus},
	} {
		o := object(c.data)
		o.Encodings = c.codes
		v, err := e.Scan(t.Context(), o)
		require.NoError(t, err)
		assert.Equal(t, c.class, v.Class, name)
		if c.class != scanner.Virus {
			assert.True(t, v.Findings.Has(c.class), name)
		}
	}
}

func TestClassesByName(t *testing.T) {
	d := start(t, "tcp", "127.0.0.1:0")
	e := d.engine()
	for name, want := range map[string]scanner.Class{
		"Win.Worm.X-1": scanner.Worm, "Heuristics.Phishing.X": scanner.Suspicious, "Heuristics.Encrypted.Zip": scanner.Encrypted,
		"Heuristics.Limits.Exceeded.MaxFileSize": scanner.Oversize, "Other.UNOFFICIAL": scanner.Virus,
	} {
		d.say(func(id int, _ []byte) string { return fmt.Sprintf("%d: stream: %s FOUND\x00", id, name) })
		v, err := e.Scan(t.Context(), object(plain(10)))
		require.NoError(t, err)
		assert.Equal(t, want, v.Class)
		assert.Equal(t, !want.Detection(), v.Findings.Has(want))
	}
}

func TestStreamMaxLength(t *testing.T) {
	d := start(t, "tcp", "127.0.0.1:0")
	e := d.engine(func(o *Options) { o.StreamMax = 1000 })
	_, err := e.Scan(t.Context(), object(plain(1000)))
	require.NoError(t, err)
	_, err = e.Scan(t.Context(), object(plain(1001)))
	assert.ErrorIs(t, err, ErrTooLarge)
	o := object(samples.Gzip(plain(1001)))
	o.Encodings = []string{"gzip"}
	_, err = e.Scan(t.Context(), o)
	assert.ErrorIs(t, err, ErrTooLarge)
	assert.EqualValues(t, 1, d.scans.Load(), "what is too large is not sent")

	d.limit = 500 // the daemon takes less than it is believed to
	_, err = e.Scan(t.Context(), object(plain(501)))
	assert.ErrorIs(t, err, ErrTooLarge)
}

// TestNothingWrongIsClean: whatever the daemon says but OK, it is no clean verdict.
func TestNothingWrongIsClean(t *testing.T) {
	d := start(t, "tcp", "127.0.0.1:0")
	e := d.engine()
	for name, answer := range map[string]string{
		"hangs up": "", "no end": "ID: stream: OK", "wrong number": "7: stream: OK\x00", "no number": "stream: OK\x00", "late number": "0: stream: OK\x00",
		"error": "ID: stream: Can't allocate memory ERROR\x00", "no name": "ID: stream:  FOUND\x00", "nonsense": "HTTP/1.1 200 OK\r\n\r\n\x00",
		"almost": "ID: stream: OK.\x00", "other": "ID: file: OK\x00", "endless": strings.Repeat("x", 10_000), "empty": "\x00", "unknown": "UNKNOWN COMMAND\x00",
	} {
		for _, size := range []int{0, 10, 1 << 20} {
			d.say(func(id int, _ []byte) string {
				text := strings.ReplaceAll(answer, "ID", fmt.Sprint(id))
				if name == "no end" || name == "endless" {
					go d.hangUp()
				}
				return text
			})
			v, err := e.Scan(t.Context(), object(plain(size)))
			require.Error(t, err, name)
			assert.Equal(t, scanner.Verdict{}, v)
			var timeout interface{ Timeout() bool }
			assert.NotErrorAs(t, err, &timeout)
			d.honest()
			_, err = e.Scan(t.Context(), object(plain(size)))
			require.NoError(t, err, "after %s", name)
		}
	}
}

func TestDeadDaemon(t *testing.T) {
	d := start(t, "tcp", "127.0.0.1:0")
	e := d.engine()
	_, err := e.Scan(t.Context(), object(plain(10)))
	require.NoError(t, err)
	at := d.l.Addr().String()
	d.stop()
	for range 2 {
		_, err = e.Scan(t.Context(), object(plain(10)))
		require.Error(t, err)
		_, err = e.Ping(t.Context())
		require.Error(t, err)
	}
	again := start(t, "tcp", at)
	v, err := e.Scan(t.Context(), object(samples.EICAR()))
	require.NoError(t, err)
	assert.Equal(t, infected, v)
	assert.EqualValues(t, 1, again.scans.Load())
}

// TestStaleConnections: the daemon closes connections that wait, and whoever gets
// one of these notices nothing; the content comes whole.
func TestStaleConnections(t *testing.T) {
	d := start(t, "tcp", "127.0.0.1:0")
	e := d.engine()
	data := append(plain(300_000), samples.EICAR()...)
	for range 20 {
		v, err := e.Scan(t.Context(), object(data))
		require.NoError(t, err)
		require.Equal(t, infected, v)
		d.hangUp()
	}
	assert.EqualValues(t, 20*len(data), d.bytes.Load())
}

func TestSilenceEndsWithTheContext(t *testing.T) {
	d := start(t, "tcp", "127.0.0.1:0")
	e := d.engine()
	wait := make(chan struct{})
	defer close(wait)
	d.say(func(int, []byte) string { <-wait; return "" })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := e.Scan(ctx, object(plain(10)))
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	_, err = e.Scan(ctx, object(plain(10)))
	assert.ErrorIs(t, err, context.Canceled)
}

type broken struct{ io.ReaderAt }

var errBroken = errors.New("spool gone")

func (broken) ReadAt(p []byte, off int64) (int, error) {
	if off > 100_000 {
		return 0, errBroken
	}
	return len(p), nil
}

func TestAnObjectThatCanNotBeRead(t *testing.T) {
	d := start(t, "tcp", "127.0.0.1:0")
	e := d.engine()
	for _, codings := range [][]string{nil, {"gzip"}} {
		_, err := e.Scan(t.Context(), &scanner.Object{Body: broken{}, Size: 200_000, Encodings: codings})
		if codings == nil {
			assert.ErrorIs(t, err, errBroken)
		}
	}
	assert.LessOrEqual(t, d.scans.Load(), int64(1))
	_, err := e.Scan(t.Context(), object(plain(10)))
	require.NoError(t, err)
}

func TestManyAtOnce(t *testing.T) {
	d := start(t, "tcp", "127.0.0.1:0")
	e := d.engine()
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 20 {
				data, want := plain(i*1000+j), scanner.Verdict{}
				if (i+j)%3 == 0 {
					data, want = append(data, samples.EICAR()...), infected
				}
				v, err := e.Scan(t.Context(), object(data))
				assert.NoError(t, err)
				assert.Equal(t, want, v)
			}
		})
	}
	wg.Wait()
	assert.LessOrEqual(t, d.sessions.Load(), int64(16))
}

func BenchmarkScan(b *testing.B) {
	e := start(b, "unix", filepath.Join(b.TempDir(), "s")).engine()
	for _, size := range []int{1 << 10, 1 << 20} {
		data := plain(size)
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.Scan(context.Background(), &scanner.Object{Flat: data, Size: int64(size)}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
