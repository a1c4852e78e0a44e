package console

import (
	"fmt"
	"regexp"
	"strings"
)

// compile reads the pattern of grep. Like the appliance's, it is a basic regular
// expression (POSIX 1003.1, 9.3): parentheses, braces, +, ? and | mean themselves
// and become operators behind a backslash, so that "(read)" finds "(read)".
func compile(pattern string, fold bool) (*regexp.Regexp, error) {
	text, err := translate(pattern)
	if err != nil {
		return nil, err
	}
	if fold {
		text = "(?i)" + text
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("bad regular expression '%s'", pattern)
	}
	return re, nil
}

// translate writes a basic regular expression in Go's syntax.
func translate(pattern string) (string, error) {
	var b strings.Builder
	start := true // where a star means itself
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		atStart := start
		start = false
		switch {
		case c == '\\' && i+1 == len(pattern):
			return "", fmt.Errorf("bad regular expression '%s': it ends with a backslash", pattern)
		case c == '\\':
			i++
			op, err := escaped(pattern[i])
			if err != nil {
				return "", err
			}
			b.WriteString(op)
			start = op == "(" || op == "|"
		case c == '[':
			n := bracket(pattern[i:])
			if n == 0 {
				return "", fmt.Errorf("bad regular expression '%s': [ is not closed", pattern)
			}
			b.WriteString(bracketText(pattern[i : i+n]))
			i += n - 1
		case c == '*' && atStart, strings.IndexByte("(){}|+?", c) >= 0:
			b.WriteString(`\` + string(c))
		case c == '^' && !atStart, c == '$' && !endsHere(pattern[i+1:]):
			b.WriteString(`\` + string(c))
		case c == '^':
			b.WriteByte(c)
			start = true
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), nil
}

// endsHere tells whether a dollar before rest is at the end of an expression.
func endsHere(rest string) bool {
	return rest == "" || strings.HasPrefix(rest, `\)`) || strings.HasPrefix(rest, `\|`)
}

// escaped is what a backslash and c mean.
func escaped(c byte) (string, error) {
	switch {
	case strings.IndexByte("(){}|+?", c) >= 0:
		return string(c), nil
	case c == '<' || c == '>' || c == 'b':
		return `\b`, nil
	case strings.IndexByte("wWsSB", c) >= 0:
		return `\` + string(c), nil
	case '0' <= c && c <= '9':
		return "", fmt.Errorf(`\%c: references to groups are not supported`, c)
	}
	return regexp.QuoteMeta(string([]byte{c})), nil
}

// bracket is the length of the bracket expression that text begins with, 0 when
// it is not closed. A ] that comes first is a member.
func bracket(text string) int {
	i := 1
	if i < len(text) && text[i] == '^' {
		i++
	}
	if i < len(text) && text[i] == ']' {
		i++
	}
	for i < len(text) {
		switch {
		case text[i] == ']':
			return i + 1
		case strings.HasPrefix(text[i:], "[:"):
			n := strings.Index(text[i:], ":]")
			if n < 0 {
				return 0
			}
			i += n + 2
		default:
			i++
		}
	}
	return 0
}

// bracketText is a bracket expression in Go's syntax, where a backslash escapes
// and a ] that comes first would close.
func bracketText(text string) string {
	inner, head := text[1:len(text)-1], "["
	if strings.HasPrefix(inner, "^") {
		inner, head = inner[1:], "[^"
	}
	if strings.HasPrefix(inner, "]") {
		inner, head = inner[1:], head+`\]`
	}
	inner = strings.ReplaceAll(inner, `\`, `\\`)
	var b strings.Builder
	for i := 0; i < len(inner); i++ {
		if inner[i] == '[' && !strings.HasPrefix(inner[i:], "[:") {
			b.WriteByte('\\')
		}
		b.WriteByte(inner[i])
	}
	return head + b.String() + "]"
}
