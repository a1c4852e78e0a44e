package resolver

import (
	"errors"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// The kinds of failure, for errors.Is. A lookup that ended because its context did
// matches the context's error and none of these.
var (
	// ErrNotFound: the name does not exist, or has no address of either family.
	ErrNotFound = errors.New("not found")
	// ErrServer: no server gave a usable answer; the last one refused, failed, spoke
	// nonsense or could not be reached.
	ErrServer = errors.New("DNS server failed")
	// ErrTimeout: the last server asked did not answer in time, at any try.
	ErrTimeout = errors.New("no answer in time")
	// ErrNoServers: no server is configured.
	ErrNoServers = errors.New("no DNS server is configured")
	// ErrBusy: as many questions are in the air as the settings allow. Nothing was sent.
	ErrBusy = errors.New("too many questions are outstanding")
	// ErrBadName: what was asked for can't be a host's name. Nothing was sent.
	ErrBadName = errors.New("bad name")
)

// Error is the failure of one lookup. It unwraps to Kind and to Err.
type Error struct {
	Host   string         // as asked for, without a final dot
	Type   uint16         // of the record wanted, as in dns.TypeA; 0 when it never came to a query
	Server netip.AddrPort // the server that failed or said no; not valid when none was asked
	Kind   error          // one of the sentinels, or the context's error
	Detail string         // what exactly; may be empty
	Err    error          // what the network said, with its errno; may be nil
}

// Error says what was looked up, where, and what came of it.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("looking up ")
	b.WriteString(clip(e.Host))
	if e.Type != 0 {
		b.WriteString(" (" + dns.Type(e.Type).String() + ")")
	}
	if e.Server.IsValid() {
		b.WriteString(" at " + e.Server.String())
	}
	b.WriteString(": " + e.Kind.Error())
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap makes errors.Is and errors.As see both the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}
