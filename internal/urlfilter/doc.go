// Package urlfilter decides about URLs by a list of entries: the first entry that
// matches says what is done. Entries that name a host are found through an index, so
// that ten thousand of them cost as much as ten; patterns are tried one by one.
//
// It deliberately does not know: where lists come from, what an action does, and
// ratings. A List is immutable and may be used from many goroutines.
package urlfilter

// Type says how an entry's URL is read.
type Type uint8

// The types of an entry.
const (
	Simple   Type = iota // a host, with a port and the beginning of a path if it likes
	Wildcard             // * stands for any bytes, ? for one
	Regex                // RE2; /pattern/i ignores case
)

// Action is what an entry asks for.
type Action uint8

// The actions.
const (
	Exempt Action = iota
	Block
	Allow
	Monitor
)

// Entry is one line of a list.
type Entry struct {
	ID     int
	URL    string
	Type   Type
	Action Action
}

// URL is what is asked for.
type URL struct {
	Host string // a name in any case, or an address without brackets
	Port uint16 // 0: that of the scheme
	Path string // with its query, as the client sent it; "" for CONNECT, which tells no path
}
