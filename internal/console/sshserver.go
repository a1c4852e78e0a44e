package console

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"

	"go.uber.org/zap"
	"golang.org/x/crypto/ssh"

	"utmsim/internal/config"
)

// sshServer is the console's door to the network. It never goes through the
// engine: a login takes no entry of the session table, and a full table or a
// conserve mode keeps nobody out.
type sshServer struct {
	console  *Console
	failures lockout
	hashing  chan struct{} // a place for who checks a password: one at a time, since each takes memory and a core
	turns    turns
	noise    noise

	mu       sync.Mutex // guards the fields below
	hostKey  ssh.Signer // nil until SSH is first asked for
	listener net.Listener
	asked    netip.AddrPort // what listener was asked to listen on
	conns    []*sshConn     // oldest first
	closed   bool
}

// maxSSH is how many SSH connections there are at most. A newcomer above that
// takes the place of the oldest that has not logged in, if there is one.
const maxSSH = 200

func newSSHServer(c *Console) *sshServer {
	return &sshServer{console: c, failures: lockout{sources: map[netip.Prefix]*attempts{}}, hashing: make(chan struct{}, 1), turns: make(turns, maxTurns), noise: make(noise, maxNoise)}
}

// SSHChange is a place to listen on that is ready to be the SSH console's. It has
// to be put in force or cancelled.
type SSHChange struct {
	server   *sshServer
	to       netip.AddrPort
	same     bool         // as it is now
	listener net.Listener // nil: SSH is to be off
}

// PrepareSSH binds what a configuration asks for, if that is not bound already.
// The host key is made, or read from the state folder, when it is first needed.
func (c *Console) PrepareSSH(snap *config.Snapshot) (*SSHChange, error) {
	s := c.ssh
	change := &SSHChange{server: s, to: snap.Global.SSH()}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked == change.to || s.asked.Port() == 0 && change.to.Port() == 0 {
		change.same = true
		return change, nil
	}
	if change.to.Port() == 0 {
		return change, nil
	}
	if s.hostKey == nil {
		key, err := hostKey(c.opts.StateDir)
		if err != nil {
			return nil, err
		}
		s.hostKey = key
	}
	at := change.to
	if c.opts.AnyPort {
		at = netip.AddrPortFrom(at.Addr(), 0)
	}
	l, err := net.Listen("tcp", at.String())
	if err != nil {
		return nil, fmt.Errorf("config system global, set admin-ssh-port: %w", err)
	}
	change.listener = l
	return change, nil
}

// Apply puts the change in force. Sessions that are open go on.
func (ch *SSHChange) Apply() {
	s := ch.server
	if ch.same {
		return
	}
	s.mu.Lock()
	old := s.listener
	s.listener, s.asked = ch.listener, ch.to
	late := s.closed
	s.mu.Unlock()
	if old != nil {
		old.Close()
	}
	switch {
	case ch.listener == nil:
	case late:
		ch.listener.Close()
	default:
		s.console.serving.Go(func() { s.serve(ch.listener) })
	}
}

// Cancel gives up what Apply has not put in force.
func (ch *SSHChange) Cancel() {
	if ch.listener != nil {
		ch.listener.Close()
	}
}

// SSHAddr is where the SSH console listens; it is not valid when it does not.
func (c *Console) SSHAddr() netip.AddrPort {
	c.ssh.mu.Lock()
	defer c.ssh.mu.Unlock()
	if c.ssh.listener == nil {
		return netip.AddrPort{}
	}
	return addrPort(c.ssh.listener.Addr())
}

// addrPort is the address of a TCP connection; not valid for another one.
func addrPort(a net.Addr) netip.AddrPort {
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

// serve accepts connections until the listener is closed.
func (s *sshServer) serve(l net.Listener) {
	c := s.console
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
		case c.life.Err() != nil || errors.Is(err, net.ErrClosed):
			return
		default:
			c.opts.Log.Error("accepting an SSH connection", zap.Error(err))
			wait(c.life, acceptPause)
			continue
		}
		s.accept(conn)
		s.noise.pace(c.life)
	}
}

// accept serves one connection in a goroutine of its own, if there is room.
func (s *sshServer) accept(conn net.Conn) {
	k := s.newConn(conn)
	if !s.enter(k) {
		k.end(errCrowded)
		conn.Close()
		return
	}
	s.console.serving.Go(func() {
		defer s.leave(k)
		defer conn.Close()
		defer k.end(nil)
		k.serve()
	})
}

func (s *sshServer) newConn(conn net.Conn) *sshConn {
	k := &sshConn{
		server: s, net: conn, peer: addrPort(conn.RemoteAddr()),
		places: make(chan struct{}, maxChannels), ended: make(chan struct{}, 1),
	}
	k.life, k.end = context.WithCancelCause(s.console.life)
	return k
}

var errCrowded = errors.New("too many SSH connections")

// enter counts a connection in. It is false when there is no room for it.
func (s *sshServer) enter(k *sshConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if len(s.conns) >= maxSSH {
		i := slices.IndexFunc(s.conns, func(o *sshConn) bool { return !o.known })
		if i < 0 {
			return false
		}
		s.conns[i].end(errCrowded)
		s.conns[i].net.Close()
		s.conns = slices.Delete(s.conns, i, i+1)
	}
	s.conns = append(s.conns, k)
	return true
}

// admit notes that a connection has logged in: it is not given up for a newcomer.
func (s *sshServer) admit(k *sshConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k.known = true
}

func (s *sshServer) leave(k *sshConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.conns, k); i >= 0 {
		s.conns = slices.Delete(s.conns, i, i+1)
	}
}

// close stops listening and ends those who have not logged in. Sessions end by
// themselves, because the console's life is over; cut closes what is left then.
func (s *sshServer) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.listener != nil {
		s.listener.Close()
	}
	for _, k := range s.conns {
		if !k.known {
			k.net.Close()
		}
	}
}

func (s *sshServer) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.conns {
		k.net.Close()
	}
}
