// Package failopen decides what becomes of a new connection when the session
// table or the memory has run out, and remembers the states that follow from it:
// the session trigger of each protocol, the memory trigger of the system, and the
// latch of one-shot.
//
// It is pure. It has no sockets, no clock, no goroutine and no lock: times are
// arguments (int64 nanoseconds on whatever clock the caller keeps), states leave as
// events, and the caller serialises its calls. It does not know how the table
// finds out that it is full, which session idledrop takes, what a refused client
// sees, or how memory is added up.
package failopen
