package ftpproxy

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"utmsim/protocols/wire"
)

// FuzzCommand: what is accepted is one line for every reader, no telnet signal is
// left in it, and its name is what a server that ignores case finds at its front.
func FuzzCommand(f *testing.F) {
	for _, s := range []string{"RETR a b\r\n", "\xff\xf4\xff\xf2ABOR\r\n", "NO\rOP\r\n", "CWD \xff\xff\r\n", "\xff\xfb\x18USER x\r\n", "\xff\xfa", " \r\n", "\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		before := bytes.Clone(in)
		line, err := cleanLine(in)
		var known fault
		if err != nil {
			require.ErrorAs(t, err, &known)
			return
		}
		require.True(t, bytes.HasSuffix(line, []byte("\r\n")))
		text := string(line[:len(line)-2])
		require.NotContains(t, text, "\n")
		require.NotContains(t, text, "\r")
		require.NotContains(t, strings.ReplaceAll(text, "\xff\xff", ""), "\xff")
		require.LessOrEqual(t, len(line), len(before))
		again, err := cleanLine(bytes.Clone(line))
		require.NoError(t, err)
		require.Equal(t, line, again)
		v, arg, err := parseCommand(line)
		if err != nil {
			require.ErrorAs(t, err, &known)
			require.Regexp(t, `^50\d [^\r\n]+\r\n$`, string(known))
			return
		}
		name, rest, _ := strings.Cut(text, " ")
		require.Equal(t, rest, string(arg))
		for n, want := range verbs {
			if strings.EqualFold(name, n) {
				require.Equal(t, want, v)
			}
		}
		require.Equal(t, v == verbABOR, isABOR(line[:len(line)-1]))
	})
}

// FuzzAddresses: whatever is accepted as an address is written back as one, and
// ports of well-known services are never taken from a server.
func FuzzAddresses(f *testing.F) {
	for _, s := range []string{"127,0,0,1,200,13", "|1|127.0.0.1|50000|", "|2|::1|1|", "227 (1,2,3,4,5,6)", "229 (|||2000|)", "a@[::1]:21", "a@b:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if at, err := parsePort(s); err == nil {
			again, err := parsePort(commas(at))
			require.NoError(t, err)
			require.Equal(t, at, again)
		}
		if at, err := parseEPRT(s); err == nil {
			require.True(t, at.Addr().IsValid())
			require.Empty(t, at.Addr().Zone())
		}
		for _, parse := range []func([]byte) (uint16, error){passivePort, extendedPort} {
			if port, err := parse([]byte(s)); err == nil {
				require.GreaterOrEqual(t, port, uint16(1024))
			}
		}
		if user, to, ok := parseLogin(s); ok {
			require.True(t, strings.HasPrefix(s, user+"@"))
			require.NotEmpty(t, to.host)
			require.NotZero(t, to.port)
			require.NotContains(t, to.host, "@")
		}
	})
}

// FuzzFeatures: editing leaves a well-formed reply without the hidden features, takes
// no byte else, and is complete the first time.
func FuzzFeatures(f *testing.F) {
	for _, s := range []string{"211-x\r\n AUTH TLS\r\n SIZE\r\n211 End\r\n", "211-x\n211-PROT\n211 End\n", "211 no\r\n", "211-\r\n REST STREAM\r\n\r\n211\r\n", "500 AUTH\r\n"} {
		f.Add([]byte(s))
	}
	hidden := hides{tls: true, rest: true, mode: true}
	f.Fuzz(func(t *testing.T, in []byte) {
		reply, err := wire.ReadReply(wire.NewConn(&reader{data: in}), wire.FirstAndLast, maxReply)
		if err != nil {
			return
		}
		before := bytes.Clone(reply.Raw)
		edited := editFeatures(reply.Raw, hidden)
		require.Equal(t, before, reply.Raw)
		again, err := wire.ReadReply(wire.NewConn(&reader{data: edited}), wire.FirstAndLast, maxReply)
		require.NoError(t, err, "%q", edited)
		require.Equal(t, reply.Code, again.Code)
		require.Len(t, again.Raw, len(edited), "all of it is the reply")
		lines := bytes.SplitAfter(edited, []byte("\n"))
		lines = lines[:len(lines)-1]
		for i, line := range lines {
			require.True(t, i == 0 || i == len(lines)-1 || !hidden.has(feature(line)), "%q", edited)
		}
		require.Equal(t, string(edited), string(editFeatures(edited, hidden)))
	})
}

// FuzzContent: a data connection delivers every byte in its order, in whatever steps
// it comes.
func FuzzContent(f *testing.F) {
	f.Add([]byte("hello"), 1)
	f.Add(bytes.Repeat([]byte("0123456789"), 4000), 777)
	f.Fuzz(func(t *testing.T, in []byte, step int) {
		if step < 1 {
			return
		}
		var c content
		c.begin(wire.NewConn(&reader{data: in, step: step}))
		var all []byte
		for {
			piece, isContent, err := c.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			require.True(t, isContent)
			require.NotEmpty(t, piece)
			all = append(all, piece...)
		}
		require.True(t, c.Buffered())
		require.True(t, bytes.Equal(in, all))
	})
}

// reader is a stream that delivers data in steps; nothing is written to it.
type reader struct {
	data []byte
	step int
}

func (r *reader) Read(p []byte) (int, error) {
	if len(r.data) == 0 {
		return 0, io.EOF
	}
	n := min(len(p), len(r.data))
	if r.step > 0 {
		n = min(n, r.step)
	}
	copy(p, r.data[:n])
	r.data = r.data[n:]
	return n, nil
}

func (r *reader) Write(p []byte) (int, error) { return len(p), nil }
func (r *reader) CloseWrite() error           { return nil }
func (r *reader) InterruptWrite(bool)         {}
