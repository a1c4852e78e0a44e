// Package clamd is the scan engine that asks ClamAV's daemon (clamd(8)): objects go
// to it by INSTREAM over a Unix or TCP socket, many one after the other on each
// connection.
//
// The package does not look into objects, except that it takes content codings off,
// which the daemon does not know. Whatever the daemon does other than to answer in
// the words of its protocol is an error and never a verdict.
package clamd

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"utmsim/scanner"
	"utmsim/scanner/remote"
)

// Name is what verdicts of this engine carry as their Engine.
const Name = "clamd"

const (
	// DefaultStreamMax is the daemon's own default of StreamMaxLength, in bytes.
	DefaultStreamMax = 25 << 20
	maxReply         = 4 << 10  // bytes of one answer
	chunk            = 64 << 10 // bytes that follow one length
)

// ErrTooLarge says that an object is larger than what the daemon takes.
var ErrTooLarge = errors.New("larger than the daemon's StreamMaxLength")

// Options say where the daemon is. Network and Address are required.
type Options struct {
	Network        string // "unix" or "tcp"
	Address        string
	StreamMax      int64         // bytes, the daemon's StreamMaxLength; 0 means DefaultStreamMax
	ConnectTimeout time.Duration // 0 means remote.DefaultConnectTimeout
}

// Engine is a scanner.Scanner.
type Engine struct {
	streamMax int64
	pool      remote.Pool
}

// New returns an engine; it connects when it is first needed.
func New(o Options) *Engine {
	e := &Engine{streamMax: o.StreamMax}
	if e.streamMax == 0 {
		e.streamMax = DefaultStreamMax
	}
	e.pool.Network, e.pool.Address, e.pool.ConnectTimeout = o.Network, o.Address, o.ConnectTimeout
	return e
}

// Close closes the connections that wait for work. Scans that run come to their
// end, later ones fail.
func (e *Engine) Close() error {
	e.pool.Close()
	return nil
}

// Ping asks whether the daemon is there, and which release and signatures it has.
func (e *Engine) Ping(ctx context.Context) (version string, err error) {
	c, err := e.pool.TryFresh(ctx)
	if err != nil {
		return "", err
	}
	defer e.pool.Discard(c)
	defer c.Bind(ctx)()
	pong, err := e.ask(ctx, c, "PING")
	if err != nil {
		return "", err
	}
	if pong != "PONG" {
		return "", fmt.Errorf("clamd answers %.100q to PING", pong)
	}
	return e.ask(ctx, c, "VERSION")
}

// ask sends a command without data and returns the answer.
func (e *Engine) ask(ctx context.Context, c *remote.Conn, command string) (string, error) {
	begin(c, command)
	if err := c.W.Flush(); err != nil {
		return "", remote.Failed(ctx, "writing to clamd", err)
	}
	text, _, err := reply(ctx, c)
	return text, err
}

// begin writes a command; the first on a connection opens the session.
func begin(c *remote.Conn, command string) {
	if c.Uses == 0 {
		c.W.WriteString("zIDSESSION\x00")
	}
	c.Uses++
	c.W.WriteString("z" + command + "\x00")
}

// reply reads the answer to the last command, which begins with its number. some
// tells whether there was any byte of it.
func reply(ctx context.Context, c *remote.Conn) (text string, some bool, err error) {
	var line []byte
	for len(line) <= maxReply {
		b, err := c.R.ReadByte()
		if err != nil {
			return "", len(line) > 0, remote.Failed(ctx, "reading from clamd", err)
		}
		if b != 0 {
			line = append(line, b)
			continue
		}
		number, text, ok := strings.Cut(string(line), ": ")
		if !ok || number != strconv.Itoa(c.Uses) {
			return "", true, fmt.Errorf("clamd answers %.100q to command %d", line, c.Uses)
		}
		return text, true, nil
	}
	return "", true, fmt.Errorf("clamd's answer has more than %d bytes", maxReply)
}

// Scan implements scanner.Scanner.
func (e *Engine) Scan(ctx context.Context, obj *scanner.Object) (scanner.Verdict, error) {
	if err := ctx.Err(); err != nil {
		return scanner.Verdict{}, err
	}
	if len(obj.Encodings) == 0 && obj.Size > e.streamMax {
		return scanner.Verdict{}, e.tooLarge()
	}
	return remote.Retry(ctx, &e.pool, func(get func(context.Context) (*remote.Conn, error)) (scanner.Verdict, error) {
		return remote.Judge(obj, func(r io.Reader) (scanner.Verdict, error) {
			c, err := get(ctx)
			if err != nil {
				return scanner.Verdict{}, err
			}
			return e.stream(ctx, c, r)
		})
	})
}

// stream has content judged and gives the connection back.
func (e *Engine) stream(ctx context.Context, c *remote.Conn, r io.Reader) (v scanner.Verdict, err error) {
	release := c.Bind(ctx)
	defer func() {
		if release() && err == nil {
			e.pool.Put(c)
			return
		}
		e.pool.Discard(c)
	}()
	begin(c, "INSTREAM")
	err = e.send(c, r)
	if own := (*ownError)(nil); errors.As(err, &own) {
		return v, own.error
	}
	// When writing has failed the daemon may have said why before it closed.
	text, some, rerr := reply(ctx, c)
	switch {
	case rerr == nil:
		return verdict(text)
	case !some && c.Reused && ctx.Err() == nil:
		return v, fmt.Errorf("%w: %v", remote.ErrStale, rerr)
	case err != nil && !some:
		return v, remote.Failed(ctx, "writing to clamd", err)
	}
	return v, rerr
}

func (e *Engine) tooLarge() error { return fmt.Errorf("%w of %d bytes", ErrTooLarge, e.streamMax) }

// ownError is why content was not sent, when it isn't the daemon's fault.
type ownError struct{ error }

// send writes content in chunks, and the end of it.
func (e *Engine) send(c *remote.Conn, r io.Reader) error {
	buf := make([]byte, 4+chunk)
	for sent := int64(0); ; {
		n, err := io.ReadFull(r, buf[4:])
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return &ownError{err}
		}
		if sent += int64(n); sent > e.streamMax {
			return &ownError{e.tooLarge()}
		}
		if n > 0 {
			binary.BigEndian.PutUint32(buf, uint32(n))
			if _, err := c.W.Write(buf[:4+n]); err != nil {
				return err
			}
		}
		if err != nil {
			c.W.Write([]byte{0, 0, 0, 0})
			return c.W.Flush()
		}
	}
}

// verdict reads "stream: OK" or "stream: NAME FOUND".
func verdict(text string) (scanner.Verdict, error) {
	said, ok := strings.CutPrefix(text, "stream: ")
	if !ok {
		if strings.HasPrefix(text, "INSTREAM size limit exceeded") {
			return scanner.Verdict{}, fmt.Errorf("%w: clamd says %.100q", ErrTooLarge, text)
		}
		return scanner.Verdict{}, fmt.Errorf("clamd: %.200s", text)
	}
	if said == "OK" {
		return scanner.Verdict{}, nil
	}
	name, ok := strings.CutSuffix(said, " FOUND")
	if !ok || name == "" {
		return scanner.Verdict{}, fmt.Errorf("clamd: %.200q", said)
	}
	v := scanner.Verdict{Class: scanner.ClassOf(name), Name: name, Engine: Name}
	if !v.Class.Detection() {
		v.Findings = scanner.SetOf(v.Class)
	}
	return v, nil
}
