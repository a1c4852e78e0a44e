package builtin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"utmsim/scanner"
)

// The parts of the budget that are not settings.
const (
	// maxMembers bounds the files in all archives of one object: empty members
	// cost time without costing bytes.
	maxMembers = 10_000
	// workFactor bounds what all decoders of one object may read, as a multiple
	// of the object and of what may come out of it. A well-formed object is read
	// at most twice; entries that overlap would be read without end.
	workFactor = 4
	// maxCodings bounds the content codings of one object.
	maxCodings = 8
)

// Why a scan stops before the end of the object; neither is an error.
var (
	errDetected = errors.New("detected")
	errBudget   = errors.New("budget used up")
)

// scan is the state of one call of Scan.
type scan struct {
	engine  *Engine
	ctx     context.Context
	top     layer
	nest    int   // archives that may still be opened inside each other
	left    int64 // bytes that may still come out of decoders
	work    int64 // bytes that decoders may still read
	members int   // members that may still be opened
	verdict scanner.Verdict
	stop    error // why nothing more is read; nil while the scan goes on

	body  content      // the object itself
	sieve sieve        // for its bytes
	flat  bytes.Reader // over Object.Flat
	chunk []byte       // to read Object.Body into
	head  [headSize]byte
}

func (e *Engine) newScan(ctx context.Context, obj *scanner.Object) *scan {
	s, ok := e.scans.Get().(*scan)
	if !ok {
		s = &scan{engine: e}
	}
	s.ctx = ctx
	s.top = layer{name: obj.Name}
	s.nest, s.left = obj.Limits.Nest, obj.Limits.Uncompressed
	if s.nest == 0 {
		s.nest = scanner.DefaultNest
	}
	if s.left == 0 {
		s.left = scanner.DefaultUncompressed
	}
	s.work = workBudget(max(obj.Size, int64(len(obj.Flat))), s.left)
	s.members = maxMembers
	s.sieve.reset(s, &s.top, false)
	return s
}

func workBudget(size, unpacked int64) int64 {
	if size > math.MaxInt64/workFactor/2 || unpacked > math.MaxInt64/workFactor/2 {
		return math.MaxInt64
	}
	return workFactor * (size + unpacked + chunkSize)
}

func (s *scan) release() {
	s.ctx, s.stop, s.verdict, s.top, s.body = nil, nil, scanner.Verdict{}, layer{}, content{}
	s.flat.Reset(nil)
	s.engine.scans.Put(s)
}

// result is what the caller hears. Whatever stopped the scan other than a
// detection or the budget means that there is no verdict.
func (s *scan) result() (scanner.Verdict, error) {
	if s.stop != nil && s.stop != errDetected && s.stop != errBudget {
		return scanner.Verdict{}, s.stop
	}
	if s.verdict.Class != scanner.Clean {
		s.verdict.Engine = Name
	}
	return s.verdict, nil
}

// note records an archive verdict. The first one names the class.
func (s *scan) note(c scanner.Class, l *layer, reason string) {
	if !l.doubtful {
		s.record(c, l, reason)
	}
}

func (s *scan) record(c scanner.Class, l *layer, reason string) {
	s.verdict.Findings |= scanner.SetOf(c)
	if s.verdict.Class == scanner.Clean {
		s.verdict.Class, s.verdict.Name, s.verdict.Part = c, reason, l.path()
	}
}

// detect records a detection, which ends the scan.
func (s *scan) detect(sig *signature, l *layer) { s.detected(sig.class, sig.name, l) }

func (s *scan) detected(c scanner.Class, name string, l *layer) {
	s.verdict.Class, s.verdict.Name, s.verdict.Part = c, name, l.path()
	s.stop = errDetected
}

// exhausted records that the budget is used up, which ends the scan.
func (s *scan) exhausted(l *layer, reason string) {
	if s.stop == nil {
		s.record(scanner.Oversize, l, reason)
		s.stop = errBudget
	}
}

// alive says whether the scan goes on.
func (s *scan) alive() bool {
	if s.stop == nil {
		s.stop = s.ctx.Err()
	}
	return s.stop == nil
}

// fail stops the scan because the object can't be read.
func (s *scan) fail(err error) {
	if s.stop == nil {
		s.stop = fmt.Errorf("reading the object: %w", err)
	}
}

// object scans the object's own bytes first, because that is cheap and what
// most detections are found by, and then what is inside.
func (s *scan) object(obj *scanner.Object) {
	if obj.Flat != nil {
		s.flat.Reset(obj.Flat)
		s.body = content{at: &s.flat, size: int64(len(obj.Flat)), head: obj.Flat}
		s.sieve.expect(s.body.size)
		s.feedFlat(obj.Flat)
	} else {
		s.sieve.expect(obj.Size)
		s.body = content{at: obj.Body, size: obj.Size, head: s.feedBody(obj.Body, obj.Size)}
	}
	if s.alive() {
		s.sieve.finish()
	}
	s.body.zipAt, s.body.packAt = s.sieve.zipAt, s.sieve.packAt
	if s.alive() {
		s.coded(&s.body, obj.Encodings, &s.top)
	}
}

// flatPiece is how much of a flat body is searched between two looks at ctx.
const flatPiece = 256 << 10

func (s *scan) feedFlat(p []byte) {
	for len(p) > 0 && s.alive() {
		n := min(len(p), flatPiece)
		s.sieve.feed(p[:n])
		p = p[n:]
	}
}

// feedBody returns the first bytes of the body.
func (s *scan) feedBody(body io.ReaderAt, size int64) (head []byte) {
	for off := int64(0); off < size && s.alive(); {
		piece := scanner.Look(body, off, min(size, off+flatPiece))
		if piece == nil {
			if piece = s.copied(body, off, size); piece == nil {
				return nil
			}
		}
		if off == 0 {
			head = s.head[:copy(s.head[:], piece)]
		}
		s.sieve.feed(piece)
		off += int64(len(piece))
	}
	return head
}

// copied is the next chunk of a body, nil when it can't be read.
func (s *scan) copied(body io.ReaderAt, off, size int64) []byte {
	if s.chunk == nil {
		s.chunk = make([]byte, chunkSize)
	}
	want := int(min(size-off, chunkSize))
	n, err := body.ReadAt(s.chunk[:want], off)
	if n < want {
		s.fail(noEOF(err))
		return nil
	}
	return s.chunk[:n]
}

// noEOF is err, where the end of the content must not come yet.
func noEOF(err error) error {
	if err == nil || err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
