package bannedword

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// foldText appends text with one blank for any white space, without what can't be
// seen, and with one form for characters that have several.
func foldText(dst, text []byte) []byte {
	f := folder{out: dst}
	f.write(text)
	return normal(f.out, len(dst))
}

// normal puts what stands in b behind from into the form NFKC.
func normal(b []byte, from int) []byte {
	if norm.NFKC.IsNormal(b[from:]) {
		return b
	}
	return append(b[:from], norm.NFKC.Bytes(b[from:])...)
}

// folder collects text piece by piece.
type folder struct {
	out   []byte
	blank bool // there was white space
	some  bool // there was anything else
}

// gap says that what follows does not belong to the word before.
func (f *folder) gap() { f.blank = true }

func (f *folder) write(text []byte) {
	for i := 0; i < len(text); {
		c := text[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRune(text[i:])
			f.character(r)
			i += size
			continue
		}
		i++
		switch {
		case c == ' ' || '\t' <= c && c <= '\r':
			f.blank = true
			continue
		case c < ' ' || c == 0x7f:
			continue // nobody sees it
		}
		f.begin()
		f.out = append(f.out, c)
	}
}

func (f *folder) character(r rune) {
	switch {
	case unicode.IsSpace(r):
		f.blank = true
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point):
		// a control character, a soft hyphen, a joiner, a mark of direction, a filler: nobody sees it
	default:
		f.begin()
		f.out = utf8.AppendRune(f.out, r)
	}
}

// begin writes the blank in front of a word.
func (f *folder) begin() {
	if f.blank && f.some {
		f.out = append(f.out, ' ')
	}
	f.blank, f.some = false, true
}

// foldCase appends text with one character for all that differ only in case, as
// regular expressions understand it.
func foldCase(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if 'a' <= c && c <= 'z' {
				c -= 'a' - 'A'
			}
			dst = append(dst, c)
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		dst = utf8.AppendRune(dst, foldRune(r))
		i += size
	}
	return dst
}

// foldRune is the smallest of the characters that differ only in case.
func foldRune(r rune) rune {
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	return least
}
