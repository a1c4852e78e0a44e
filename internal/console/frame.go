package console

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// The control socket carries frames: one byte that says what it is, four bytes of
// length (big endian), and that many bytes. A connection is one console session.
// The client begins with frameHello; the server ends with frameDone.
type frameKind byte

const (
	frameHello  frameKind = 'H' // client: what the session is to be, a hello in JSON
	frameLine   frameKind = 'L' // client, mode exec: a line to execute
	frameEnd    frameKind = 'E' // client, mode exec: there are no more lines
	frameKeys   frameKind = 'K' // client, mode terminal: what was typed
	frameSize   frameKind = 'S' // client, mode terminal: columns and rows, two bytes each
	frameOutput frameKind = 'O' // server: what goes to standard output
	frameNote   frameKind = 'N' // server: what goes to standard error, a whole line
	frameDone   frameKind = 'D' // server: one byte, 1 when something failed
)

// hello is the first frame of a client.
type hello struct {
	Protocol int    `json:"protocol"`
	Terminal bool   `json:"terminal"` // mode terminal, else mode exec
	User     string `json:"user"`
	Cols     int    `json:"cols,omitempty"`
	Rows     int    `json:"rows,omitempty"`
}

const protocolVersion = 1

// frameLimit is the most that a frame may carry, in bytes: a line that is longer
// than maxLine can still be named as such, and output is cut into frames that fit.
const frameLimit = 4 * maxLine

// maxSkip is how much of a frame above the limit is read over before the
// connection is given up, in bytes.
const maxSkip = 64 << 20

// errFrameTooLong is returned for a frame above the limit that was skipped: what
// follows can be read.
var errFrameTooLong = errors.New("frame is too long")

// writeFrame writes one frame in one write.
func writeFrame(w io.Writer, kind frameKind, payload []byte) error {
	b := make([]byte, 5, 5+len(payload))
	b[0] = byte(kind)
	binary.BigEndian.PutUint32(b[1:], uint32(len(payload)))
	_, err := w.Write(append(b, payload...))
	return err
}

// readFrame reads one frame. The error is io.EOF when the connection ended between
// two frames.
func readFrame(r io.Reader) (frameKind, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	kind, n := frameKind(head[0]), int64(binary.BigEndian.Uint32(head[1:]))
	switch {
	case n > maxSkip:
		return kind, nil, fmt.Errorf("a frame of %d bytes", n)
	case n > frameLimit:
		if _, err := io.CopyN(io.Discard, r, n); err != nil {
			return kind, nil, err
		}
		return kind, nil, errFrameTooLong
	}
	payload := make([]byte, n)
	if _, err := io.ReadFull(r, payload); err != nil {
		return kind, nil, io.ErrUnexpectedEOF
	}
	return kind, payload, nil
}

// frameWriter sends what is written to it as frames of one kind.
type frameWriter struct {
	w    io.Writer
	kind frameKind
}

func (f frameWriter) Write(p []byte) (int, error) {
	const piece = 32 << 10
	for at := 0; at < len(p); at += piece {
		if err := writeFrame(f.w, f.kind, p[at:min(at+piece, len(p))]); err != nil {
			return at, err
		}
	}
	return len(p), nil
}

func encodeSize(s size) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(min(max(s.cols, 0), 0xffff)))
	return binary.BigEndian.AppendUint16(b, uint16(min(max(s.rows, 0), 0xffff)))
}

func decodeSize(b []byte) (size, error) {
	if len(b) != 4 {
		return size{}, fmt.Errorf("a size frame of %d bytes", len(b))
	}
	return size{int(binary.BigEndian.Uint16(b)), int(binary.BigEndian.Uint16(b[2:]))}, nil
}

func decodeHello(b []byte) (hello, error) {
	var h hello
	if err := json.Unmarshal(b, &h); err != nil {
		return h, fmt.Errorf("reading the greeting: %w", err)
	}
	if h.Protocol != protocolVersion {
		return h, fmt.Errorf("the client speaks version %d of the control protocol, this program version %d", h.Protocol, protocolVersion)
	}
	return h, nil
}
