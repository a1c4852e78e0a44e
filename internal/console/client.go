package console

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
)

// Client is a connection to the console of a running appliance. It is good for one
// call of Exec, ExecFrom or Attach, which closes it.
type Client struct {
	conn net.Conn

	mu sync.Mutex // serialises writes of frames
}

// Dial connects to the appliance that uses a state folder.
func Dial(stateDir string) (*Client, error) {
	conn, err := net.Dial("unix", filepath.Join(stateDir, socketName))
	if err != nil {
		return nil, fmt.Errorf("no utmsim is running with the state folder %s: start one with utmsim lab or utmsim serve, or name its folder with --state (%w)", stateDir, err)
	}
	return &Client{conn: conn}, nil
}

// Close ends the connection of a client that is not going to be used.
func (c *Client) Close() error { return c.conn.Close() }

// Exec has lines executed and copies what they print to stdout; what is wrong with
// them as a whole (a config block without end) goes to stderr. failed says that a
// line failed; err, that the lines could not all be given to the appliance.
func (c *Client) Exec(ctx context.Context, lines []string, stdout, stderr io.Writer) (failed bool, err error) {
	failed, fed, err := c.exec(ctx, stdout, stderr, func() error {
		for _, l := range lines {
			for _, l := range strings.Split(strings.TrimSuffix(l, "\n"), "\n") {
				if err := c.send(frameLine, []byte(l)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	<-fed // the connection is closed: it can't take long
	return failed, err
}

// ExecFrom is Exec with the lines of a reader, each executed as soon as it is
// read.
func (c *Client) ExecFrom(ctx context.Context, lines io.Reader, stdout, stderr io.Writer) (failed bool, err error) {
	failed, fed, err := c.exec(ctx, stdout, stderr, func() error { return c.sendLines(lines) })
	select {
	case cause := <-fed:
		if err != nil && cause != nil && ctx.Err() == nil {
			return true, cause
		}
	default: // the appliance ended the session first: feed may wait for its source for long
	}
	return failed, err
}

// exec runs a session in mode exec whose lines feed sends. What became of feed
// arrives at fed.
func (c *Client) exec(ctx context.Context, stdout, stderr io.Writer, feed func() error) (failed bool, fed <-chan error, err error) {
	defer c.conn.Close()
	defer context.AfterFunc(ctx, func() { c.conn.Close() })()
	sent := make(chan error, 1)
	go func() {
		err := c.greet(hello{})
		if err == nil {
			err = feed()
		}
		if err == nil {
			err = c.send(frameEnd, nil)
		}
		sent <- err
		var source *sourceError
		if errors.As(err, &source) {
			c.conn.Close() // what was read so far is not the whole of it
		}
	}()
	failed, err = c.receive(stdout, stderr)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return failed, sent, err
}

// sourceError says that the lines could not be read.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return "reading lines: " + e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// sendLines sends lines as they are read. One that is too long is cut behind the
// limit: the appliance says what is wrong with it.
func (c *Client) sendLines(r io.Reader) error {
	in := bufio.NewReaderSize(r, 4<<10)
	var line []byte
	for {
		piece, err := in.ReadSlice('\n')
		if room := maxLine + 1 - len(line); room > 0 {
			line = append(line, piece[:min(len(piece), room)]...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return &sourceError{err}
		}
		if n := len(line); n > 0 && line[n-1] == '\n' {
			line = line[:n-1]
		}
		if len(piece) > 0 || len(line) > 0 {
			if err := c.send(frameLine, line); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
		line = line[:0]
	}
}

func (c *Client) send(kind frameKind, payload []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := writeFrame(c.conn, kind, payload); err != nil {
		return fmt.Errorf("sending to utmsim: %w", err)
	}
	return nil
}

// greet sends the greeting.
func (c *Client) greet(h hello) error {
	h.Protocol = protocolVersion
	if u, err := user.Current(); err == nil {
		h.User = u.Username
	}
	b, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("greeting utmsim: %w", err)
	}
	return c.send(frameHello, b)
}

// receive copies what the appliance sends until it is done.
func (c *Client) receive(stdout, stderr io.Writer) (failed bool, err error) {
	in := bufio.NewReader(c.conn)
	for {
		kind, payload, err := readFrame(in)
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return true, errors.New("the connection to utmsim was lost")
		case err != nil:
			return true, fmt.Errorf("reading from utmsim: %w", err)
		}
		to := stdout
		switch kind {
		case frameDone:
			return len(payload) != 1 || payload[0] != 0, nil
		case frameNote:
			to = stderr
		case frameOutput:
		default:
			return true, fmt.Errorf("reading from utmsim: an unexpected frame %q", byte(kind))
		}
		if _, err := to.Write(payload); err != nil {
			return true, fmt.Errorf("writing output: %w", err)
		}
	}
}
