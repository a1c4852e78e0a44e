package ftpproxy

import (
	"bytes"
	"errors"
	"io"

	"utmsim/protocols/mail"
	"utmsim/protocols/wire"
	"utmsim/proxy"
	"utmsim/scanner"
)

// content is what a data connection carries: bytes up to its end (RFC 959 section
// 3.4.1).
type content struct {
	conn  *wire.Conn
	ended bool
	err   error
}

var _ proxy.Source = (*content)(nil)

func (c *content) begin(conn *wire.Conn) { *c = content{conn: conn} }

// Buffered implements proxy.Source.
func (c *content) Buffered() bool { return c.ended || c.err != nil || len(c.conn.Buffered()) > 0 }

// Next implements proxy.Source.
func (c *content) Next() (piece []byte, content bool, err error) {
	if c.ended {
		return nil, false, io.EOF
	}
	if c.err != nil {
		return nil, false, c.err
	}
	if len(c.conn.Buffered()) == 0 {
		switch err := c.conn.Fill(1); {
		case err == io.EOF:
			c.ended = true
			return nil, false, io.EOF
		case errors.Is(err, wire.ErrWake):
			return nil, false, err
		case err != nil:
			c.err = err
			return nil, false, err
		}
	}
	b := c.conn.Buffered()
	c.conn.Skip(len(b))
	return b, true, nil
}

// split finds what is to be judged in a file: itself, what it was before TYPE A made
// CR LF of its line ends, and what is attached to it if it is a mail.
func (t *transfer) split(whole *scanner.Object) []scanner.Object {
	objects := []scanner.Object{*whole}
	if t.ascii {
		if o, ok := withoutCR(whole); ok {
			objects = append(objects, o)
		}
	}
	if !isText(whole) {
		return objects
	}
	o := t.x.options()
	walked, err := mail.Walk(whole, mail.Limits{Decoded: max(o.UncompressedOversizeLimit, o.OversizeLimit)})
	if err != nil {
		return objects // the scanner will fail in the same way
	}
	t.walked = walked
	t.inspection.Found = walked.Found()
	return append(objects[1:], walked.Objects()...) // the file itself is one of them
}

// isText tells that a file may be a mail: what begins with NULs is none.
func isText(o *scanner.Object) bool {
	var head [1024]byte
	n := copy(head[:], o.Flat)
	if o.Flat == nil {
		n, _ = o.Body.ReadAt(head[:], 0) // an error leaves less to look at
	}
	return bytes.IndexByte(head[:n], 0) < 0
}

// withoutCR is a file with LF where CR LF stands: the receiver of a transfer in ASCII
// may make that of it, and an archive that was damaged on its way is whole again. ok
// is false when there is no CR LF.
func withoutCR(o *scanner.Object) (_ scanner.Object, ok bool) {
	whole := o.Flat
	if whole == nil {
		whole = make([]byte, o.Size)
		if _, err := o.Body.ReadAt(whole, 0); err != nil && !errors.Is(err, io.EOF) {
			return scanner.Object{}, false // the scanner will fail in the same way
		}
	}
	if !bytes.Contains(whole, []byte("\r\n")) {
		return scanner.Object{}, false
	}
	made := *o
	made.Flat = bytes.ReplaceAll(whole, []byte("\r\n"), []byte("\n"))
	made.Body, made.Size = bytes.NewReader(made.Flat), int64(len(made.Flat))
	return made, true
}
