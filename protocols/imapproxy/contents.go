package imapproxy

import (
	"context"
	"errors"
	"fmt"
	"io"

	"utmsim/internal/config"
	"utmsim/internal/replacemsg"
	"utmsim/internal/stats"
	"utmsim/protocols/mail"
	"utmsim/protocols/wire"
	"utmsim/proxy"
	"utmsim/scanner"
)

// reader passes a response of data on. Between two responses it lies in a pool.
type reader struct {
	*dialogue
	scan       scan
	begun      bool   // the client has some of the response
	literals   int    // of the response
	head       []byte // of the response, up to the next content
	mark       int    // where in head the content's own beginning is: a quote, or the announcement
	counted    wire.Counted
	quoted     quoted
	source     proxy.Source // one of these
	section    section
	partial    bool   // it is a piece of the section
	encoding   string // of a part, as far as it shows
	inspection proxy.Inspection
	walked     *mail.Message // nil: the content was not taken apart
}

func (d *Driver) take(x *dialogue) *reader {
	r, ok := d.readers.Get().(*reader)
	if !ok {
		r = new(reader)
	}
	r.dialogue = x
	return r
}

// giveBack forgets everything but the memory.
func (d *Driver) giveBack(r *reader) {
	*r = reader{head: r.head[:0]}
	d.readers.Put(r)
}

// passData passes a response on that is neither status nor go-ahead. Contents are
// in those that begin with a number (RFC 9051 section 7.5).
func (x *dialogue) passData(ctx context.Context, fetch bool) error {
	r := x.driver.take(x)
	defer x.driver.giveBack(r)
	r.scan.fetch = fetch
	for {
		done, err := r.next(ctx)
		if done || err != nil {
			return err
		}
	}
}

// next passes on what stands before the next content, and that.
func (r *reader) next(ctx context.Context) (done bool, err error) {
	b, complete, err := r.stretch()
	if err != nil {
		return false, r.broken(ctx, err)
	}
	n, isContent, err := r.scan.feed(b)
	if err != nil {
		return false, r.broken(ctx, err)
	}
	b = b[:n]
	switch {
	case isContent:
		r.begin(b, n-1)
		r.quoted.begin(r.s.Server())
		r.source = &r.quoted
		return false, r.content(ctx)
	case !complete:
		return false, r.pass(b)
	}
	return r.lineEnds(ctx, b)
}

// lineEnds passes a line on, and the literal that it announces.
func (r *reader) lineEnds(ctx context.Context, b []byte) (done bool, err error) {
	lit, announced, err := wire.ParseLiteral(b, maxMail)
	judged := false
	switch {
	case err != nil:
		err = faultLiteral
	case len(b) < 2 || b[len(b)-2] != '\r':
		err = faultLineEnd
	case r.scan.quoted:
		err = faultQuote
	case announced:
		if r.literals++; r.literals > maxStrings {
			err = faultSize
			break
		}
		judged, err = r.scan.judged(lit)
	case r.scan.bracket:
		err = faultQuote
	}
	if err != nil {
		return false, r.broken(ctx, err)
	}
	if !judged {
		if err := r.pass(b); err != nil || !announced {
			return true, err
		}
		return false, r.passLiteral(ctx, lit)
	}
	r.begin(b, lit.At)
	r.counted.Reset(r.s.Server(), lit.Size)
	r.source = &r.counted
	return false, r.content(ctx)
}

// maxStrings bounds the literals of one response: a mail may have many recipients,
// each name a literal.
const maxStrings = 100_000

// maxMail bounds the literal of a content: no mailbox holds a mail so large, and
// the count can't overflow.
const maxMail = 1 << 40

// pass passes a stretch of the response on.
func (r *reader) pass(b []byte) error {
	r.s.Server().Skip(len(b))
	r.begun = true
	_, err := r.s.Client().Write(b)
	return err
}

// passLiteral passes a literal on that is no content.
func (r *reader) passLiteral(ctx context.Context, lit wire.Literal) error {
	r.counted.Reset(r.s.Server(), lit.Size)
	for {
		if !r.counted.Buffered() {
			if err := r.s.Client().Flush(); err != nil {
				return err
			}
		}
		b, _, err := r.counted.Next()
		switch {
		case errors.Is(err, io.EOF):
			r.scan.valueEnds()
			return nil
		case errors.Is(err, wire.ErrWake):
			continue
		case err != nil:
			return cutShort(ctx, err)
		}
		if _, err := r.s.Client().Write(b); err != nil {
			return err
		}
	}
}

// begin keeps what stands before a content until that is judged. mark is where in b
// the content's own beginning is.
func (r *reader) begin(b []byte, mark int) {
	r.head, r.mark = append(r.head[:0], b...), mark
	r.s.Server().Skip(len(b))
}

// broken ends the session in a response that does not come to its end. As long as
// the client has nothing of it, it can be told.
func (r *reader) broken(ctx context.Context, err error) error {
	if r.begun {
		return cutShort(ctx, err)
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return r.serverLost(ctx, err)
}

// content has a content judged and passes it on, or a notice in its place.
func (r *reader) content(ctx context.Context) error {
	r.section, r.partial = r.scan.current()
	r.scan.valueEnds()
	if err := r.flushBehind(); err != nil {
		return err
	}
	r.inspection = proxy.Inspection{
		Object: scanner.Object{Kind: scanner.Mail}, Source: r.source, Dir: stats.Down,
		Head: r.head, To: r.s.Client(), Split: r.split, Addresses: mail.Addresses, Every: true, Fragment: r.partial,
	}
	if r.section == sectionWhole && !r.partial && r.s.FiltersSpam() {
		r.inspection.Letter = r.letter
	}
	defer r.release()
	hold, err := r.s.Inspect(ctx, &r.inspection)
	if err != nil {
		return r.broken(ctx, err)
	}
	switch {
	case hold.Outcome == proxy.ScanReset:
		hold.Discard()
		return fmt.Errorf("scanning a mail: %w", proxy.ErrReset)
	case hold.Outcome == proxy.Backlog:
		return r.putOff(hold)
	case hold.Blocked():
		return r.block(ctx, hold)
	case r.partial && r.options().PartialBlock:
		return r.replaceAll(ctx, hold, "partial", r.s.Message(replacemsg.IMAPPartial, hold.About(nameless)))
	case r.isFragment() && !r.options().Options.Has(config.Fragmail):
		r.s.Stats().IMAP.Stat.FragmentedBlock.Inc()
		return r.replaceAll(ctx, hold, "fragment", r.s.Message(replacemsg.EmailPartial, hold.About(nameless)))
	case r.isFragment():
		r.s.Stats().IMAP.Stat.FragmentedPass.Inc()
	}
	if hold.Spam != nil {
		return r.deliverSpam(ctx, hold)
	}
	r.begun = true
	if err := hold.Release(); err != nil {
		return cutShort(ctx, err)
	}
	return nil
}

// flushBehind gives the client what stands before the response when the server has
// to be waited for.
func (r *reader) flushBehind() error {
	if r.source == &r.counted && int64(len(r.s.Server().Buffered())) >= r.counted.Left() {
		return nil
	}
	return r.s.Client().Flush()
}

// split takes a content apart for the scanner.
func (r *reader) split(whole *scanner.Object) []scanner.Object {
	if r.section != sectionWhole {
		r.encoding = encodingOf(whole)
	}
	if _, err := r.walk(whole); err != nil {
		return []scanner.Object{*whole} // the scanner will fail in the same way
	}
	r.inspection.Fragment = r.inspection.Fragment || r.walked.Partial != nil
	r.inspection.Found, r.inspection.Nesting = r.walked.Found(), r.walked
	return r.walked.Objects()
}

// walk takes a message apart, or a part whose head the client has got before, or
// never asked for; once.
func (r *reader) walk(whole *scanner.Object) (_ *mail.Message, err error) {
	switch {
	case r.walked != nil:
	case r.section == sectionWhole:
		r.walked, err = mail.Walk(whole, r.limits())
	default:
		r.walked, err = mail.WalkBody(whole, "", r.encoding, r.limits())
	}
	return r.walked, err
}

// encodingOf is how a part seems to be encoded, by its first line: the notice is in
// the same way, because the client will decode it.
func encodingOf(body *scanner.Object) string {
	var first [76]byte
	n, _ := body.Body.ReadAt(first[:], 0)
	digits := 0
	for _, c := range first[:n] {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '+', c == '/':
			digits++
			continue
		case c == '=', c == '\r', c == '\n':
		default:
			return ""
		}
		break
	}
	if digits < minEncoded {
		return ""
	}
	return "base64"
}

// minEncoded is how many digits of base64 are more than a word.
const minEncoded = 20

// isFragment tells that the content is a piece of a message that was cut into
// several.
func (r *reader) isFragment() bool { return r.walked != nil && r.walked.Partial != nil }

// limits leave room for everything in a content that is not too large itself.
func (x *dialogue) limits() mail.Limits {
	return mail.Limits{Decoded: max(x.options().UncompressedOversizeLimit, x.options().OversizeLimit)}
}

// release gives the memory of a content back that was taken apart.
func (r *reader) release() {
	if r.walked != nil {
		r.walked.Release()
		r.walked = nil
	}
}

// putOff tells the client that a content can't be judged now, and ends the session:
// what it has not got it will ask for the next time. A notice it would keep.
func (r *reader) putOff(hold *proxy.Hold) error {
	hold.Discard()
	r.s.Note(hold.Outcome.String())
	if !r.begun {
		r.tell(byeBacklog)
	}
	return fmt.Errorf("scanning a mail: %w", proxy.ErrBlocked)
}
