package mail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"utmsim/scanner"
)

// maxRounds is how often what is left after a replacement is judged again before
// all of the message is replaced.
const maxRounds = 4

// Cleaning says how a message becomes one that may be delivered.
type Cleaning struct {
	Limits Limits
	// Body says that the message is a body whose head is not at hand, see WalkBody,
	// and Encoding what is known of it.
	Body     bool
	Encoding string
	// Judge asks a scanner about parts, in their order. An error means that one of
	// them has no verdict.
	Judge func([]scanner.Object) ([]scanner.Verdict, error)
	// Blocks tells whether something with this verdict must not be delivered.
	Blocks func(scanner.Verdict) bool
	// Notice is what stands in the place of a part; name is its file name, if any.
	Notice func(name string, v scanner.Verdict) string
}

// Clean puts notices in the place of the bad parts of m and has the result judged
// again, until nothing in it is blocked. raw is the message, size its length;
// verdicts are those on the parts of m. m is not released.
//
// The error is that of reading, or Judge's; it means that there is no message that
// may be delivered.
func (c *Cleaning) Clean(raw io.ReaderAt, size int64, m *Message, verdicts []scanner.Verdict) ([]byte, error) {
	if len(verdicts) != len(m.Parts) {
		return nil, fmt.Errorf("cleaning a message: %d verdicts on %d parts", len(verdicts), len(m.Parts))
	}
	var text []byte
	var left *Message // of the text
	defer func() {
		if left != nil {
			left.Release()
		}
	}()
	for round := 0; ; round++ {
		list := c.innermost(m, verdicts)
		switch {
		case len(list) == 0:
			return text, nil
		case round > maxRounds:
			return nil, errors.New("cleaning a message: a notice is blocked")
		case round == maxRounds:
			list = list[:1]
			list[0].Part = m.whole()
		}
		next, err := replaced(raw, size, list)
		if err != nil {
			return nil, err
		}
		text, raw, size = next, bytes.NewReader(next), int64(len(next))
		kind := m.kind
		if left != nil {
			left.Release()
		}
		if left, verdicts, err = c.again(kind, text); err != nil {
			return nil, err
		}
		m = left
	}
}

// innermost are the bad parts that have no bad part inside: what was found in a
// message as a whole is most often what was found in one of its parts.
func (c *Cleaning) innermost(m *Message, verdicts []scanner.Verdict) (list []Replacement) {
	var bad []int
	for i := range m.Parts {
		if c.Blocks(verdicts[i]) {
			bad = append(bad, i)
		}
	}
	for _, i := range m.Innermost(bad) {
		p := &m.Parts[i]
		list = append(list, Replacement{Part: p, Notice: c.Notice(p.Object.Name, verdicts[i])})
	}
	return list
}

// Innermost are those of the parts with the numbers in list that have no other of them
// inside.
func (m *Message) Innermost(list []int) (inner []int) {
	for _, i := range list {
		if !slices.ContainsFunc(list, func(j int) bool { return isInside(&m.Parts[j], &m.Parts[i]) }) {
			inner = append(inner, i)
		}
	}
	return inner
}

func isInside(inner, outer *Part) bool {
	in, out := inner.Body, outer.Body
	return in.From >= out.From && in.To <= out.To && in.Len() < out.Len()
}

func replaced(raw io.ReaderAt, size int64, list []Replacement) ([]byte, error) {
	pieces, err := Replace(raw, size, list...)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	text.Grow(int(pieces.Size()))
	if _, err := pieces.WriteTo(&text); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

// again has a message judged that was changed.
func (c *Cleaning) again(kind scanner.Kind, text []byte) (*Message, []scanner.Verdict, error) {
	whole := &scanner.Object{Kind: kind, Size: int64(len(text)), Flat: text, Body: bytes.NewReader(text)}
	walk := Walk
	if c.Body {
		walk = func(o *scanner.Object, l Limits) (*Message, error) { return WalkBody(o, "", c.Encoding, l) }
	}
	m, err := walk(whole, c.Limits)
	if err != nil {
		return nil, nil, err
	}
	if v := m.Found(); c.Blocks(v) {
		err = fmt.Errorf("cleaning a message: %s", v.Name)
	}
	var verdicts []scanner.Verdict
	if err == nil {
		verdicts, err = c.Judge(m.Objects())
	}
	if err != nil {
		m.Release()
		return nil, nil, err
	}
	return m, verdicts, nil
}

// Found is the verdict on the message's structure: clean, or larger than the limits
// when taken apart.
func (m *Message) Found() scanner.Verdict {
	if m.Exceeded == WithinLimits {
		return scanner.Verdict{}
	}
	return scanner.Verdict{Class: scanner.Oversize, Name: m.Exceeded.String(), Findings: scanner.SetOf(scanner.Oversize)}
}

// whole is the part that is the message itself.
func (m *Message) whole() *Part { return &m.Parts[len(m.Parts)-1] }

// headForNotice is how much of a message is looked at for what stays of it when
// all of it gives way to a notice.
const headForNotice = maxHead

// InPlaceOf is a message that says who sent another when to whom, and the notice
// instead of its content. raw is the other one, or its beginning; size how much of
// it there is.
func InPlaceOf(raw io.ReaderAt, size int64, kind scanner.Kind, notice string) ([]byte, error) {
	size = min(size, headForNotice)
	top := io.NewSectionReader(raw, 0, size)
	m, err := Walk(&scanner.Object{Kind: kind, Size: size, Body: top}, Limits{Parts: 1})
	if err != nil {
		return nil, err
	}
	defer m.Release()
	return replaced(top, size, []Replacement{{Part: m.whole(), Notice: notice}})
}

// BodyInPlaceOf is a body that says the notice, in the place of one whose head is not
// at hand, encoded as that was. Without an encoding it is plain ASCII.
func BodyInPlaceOf(encoding, text string) []byte {
	var h header
	h.codings = [][]byte{[]byte(encoding)}
	coding := h.nature().around()
	return []byte(notice{text: text, eol: "\r\n", coding: coding, ascii: coding == Identity}.body(true))
}
