// Package scanner is the contract between the proxy and what judges content:
// an Object goes in, a Verdict comes out. Engines live in folders below.
//
// The package does not know protocols, sessions, counters or policies: whether
// an encrypted archive is blocked, what an error does and how many scans run at
// once is decided by the caller.
package scanner

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Scanner judges one object. Scan must stop when ctx ends and returns ctx's
// error then. An error means that there is no verdict, never that the object is
// clean. A Scanner may be used by many goroutines at once; obj and what it
// points to belong to the caller and are not kept after Scan has returned.
type Scanner interface {
	Scan(ctx context.Context, obj *Object) (Verdict, error)
}

// ErrLost is wrapped by the error of a scan whose engine went away in the middle of it.
var ErrLost = errors.New("the scan engine went away")

// Kind says where an object was found.
type Kind uint8

// The kinds of objects.
const (
	WebResponse Kind = iota // the body of an HTTP response
	WebRequest              // the body of an HTTP request other than POST
	Post                    // the body of a POST, or one file of a form
	Mail                    // a message, or one part of it
	File                    // a file moved by FTP
	Article                 // a news article, or one part of it
)

// Object is what a driver found.
type Object struct {
	Kind        Kind
	Name        string // what it is called in pages and logs, may be empty
	ContentType string // as declared, may be empty
	URL         string // HTTP alone

	// Encodings are the HTTP content codings in the order in which they were
	// applied, so that the last is the outermost (RFC 9110 section 8.4).
	Encodings []string

	// Names are all names under which a program may store it; none: it is no file
	// that has a name.
	Names []string
	// Inner is how many of the objects right before this one, in a list of the parts
	// of something, stand inside it.
	Inner int

	Size int64       // bytes in Body
	Body io.ReaderAt // the object as it travels; may be nil when Flat is given
	Flat []byte      // the whole body when it lies in one piece, otherwise nil

	Limits Limits
}

// Viewer is what lies in memory. Where the Body of an Object is one it may be read
// without copying.
type Viewer interface {
	// View is what lies in one piece from off on, at least one byte unless off is the
	// end, and nil where that isn't known. It must not be changed.
	View(off int64) []byte
}

// minView is the shortest piece that is worth looking at: below it a copy of many
// pieces costs less.
const minView = 4 << 10

// Look is the piece of body from off to at most end that lies in memory, nil when
// body is no Viewer or the pieces there are short.
func Look(body io.ReaderAt, off, end int64) []byte {
	v, ok := body.(Viewer)
	if !ok {
		return nil
	}
	piece := v.View(off)
	if int64(len(piece)) > end-off {
		piece = piece[:end-off]
	}
	if len(piece) < minView && off+int64(len(piece)) < end {
		return nil
	}
	return piece
}

// Limits bound what unpacking one object may cost. The zero value means the
// defaults.
type Limits struct {
	Uncompressed int64 // bytes that may come out of all decoders together; 0 means DefaultUncompressed
	Nest         int   // archives inside each other that are opened; 0 means DefaultNest
}

// Defaults of Limits: uncompressed-oversize-limit 10 MB, uncompressed-nest-limit 12.
const (
	DefaultUncompressed = 10 << 20
	DefaultNest         = 12
)

// Verdict is the judgement on an object. The zero value is clean.
type Verdict struct {
	Class  Class
	Name   string // of the detection, or what exactly is wrong with an archive
	Engine string // which engine says so
	// Part is the path to the place inside archives, names joined by "!", as in
	// "a.zip!b/eicar.com". It is empty when the object itself is meant.
	Part string
	// Findings is the set of all archive verdicts met on the way, whatever Class
	// says: a policy that lets encrypted archives pass must still see that the
	// same object holds a part that is Oversize.
	Findings ClassSet
}

// Chain asks scanners in turn. The first detection wins. Without one the first
// error is returned, because somebody has not judged; without an error the
// first verdict that is not clean, with the findings of all.
type Chain []Scanner

// Scan implements Scanner.
func (c Chain) Scan(ctx context.Context, obj *Object) (Verdict, error) {
	var result Verdict
	var failed error
	for i, s := range c {
		v, err := s.Scan(ctx, obj)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("scanner %d of the chain: %w", i+1, err))
			if ctx.Err() != nil {
				break
			}
			continue
		}
		if v.Class.Detection() {
			v.Findings |= result.Findings
			return v, nil
		}
		found := result.Findings | v.Findings
		if result.Class == Clean {
			result = v
		}
		result.Findings = found
	}
	if failed != nil {
		return Verdict{}, failed
	}
	return result, nil
}
