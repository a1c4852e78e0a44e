package proxy

import (
	"bytes"
	"io"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"utmsim/protocols/wire"
)

func testSpool() (*spool, *memory) {
	m := &memory{entries: func() int64 { return 0 }, check: func() {}}
	return &spool{mem: m, shown: new(atomic.Int64)}, m
}

// sink is a Stream that keeps what is written.
type sink struct{ bytes.Buffer }

func (*sink) CloseWrite() error   { return nil }
func (*sink) InterruptWrite(bool) {}

// Whatever pieces go in, the scanner sees the content alone and the receiver
// everything as it came, and the memory model gets every byte back.
func TestSpoolSeparatesContentFromFraming(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sp, mem := testSpool()
		var raw, content []byte
		for i, n := range rapid.SliceOfN(rapid.IntRange(1, 50_000), 1, 20).Draw(t, "sizes") {
			b := bytes.Repeat([]byte{byte(i)}, n)
			is := rapid.Bool().Draw(t, "content")
			raw = append(raw, b...)
			if is {
				content = append(content, b...)
			}
			sp.write(b, is)
		}
		require.EqualValues(t, len(raw), sp.raw)
		require.EqualValues(t, len(content), sp.size)
		require.EqualValues(t, len(raw), mem.spools.Load())
		off := rapid.IntRange(0, len(content)).Draw(t, "offset")
		p := make([]byte, rapid.IntRange(0, 200_000).Draw(t, "length"))
		n, err := sp.ReadAt(p, int64(off))
		require.True(t, bytes.Equal(content[off:off+n], p[:n]))
		require.Equal(t, n < len(p), err == io.EOF)
		var seen []byte
		for int64(len(seen)) < sp.size {
			seen = append(seen, sp.View(int64(len(seen)))...)
		}
		require.True(t, bytes.Equal(content, seen))
		require.Nil(t, sp.View(sp.size))
		if f := sp.flat(); f != nil {
			require.True(t, bytes.Equal(content, f))
		}
		at := sp.rawAt(int64(off))
		before := 0 // content in front of it
		for _, r := range sp.runs {
			before += int(min(r.n, max(0, at-r.raw)))
		}
		require.Equal(t, off, before)
		out := &sink{}
		c := wire.NewConn(out)
		from := rapid.IntRange(0, len(raw)).Draw(t, "from")
		require.NoError(t, sp.writeTo(c, int64(from), sp.raw))
		require.NoError(t, c.Flush())
		require.True(t, bytes.Equal(raw[from:], out.Bytes()))
		sp.release()
		require.Zero(t, mem.spools.Load())
	})
}

func TestMemoryDial(t *testing.T) {
	checks := 0
	m := &memory{entries: func() int64 { return 10 }, check: func() { checks++ }}
	m.total.Store(1000 << 20)
	m.base.Store(300 << 20)
	m.perEntry.Store(1 << 20)
	require.True(t, m.dialTo(90))
	assert.EqualValues(t, 900<<20, m.used())
	assert.False(t, m.dialTo(30), "31 %% are in use without the dial")
	assert.EqualValues(t, 900<<20, m.used(), "a refused dial changes nothing")
	m.undial()
	assert.EqualValues(t, 310<<20, m.used())
	assert.Equal(t, 2, checks)
}

func BenchmarkSpool1MiB(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(1 << 20)
	sp, _ := testSpool()
	piece := make([]byte, 16<<10)
	for b.Loop() {
		for range 64 {
			sp.write(piece, true)
		}
		sp.release()
	}
}
