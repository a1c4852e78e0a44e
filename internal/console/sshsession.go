package console

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"utmsim/internal/replacemsg"
)

// sshSession is one session of an SSH connection. What the client asks for comes
// in any order and at any time, so one goroutine listens to that to the end.
type sshSession struct {
	conn  *sshConn
	ch    ssh.Channel
	begin chan sshStart // what to run; once
	read  func()        // returns when the channel is not read any more

	mu       sync.Mutex // guards the fields below
	terminal bool
	size     size
	resize   func(cols, rows int) // nil until a session wants to know
	begun    bool
}

// sshStart is what a session runs: a shell, or the lines of command.
type sshStart struct {
	exec    bool
	command string
}

// The requests of a session (RFC 4254, section 6).
type (
	ptyRequest struct {
		Term       string
		Cols, Rows uint32
		Width      uint32
		Height     uint32
		Modes      string
	}
	windowRequest struct{ Cols, Rows, Width, Height uint32 }
	execRequest   struct{ Command string }
	exitStatus    struct{ Status uint32 }
)

// session serves a session to its end.
func (k *sshConn) session(ch ssh.Channel, reqs <-chan *ssh.Request) {
	s := &sshSession{conn: k, ch: ch, begin: make(chan sshStart, 1), read: func() {}}
	gone := make(chan struct{})
	go func() { defer close(gone); s.listen(reqs) }()
	if start, ok := s.await(gone); ok {
		status := exitStatus{}
		if s.run(start) {
			status.Status = 1
		}
		ch.SendRequest("exit-status", false, ssh.Marshal(&status)) // fails only when the client has gone
	}
	ch.Close()
	// The channel is read until the client has closed its side too, which it does
	// at once.
	cut := time.AfterFunc(closeGrace, func() { k.net.Close() })
	defer cut.Stop()
	<-gone
	s.read()
}

// await waits for the client to say what is to run.
func (s *sshSession) await(gone <-chan struct{}) (start sshStart, ok bool) {
	never := time.NewTimer(s.conn.idle())
	defer never.Stop()
	select {
	case start = <-s.begin:
		return start, true
	case <-gone:
	case <-never.C:
	case <-s.conn.life.Done():
	}
	return start, false
}

// listen deals with requests until the client closes the session.
func (s *sshSession) listen(reqs <-chan *ssh.Request) {
	for r := range reqs {
		start, ok := s.request(r)
		if r.WantReply {
			r.Reply(ok, nil)
		}
		if start != nil { // now: what runs may be over before anything else is sent
			s.begin <- *start
		}
	}
}

// request deals with one request and tells whether it is granted, and what begins.
func (s *sshSession) request(r *ssh.Request) (start *sshStart, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.Type {
	case "pty-req":
		var p ptyRequest
		if ssh.Unmarshal(r.Payload, &p) != nil || s.begun {
			return nil, false
		}
		s.terminal, s.size = true, sizeFrom(p.Cols, p.Rows)
		return nil, true
	case "window-change":
		var w windowRequest
		if ssh.Unmarshal(r.Payload, &w) != nil {
			return nil, false
		}
		s.size = sizeFrom(w.Cols, w.Rows)
		if s.resize != nil {
			s.resize(s.size.cols, s.size.rows)
		}
		return nil, true
	case "shell":
		return s.startLocked(sshStart{})
	case "exec":
		var e execRequest
		if ssh.Unmarshal(r.Payload, &e) != nil {
			return nil, false
		}
		return s.startLocked(sshStart{exec: true, command: e.Command})
	}
	return nil, false // environment, subsystems, forwarding: there is none of it here
}

func sizeFrom(cols, rows uint32) size {
	return size{int(min(cols, maxCols)), int(min(rows, maxRows))}
}

func (s *sshSession) startLocked(x sshStart) (start *sshStart, ok bool) {
	if s.begun {
		return nil, false
	}
	s.begun = true
	return &x, true
}

// run runs what was asked for and tells whether something failed.
func (s *sshSession) run(start sshStart) (failed bool) {
	s.mu.Lock()
	terminal := s.terminal
	s.mu.Unlock()
	out := &patient{s.conn, s.ch}
	switch {
	case start.exec && terminal:
		return s.lines(strings.Split(start.command, "\n"), crlf{out}, crlf{out})
	case start.exec:
		return s.lines(strings.Split(start.command, "\n"), out, &patient{s.conn, s.ch.Stderr()})
	case terminal:
		return s.shell(out)
	}
	return s.script(out, &patient{s.conn, s.ch.Stderr()})
}

// lines executes the lines of an exec request.
func (s *sshSession) lines(lines []string, out, notes io.Writer) (failed bool) {
	st := newStream(s.conn.server.console, s.conn.operator, out, notes)
	for _, l := range lines {
		st.line(l)
	}
	return !st.end()
}

// shell is a session on a terminal.
func (s *sshSession) shell(out io.Writer) (failed bool) {
	k := s.conn
	set := Interactive{Who: k.who, View: k.view, VDOMs: k.vdoms, Idle: k.idle}
	if snap := k.snapshot(); snap.Global.PostLoginBanner {
		set.Banner = snap.Messages.Text(replacemsg.PostLogin)
	}
	s.mu.Lock()
	set.Cols, set.Rows = s.size.cols, s.size.rows
	session := k.server.console.NewSession(struct {
		io.Reader
		io.Writer
	}{s.ch, out}, set)
	s.resize = session.Resize
	s.mu.Unlock()
	s.read = session.Wait
	err := session.Run(k.life)
	if err != nil && k.life.Err() != nil {
		fmt.Fprintf(out, "\r\n%v\r\n", err)
	}
	return err != nil
}

// script executes lines that come on standard input, without a terminal. A
// question is answered by the next line.
func (s *sshSession) script(out, notes io.Writer) (failed bool) {
	k := s.conn
	in, read := newInput(), make(chan struct{})
	go func() { defer close(read); in.pump(s.ch) }()
	s.read = func() { <-read }
	defer in.halt()
	lines := lineReader{next: func() (byte, error) { return k.nextByte(in) }}
	st := newStream(k.server.console, k.operator, out, notes)
	st.shell.confirm = func(question string) bool {
		st.print(question + "\n")
		answer, err := lines.read()
		return err == nil && strings.HasPrefix(strings.ToLower(strings.TrimSpace(answer)), "y")
	}
	for !st.shell.left && st.werr == nil {
		line, err := lines.read()
		switch {
		case errors.Is(err, errLongLine):
			st.fail(errTooLong())
		case errors.Is(err, io.EOF):
			return !st.end()
		case err != nil:
			st.note(err.Error())
			return true
		default:
			st.line(line)
		}
	}
	return !st.end()
}

// nextByte is the next byte of a session without a terminal, errIdle when it does
// not come in time.
func (k *sshConn) nextByte(in *input) (byte, error) {
	var elapsed <-chan time.Time
	if len(in.current) == 0 {
		timer := time.NewTimer(k.idle())
		defer timer.Stop()
		elapsed = timer.C
	}
	b, err := in.next(k.life, elapsed, func() error { return nil }, func(size) {})
	if errors.Is(err, errElapsed) {
		err = errIdle
	}
	return b, err
}

// lineReader reads lines byte by byte.
type lineReader struct{ next func() (byte, error) }

// errLongLine is returned for a line above maxLine that was read over.
var errLongLine = errors.New("line is too long")

// read is the next line without its end; a last one may lack it.
func (r *lineReader) read() (string, error) {
	var line []byte
	for long := false; ; {
		b, err := r.next()
		switch {
		case errors.Is(err, io.EOF) && len(line) > 0, err == nil && b == '\n':
			if long {
				return "", errLongLine
			}
			return string(line), nil
		case err != nil:
			return "", err
		case len(line) > maxLine:
			long = true
		default:
			line = append(line, b)
		}
	}
}

// patient writes to a client that takes it within writeTimeout; one that does not
// is cut off.
type patient struct {
	conn *sshConn
	w    io.Writer
}

func (p *patient) Write(b []byte) (int, error) {
	cut := time.AfterFunc(writeTimeout, func() { p.conn.net.Close() })
	defer cut.Stop()
	return p.w.Write(b)
}

// crlf writes text with a terminal's line ends.
type crlf struct{ w io.Writer }

func (c crlf) Write(b []byte) (int, error) {
	text := strings.ReplaceAll(strings.Map(visible, string(b)), "\n", "\r\n")
	if _, err := io.WriteString(c.w, text); err != nil {
		return 0, err
	}
	return len(b), nil
}
