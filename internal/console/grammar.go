package console

import (
	"strings"

	"utmsim/internal/config"
)

// node is one word of the grammar, or an argument. Its children are what may
// follow it; run is nil where something must follow.
type node struct {
	word string    // as typed; of an argument what help shows: "<Integer>"
	help string    // its line in ? help
	arg  *argument // nil for a word
	run  func(*call) error

	children []*node

	// other is a language that takes over where no child fits; nil for none.
	other *language

	hidden bool // accepted, but not offered
}

// language understands whole lines by itself. The console only asks it what may
// come next, to know what is ambiguous and what to offer.
type language struct {
	run     func(c *call) error                                 // executes c.words
	choices func(s *shell, words []config.Word) []config.Choice // what may stand at the last of words, which may be cut short
}

// call is one command being executed.
type call struct {
	shell *shell
	words []config.Word     // the whole line
	args  map[string]string // values by name, each accepted by its argument
	out   *strings.Builder  // what the command prints
}

// walk follows the words of a call from n and returns what is to run.
func (n *node) walk(c *call) (func(*call) error, error) {
	for i, w := range c.words {
		next, err := n.step(c, i)
		if err != nil {
			return nil, err
		}
		if next == nil {
			return n.other.run, nil
		}
		if next.arg != nil {
			c.args[next.arg.name] = next.arg.canonical(w.Text)
		}
		n = next
	}
	switch {
	case n.run != nil:
		return n.run, nil
	case n.other != nil:
		return n.other.run, nil
	}
	return nil, errIncomplete()
}

// step is the child of n that word i of the call names: the exact word, else the
// only one that begins so, else an argument that accepts it. It is nil when the
// word belongs to the other language.
func (n *node) step(c *call, i int) (*node, error) {
	w := c.words[i]
	found, m := n.find(w.Text)
	if m != exact && n.other != nil {
		theirs := n.other.choices(c.shell, c.words[:i+1])
		if m == none || m == one && conflicts(theirs, found.word, w.Text) {
			return nil, nil
		}
	}
	switch m {
	case exact, one:
		return found, nil
	case several:
		return nil, errUnknownWord(w.Text)
	}
	for _, child := range n.children {
		if child.arg == nil {
			continue
		}
		if err := child.arg.check(w.Text); err != nil {
			return nil, err
		}
		return child, nil
	}
	return nil, errUnknownWord(w.Text)
}

// conflicts tells whether text also begins a word of the other language that
// isn't ours too.
func conflicts(theirs []config.Choice, ours, text string) bool {
	for _, c := range theirs {
		if !c.Hint && c.Word != ours && strings.HasPrefix(c.Word, text) {
			return true
		}
	}
	return false
}

// match says how well a word fits.
type match uint8

const (
	none match = iota
	one        // the only word that begins so
	exact
	several // words begin so
)

// find is the child that text names.
func (n *node) find(text string) (*node, match) {
	var found *node
	m := none
	for _, child := range n.children {
		switch {
		case child.arg != nil || text == "" || !strings.HasPrefix(child.word, text):
		case child.word == text:
			return child, exact
		case m == none:
			found, m = child, one
		default:
			m = several
		}
	}
	return found, m
}

// offers are the choices for the last of words, which is empty or cut short. The
// error is what is wrong with the words before it.
func (n *node) offers(s *shell, words []config.Word) ([]config.Choice, error) {
	c := &call{shell: s, words: words, args: map[string]string{}}
	last := len(words) - 1
	for i := range last {
		next, err := n.step(c, i)
		if err != nil {
			return nil, err
		}
		if next == nil {
			return n.other.choices(s, words), nil
		}
		n = next
	}
	out := n.childOffers(words[last].Text)
	if n.run != nil && words[last].Text == "" {
		out = append(out, config.Choice{Word: "<Enter>", Hint: true})
	}
	if n.other != nil {
		out = merge(out, n.other.choices(s, words))
	}
	return out, nil
}

func (n *node) childOffers(prefix string) []config.Choice {
	var out []config.Choice
	for _, child := range n.children {
		switch {
		case child.hidden:
		case child.arg == nil:
			out = append(out, starting(prefix, config.Choice{Word: child.word, Help: child.help})...)
		case child.arg.words != nil:
			out = append(out, starting(prefix, child.arg.words...)...)
		default:
			out = append(out, config.Choice{Word: child.word, Help: child.help, Hint: true})
		}
	}
	return out
}

// starting are the choices that begin with prefix.
func starting(prefix string, list ...config.Choice) []config.Choice {
	var out []config.Choice
	for _, c := range list {
		if c.Hint || strings.HasPrefix(c.Word, prefix) {
			out = append(out, c)
		}
	}
	return out
}

// merge adds the choices of more that are not yet in list.
func merge(list, more []config.Choice) []config.Choice {
	seen := make(map[string]bool, len(list))
	for _, c := range list {
		seen[c.Word] = true
	}
	for _, c := range more {
		if !seen[c.Word] {
			list = append(list, c)
		}
	}
	return list
}
