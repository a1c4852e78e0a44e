package wire

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// script is a Stream whose reads return the given pieces, one each, and then err.
type script struct {
	pieces  [][]byte
	err     error
	written bytes.Buffer
	writes  int
	ended   bool
}

func (s *script) Read(p []byte) (int, error) {
	if len(s.pieces) == 0 {
		return 0, s.err
	}
	n := copy(p, s.pieces[0])
	if s.pieces[0] = s.pieces[0][n:]; len(s.pieces[0]) == 0 {
		s.pieces = s.pieces[1:]
	}
	return n, nil
}

func (s *script) Write(p []byte) (int, error) { s.writes++; return s.written.Write(p) }
func (s *script) CloseWrite() error           { s.ended = true; return nil }
func (s *script) InterruptWrite(bool)         {}

func pieces(list ...string) *script {
	s := &script{err: io.EOF}
	for _, p := range list {
		s.pieces = append(s.pieces, []byte(p))
	}
	return s
}

func TestReadLine(t *testing.T) {
	c := NewConn(pieces("one\r", "\ntwo\nthr", "ee"))
	for _, want := range []string{"one\r\n", "two\n"} {
		got, err := c.ReadLine(100)
		require.NoError(t, err)
		assert.Equal(t, want, string(got))
	}
	_, err := c.ReadLine(100)
	assert.Equal(t, io.ErrUnexpectedEOF, err)
	_, err = NewConn(pieces()).ReadLine(100)
	assert.Equal(t, io.EOF, err)
}

func TestReadLineLimitHoldsWhereverTheLineIsCut(t *testing.T) {
	for cut := 1; cut < 11; cut++ {
		line := "0123456789\n"
		got, err := NewConn(pieces(line[:cut], line[cut:])).ReadLine(11)
		require.NoError(t, err)
		assert.Equal(t, line, string(got))
		_, err = NewConn(pieces(line[:cut], line[cut:])).ReadLine(10)
		assert.Equal(t, ErrTooLong, err, "cut at %d", cut)
	}
}

func TestALongLineGrowsTheBufferUpToTheLimit(t *testing.T) {
	long := bytes.Repeat([]byte("x"), 300<<10)
	s := &script{pieces: [][]byte{[]byte("first\n"), append(bytes.Clone(long), '\n')}, err: io.EOF}
	c := NewConn(s)
	_, err := c.ReadLine(100)
	require.NoError(t, err)
	got, err := c.ReadLine(1 << 20)
	require.NoError(t, err)
	assert.Equal(t, len(long)+1, len(got))
	_, err = NewConn(&script{pieces: [][]byte{long}}).ReadLine(100 << 10)
	assert.Equal(t, ErrTooLong, err)
}

func TestSmallWritesLeaveTogether(t *testing.T) {
	s := pieces()
	c := NewConn(s)
	for range 100 {
		c.Write([]byte("a line of a reply\r\n"))
		c.WriteString("another\r\n")
	}
	require.NoError(t, c.Flush())
	assert.Equal(t, 1, s.writes)
	assert.Equal(t, 100*(19+9), s.written.Len())
	require.NoError(t, c.Flush())
	assert.Equal(t, 1, s.writes, "nothing to send, nothing sent")
}

func TestLargeWritesKeepTheirOrder(t *testing.T) {
	s := pieces()
	c := NewConn(s)
	want := []byte("head")
	c.Write(want)
	for _, n := range []int{smallBuffer - 3, smallBuffer, 1, 3 * smallBuffer, 5} {
		b := bytes.Repeat([]byte{byte('a' + n%20)}, n)
		want = append(want, b...)
		_, err := c.Write(b)
		require.NoError(t, err)
		_, err = c.WriteString("s")
		require.NoError(t, err)
		want = append(want, 's')
	}
	require.NoError(t, c.CloseWrite())
	assert.True(t, s.ended)
	assert.True(t, bytes.Equal(want, s.written.Bytes()))
}

func TestRestGivesEmptyBuffersBackOnly(t *testing.T) {
	c := NewConn(pieces("ab"))
	require.NoError(t, c.Fill(10))
	c.WriteString("x")
	c.Rest()
	assert.Equal(t, "ab", string(c.Buffered()))
	c.Skip(2)
	require.NoError(t, c.Flush())
	c.Rest()
	assert.Nil(t, c.in)
	assert.Nil(t, c.out)
	c.Release()
}

func TestErrorsOfTheStreamPassThrough(t *testing.T) {
	boom := errors.New("boom")
	c := NewConn(&script{err: boom})
	assert.Equal(t, boom, c.Fill(1))
	_, err := c.Read(make([]byte, 1))
	assert.Equal(t, boom, err)
	c = NewConn(&script{})
	assert.Equal(t, io.ErrNoProgress, c.Fill(1))
}

// FuzzReadLine reads lines out of any bytes cut in any way and compares with the
// plain splitting of the whole.
func FuzzReadLine(f *testing.F) {
	f.Add([]byte("a\r\nb\nc"), uint8(1))
	f.Add([]byte("\n\n\r\n"), uint8(2))
	f.Add(bytes.Repeat([]byte("long "), 9000), uint8(200))
	f.Fuzz(func(t *testing.T, all []byte, step uint8) {
		s := &script{err: io.EOF}
		for rest := all; len(rest) > 0; {
			n := min(int(step)+1, len(rest))
			s.pieces, rest = append(s.pieces, rest[:n]), rest[n:]
		}
		c := NewConn(s)
		var got []byte
		for {
			line, err := c.ReadLine(len(all) + 1)
			if err != nil {
				got = append(got, c.Buffered()...)
				break
			}
			require.Equal(t, 1, bytes.Count(line, []byte("\n")))
			require.Equal(t, byte('\n'), line[len(line)-1])
			got = append(got, line...)
		}
		require.True(t, bytes.Equal(all, got))
	})
}

func BenchmarkReplyInOneWrite(b *testing.B) {
	b.ReportAllocs()
	head, body := bytes.Repeat([]byte("h"), 200), bytes.Repeat([]byte("b"), 1024)
	s := pieces()
	c := NewConn(s)
	for b.Loop() {
		c.Write(head)
		c.Write(body)
		if c.Flush() != nil {
			b.Fatal("flush failed")
		}
		c.Rest()
		s.written.Reset()
	}
}
