package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"

	"utmsim/internal/config"
	"utmsim/internal/filefilter"
	"utmsim/internal/stats"
	"utmsim/protocols/wire"
	"utmsim/scanner"
)

// Source delivers one object's bytes as they stand on the wire.
type Source interface {
	// Next returns the next piece of the object, at least one byte, or io.EOF when
	// the object is complete. content tells whether the scanner sees the piece or
	// it is framing (a chunk header, a stuffed dot) that only has to be passed on.
	// The piece stays valid until a call of Next that reads from the network.
	// After wire.ErrWake the call is repeated.
	Next() (piece []byte, content bool, err error)
	// Buffered tells that the next call of Next will not read from the network.
	Buffered() bool
}

// CountedSource is a Source whose remaining length is known and is all content,
// so that its bytes need not pass through a read buffer.
type CountedSource interface {
	Source
	// Left is how many bytes are still to come, those in the read buffer included.
	Left() int64
	// Conn is where they come from.
	Conn() *wire.Conn
	// Took tells the source that n bytes were taken from Conn behind its back.
	Took(n int64)
}

// Inspection says what is to be held and judged, and what belongs to it.
type Inspection struct {
	// Object describes the object; Size, Body, Flat and Limits are filled in by the engine.
	Object scanner.Object
	Source Source
	// Dir decides which counters the verdict moves.
	Dir stats.Direction
	// Head goes to To before the object's first byte.
	Head []byte
	// To receives the object once it is released, and bytes for comfort before.
	To *wire.Conn
	// Uninspectable objects (a part of a file, say) are released as they come and
	// counted as such.
	Uninspectable bool
	// Exempt objects are released as they come, because a filter says so; see
	// Session.FilterName.
	Exempt bool
	// Comfort allows client comforting where the options ask for it.
	Comfort bool
	// Splice sends the object to To while it is read. The piece that was read last
	// is held back until the verdict, so that a receiver never has the end of an
	// object that is blocked; see Hold.Comforted.
	Splice bool
	// Split, if set, names the parts to be judged one by one instead of the whole
	// (the files of a form, the parts of a mail). Each has Body, Size and Name set.
	Split func(whole *scanner.Object) []scanner.Object
	// Found is what Split itself has found, which sets it: that the object is larger
	// than the limits when taken apart, say. A detection in a part outweighs it.
	Found scanner.Verdict
	// Fragment says that the object is a piece of one that nobody can judge; Split
	// may set it. Unless something is detected all the same, its outcome is
	// Unscanned and no verdict is counted.
	Fragment bool
	// Addresses finds sender and recipients in a mail, for messages about it.
	Addresses func(raw io.ReaderAt, size int64) (from, to string)
	// Nesting, if set, knows how the parts lie inside each other; Split may set it.
	Nesting Nesting
	// Every has all parts judged, not only those up to the first detection. What
	// Split was given then stays readable until Release or Discard.
	Every bool
	// Letter, if set, has the object looked at by the spam filter, where there is one.
	Letter LetterOf
}

// Nesting leaves of the numbers of parts those that have no other of them inside.
type Nesting interface{ Innermost(parts []int) []int }

// Outcome is what became of an object.
type Outcome uint8

// The outcomes. Those from Detected on block.
const (
	Clean      Outcome = iota
	Unscanned          // released without a verdict: oversize, or an error whose policy is pass
	Detected           // a scanner found something, or the file filter or the list of banned words blocks it
	TooLarge           // larger than the hold limit, and the option says block
	ScanFailed         // no verdict, and the policy is block
	ScanReset          // no verdict, and the policy is reset
	Backlog            // too many scans wait already
	Spammed            // the spam filter discards it
)

var outcomeWords = [...]string{"clean", "unscanned", "detected", "oversize", "scan-error", "scan-reset", "backlog", "spam"}

func (o Outcome) String() string { return outcomeWords[o] }

// Hold is an object that was read, kept and judged.
type Hold struct {
	Outcome Outcome
	Verdict scanner.Verdict
	// Comforted tells that the receiver has some of the bytes already, so that a
	// replacement can't be sent any more.
	Comforted bool
	// Spam is what the spam filter says; nil when it is none. Where it tags the mail,
	// the mark is put in on release, see Inserted.
	Spam *Spam
	// Parts are the verdicts on the parts that Inspection.Split has named, in their
	// order, as far as they were judged. One without a verdict has the zero value.
	Parts []scanner.Verdict
	// BadName is the name of the first part that must not be delivered and has one.
	BadName string

	s         *Session
	in        *Inspection
	inst      [inPlaceMax]piece // pieces that still lie in the read buffer
	n         int
	spool     spool
	size      int64 // content bytes held
	held      int64 // bytes held, framing included
	given     int64 // bytes already with the receiver
	last      int64 // bytes of the piece that was read last
	head      bool  // Head is already with the receiver
	ended     bool  // the source is complete
	limit     timeLimit
	comfortAt int64 // when the receiver gets the next bytes, engine clock; 0: never
	leak      stats.LeakReason
	kept      []keptPart
	keptWhy   string          // why nothing was kept; "" as long as nobody has tried
	score     int             // of the banned words
	fileType  filefilter.Type // as far as the file filter had to know it
}

const inPlaceMax = 8

// piece is a stretch of the object that lies in the read buffer.
type piece struct {
	b       []byte
	content bool
}

// Blocked tells that the object must not be delivered.
func (h *Hold) Blocked() bool { return h.Outcome >= Detected }

// Blocks tells whether the policy blocks an object, or a part, with the verdict v.
func (h *Hold) Blocks(v scanner.Verdict) bool { return h.s.policy.blocks(v) }

// Inspect reads an object, holds it, and has it judged. An object that is not
// to be scanned (profile, options) is released as it comes. The error is the
// source's, or the end of the session, with ErrComforted where it applies;
// verdicts and failing scanners are no errors. The caller calls Release or Discard exactly once.
func (s *Session) Inspect(ctx context.Context, in *Inspection) (*Hold, error) {
	h := s.newHold(in)
	if s.unscanned {
		h.Outcome, h.leak = Unscanned, s.leak
		return h, nil
	}
	if s.policy.files != nil && !in.Exempt && h.filterByName() {
		return h, nil
	}
	if in.Uninspectable {
		h.Outcome, h.leak = Unscanned, stats.LeakUninspectable
		return h, nil
	}
	if in.Exempt {
		h.Outcome, h.leak = Unscanned, stats.LeakExempt
		return h, nil
	}
	filter := in.Letter != nil && s.FiltersSpam()
	if !s.policy.judges && !filter {
		h.Outcome, h.leak = Unscanned, stats.LeakPolicy
		return h, nil
	}
	over, err := h.collect()
	if err != nil {
		return nil, h.fail(err)
	}
	if filter {
		if err := h.judgeSpam(ctx, over); err != nil {
			return nil, h.fail(err)
		}
	}
	switch {
	case h.Outcome == Spammed, s.policy.files != nil && h.filterByType():
		return h, nil
	case over:
		h.oversize()
		return h, nil
	case !s.policy.judges:
		h.Outcome, h.leak = Unscanned, stats.LeakPolicy
		return h, nil
	}
	if err = s.eng.scans.judge(ctx, s, h); err != nil {
		return nil, h.fail(err)
	}
	return h, nil
}

// fail ends a hold that came to no outcome.
func (h *Hold) fail(err error) error {
	h.Discard()
	if h.Comforted {
		return fmt.Errorf("%w: %w", ErrComforted, err)
	}
	return err
}

// collect reads the source until it is complete or too large to be held (over).
func (h *Hold) collect() (over bool, err error) {
	limit := h.s.policy.oversize
	for {
		if !h.in.Source.Buffered() {
			if err := h.settleDown(); err != nil {
				return false, err
			}
			if c, ok := h.in.Source.(CountedSource); ok && len(c.Conn().Buffered()) == 0 && c.Left() > 0 {
				if h.size+c.Left() > limit {
					return true, nil
				}
				if err := h.direct(c); err != nil {
					return false, err
				}
				continue
			}
		}
		b, content, err := h.in.Source.Next()
		switch {
		case errors.Is(err, io.EOF):
			h.ended = true
			return false, nil
		case errors.Is(err, wire.ErrWake):
			if err := h.comfort(); err != nil {
				return false, err
			}
			continue
		case err != nil:
			return false, err
		}
		if err := h.keep(b, content); err != nil {
			return false, err
		}
		if h.size > limit || len(h.spool.runs) > maxRuns {
			return true, nil
		}
	}
}

// keep adds a piece, in place as long as nothing was read behind it.
func (h *Hold) keep(b []byte, content bool) error {
	h.held += int64(len(b))
	h.last = int64(len(b))
	if content {
		h.size += int64(len(b))
	}
	if h.spool.empty() {
		if h.n > 0 && h.inst[h.n-1].content == content && adjacent(h.inst[h.n-1].b, b) {
			last := &h.inst[h.n-1]
			last.b = last.b[:len(last.b)+len(b)]
			return nil
		}
		if h.n < len(h.inst) {
			h.inst[h.n] = piece{b, content}
			h.n++
			return nil
		}
		h.toSpool()
	}
	h.spool.write(b, content)
	return h.comfortIfDue()
}

// adjacent tells that b follows a in the same array.
func adjacent(a, b []byte) bool {
	return cap(a)-len(a) >= len(b) && &a[:len(a)+1][len(a)] == &b[0]
}

// toSpool copies the pieces in place before the read buffer changes.
func (h *Hold) toSpool() {
	for _, p := range h.inst[:h.n] {
		h.spool.write(p.b, p.content)
	}
	h.n = 0
}

// settleDown makes the hold independent of the read buffer.
func (h *Hold) settleDown() error {
	h.toSpool()
	if h.in.Splice {
		return h.splice()
	}
	return h.comfortIfDue()
}

// direct reads counted bytes from the socket straight into the spool.
func (h *Hold) direct(c CountedSource) error {
	room := h.spool.room()
	if left := c.Left(); int64(len(room)) > left {
		room = room[:left]
	}
	n, err := c.Conn().Read(room)
	if n > 0 {
		h.spool.commit(n)
		h.last = int64(n)
		h.held += int64(n)
		h.size += int64(n)
		c.Took(int64(n))
	}
	switch {
	case errors.Is(err, wire.ErrWake):
		return h.comfort()
	case errors.Is(err, io.EOF) && n == 0:
		return io.ErrUnexpectedEOF
	case err != nil && n == 0:
		return err
	}
	return h.comfortIfDue()
}

// oversize decides about an object larger than the hold limit. Where nobody would have
// scanned it that is no reason to block it.
func (h *Hold) oversize() {
	if !h.s.policy.scan {
		h.Outcome, h.leak = Unscanned, stats.LeakPolicy
		return
	}
	block := h.s.policy.oversizeBlock
	h.s.verdicts(h.in.Dir).Oversize(block)
	h.Outcome = TooLarge
	if !block {
		h.Outcome, h.leak = Unscanned, stats.LeakOversize
	}
	h.s.eng.tooLarge(h)
}

// newHold prepares a hold.
func (s *Session) newHold(in *Inspection) *Hold {
	h := &Hold{s: s, in: in}
	h.spool.begin(&s.eng.memory, &s.shown.held)
	s.held = h
	if in.Comfort && !in.Splice && in.To != nil && s.policy.comfortEvery > 0 {
		h.armComfort()
	}
	return h
}

// errorOutcome is what a missing verdict means under an error policy.
func errorOutcome(p config.ErrorAction) Outcome {
	switch p {
	case config.ErrorPass:
		return Unscanned
	case config.ErrorReset:
		return ScanReset
	}
	return ScanFailed
}
