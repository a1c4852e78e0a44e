package proxy

import (
	"bufio"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"utmsim/internal/config"
	"utmsim/protocols"
	"utmsim/scanner"
)

// benchEngine is an engine without listeners, for what needs no sockets.
func benchEngine(b *testing.B, text string) *Engine {
	store := config.NewStore()
	_, err := store.Load("bench", strings.NewReader(text))
	require.NoError(b, err)
	e, err := New(Options{
		Log:        zap.NewNop(),
		NewScanner: func(*config.Engine) (scanner.Scanner, error) { return &stubScanner{}, nil },
	}, store.Snapshot())
	require.NoError(b, err)
	b.Cleanup(func() { e.Shutdown(b.Context()) })
	return e
}

func benchSession(e *Engine, rt *route, client netip.Addr) *Session {
	ln := &listener{eng: e}
	return e.newSession(ln, rt, netConn{}, netip.AddrPortFrom(client, 1), e.now())
}

// Admission as a whole: memory level, failopen rules, table, and the way back.
func BenchmarkAdmitAndRelease(b *testing.B) {
	e := benchEngine(b, "")
	rt := newRoute(&e.settings().snap.Domain, protocols.HTTP, e.settings().vdom(""), "default", "default")
	s := benchSession(e, rt, netip.MustParseAddr("10.0.0.1"))
	b.ReportAllocs()
	for b.Loop() {
		if a := e.admit(e.now(), s); a.Row != 7 {
			b.Fatal(a.Row)
		}
		e.release(s)
	}
}

func BenchmarkRefuse(b *testing.B) {
	e := benchEngine(b, "config system resource-limits\nset proxy 1\nend\n")
	e.Fill("", protocols.HTTP, 1, netip.MustParseAddr("10.0.0.2"), 0)
	rt := newRoute(&e.settings().snap.Domain, protocols.HTTP, e.settings().vdom(""), "default", "default")
	s := benchSession(e, rt, netip.MustParseAddr("10.0.0.1"))
	b.ReportAllocs()
	for b.Loop() {
		if a := e.admit(e.now(), s); a.Row != 8 {
			b.Fatal(a.Row)
		}
	}
}

func BenchmarkRestAndWake(b *testing.B) {
	e := benchEngine(b, "")
	rt := newRoute(&e.settings().snap.Domain, protocols.HTTP, e.settings().vdom(""), "default", "default")
	s := benchSession(e, rt, netip.MustParseAddr("10.0.0.1"))
	e.admit(e.now(), s)
	b.ReportAllocs()
	for b.Loop() {
		s.entry.Rest(1)
		if !s.entry.Wake() {
			b.Fatal("taken")
		}
	}
	e.release(s)
}

// One exchange of the test protocol over real sockets: client, proxy, server and
// all their system calls.
func BenchmarkExchange(b *testing.B) {
	origin, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	defer origin.Close()
	var served atomic.Int64
	go func() {
		for {
			c, err := origin.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for r := bufio.NewReader(c); ; served.Add(1) {
					if _, err := r.ReadString('\n'); err != nil {
						return
					}
					if _, err := c.Write([]byte("5\nhello")); err != nil {
						return
					}
				}
			}()
		}
	}()
	e := benchEngine(b, "")
	rt := newRoute(&e.settings().snap.Domain, protocols.HTTP, e.settings().vdom(""), "default", "default")
	rt.target = &target{addr: origin.Addr().(*net.TCPAddr).AddrPort()}
	e.opts.AnyPort, rt.driver = true, lineDriver{}
	l, err := e.listen(doorway{addr: netip.MustParseAddrPort("127.0.0.1:9"), route: rt})
	require.NoError(b, err)
	go l.accept()
	defer l.close()
	c, err := net.Dial("tcp", l.addr.String())
	require.NoError(b, err)
	defer c.Close()
	buf := make([]byte, 7)
	b.ReportAllocs()
	for b.Loop() {
		c.Write([]byte("get 5\n"))
		if _, err := io.ReadFull(c, buf); err != nil {
			b.Fatal(err)
		}
	}
}
