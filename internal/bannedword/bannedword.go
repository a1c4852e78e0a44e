// Package bannedword looks for words in what people read: it turns content into
// text, finds which patterns of a list occur in it, and adds up their scores.
//
// It does not know protocols, profiles or what becomes of content that has too high
// a score. What a mail's subject or a page's body is, its callers say.
package bannedword

import (
	"fmt"
	"regexp"
)

// Kind says how a pattern is written.
type Kind uint8

// The kinds.
const (
	// Wildcard is text in which * stands for any characters and ? for one; case does
	// not matter, and it may occur in the middle of a word. Text in quotation marks
	// is one phrase.
	Wildcard Kind = iota
	// Regexp is a regular expression of RE2, in which case matters unless it is
	// written as /expression/i.
	Regexp
)

// Place says where in a thing a text stands. Values are a set as well.
type Place uint8

// The places.
const (
	Body Place = 1 << iota
	Subject
)

// Pattern is one entry of a list.
type Pattern struct {
	Text  string
	Kind  Kind
	Score int
	// Exempt lets content pass that has the pattern, whatever else is in it. The
	// score does not count.
	Exempt bool
	// Where are the places in which the pattern is looked for; 0: everywhere.
	Where Place
	// AnyWord lets a wildcard of several words that are not in quotation marks occur
	// where any one of them does. Otherwise it is a phrase.
	AnyWord bool
}

// List is a compiled list of patterns. It is immutable and may be used by many
// goroutines at once.
type List struct {
	patterns []pattern
	index    index
	pool     pool
}

// pattern is a compiled Pattern: one of its alternatives has to occur.
type pattern struct {
	Pattern
	any []wildcard     // of a wildcard
	re  *regexp.Regexp // of a regular expression
}

// Compile makes a list. The error says which pattern is wrong and why.
func Compile(patterns []Pattern) (*List, error) {
	l := &List{patterns: make([]pattern, len(patterns))}
	for i, p := range patterns {
		made, err := compile(p)
		if err != nil {
			return nil, fmt.Errorf("pattern %q: %w", p.Text, err)
		}
		l.patterns[i] = made
	}
	l.index = newIndex(l.patterns)
	return l, nil
}

// Len is how many patterns the list has.
func (l *List) Len() int { return len(l.patterns) }

func compile(p Pattern) (pattern, error) {
	made := pattern{Pattern: p}
	if p.Where == 0 {
		made.Where = Body | Subject
	}
	var err error
	if p.Kind == Regexp {
		made.re, err = parseExpression(p.Text)
	} else {
		made.any, err = parseWildcard(p.Text, p.AnyWord)
	}
	return made, err
}
