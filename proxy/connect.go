package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"utmsim/internal/resolver"
	"utmsim/internal/stats"
	"utmsim/protocols/wire"
)

// Resolver asks DNS servers.
type Resolver interface {
	// Lookup finds the addresses of a server's name, in the order in which they are to
	// be tried.
	Lookup(ctx context.Context, host string) ([]netip.Addr, error)
	// IPv4 asks for the IPv4 addresses of all names at once; the results have their
	// order. That there is none is resolver.ErrNotFound.
	IPv4(ctx context.Context, names ...string) []resolver.Result
	// Texts is what is written about a name, at least one text.
	Texts(ctx context.Context, name string) ([]string, error)
}

// ErrForbidden says that the configuration does not let the proxy connect there.
var ErrForbidden = errors.New("destination not allowed")

type connectStep uint8

const (
	connectSocket connectStep = iota
	connectConnect
)

// progress is how far an attempt to connect has come when the call returns.
type progress uint8

const (
	later  progress = iota // still under way
	soon                   // it was under way for a moment
	atOnce                 // the call itself connected
)

// connectError is a failed attempt and the call that failed.
type connectError struct {
	step connectStep
	err  error
}

func (e *connectError) Error() string { return e.err.Error() }
func (e *connectError) Unwrap() error { return e.err }

// Connect connects the server that the listener stood for when the session began. A failure wraps
// ErrConnect, and ErrTimeout if nothing answered.
func (s *Session) Connect(ctx context.Context) error {
	to := s.policy.target
	if to.host == "" {
		return s.connect(ctx, []netip.AddrPort{to.addr})
	}
	return s.connectName(ctx, to.host, to.addr.Port(), false)
}

// ConnectTo connects the server that an explicit client names: a host name or an
// address literal. Where the configuration doesn't allow it the error is
// ErrForbidden.
func (s *Session) ConnectTo(ctx context.Context, host string, port uint16) error {
	return s.connectName(ctx, host, port, true)
}

func (s *Session) connectName(ctx context.Context, host string, port uint16, guarded bool) error {
	addrs, err := s.lookup(ctx, host)
	if err != nil {
		s.settle(err)
		return fmt.Errorf("resolving %s: %w", host, errors.Join(ErrConnect, err))
	}
	var to []netip.AddrPort
	for _, a := range addrs {
		to = append(to, netip.AddrPortFrom(a, port))
	}
	if guarded {
		to = slices.DeleteFunc(to, func(a netip.AddrPort) bool { return !s.eng.mayConnect(a, s.policy.loopback) })
	}
	if len(to) == 0 {
		return fmt.Errorf("connecting to %s port %d: %w", host, port, ErrForbidden)
	}
	return s.connect(ctx, to)
}

func (s *Session) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	return s.eng.opts.Resolver.Lookup(ctx, host)
}

// connect tries the addresses in turn, as often as the option retry-count says. Every
// attempt behind the first is a retry.
func (s *Session) connect(ctx context.Context, to []netip.AddrPort) (err error) {
	s.closeServer(false)
	for try := 0; try <= s.policy.retries; try++ {
		for i, a := range to {
			if try+i > 0 {
				s.transport.Retry.Inc()
			}
			if err = s.attempt(a); err == nil {
				s.settle(nil)
				return nil
			}
			if s.state.Load() == stateKilled {
				return s.causeOr(err)
			}
		}
	}
	s.settle(err)
	return fmt.Errorf("connecting to %s: %w", to[0], errors.Join(ErrConnect, err))
}

// attempt connects to one address.
func (s *Session) attempt(a netip.AddrPort) error {
	if s.eng.isOwn(a) {
		return fmt.Errorf("%s is the proxy itself: %w", a, ErrForbidden)
	}
	conn, done, err := startConnect(a, netip.Addr{}, s.eng.settings().connectLimit(), s.eng.serverFD)
	if err != nil {
		s.connectFailed(err)
		return err
	}
	k := &socket{sess: s, conn: conn, peer: a, limit: s.eng.settings().connectTimeout}
	if s.inTable {
		k.events, k.heard = s.counts.Srv, &s.shown.srvHeard
	}
	s.srv.Store(k)
	if s.state.Load() == stateKilled {
		k.set(flagAborted)
	}
	kind := stats.Poll
	err = s.eng.reactor.add(k, done == later)
	if err == nil && done == later {
		kind, err = stats.Connect, k.connected()
	}
	if err != nil {
		s.srv.Store(nil)
		k.close(false)
		s.transport.Fail(kind, err)
		return err
	}
	k.limit = s.eng.settings().exchangeTimeout
	s.server, s.target = wire.NewConn(k), a
	if s.relay != nil {
		k.set(flagRelay)
	}
	s.connected(done == atOnce)
	return nil
}

// connected waits until a connection that is under way is there.
func (k *socket) connected() error {
	if err := k.wait(flagWaitWrite, flagWritable|flagDead); err != nil {
		return err
	}
	if k.has(flagDead) {
		return k.conn.pendingError()
	}
	return nil
}

// connectFailed counts an attempt that failed at once.
func (s *Session) connectFailed(err error) {
	kind := stats.Connect
	var ce *connectError
	if errors.As(err, &ce) && ce.step == connectSocket {
		kind = stats.Socket
	}
	s.transport.Fail(kind, err)
}

// connected counts how the session's first server connection came about. Later
// ones of the same session are not set-ups and have no line of their own.
func (s *Session) connected(atOnce bool) {
	if s.settled || !s.inTable {
		return
	}
	if atOnce {
		s.counts.ConnOK.Inc()
		return
	}
	s.counts.ConnInp.Inc()
}

// settle counts the session as set up, or not, once: when its server has been
// connected or not reached, at the latest when it ends.
func (s *Session) settle(err error) {
	if s.settled || !s.inTable {
		return
	}
	s.settled = true
	if err != nil {
		s.counts.SetupFail.Inc()
		return
	}
	s.counts.SetupOK.Inc()
}

// CloseServer lets the server connection go; the client stays. What the session
// has moved over it still counts for its log line.
func (s *Session) CloseServer() { s.closeServer(false) }

func (s *Session) closeServer(reset bool) {
	k := s.srv.Load()
	if k == nil {
		return
	}
	if !reset {
		reset = s.server.Flush() != nil
	}
	s.server.Release()
	s.srv.Store(nil)
	s.server = nil
	k.close(reset)
}

// close takes the socket out of the reactor and closes it.
func (k *socket) close(reset bool) {
	k.sess.eng.reactor.remove(k)
	k.conn.close(reset)
}

// ServerAddr is where the server is, once it was connected.
func (s *Session) ServerAddr() netip.AddrPort { return s.target }
