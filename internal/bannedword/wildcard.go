package bannedword

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"
)

// wildcard are the stretches between the stars, which occur one behind the other.
type wildcard []stretch

// stretch is text without stars. Its literals are what stands between question marks,
// each of which is one character: one less than there are literals.
type stretch []string

var errEmpty = errors.New("there is nothing to look for")

// parseWildcard reads a pattern; one that anyWord splits has several.
func parseWildcard(text string, anyWord bool) ([]wildcard, error) {
	text = strings.TrimSpace(text)
	words := []string{text}
	if n := len(text); n >= 2 && text[0] == '"' && text[n-1] == '"' {
		words[0] = text[1 : n-1]
	} else if anyWord {
		words = strings.Fields(text)
	}
	var any []wildcard
	for _, word := range words {
		w := newWildcard(string(foldCase(nil, foldText(nil, []byte(word)))))
		if len(w) == 0 {
			return nil, errEmpty
		}
		any = append(any, w)
	}
	if len(any) == 0 {
		return nil, errEmpty
	}
	return any, nil
}

// newWildcard splits folded text.
func newWildcard(text string) wildcard {
	var w wildcard
	literal := false
	for piece := range strings.SplitSeq(text, "*") {
		if piece == "" {
			continue
		}
		s := stretch(strings.Split(piece, "?"))
		for _, lit := range s {
			literal = literal || strings.TrimSpace(lit) != ""
		}
		w = append(w, s)
	}
	if !literal {
		return nil // it would occur everywhere
	}
	return w
}

// in tells that the wildcard occurs in folded text. The first place for each stretch
// is as good as any: what is behind it has all the rest for itself.
func (w wildcard) in(text []byte) bool {
	for _, s := range w {
		end := s.find(text)
		if end < 0 {
			return false
		}
		text = text[end:]
	}
	return true
}

// find is where the first occurrence of s ends, or -1.
func (s stretch) find(text []byte) int {
	longest := 0
	for i := range s {
		if len(s[i]) > len(s[longest]) {
			longest = i
		}
	}
	for from := 0; ; {
		i := bytes.Index(text[from:], []byte(s[longest]))
		if i < 0 {
			return -1
		}
		at := from + i
		if s.before(text[:at], longest) {
			if end := s.behind(text, at+len(s[longest]), longest); end >= 0 {
				return end
			}
		}
		if from = at + 1; from > len(text) {
			return -1
		}
	}
}

// before tells that text ends with the first n literals and the characters behind each.
func (s stretch) before(text []byte, n int) bool {
	for i := n - 1; i >= 0; i-- {
		_, size := utf8.DecodeLastRune(text)
		if size == 0 || !bytes.HasSuffix(text[:len(text)-size], []byte(s[i])) {
			return false
		}
		text = text[:len(text)-size-len(s[i])]
	}
	return true
}

// behind is the end of the literals behind the nth, which ends at at; -1: they are not
// there.
func (s stretch) behind(text []byte, at, n int) int {
	for _, lit := range s[n+1:] {
		_, size := utf8.DecodeRune(text[at:])
		if size == 0 || !bytes.HasPrefix(text[at+size:], []byte(lit)) {
			return -1
		}
		at += size + len(lit)
	}
	return at
}
