package resolver

import (
	"context"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// Lookup returns the addresses of host in the order to try them: IPv6 and IPv4 in
// turn, IPv6 first (RFC 8305 section 4), each family in the order of its answer.
// There is at least one when err is nil. The slice is the caller's.
//
// An IP address is returned as it is, localhost as the two loopback addresses.
// Both families are asked for at once. One that fails does not matter when the
// other has addresses, and once the IPv4 addresses are there the others get 50 ms
// more. Errors are of type *Error.
func (r *Resolver) Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, ok := Literal(host); ok {
		return []netip.Addr{addr}, nil
	}
	name, err := hostName(host)
	if err != nil {
		return nil, err
	}
	if isLocalhost(name) {
		return []netip.Addr{netip.IPv6Loopback(), netip.AddrFrom4([4]byte{127, 0, 0, 1})}, nil
	}

	six, four := r.ask(name)
	a4 := r.await(ctx, four, 0)
	limit := time.Duration(0)
	if len(a4.addrs) > 0 {
		limit = r.patience
	}
	a6 := r.await(ctx, six, limit)
	if len(a6.addrs)+len(a4.addrs) > 0 {
		return interleave(a6.addrs, a4.addrs), nil
	}
	return nil, worse(a4.err, a6.err)
}

// worse picks the error to tell of two: that one family is not found means nothing
// while it is not known what became of the other.
func worse(first, second *Error) error {
	if first.Kind == ErrNotFound && second.Kind != ErrNotFound {
		return second
	}
	return first
}

// interleave takes from both in turn, beginning with first, until both are empty.
func interleave(first, second []netip.Addr) []netip.Addr {
	all := make([]netip.Addr, 0, len(first)+len(second))
	for i := range max(len(first), len(second)) {
		if i < len(first) {
			all = append(all, first[i])
		}
		if i < len(second) {
			all = append(all, second[i])
		}
	}
	return all
}

// query asks the servers and reads what they say about q.
func (r *Resolver) query(ctx context.Context, s Settings, q question) answer {
	wire := dns.Question{Name: q.name + ".", Qtype: q.qtype, Qclass: dns.ClassINET}
	msg, server, err := r.exchange(ctx, s, wire)
	if err != nil {
		return answer{err: err, ttl: failureTTL}
	}
	a := read(msg, wire)
	if a.err != nil {
		a.err.Host, a.err.Type, a.err.Server = q.name, q.qtype, server
	}
	return a
}
