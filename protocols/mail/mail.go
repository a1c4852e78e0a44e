// Package mail finds what is to be judged in a mail or a news article, the
// tolerant way in which a victim's program would find it, and puts a notice in the
// place of a part while it leaves every other byte as it was.
//
// Where programs differ, all their readings are looked at: a line end may be a
// bare LF or CR, a boundary may be given twice or not at all, an encoding may be
// declared with a comment or not at all. What one reading hides another shows, and
// the message itself is always an object as well. One budget holds for the whole
// message, whatever its structure.
//
// The package does not know verdicts, sessions or how a message travels: dots are
// not stuffed here. It reads the body of no archive, and it decides nothing.
package mail

import (
	"bytes"
	"sync"

	"utmsim/scanner"
)

// Limits bound what walking one message may cost. The zero value means the
// defaults.
type Limits struct {
	Parts   int   // objects, the message itself included; 0 means DefaultParts
	Depth   int   // multiparts and messages inside each other; 0 means DefaultDepth
	Decoded int64 // bytes of decoded content kept in memory; 0 means DefaultDecoded
}

// Defaults of Limits. Real mail stays far below them.
const (
	DefaultParts   = 1000
	DefaultDepth   = 32
	DefaultDecoded = scanner.DefaultUncompressed
)

// Limits that are not settings.
const (
	maxHead     = 64 << 10 // bytes of content fields that one head may have
	maxLine     = 16 << 10 // bytes of a line that are looked at for structure
	maxBoundary = 1000     // bytes; RFC 2046 allows 70
	maxName     = 1000     // bytes of a file name
	// workFactor bounds what all readings and decoders together may read, as a
	// multiple of the message; an honest one is read three times.
	workFactor = 24
	minWork    = 1 << 20
)

// Excess says which part of the budget a message has used up.
type Excess uint8

// The parts of the budget.
const (
	WithinLimits Excess = iota
	TooManyParts
	TooDeep
	TooMuchDecoded
	TooMuchWork
	HeadTooLong
)

var excessWords = [...]string{"within limits", "too many parts", "nested too deep", "decoded content too large", "too much work", "head too long"}

func (e Excess) String() string { return excessWords[e] }

// Coding is how a part's content is written in the message.
type Coding uint8

// The codings.
const (
	Identity Coding = iota // as it is
	Base64
	Quoted // quoted-printable
	UU     // a uuencode block
	YEnc   // a yEnc block, or several joined
)

var codingWords = [...]string{"identity", "base64", "quoted-printable", "uuencode", "yenc"}

func (c Coding) String() string { return codingWords[c] }

// Span is a stretch of the raw message, in bytes from its beginning.
type Span struct{ From, To int64 }

// Len is its length in bytes.
func (s Span) Len() int64 { return s.To - s.From }

// Part is something to be judged.
type Part struct {
	// Object has the decoded content. Its Name is the first of Names.
	Object scanner.Object
	Names  []string // all file names a program might show
	Coding Coding
	// Head and Body are what stands in the raw message: the part's own header
	// lines, and what Replace puts the notice in place of. What was found inside
	// decoded content has those of the part around it.
	Head, Body Span

	spot spot
	flat bytes.Reader // over Object.Flat
}

// Whole tells that the part is the message itself, the last one of a message.
func (p *Part) Whole() bool { return p.spot.place == placeWhole }

// Partial is what a message/partial says about itself (RFC 2046 section 5.2.2).
// Number and Total are 0 where they are missing or no numbers.
type Partial struct {
	ID            string
	Number, Total int
}

// Message is a message that was walked.
type Message struct {
	// Parts are in the order of the message, inner ones before those around them,
	// the message itself last.
	Parts []Part
	// Partial is set for a fragment of a message, which can't be judged.
	Partial *Partial
	// Exceeded says that the message is larger than Limits allow once it is taken
	// apart: not everything in it is among Parts.
	Exceeded Excess

	kind   scanner.Kind
	limits Limits
	arena  arena
	work   int64 // bytes that may still be read
	done   []doneKey
	frames []frame // room for those of a reading
	nextID int
	err    error

	// Room for what an ordinary message has, so that nothing is allocated for it.
	firstParts  [4]Part
	firstDone   [6]doneKey
	firstFrames [3]frame
	headRoom    headRoom
}

// doneKey names a stretch of a source that was decoded, so that another reading
// of the same message does not do it again.
type doneKey struct {
	source   int
	from, to int64
	coding   Coding
	variant  bool
}

// Walk takes a message apart. whole has its Size and Body, and Flat when it lies
// in one piece; both stay in use until Release. The error is that of reading Body.
func Walk(whole *scanner.Object, limits Limits) (*Message, error) {
	m := newMessage(whole, limits)
	m.read(m.sourceOf(whole), nil, 0, nil)
	return m.finish(whole, nil)
}

// WalkBody takes apart a body whose head is not at hand (a section fetched by
// IMAP). contentType and encoding are what is known of the head, or empty.
func WalkBody(whole *scanner.Object, contentType, encoding string, limits Limits) (*Message, error) {
	m := newMessage(whole, limits)
	var h header
	if contentType != "" {
		h.types = [][]byte{[]byte(contentType)}
	}
	if encoding != "" {
		h.codings = [][]byte{[]byte(encoding)}
	}
	m.read(m.sourceOf(whole), nil, 0, &h)
	return m.finish(whole, &h)
}

// messages are a cache, not state.
var messages sync.Pool // of *Message

func newMessage(whole *scanner.Object, limits Limits) *Message {
	if limits.Parts == 0 {
		limits.Parts = DefaultParts
	}
	if limits.Depth == 0 {
		limits.Depth = DefaultDepth
	}
	if limits.Decoded == 0 {
		limits.Decoded = DefaultDecoded
	}
	m, ok := messages.Get().(*Message)
	if !ok {
		m = new(Message)
	}
	m.kind, m.limits, m.work = whole.Kind, limits, minWork+workFactor*whole.Size
	m.arena.limit = limits.Decoded
	m.Parts, m.done = m.firstParts[:0], m.firstDone[:0]
	m.frames = m.firstFrames[:0]
	return m
}

// finish adds the message itself, or the body whose head is above.
func (m *Message) finish(whole *scanner.Object, above *header) (*Message, error) {
	if err := m.err; err != nil {
		m.Release()
		return nil, err
	}
	all := Span{0, whole.Size}
	p := Part{Object: *whole, Body: all, spot: spot{place: placeWhole, body: all}}
	if above != nil {
		p.spot.place, p.spot.coding = placeBody, above.nature().around()
	}
	if whole.Name != "" {
		p.Names = []string{whole.Name}
	}
	m.Parts = append(m.Parts, p)
	return m, nil
}

// Objects are the objects of Parts, in the same order.
func (m *Message) Objects() []scanner.Object {
	list := make([]scanner.Object, len(m.Parts))
	for i := range m.Parts {
		list[i] = m.Parts[i].Object
		list[i].Names = m.Parts[i].Names
		for inner := i - 1; inner >= 0 && isInside(&m.Parts[inner], &m.Parts[i]); inner-- {
			list[i].Inner++
		}
	}
	return list
}

// Release gives the memory of the message back. Nothing of it must be used any more.
func (m *Message) Release() {
	m.arena.release()
	*m = Message{}
	messages.Put(m)
}

// exceed notes the first limit that did not hold.
func (m *Message) exceed(e Excess) {
	if m.Exceeded == WithinLimits {
		m.Exceeded = e
	}
}

// charge takes n bytes of reading from the budget and says whether it had as many.
func (m *Message) charge(n int64) bool {
	if m.stopped() {
		return false
	}
	if m.work -= n; m.work < 0 {
		m.exceed(TooMuchWork)
		return false
	}
	return true
}

// stopped tells that nothing more is looked at: each further part would cost time
// and change nothing.
func (m *Message) stopped() bool {
	return m.err != nil || m.Exceeded == TooManyParts || m.Exceeded == TooMuchWork
}

// attemptsPerPart is how many stretches may be decoded for each part there may be.
// Most give a part; the others are not to become more than can be compared.
const attemptsPerPart = 4

// first tells that nobody has done k before.
func (m *Message) first(k doneKey) bool {
	if len(m.done) >= attemptsPerPart*m.limits.Parts {
		m.exceed(TooManyParts)
		return false
	}
	for _, d := range m.done {
		if d == k {
			return false
		}
	}
	m.done = append(m.done, k)
	return true
}

// add appends a part, except for the last place, which is the message's own.
func (m *Message) add(p Part) {
	if len(m.Parts)+1 >= m.limits.Parts {
		m.exceed(TooManyParts)
		return
	}
	p.Object.Kind = m.kind
	if len(p.Names) > 0 {
		p.Object.Name = p.Names[0]
	}
	p.Head, p.Body = p.spot.head, p.spot.body
	m.Parts = append(m.Parts, p)
	if p.Object.Flat != nil {
		kept := &m.Parts[len(m.Parts)-1]
		kept.flat.Reset(p.Object.Flat)
		kept.Object.Body = &kept.flat
	}
}
