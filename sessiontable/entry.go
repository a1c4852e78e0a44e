package sessiontable

import (
	"math"
	"net/netip"
	"sync/atomic"

	"utmsim/protocols"
)

// Key says whose an entry is.
type Key struct {
	Client netip.Addr // source address; what idledrop counts by
	Proto  protocols.Protocol
	VDOM   uint16 // index of the VDOM, 0 for the first
}

// Entry is one row of the table. Its owner embeds it in the session, so admission
// allocates nothing and the atomic word is never reused for somebody else. The
// exported fields are set before admission and left alone until the entry is out
// of the table and every call on it has returned. It must not be copied.
type Entry struct {
	Key
	Owner any // the session; nil for a phantom

	word     atomic.Int64 // see the word constants
	next     *Entry       // in the list of announcements
	table    *Table
	admitted int64
	number   uint32
	slot     uint32 // index into Table.rows
	short    Shortage
}

// The word of an entry is one of these, or else the time since when it has been at
// rest, as restWord encodes it. An entry goes out of the table only under the
// table's lock.
const (
	wordOut    int64 = iota // not in the table: never admitted, released or dropped
	wordActive              // active, and the index knows; the next rest is announced
	wordStale               // active, while the index or the announcements still hold an earlier rest
)

// restWord encodes a time as a word. The smallest times would collide with the
// constants; no clock shows them.
func restWord(since int64) int64 { return since ^ math.MinInt64 }

// restSince decodes the word of an entry at rest.
func restSince(word int64) int64 { return word ^ math.MinInt64 }

func atRest(word int64) bool { return word < wordOut || word > wordStale }

// Rest marks the session as at rest between two exchanges from now on. It reports
// false when the entry is out of the table, as Wake does. A session already at rest
// stays so since the earlier time. No lock is taken.
func (e *Entry) Rest(now int64) bool {
	for {
		switch w := e.word.Load(); w {
		case wordStale:
			if e.word.CompareAndSwap(wordStale, restWord(now)) {
				return true
			}
		case wordActive:
			if e.word.CompareAndSwap(wordActive, restWord(now)) {
				e.announce()
				return true
			}
		default:
			return w != wordOut
		}
	}
}

// Wake marks the session as active. It reports false when the entry is out of the
// table: it was dropped, somebody else closes the session, and the caller must not
// touch it. No lock is taken.
func (e *Entry) Wake() bool {
	for {
		w := e.word.Load()
		if !atRest(w) {
			return w != wordOut
		}
		if e.word.CompareAndSwap(w, wordStale) {
			return true
		}
	}
}

// announce puts the entry on the list of rests that the index has to learn of. Only
// the call that ended wordActive does so, and the word returns to wordActive only
// after the entry has left the list, so an entry is never on it twice.
func (e *Entry) announce() {
	head := &e.table.announced
	for {
		e.next = head.Load()
		if head.CompareAndSwap(e.next, e) {
			return
		}
	}
}

// Number identifies the entry among those in the table: admissions are counted from
// 1, so the lower number is the older session. It wraps after 2^32 admissions.
func (e *Entry) Number() uint32 { return e.number }

// Shortage says which limits left no room when the entry was last offered to the
// table: why it was refused, or why another had to go.
func (e *Entry) Shortage() Shortage { return e.short }
