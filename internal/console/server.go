package console

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap"
)

// Time-outs and bounds of the control socket.
const (
	helloTimeout = 10 * time.Second // a client greets at once
	writeTimeout = 30 * time.Second // a client that does not read for so long is gone
	acceptPause  = time.Second      // before the next try after an error
	closeGrace   = 2 * time.Second  // what a session that is being closed may take to say so
	maxConsoles  = 200              // sessions at once: each has a line and a page in memory
)

var errClosing = errors.New("utmsim is shutting down")

// socketName is the control socket in the state folder.
const socketName = "control.sock"

// Listen opens the control socket in a state folder, which it makes if need be,
// and serves it until Close. Only the owner of the folder can connect. The socket
// of a program that has crashed is replaced.
func (c *Console) Listen(stateDir string) error {
	if c.life.Err() != nil {
		return errClosing
	}
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		return fmt.Errorf("making the state folder: %w", err)
	}
	lock, err := lockFolder(stateDir)
	if err != nil {
		return err
	}
	path := filepath.Join(stateDir, socketName)
	l, err := listenPrivate(path)
	if err != nil {
		lock.Close()
		return fmt.Errorf("opening the control socket: %w%s", err, pathAdvice(path))
	}
	c.serving.Go(func() {
		c.Serve(l)
		os.Remove(path)
		lock.Close()
	})
	return nil
}

// pathAdvice explains an error that systems word as "invalid argument".
func pathAdvice(path string) string {
	const shortest = 104 // bytes of a socket's path that every system takes
	if len(path) < shortest-len(stagingPattern) {
		return ""
	}
	return " (the path is too long for a socket: choose a shorter folder with --state)"
}

// Serve serves the connections of a listener until Close, which closes it.
func (c *Console) Serve(l net.Listener) {
	if !c.track(func() { c.listeners[l] = struct{}{} }) {
		l.Close()
		return
	}
	defer c.untrack(func() { delete(c.listeners, l) })
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
		case c.life.Err() != nil || errors.Is(err, net.ErrClosed):
			return
		default: // out of descriptors, most likely: the console must come back by itself
			c.opts.Log.Error("accepting a console", zap.Error(err))
			select {
			case <-c.life.Done():
			case <-time.After(acceptPause):
			}
			continue
		}
		crowded := false // the newcomer is turned away, nobody who was there before
		if !c.track(func() {
			c.conns[conn] = struct{}{}
			crowded = len(c.conns) > maxConsoles
		}) {
			conn.Close()
			return
		}
		c.serving.Go(func() {
			defer c.untrack(func() { delete(c.conns, conn) })
			defer conn.Close()
			c.serveConn(conn, crowded)
		})
	}
}

// track runs add unless the console is closed.
func (c *Console) track(add func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.life.Err() != nil {
		return false
	}
	add()
	return true
}

func (c *Console) untrack(remove func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	remove()
}

// Close ends all sessions and returns when none is left. A line that is being
// executed comes to its end.
func (c *Console) Close() error {
	c.mu.Lock()
	c.end(errClosing)
	for l := range c.listeners {
		l.Close()
	}
	for conn := range c.conns {
		conn.SetReadDeadline(time.Unix(1, 0))
	}
	c.mu.Unlock()
	c.ssh.close()
	cut := time.AfterFunc(closeGrace, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		for conn := range c.conns {
			conn.Close()
		}
		c.ssh.cut()
	})
	defer cut.Stop()
	c.serving.Wait()
	return nil
}

// carrier is the server's end of a connection to the control socket.
type carrier struct {
	conn net.Conn
	r    *bufio.Reader
}

// Write writes bytes of frames; a client that does not take them is given up.
func (k *carrier) Write(p []byte) (int, error) {
	if err := k.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return k.conn.Write(p)
}

// serveConn serves one connection to its end.
func (c *Console) serveConn(conn net.Conn, crowded bool) {
	k := &carrier{conn: conn, r: bufio.NewReader(conn)}
	failed := true
	var err error
	if crowded {
		err = fmt.Errorf("%d consoles are open already, close one", maxConsoles)
	} else {
		failed, err = c.converse(k)
	}
	if err != nil {
		c.opts.Log.Debug("console connection", zap.Error(err))
		if writeFrame(k, frameNote, []byte(err.Error()+"\n")) != nil {
			return
		}
	}
	status := byte(0)
	if failed {
		status = 1
	}
	if err := writeFrame(k, frameDone, []byte{status}); err != nil {
		c.opts.Log.Debug("console connection", zap.Error(err))
	}
}

// converse reads the greeting and runs the session it asks for.
func (c *Console) converse(k *carrier) (failed bool, err error) {
	if err := k.conn.SetReadDeadline(time.Now().Add(helloTimeout)); err != nil {
		return true, err
	}
	kind, payload, err := readFrame(k.r)
	if err != nil {
		return true, fmt.Errorf("waiting for the greeting: %w", err)
	}
	if kind != frameHello {
		return true, errors.New("the connection does not begin with a greeting: this is not utmsim console")
	}
	h, err := decodeHello(payload)
	if err != nil {
		return true, err
	}
	if err := k.conn.SetReadDeadline(time.Time{}); err != nil {
		return true, err
	}
	if c.life.Err() != nil { // Close may have set its deadline before ours
		return true, errClosing
	}
	who := "local:" + strings.Map(visible, h.User)
	if h.Terminal {
		return c.serveTerminal(k, who, size{h.Cols, h.Rows})
	}
	return c.serveLines(k, who)
}

// serveLines is mode exec.
func (c *Console) serveLines(k *carrier, who string) (failed bool, err error) {
	s := newStream(c, operator{who: who}, frameWriter{k, frameOutput}, frameWriter{k, frameNote})
	for s.werr == nil && !s.shell.left {
		kind, payload, err := readFrame(k.r)
		switch {
		case errors.Is(err, errFrameTooLong):
			s.fail(errTooLong())
		case err != nil && c.life.Err() != nil:
			return true, errClosing
		case err != nil:
			return true, fmt.Errorf("reading lines: %w", err)
		case kind == frameLine:
			s.line(string(payload))
		case kind == frameEnd:
			return !s.end(), nil
		default:
			return true, fmt.Errorf("an unexpected frame %q", byte(kind))
		}
	}
	return !s.end(), s.werr
}

// serveTerminal is mode terminal.
func (c *Console) serveTerminal(k *carrier, who string, at size) (failed bool, err error) {
	t := &terminalCarrier{carrier: k}
	s := c.NewSession(t, Interactive{Who: who, Cols: at.cols, Rows: at.rows})
	t.resize = s.Resize
	err = s.Run(c.life)
	return err != nil, err
}

// terminalCarrier is a carrier as a terminal: it reads keys and writes output.
type terminalCarrier struct {
	*carrier
	resize func(cols, rows int)
	rest   []byte
}

func (t *terminalCarrier) Read(p []byte) (int, error) {
	for len(t.rest) == 0 {
		kind, payload, err := readFrame(t.r)
		switch {
		case err != nil:
			return 0, err
		case kind == frameKeys:
			t.rest = payload
		case kind == frameSize:
			s, err := decodeSize(payload)
			if err != nil {
				return 0, err
			}
			t.resize(s.cols, s.rows)
		case kind == frameEnd:
			return 0, io.EOF
		default:
			return 0, fmt.Errorf("an unexpected frame %q", byte(kind))
		}
	}
	n := copy(p, t.rest)
	t.rest = t.rest[n:]
	return n, nil
}

func (t *terminalCarrier) Write(p []byte) (int, error) {
	return frameWriter{t.carrier, frameOutput}.Write(p)
}

// SetReadDeadline ends reading; see Session.Run.
func (t *terminalCarrier) SetReadDeadline(at time.Time) error { return t.conn.SetReadDeadline(at) }
