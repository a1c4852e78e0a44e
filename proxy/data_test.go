package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/config"
	"utmsim/protocols"
	"utmsim/protocols/wire"
)

// dataDriver speaks lines about data connections with the client: "listen" answers
// with a port, "take" accepts what comes there and answers with its content, "dial
// PORT" connects and sends "hello", "busy" as in lineDriver. While it takes, "stop"
// ends the wait.
type dataDriver struct{ lineDriver }

func (dataDriver) AttachesData() {}

var errStop = errors.New("stopped")

func (d dataDriver) Exchange(ctx context.Context, s *Session, side wire.Side) error {
	line, err := s.Client().ReadLine(1000)
	if err != nil {
		return err
	}
	s.Transaction(true)
	verb, arg, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
	answer := "?"
	switch verb {
	case "listen":
		at, err := s.ListenData(wire.Client)
		answer = fmt.Sprint(at, err)
	case "take":
		answer, err = d.take(ctx, s)
	case "dial":
		port, _ := strconv.Atoi(arg)
		c, derr := s.DialData(wire.Client, uint16(port))
		if answer = fmt.Sprint(derr); derr == nil {
			c.WriteString("hello")
			s.CloseData(wire.Client, false)
		}
	case "end":
		err = io.EOF
	}
	if err != nil {
		return err
	}
	_, err = s.Client().WriteString(answer + "\n")
	return err
}

func (dataDriver) take(ctx context.Context, s *Session) (string, error) {
	s.Attend(func() error {
		if b, _ := s.Peek(wire.Client, 1000); strings.HasPrefix(string(b), "stop\n") {
			s.Client().Skip(len("stop\n"))
			return errStop
		}
		return nil
	})
	defer s.Attend(nil)
	s.Client().WriteString("taking\n")
	if err := s.Client().Flush(); err != nil {
		return "", err
	}
	c, err := s.AcceptData(wire.Client)
	var b []byte
	if err == nil {
		b, err = io.ReadAll(c)
	}
	switch {
	case ctx.Err() != nil:
		return "", err
	case err != nil:
		s.CloseData(wire.Client, true)
		return "error " + errors.Unwrap(err).Error(), nil
	}
	s.CloseData(wire.Client, false)
	return string(b), nil
}

func newDataRig(t *testing.T) *rig {
	return newRigWith(t, "", func(o *Options) { o.Drivers[protocols.HTTP] = dataDriver{} })
}

// listen asks for a port.
func (p *peer) listen() string {
	p.t.Helper()
	p.say("listen")
	at, found := strings.CutSuffix(p.line(), " <nil>")
	require.True(p.t, found)
	assert.True(p.t, strings.HasPrefix(at, "127.0.0.1:"), at)
	return at
}

func (p *peer) take() {
	p.t.Helper()
	p.say("take")
	require.Equal(p.t, "taking", p.line())
}

func connectData(t *testing.T, from, to string) net.Conn {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.Dial("tcp", to)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func TestDataComeFromNobodyButThePeer(t *testing.T) {
	r := newDataRig(t)
	c := r.dial()
	at := c.listen()
	stranger := connectData(t, "127.0.0.2", at)
	c.take()
	_, err := io.ReadAll(stranger)
	require.ErrorIs(t, err, syscall.ECONNRESET)
	conn := connectData(t, "127.0.0.1", at)
	_, err = conn.Write([]byte("mine"))
	require.NoError(t, err)
	conn.Close()
	assert.Equal(t, "mine", c.line())
	assert.Zero(t, r.listening(), "one connection and no more")
}

func TestDataAreSentToNobodyButThePeer(t *testing.T) {
	r := newDataRig(t)
	c := r.dial()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { ln.Close() })
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	c.say("dial " + port)
	assert.Equal(t, "<nil>", c.line())
	conn, err := ln.Accept()
	require.NoError(t, err)
	b, err := io.ReadAll(conn)
	assert.NoError(t, err)
	assert.Equal(t, "hello", string(b))
	conn.Close()
	_, port, _ = net.SplitHostPort(c.LocalAddr().String()) // nobody listens there
	c.say("dial " + port)
	assert.Contains(t, c.line(), "refused")
	_, own, _ := net.SplitHostPort(r.addr)
	c.say("dial " + own)
	assert.Contains(t, c.line(), ErrForbidden.Error())
}

func TestAWaitForDataEnds(t *testing.T) {
	ended := func(r *rig) { r.eventually(func() bool { return r.e.Sessions() == 0 && r.e.reg.count() == 0 }, "over") }
	t.Run("at rest, cleared", func(t *testing.T) {
		r := newDataRig(t)
		c := r.dial()
		waiting := connectData(t, "127.0.0.1", c.listen())
		r.eventually(func() bool { return r.e.DropAll() == 1 }, "dropped")
		ended(r)
		_, err := io.ReadAll(waiting)
		assert.ErrorIs(t, err, syscall.ECONNRESET)
	})
	t.Run("cleared", func(t *testing.T) {
		r := newDataRig(t)
		c := r.dial()
		c.listen()
		c.take()
		r.eventually(func() bool { return r.e.DropAll() == 1 }, "dropped")
		ended(r)
		assert.Equal(t, []string{"cleared"}, r.closeReasons())
	})
	t.Run("cleared with data under way", func(t *testing.T) {
		r := newDataRig(t)
		c := r.dial()
		conn := connectData(t, "127.0.0.1", c.listen())
		_, err := conn.Write([]byte("part"))
		require.NoError(t, err)
		c.take()
		r.eventually(func() bool { return r.e.DropAll() == 1 }, "dropped")
		_, err = io.ReadAll(conn)
		assert.ErrorIs(t, err, syscall.ECONNRESET)
	})
	t.Run("shutdown", func(t *testing.T) {
		r := newDataRig(t)
		c := r.dial()
		c.listen()
		require.NoError(t, r.e.Shutdown(context.Background()))
		ended(r)
	})
	t.Run("the client leaves", func(t *testing.T) {
		r := newDataRig(t)
		c := r.dial()
		c.listen()
		c.take()
		require.NoError(t, c.SetLinger(0))
		c.Close()
		r.eventually(func() bool { r.clock.Add(forNobody / 200); return r.e.Sessions() == 0 }, "over")
		assert.Less(t, r.clock.Load(), int64(30*time.Second), "long before the time-out")
		ended(r)
	})
	t.Run("nobody comes", func(t *testing.T) {
		r := newDataRig(t)
		c := r.dial()
		c.listen()
		c.take()
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(50 * time.Millisecond):
					r.clock.Add(int64(61 * time.Second))
				}
			}
		}()
		assert.Contains(t, c.line(), ErrTimeout.Error())
		assert.Zero(t, r.listening())
	})
	t.Run("the client says so", func(t *testing.T) {
		r := newDataRig(t)
		c := r.dial()
		c.listen()
		c.take()
		c.say("stop")
		assert.Equal(t, "error stopped", c.line())
		assert.Zero(t, r.listening())
	})
	t.Run("the client has said so before", func(t *testing.T) {
		r := newDataRig(t)
		c := r.dial()
		c.listen()
		_, err := c.Write([]byte("take\nstop\n"))
		require.NoError(t, err)
		assert.Equal(t, "taking", c.line())
		assert.Equal(t, "error stopped", c.line())
	})
	t.Run("another takes its place", func(t *testing.T) {
		r := newDataRig(t)
		c := r.dial()
		first := connectData(t, "127.0.0.1", c.listen())
		connectData(t, "127.0.0.1", c.listen()).Close()
		_, err := io.ReadAll(first)
		assert.ErrorIs(t, err, syscall.ECONNRESET)
		c.take()
		assert.Empty(t, c.line())
	})
}

func TestASessionThatWaitsForDataIsNotIdle(t *testing.T) {
	r := newDataRig(t)
	c := r.dial()
	c.listen()
	r.eventually(func() bool { return r.e.Sessions() == 1 && r.resting() == 1 }, "at rest")
	assert.Zero(t, r.e.DropAllIdle())
}

// listening is how many listeners for data there are.
func (r *rig) listening() (n int) {
	r.e.eachSession(func(s *Session) {
		if a := s.data.Load(); a != nil && a.listeners[wire.Client].Load() != nil {
			n++
		}
	})
	return n
}

// resting is how many sessions are at rest, idle or not.
func (r *rig) resting() (n int) {
	r.e.eachSession(func(s *Session) {
		if s.state.Load() == stateResting {
			n++
		}
	})
	return n
}

func TestDataPortsAreOfTheRange(t *testing.T) {
	loopback := netip.MustParseAddr("127.0.0.1")
	var taken netConn
	var at netip.AddrPort
	var err error
	for {
		taken, at, err = listenData(loopback, portRange{}, 1<<30)
		require.NoError(t, err)
		if at.Port() < 65535 {
			break
		}
		taken.close(true)
	}
	defer taken.close(true)
	_, _, err = listenData(loopback, portRange{at.Port(), at.Port()}, 1<<30)
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	next, got, err := listenData(loopback, portRange{at.Port(), at.Port() + 1}, 1<<30)
	if errors.Is(err, syscall.EADDRINUSE) {
		t.Skip("the port behind is in use by others")
	}
	require.NoError(t, err)
	defer next.close(true)
	assert.Equal(t, at.Port()+1, got.Port())
	_, _, err = listenData(netip.MustParseAddr("192.0.2.1"), portRange{}, 1<<30)
	assert.ErrorIs(t, err, syscall.EADDRNOTAVAIL)
}

func TestFilesNeeded(t *testing.T) {
	for _, c := range []struct {
		name, config string
		want         int
	}{
		{"none", "", 2*8032 + reserveFD},
		{"no data", "config firewall policy\nedit 1\nset service HTTP\nend\n", 2*8032 + reserveFD},
		{"data", "config firewall policy\nedit 1\nset service FTP\nend\n", 4*8032 + reserveFD},
		{"few with data", "config firewall policy\nedit 1\nset service FTP\nend\nconfig system simulator\nset ftp-limit 10\nend\n", 2*8032 + 20 + reserveFD},
		{"explicit", "config ftp-proxy explicit\nset status enable\nend\n", 4*8032 + reserveFD},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := config.NewStore()
			for _, text := range []string{fmt.Sprintf(rigConfig, 80), c.config} {
				_, err := store.Load("test", strings.NewReader(text))
				require.NoError(t, err)
			}
			need, most := FilesNeeded(store.Snapshot())
			assert.Equal(t, 2*store.Snapshot().Resource.Proxy+reserveFD, need)
			assert.Equal(t, c.want, most)
		})
	}
}
