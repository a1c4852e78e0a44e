// Package filefilter decides about files by their names and by what they are: a list
// of rules, of which the first that fits counts.
//
// It does not know where files come from, what becomes of those it blocks, or what a
// profile is.
package filefilter

import (
	"fmt"
	"strings"
	"unicode"
)

// Action is what a rule does with a file.
type Action uint8

// The actions.
const (
	Block  Action = iota // it is not delivered
	Allow                // it is treated like one that no rule fits, whatever follows says
	Exempt               // it is delivered without being scanned
)

// Rule is one line of a list: a pattern for names or, where Type is not None, a type.
type Rule struct {
	// Pattern fits a whole name; * stands for any characters, ? for one. Case and the
	// dots and blanks at the end of a name do not matter; *.* fits any name.
	Pattern string
	Type    Type
	Action  Action
}

// Decision is what a list says about a file.
type Decision struct {
	Action Action // Allow where no rule fits
	Rule   string // the pattern or type that fits; empty: none
}

// List is a compiled list of rules. It is immutable and may be used by many goroutines
// at once.
type List struct {
	rules  []rule
	byName int // how many rules there are before the first that needs a type
}

type rule struct {
	Rule
	pattern []rune // with its case folded; nil: any name
}

// Compile makes a list. The error says which rule is wrong and why.
func Compile(rules []Rule) (*List, error) {
	l := &List{byName: -1}
	for i, r := range rules {
		made := rule{Rule: r}
		switch {
		case r.Type >= types:
			return nil, fmt.Errorf("rule %d: there is no such type", i+1)
		case r.Type != None:
			if l.byName < 0 {
				l.byName = i
			}
		case r.Pattern == "":
			return nil, fmt.Errorf("rule %d: the pattern is empty", i+1)
		case r.Pattern != "*" && r.Pattern != "*.*":
			made.pattern = []rune(fold(r.Pattern))
		}
		l.rules = append(l.rules, made)
	}
	if l.byName < 0 {
		l.byName = len(l.rules)
	}
	return l, nil
}

// NeedsType tells that the list has rules about types.
func (l *List) NeedsType() bool { return l.byName < len(l.rules) }

// ByName decides about a file as far as that goes without its content. ok is false
// when the type may still decide, and when nothing fits.
func (l *List) ByName(names []string) (d Decision, ok bool) {
	if len(names) == 0 {
		return d, false
	}
	d = l.first(l.rules[:l.byName], names, None)
	return d, d.Rule != ""
}

// Decide decides about a file that goes by these names, perhaps none, and has this
// type.
func (l *List) Decide(names []string, t Type) Decision { return l.first(l.rules, names, t) }

func (l *List) first(rules []rule, names []string, t Type) Decision {
	for i := range rules {
		r := &rules[i]
		switch {
		case r.Type != None && r.Type == t:
			return Decision{r.Action, t.String()}
		case r.Type == None && r.fits(names):
			return Decision{r.Action, r.Pattern}
		}
	}
	return Decision{Action: Allow}
}

// fits tells that the rule's pattern is about a file with these names. A file is
// blocked for any of them, and let through only if all of them say so: who sent it has
// chosen them.
func (r *rule) fits(names []string) bool {
	for _, n := range names {
		if r.match(n) == (r.Action == Block) {
			return r.Action == Block
		}
	}
	return len(names) > 0 && r.Action != Block
}

func (r *rule) match(name string) bool {
	return r.pattern == nil || match(r.pattern, []rune(fold(name)))
}

// fold is a name without regard to case, and without what some systems leave out at
// the end of one.
func fold(name string) string {
	return strings.Map(func(c rune) rune {
		least := c
		for f := unicode.SimpleFold(c); f != c; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, strings.TrimRight(name, ". "))
}

// match tells whether a pattern fits all of a name. When the two part, the last star
// takes one character more.
func match(pattern, name []rune) bool {
	p, n := 0, 0
	star, taken := -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, taken = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p++
			n++
		case star >= 0:
			taken++
			p, n = star+1, taken
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
