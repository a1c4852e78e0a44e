package bannedword

import (
	"context"
	"io"
	"slices"
	"sync"
)

// Judgement looks for the patterns of a list in one thing, which may have several
// texts. A pattern counts once, however often and wherever it occurs.
type Judgement struct {
	list   *List
	hit    []bool // by pattern
	mark   []bool // by pattern: it may occur in the text
	text   []byte
	folded []byte
	raw    []byte
	cut    bool
}

// Result is what was found.
type Result struct {
	Score int
	// Words are the patterns that occur, in the order of the list.
	Words []string
	// Exempt tells that one of them lets everything pass.
	Exempt bool
	// Detected tells that the score reaches the threshold, and nothing exempts.
	Detected bool
	// Cut tells that there was more to read than Limit.
	Cut bool
}

// pool keeps the memory of judgements.
type pool struct{ sync.Pool }

// Begin starts a judgement. End gives its memory back.
func (l *List) Begin() *Judgement {
	j, ok := l.pool.Get().(*Judgement)
	if !ok {
		j = &Judgement{list: l, hit: make([]bool, len(l.patterns)), mark: make([]bool, len(l.patterns))}
	}
	return j
}

// keepAtMost is the memory that a judgement which is over may keep, in bytes.
const keepAtMost = 1 << 20

// End ends a judgement.
func (j *Judgement) End() {
	clear(j.hit)
	j.cut = false
	for _, b := range []*[]byte{&j.text, &j.folded, &j.raw} {
		if cap(*b) > keepAtMost {
			*b = nil
		}
	}
	j.list.pool.Put(j)
}

// AddText looks at text in UTF-8 that people read as it is. The error is that of ctx.
func (j *Judgement) AddText(ctx context.Context, where Place, text string) error {
	if len(text) > Limit {
		text, j.cut = text[:Limit], true
	}
	j.raw = append(j.raw[:0], text...)
	j.text = foldText(j.text[:0], j.raw)
	return j.look(ctx, where)
}

// Add looks at content whose type was declared as contentType, which may be empty.
// What is no text has no words. Of content longer than Limit the beginning is looked
// at. The error is that of ctx.
func (j *Judgement) Add(ctx context.Context, where Place, content []byte, contentType string) error {
	if len(content) > Limit {
		content, j.cut = content[:Limit], true
	}
	j.text = AppendText(j.text[:0], content, contentType)
	return j.look(ctx, where)
}

// AddFrom is Add for content that has to be read. The error is that of reading, or of
// ctx.
func (j *Judgement) AddFrom(ctx context.Context, where Place, content io.Reader, contentType string) error {
	j.raw = j.raw[:0]
	for len(j.raw) <= Limit {
		if len(j.raw) == cap(j.raw) {
			j.raw = slices.Grow(j.raw, max(readLeast, len(j.raw)))
		}
		n, err := content.Read(j.raw[len(j.raw):min(cap(j.raw), Limit+1)])
		j.raw = j.raw[:len(j.raw)+n]
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return j.Add(ctx, where, j.raw, contentType)
}

// readLeast is the memory that reading content begins with, in bytes.
const readLeast = 16 << 10

// look marks the patterns that occur in j.text.
func (j *Judgement) look(ctx context.Context, where Place) error {
	if len(j.text) == 0 {
		return ctx.Err()
	}
	j.folded = foldCase(j.folded[:0], j.text)
	clear(j.mark)
	j.list.index.candidates(j.folded, j.mark)
	for i, maybe := range j.mark {
		p := &j.list.patterns[i]
		if !maybe || j.hit[i] || p.Where&where == 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		j.hit[i] = p.in(ctx, j.text, j.folded)
	}
	return ctx.Err()
}

func (p *pattern) in(ctx context.Context, text, folded []byte) bool {
	if p.re != nil {
		return occurs(ctx, p.re, text)
	}
	for _, w := range p.any {
		if w.in(folded) {
			return true
		}
	}
	return false
}

// Result adds up what was found. Content is detected when its score is threshold or
// more.
func (j *Judgement) Result(threshold int) Result {
	r := Result{Cut: j.cut}
	counted := false
	for i, hit := range j.hit {
		if !hit {
			continue
		}
		p := &j.list.patterns[i]
		r.Words = append(r.Words, p.Text)
		if p.Exempt {
			r.Exempt = true
			continue
		}
		counted = true
		r.Score += p.Score
	}
	r.Detected = counted && r.Score >= threshold && !r.Exempt
	return r
}
