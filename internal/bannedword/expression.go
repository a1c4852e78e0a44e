package bannedword

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// parseExpression compiles a regular expression, which may stand between slashes with
// an i behind them.
func parseExpression(text string) (*regexp.Regexp, error) {
	if text == "" {
		return nil, errEmpty
	}
	expr := text
	if i := strings.LastIndexByte(text, '/'); i > 0 && text[0] == '/' {
		switch text[i+1:] {
		case "":
			expr = text[1:i]
		case "i":
			expr = "(?i:" + text[1:i] + ")"
		default:
			return nil, fmt.Errorf("of what may follow the last slash only i is known, not %q", text[i+1:])
		}
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, err
	}
	if re.MatchString("") {
		return nil, errEmpty
	}
	return re, nil
}

// atOnce is how much text an expression is matched with in one step, in bytes; over it
// the end of the context is looked for on the way.
const atOnce = 64 << 10

// occurs tells that the expression matches. When ctx ends the answer means nothing.
func occurs(ctx context.Context, re *regexp.Regexp, text []byte) bool {
	if len(text) <= atOnce {
		return re.Match(text)
	}
	return re.MatchReader(&runes{ctx: ctx, text: text})
}

// runes reads text until the context ends.
type runes struct {
	ctx  context.Context
	text []byte
	n    int // characters since the context was looked at
}

// ReadRune implements io.RuneReader.
func (r *runes) ReadRune() (rune, int, error) {
	if len(r.text) == 0 {
		return 0, 0, io.EOF
	}
	if r.n++; r.n == 4096 {
		if r.n = 0; r.ctx.Err() != nil {
			return 0, 0, io.EOF
		}
	}
	if c := r.text[0]; c < utf8.RuneSelf {
		r.text = r.text[1:]
		return rune(c), 1, nil
	}
	c, size := utf8.DecodeRune(r.text)
	r.text = r.text[size:]
	return c, size, nil
}

// needed are literals, with their case folded, of which one must stand in whatever the
// expression matches; nil when none are known.
func needed(expr string) []string {
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil
	}
	return literalsOf(tree.Simplify())
}

func literalsOf(re *syntax.Regexp) (best []string) {
	switch re.Op {
	case syntax.OpLiteral:
		return []string{string(foldCase(nil, []byte(string(re.Rune))))}
	case syntax.OpCapture, syntax.OpPlus:
		return literalsOf(re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			if list := literalsOf(sub); shortest(list) > shortest(best) {
				best = list
			}
		}
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			list := literalsOf(sub)
			if list == nil {
				return nil
			}
			best = append(best, list...)
		}
	}
	return best
}

func shortest(list []string) int {
	if len(list) == 0 {
		return 0
	}
	return len(slices.MinFunc(list, func(a, b string) int { return len(a) - len(b) }))
}
