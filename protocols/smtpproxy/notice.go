package smtpproxy

import (
	"bytes"
	"context"
	"slices"

	"utmsim/protocols/mail"
	"utmsim/protocols/wire"
	"utmsim/proxy"
	"utmsim/scanner"
)

// maxRounds is how often what is left after a replacement is judged again before
// the whole message is given up for a notice.
const maxRounds = 4

// cleaned is a message in which the bad parts were replaced.
type cleaned struct {
	hold     *proxy.Hold
	limits   mail.Limits
	text     []byte // the message as it is now; nil: as it was held
	object   scanner.Object
	walked   *mail.Message
	verdicts []scanner.Verdict // on its parts
}

// replace delivers the message with notices in the place of its bad parts. done is
// false when that can't be done, and nothing has happened then.
func (x *dialogue) replace(ctx context.Context, t *transfer, hold *proxy.Hold) (done bool, err error) {
	if t.walked == nil || len(hold.Parts) != len(t.walked.Parts) {
		return false, nil
	}
	c := &cleaned{hold: hold, limits: t.limits(x.options()), object: t.inspection.Object, walked: t.walked, verdicts: hold.Parts}
	defer func() {
		if c.walked != t.walked {
			c.walked.Release()
		}
	}()
	for round := 0; ; round++ {
		bad := c.innermost()
		switch {
		case len(bad) == 0:
			hold.Discard()
			x.s.Note("replaced")
			return true, x.deliverText(ctx, t, c.text)
		case round > maxRounds:
			return false, nil
		case round == maxRounds:
			bad[0].Part = &c.walked.Parts[len(c.walked.Parts)-1]
			bad = bad[:1]
		}
		if c.substitute(ctx, t, bad) != nil {
			return false, nil
		}
	}
}

// innermost are the bad parts that have no bad part inside.
func (c *cleaned) innermost() (list []mail.Replacement) {
	var bad []int
	for i := range c.walked.Parts {
		if c.hold.Blocks(c.verdicts[i]) {
			bad = append(bad, i)
		}
	}
	for _, i := range bad {
		outer := &c.walked.Parts[i]
		if !slices.ContainsFunc(bad, func(j int) bool { return isInside(&c.walked.Parts[j], outer) }) {
			list = append(list, mail.Replacement{Part: outer, Notice: notice(outer.Object.Name, c.verdicts[i])})
		}
	}
	return list
}

func isInside(inner, outer *mail.Part) bool {
	in, out := inner.Body, outer.Body
	return in.From >= out.From && in.To <= out.To && in.Len() < out.Len()
}

// substitute puts the notices in and has the result judged. An error leaves c as it
// was.
func (c *cleaned) substitute(ctx context.Context, t *transfer, bad []mail.Replacement) error {
	pieces, err := mail.Replace(c.object.Body, c.object.Size, bad...)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	text.Grow(int(pieces.Size()))
	if _, err := pieces.WriteTo(&text); err != nil {
		return err
	}
	object := scanner.Object{Kind: scanner.Mail, Size: int64(text.Len()), Flat: text.Bytes(), Body: bytes.NewReader(text.Bytes())}
	walked, err := mail.Walk(&object, c.limits)
	if err != nil {
		return err
	}
	verdicts, err := c.hold.Judge(ctx, walked.Objects())
	if err != nil {
		walked.Release()
		return err
	}
	if c.walked != t.walked {
		c.walked.Release()
	}
	c.text, c.object, c.walked, c.verdicts = text.Bytes(), object, walked, verdicts
	return nil
}

// deliverText gives the server a message in the place of the client's.
func (x *dialogue) deliverText(ctx context.Context, t *transfer, text []byte) error {
	server := x.s.Server()
	if t.isChunked() {
		t.chunked.owed++
		if _, err := server.Write(bdat(int64(len(text)), true)); err != nil {
			return x.broken(ctx, t, err)
		}
		if _, err := server.Write(text); err != nil {
			return x.broken(ctx, t, err)
		}
		return x.conclude(ctx, t)
	}
	w := wire.NewDotWriter(server)
	if _, err := w.Write(text); err != nil {
		return x.broken(ctx, t, err)
	}
	if err := w.Close(); err != nil {
		return x.broken(ctx, t, err)
	}
	return x.conclude(ctx, t)
}

// notice is what the reader finds in the place of a part.
func notice(file string, v scanner.Verdict) string {
	what := "An attachment"
	if file != "" {
		what = `The file "` + file + `"`
	}
	if v.Class.Detection() {
		return what + " has been removed because of a virus.\nIt was infected with \"" + v.Name + "\".\n"
	}
	return what + " has been removed because archives of this kind are blocked: " + v.Class.String() + ".\n"
}
