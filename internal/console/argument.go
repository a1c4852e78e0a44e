package console

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"utmsim/internal/config"
)

// argument is a value that a command takes.
type argument struct {
	name  string
	check func(text string) *config.CLIError
	words []config.Choice // all there are, when it is a list
}

// canonical is an accepted text in full: abbreviations of listed words become the
// word.
func (a *argument) canonical(text string) string {
	if w := pick(a.words, text); w != "" {
		return w
	}
	return text
}

// integer is an argument from low to high.
func integer(name string, low, high int64) *argument {
	return &argument{name: name, check: func(text string) *config.CLIError {
		if !isNumber(text) {
			return errNotNumber(text)
		}
		if n, err := strconv.ParseInt(text, 10, 64); err != nil || n < low || n > high {
			return errRejected(name, text)
		}
		return nil
	}}
}

// isNumber tells whether text looks like a number at all: digits, after a sign or
// without.
func isNumber(text string) bool {
	if text != "" && (text[0] == '-' || text[0] == '+') {
		text = text[1:]
	}
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// address is an argument that is an IPv4 or IPv6 address.
func address(name string) *argument {
	return &argument{name: name, check: func(text string) *config.CLIError {
		if a, err := netip.ParseAddr(text); err != nil || a.Zone() != "" {
			return errNotAddress(text)
		}
		return nil
	}}
}

// duration is an argument that is a time of at most limit, with its unit.
func duration(name string, limit time.Duration) *argument {
	return &argument{name: name, check: func(text string) *config.CLIError {
		if d, err := time.ParseDuration(text); err != nil || d < 0 || d > limit {
			return errRejected(name, text)
		}
		return nil
	}}
}

// anyWord is an argument that may be anything but empty.
func anyWord(name string) *argument {
	return &argument{name: name, check: func(text string) *config.CLIError {
		if text == "" {
			return errRejected(name, text)
		}
		return nil
	}}
}

// oneOf is an argument out of a list.
func oneOf(name string, words []config.Choice) *argument {
	return &argument{name: name, words: words, check: func(text string) *config.CLIError {
		if pick(words, text) == "" {
			return errUnknownWord(text)
		}
		return nil
	}}
}

// pick is the word of the list that text is or, unambiguously, begins; "" if none.
func pick(words []config.Choice, text string) string {
	found := ""
	for _, c := range words {
		switch {
		case text == "" || !strings.HasPrefix(c.Word, text):
		case c.Word == text:
			return text
		case found != "":
			return ""
		default:
			found = c.Word
		}
	}
	return found
}

// number is the value of an argument that integer has accepted; otherwise is what
// it is when it was not given.
func (c *call) number(name string, otherwise int) int {
	text, given := c.args[name]
	if !given {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		panic("console: " + name + " was not checked: " + err.Error())
	}
	return n
}

// duration is the value of an argument that duration has accepted.
func (c *call) duration(name string) time.Duration {
	d, err := time.ParseDuration(c.args[name])
	if err != nil {
		panic("console: " + name + " was not checked: " + err.Error())
	}
	return d
}

// address is the value of an argument that address has accepted; otherwise is
// what it is when it was not given.
func (c *call) address(name string, otherwise netip.Addr) netip.Addr {
	text, given := c.args[name]
	if !given {
		return otherwise
	}
	return netip.MustParseAddr(text).Unmap()
}
