// Package sessiontable is the bounded table that all inspected sessions share, and
// its idle index: who has the most entries, and which of them rests longest.
//
// Limits are exact. Finding idledrop's victim, freeing its entry and giving it to
// the newcomer is one critical section, so no entry ever exists above a limit.
// A session that goes idle or active touches no lock: it changes one atomic word
// of its entry, and the index learns of it when it looks.
//
// The table does not know what a session is, what time it is, when failopen applies
// or how a dropped client is told. Times are arguments, int64 nanoseconds on
// whatever clock the caller keeps; no call blocks on anything but the table's mutex.
//
// # The idle index
//
// The victim's order is lexicographic: entries of the client (most first), at rest
// since (longest first), entry number (lowest first). A domain keeps that order for
// one set of candidates: the whole table, a protocol, a VDOM, or a protocol in a
// VDOM. In a domain every client has a heap of its entries, clients with equally
// many entries share a bucket, which is a heap of clients, and a ladder over the
// buckets finds the highest one that has somebody idle for long enough.
//
// Keys in these heaps are the last rest that the index knows of. A session that
// woke, or rested again, has left an older key behind, so a key is a lower bound;
// where one comes to the head of the order, it is compared with the entry's word
// and repaired, and only a key that proves true makes a victim. An entry found
// active is keyed as never resting, and announces its next rest on a lock-free
// list that the next call under the lock takes in. Each rest that the index learned
// of is repaired once at most, so the cost of a search does not depend on the
// table's size, except that the first search after a long time without one may have
// to repair what has changed meanwhile: at worst every session once.
package sessiontable
