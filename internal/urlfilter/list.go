package urlfilter

import (
	"fmt"
	"strings"
)

// List is a compiled list.
type List struct {
	entries    []Entry
	subdomains bool
	hosts      map[string][]rule // the simple entries, by host, in the order of the list
	patterns   []pattern         // all others, in the order of the list
}

// pattern is an entry that has to be tried.
type pattern struct {
	at      int // in entries
	matches func(t *text) bool
}

// Compile reads a list. With subdomains a simple entry stands for the hosts below its
// own as well. An error names the entry.
func Compile(entries []Entry, subdomains bool) (*List, error) {
	l := &List{entries: entries, subdomains: subdomains, hosts: make(map[string][]rule)}
	for i := range entries {
		e := &entries[i]
		if err := l.add(i, e); err != nil {
			return nil, fmt.Errorf("URL filter entry %d: %w", e.ID, err)
		}
	}
	return l, nil
}

func (l *List) add(at int, e *Entry) error {
	switch e.Type {
	case Simple:
		host, r, err := readSimple(e.URL)
		if err != nil {
			return err
		}
		r.at = at
		l.hosts[host] = append(l.hosts[host], r)
	case Wildcard:
		p, err := readWildcard(e.URL)
		if err != nil {
			return err
		}
		l.patterns = append(l.patterns, pattern{at, func(t *text) bool {
			return matchWildcard(p, t.low()[:t.hostEnd]) || matchWildcard(p, t.low())
		}})
	case Regex:
		re, err := readRegex(e.URL)
		if err != nil {
			return err
		}
		l.patterns = append(l.patterns, pattern{at, func(t *text) bool { return re.MatchString(t.plain) }})
	}
	return nil
}

// Match finds the first entry that u matches. Of a path that servers read in two ways it
// is the entry for the reading that is less to be trusted.
func (l *List) Match(u URL) (Entry, bool) {
	host, isAddr := Host(u.Host)
	e, ok := l.match(host, isAddr, u.Port, cleanPath(u.Path))
	if other := slashed(u.Path); other != u.Path {
		if f, is := l.match(host, isAddr, u.Port, cleanPath(other)); distrust(f, is) > distrust(e, ok) {
			return f, is
		}
	}
	return e, ok
}

// distrust orders entries, and none, by what they let pass.
func distrust(e Entry, found bool) int {
	switch {
	case found && e.Action == Block:
		return 2
	case found && e.Action == Exempt:
		return 0
	}
	return 1
}

func (l *List) match(host string, isAddr bool, port uint16, path string) (Entry, bool) {
	best := l.simple(host, isAddr, port, path)
	if len(l.patterns) > 0 && (best < 0 || l.patterns[0].at < best) {
		t := newText(host, port, path)
		for _, p := range l.patterns {
			if best >= 0 && p.at > best {
				break
			}
			if p.matches(&t) {
				best = p.at
				break
			}
		}
	}
	if best < 0 {
		return Entry{}, false
	}
	return l.entries[best], true
}

// simple is the place of the first simple entry that matches, -1 for none.
func (l *List) simple(host string, isAddr bool, port uint16, path string) int {
	best := -1
	for below := false; ; below = true {
		for _, r := range l.hosts[host] {
			if best >= 0 && r.at > best {
				break
			}
			if !(below && r.addr) && r.matches(port, path) {
				best = r.at
				break
			}
		}
		dot := strings.IndexByte(host, '.')
		if isAddr || !l.subdomains || dot < 0 {
			return best
		}
		host = host[dot+1:]
	}
}

// text is a URL as patterns see it: host, port where it is not the usual one, path.
type text struct {
	plain   string
	lower   string // plain in lower case, once somebody asked for it
	hostEnd int
}

func (t *text) low() string {
	if t.lower == "" {
		t.lower = lower(t.plain)
	}
	return t.lower
}
