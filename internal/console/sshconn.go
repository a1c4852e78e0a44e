package console

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/crypto/ssh"

	"utmsim/internal/config"
)

// sshConn is one SSH connection: a login, and then any number of sessions.
type sshConn struct {
	server *sshServer
	net    net.Conn
	peer   netip.AddrPort
	life   context.Context // until the connection ends
	end    context.CancelCauseFunc
	known  bool // has logged in; guarded by the server's mu

	operator // after the login

	places chan struct{} // of sessions, maxChannels
	ended  chan struct{} // a session has ended
}

func (k *sshConn) snapshot() *config.Snapshot { return k.server.console.opts.Store.Snapshot() }

// idle is how long a session may wait for its user.
func (k *sshConn) idle() time.Duration { return k.snapshot().Global.AdminTimeout }

// serve runs the connection to its end.
func (k *sshConn) serve() {
	log := k.server.console.opts.Log
	conn, chans, reqs, err := k.login()
	if err != nil {
		log.Debug("SSH connection", zap.Stringer("from", k.peer), zap.Error(err))
		return
	}
	k.server.admit(k)
	began := time.Now()
	log.Info("administrator logged in", zap.String("who", k.who), zap.String("method", conn.Permissions.Extensions["method"]))
	var helpers sync.WaitGroup
	helpers.Go(func() { ssh.DiscardRequests(reqs) })
	helpers.Go(func() { // at the end sessions close themselves, no new one begins, then the connection goes
		<-k.life.Done()
		for range maxChannels {
			k.places <- struct{}{}
		}
		conn.Close()
	})
	helpers.Go(k.watch)
	k.channels(chans)
	k.end(nil)
	helpers.Wait()
	log.Info("administrator logged out", zap.String("who", k.who), zap.Duration("after", time.Since(began)))
}

// login makes the connection a secure one of a known account, in time.
func (k *sshConn) login() (*ssh.ServerConn, <-chan ssh.NewChannel, <-chan *ssh.Request, error) {
	k.server.mu.Lock()
	key := k.server.hostKey
	k.server.mu.Unlock()
	if err := k.net.SetDeadline(time.Now().Add(k.snapshot().Global.SSHGrace)); err != nil {
		return nil, nil, nil, err
	}
	began, giveBack := time.Now(), func() {}
	client := newNewcomer(k.net, func() { giveBack = k.server.turns.take(k.life) })
	conn, chans, reqs, err := ssh.NewServerConn(client, k.config(key))
	giveBack()
	if err != nil {
		if client.wasNoise(err) {
			k.server.leave(k) // it takes nobody's place meanwhile
			k.server.noise.hold(k.life, began)
		}
		return nil, nil, nil, fmt.Errorf("logging in: %w", err)
	}
	if err := k.net.SetDeadline(time.Time{}); err != nil {
		conn.Close()
		return nil, nil, nil, err
	}
	k.who = fmt.Sprintf("ssh:%s(%s)", strings.Map(visible, conn.User()), k.peer.Addr())
	k.view = conn.Permissions.Extensions[profileKey] != config.SuperAdmin
	k.vdoms = strings.Fields(conn.Permissions.Extensions[vdomsKey])
	return conn, chans, reqs, nil
}

// maxChannels is how many sessions one connection has at a time.
const maxChannels = 10

// watch ends a connection that has had no session for as long as one may be idle.
func (k *sshConn) watch() {
	unused := time.NewTimer(k.idle())
	defer unused.Stop()
	for {
		select {
		case <-k.life.Done():
			return
		case <-k.ended:
		case <-unused.C:
			if len(k.places) == 0 {
				k.end(errIdle)
				return
			}
		}
		unused.Reset(k.idle())
	}
}

// channels serves the sessions of a connection.
func (k *sshConn) channels(chans <-chan ssh.NewChannel) {
	for offer := range chans {
		if offer.ChannelType() != "session" {
			offer.Reject(ssh.UnknownChannelType, "this console has sessions only")
			continue
		}
		select {
		case k.places <- struct{}{}:
		default:
			offer.Reject(ssh.ResourceShortage, "too many sessions")
			continue
		}
		ch, reqs, err := offer.Accept()
		if err != nil {
			<-k.places
			continue
		}
		go func() {
			k.session(ch, reqs)
			<-k.places
			select {
			case k.ended <- struct{}{}:
			default:
			}
		}()
	}
}
