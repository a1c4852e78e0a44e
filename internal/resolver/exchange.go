package resolver

import (
	"context"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// Exchange asks any question, with the tries and checks of Lookup but neither cached
// nor shared. A message it returns has Rcode NOERROR or NXDOMAIN: that a name does not
// exist is an answer here. The name may hold any bytes, in the notation of RFC 1035
// section 5.1; a class of 0 means IN. Errors are of type *Error, never ErrNotFound.
func (r *Resolver) Exchange(ctx context.Context, q dns.Question) (*dns.Msg, error) {
	if _, ok := dns.IsDomainName(q.Name); !ok {
		return nil, &Error{Host: strings.TrimSuffix(q.Name, "."), Type: q.Qtype, Kind: ErrBadName}
	}
	q.Name = dns.Fqdn(q.Name)
	if q.Qclass == 0 {
		q.Qclass = dns.ClassINET
	}
	r.mu.Lock()
	s := r.settings
	r.mu.Unlock()
	msg, _, err := r.exchange(ctx, s, q)
	if err != nil {
		return nil, err
	}
	return msg, nil
}

// exchange asks the servers one after the other until one gives a usable answer, as
// one of maxOutstanding at a time.
func (r *Resolver) exchange(ctx context.Context, s Settings, q dns.Question) (*dns.Msg, netip.AddrPort, *Error) {
	if len(s.Servers) == 0 {
		return nil, netip.AddrPort{}, failure(q, netip.AddrPort{}, ErrNoServers)
	}
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return nil, netip.AddrPort{}, failure(q, netip.AddrPort{}, ctx.Err())
	}
	msg, server, err := r.rounds(ctx, s, q)
	if err != nil && ctx.Err() == nil {
		r.counters.failures.Add(1)
	}
	return msg, server, err
}

// rounds makes the first round through all servers, and further ones through those
// that stay silent. The error is that of the last try.
func (r *Resolver) rounds(ctx context.Context, s Settings, q dns.Question) (*dns.Msg, netip.AddrPort, *Error) {
	var last *Error
	servers := r.order(s.Servers)
	for round := 0; round <= s.Retries && len(servers) > 0; round++ {
		silent := servers[:0]
		for _, server := range servers {
			msg, err := r.try(ctx, server, q, s.Timeout)
			if err == nil {
				r.heard(server)
				return msg, server, nil
			}
			if ctx.Err() != nil {
				return nil, server, failure(q, server, ctx.Err())
			}
			if last = err; err.Kind == ErrTimeout {
				r.counters.timeouts.Add(1)
				r.unheard(server)
				silent = append(silent, server)
			}
		}
		servers = silent
	}
	return nil, last.Server, last
}

func failure(q dns.Question, server netip.AddrPort, kind error) *Error {
	return &Error{Host: strings.TrimSuffix(q.Name, "."), Type: q.Qtype, Server: server, Kind: kind}
}
