package wire_test

import (
	"errors"
	"io"

	"github.com/stretchr/testify/require"

	"utmsim/protocols/wire"
	"utmsim/proxy"
)

// What the engine takes objects from.
var (
	_ proxy.Source        = (*wire.DotBody)(nil)
	_ proxy.Source        = (*wire.StrictBody)(nil)
	_ proxy.CountedSource = (*wire.Counted)(nil)
)

// script is a stream that delivers one piece a read and then the end.
type script struct {
	reads []string
	end   error // instead of io.EOF
	wake  bool  // interrupt every other read
	woken bool
	wrote []byte
}

func (s *script) Read(p []byte) (int, error) {
	if s.wake && !s.woken {
		s.woken = true
		return 0, wire.ErrWake
	}
	s.woken = false
	for len(s.reads) > 0 && s.reads[0] == "" {
		s.reads = s.reads[1:]
	}
	if len(s.reads) == 0 {
		if s.end != nil {
			return 0, s.end
		}
		return 0, io.EOF
	}
	n := copy(p, s.reads[0])
	s.reads[0] = s.reads[0][n:]
	return n, nil
}

func (s *script) Write(p []byte) (int, error) {
	s.wrote = append(s.wrote, p...)
	return len(p), nil
}
func (s *script) CloseWrite() error   { return nil }
func (s *script) InterruptWrite(bool) {}

// inSteps is s cut into pieces of n bytes.
func inSteps(s string, n int) (pieces []string) {
	for len(s) > n {
		pieces, s = append(pieces, s[:n]), s[n:]
	}
	if s != "" {
		pieces = append(pieces, s)
	}
	return pieces
}

// drain reads a source to its end and checks its contract on the way: pieces are
// never empty, what is buffered needs no read, and the end stays the end.
func drain(t require.TestingT, s proxy.Source, reads func() int) (all, content []byte, err error) {
	for {
		buffered, before := s.Buffered(), reads()
		b, isContent, err := s.Next()
		if buffered {
			require.Equal(t, before, reads(), "what is buffered needs no read")
		}
		switch {
		case errors.Is(err, wire.ErrWake):
			continue
		case err != nil:
			_, _, again := s.Next()
			require.Equal(t, err, again, "the end stays the end")
			require.True(t, s.Buffered())
			if err == io.EOF {
				err = nil
			}
			return all, content, err
		}
		require.NotEmpty(t, b, "a piece has at least one byte")
		all = append(all, b...)
		if isContent {
			content = append(content, b...)
		}
	}
}

// counting counts the reads of a stream.
type counting struct {
	script
	n int
}

func (c *counting) Read(p []byte) (int, error) {
	c.n++
	return c.script.Read(p)
}

func (c *counting) count() int { return c.n }

func fed(wake bool, pieces ...string) (*wire.Conn, *counting) {
	s := &counting{script: script{reads: pieces, wake: wake}}
	return wire.NewConn(s), s
}
