package lab

import (
	"bytes"
	"fmt"
	"net"
)

// Fast is an origin of a protocol that speaks in lines, for benchmarks: it answers
// from replies built beforehand, so that what is measured is what stands between
// client and origin rather than the origin. It understands what the clients of
// package load say and little more, and believes every login.
type Fast struct {
	listener net.Listener
	custody  custody
	ports    dataPorts
}

// startFast listens on address and lets converse serve each connection.
func startFast(address string, converse func(f *Fast, t *fastTalk)) (*Fast, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", address, err)
	}
	f := &Fast{listener: listener}
	f.ports = newDataPorts(&f.custody)
	serve := func(conn net.Conn) {
		defer func() { _ = conn.Close() }()
		t := &fastTalk{conn: conn, in: make([]byte, fastBuffer)}
		converse(f, t)
		t.flush()
	}
	f.custody.run(listener, func() { _ = listener.Close() }, func() {
		acceptAll(listener, func(conn net.Conn) {
			if !f.custody.run(conn, func() { _ = conn.Close() }, func() { serve(conn) }) {
				_ = conn.Close()
			}
		})
	})
	return f, nil
}

// Addr returns the address in use.
func (f *Fast) Addr() string { return f.listener.Addr().String() }

// Close ends all connections and waits for their goroutines.
func (f *Fast) Close() error {
	f.custody.close()
	return nil
}

const (
	fastBuffer = 16 << 10 // of commands; thousands of connections rest with one each
	fastCopy   = 16 << 10 // replies up to this size are collected, larger ones sent from where they are
)

// fastTalk is one connection: commands in, replies out. What has been said is sent
// before the next wait, so that the answers to what came together leave together.
type fastTalk struct {
	conn net.Conn
	in   []byte
	r, w int // in[r:w] has arrived and was not taken
	out  []byte
	gone bool
}

// line waits for a line and returns it without its end; false when there is none,
// or one that is too long.
func (t *fastTalk) line() ([]byte, bool) {
	for {
		if text, _, complete := bytes.Cut(t.in[t.r:t.w], []byte("\r\n")); complete {
			t.r += len(text) + len("\r\n")
			return text, true
		}
		if t.w-t.r == len(t.in) || !t.more() {
			return nil, false
		}
	}
}

// more sends what was said and reads once.
func (t *fastTalk) more() bool {
	if !t.flush() {
		return false
	}
	if t.r > 0 {
		t.w = copy(t.in, t.in[t.r:t.w])
		t.r = 0
	}
	n, err := t.conn.Read(t.in[t.w:])
	t.w += n
	return err == nil
}

func (t *fastTalk) say(reply string) { t.out = append(t.out, reply...) }

// give says something that may be large and isn't changed.
func (t *fastTalk) give(object []byte) {
	if len(object) <= fastCopy {
		t.out = append(t.out, object...)
		return
	}
	if t.flush() {
		t.gone = !write(t.conn, object)
	}
}

func (t *fastTalk) flush() bool {
	if !t.gone {
		t.gone = !write(t.conn, t.out)
	}
	t.out = t.out[:0]
	return !t.gone
}

// verb splits a command and returns its first word in capitals. It changes text.
func verb(text []byte) (word, rest []byte) {
	word, rest, _ = bytes.Cut(text, []byte(" "))
	for i, c := range word {
		if c >= 'a' && c <= 'z' {
			word[i] = c - 'a' + 'A'
		}
	}
	return word, rest
}
