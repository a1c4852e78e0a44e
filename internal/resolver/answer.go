package resolver

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	// maxAliases is how long a chain of CNAMEs may be; real ones have up to five.
	maxAliases = 16
	// maxAddrs is how many addresses of an answer are taken. A connection attempt
	// never gets through more, and a full 64 KiB message would hold four thousand.
	maxAddrs = 64
	// maxTexts is how many texts of an answer are taken.
	maxTexts = 16
	// maxNegativeTTL caps how long a "no" is believed (RFC 2308 section 5 allows up
	// to three hours): a name that has just been created should work soon.
	maxNegativeTTL = 5 * time.Minute
	// failureTTL keeps a burst of sessions from sending a burst of queries to
	// servers that have just failed (RFC 9520 section 3.2 asks for at least 1 s).
	failureTTL = time.Second
)

// answer is what is known about a question: addresses or texts, or why there are
// none.
type answer struct {
	addrs []netip.Addr // shared, never written to
	texts []string     // the same
	err   *Error       // nil when there are addresses, or texts
	ttl   time.Duration
	news  News // how it came to whoever has it now
}

// read takes the addresses, or the texts, out of a message that answers q. The error lacks host
// and server.
func read(msg *dns.Msg, q dns.Question) answer {
	owner, ttl, ok := followAliases(msg.Answer, q.Name)
	if !ok {
		return answer{err: &Error{Kind: ErrServer, Detail: "aliases without end"}, ttl: failureTTL}
	}
	if msg.Rcode == dns.RcodeNameError {
		return answer{err: &Error{Kind: ErrNotFound, Detail: "no such name"}, ttl: min(ttl, negativeTTL(msg, owner))}
	}
	a := answer{ttl: ttl}
	for _, rr := range msg.Answer {
		if h := rr.Header(); h.Rrtype != q.Qtype || h.Class != dns.ClassINET || !strings.EqualFold(h.Name, owner) {
			continue
		}
		if a.add(rr) {
			a.ttl = min(a.ttl, recordTTL(rr.Header().Ttl))
		}
	}
	if len(a.addrs)+len(a.texts) == 0 {
		return answer{err: &Error{Kind: ErrNotFound, Detail: "the name has no such record"}, ttl: min(ttl, negativeTTL(msg, owner))}
	}
	return a
}

// add takes what a record says, each address once; false when nothing was taken.
func (a *answer) add(rr dns.RR) bool {
	if txt, ok := rr.(*dns.TXT); ok && len(a.texts) < maxTexts {
		a.texts = append(a.texts, strings.Join(txt.Txt, ""))
		return true
	}
	addr, ok := addressOf(rr)
	if !ok || len(a.addrs) == maxAddrs || slices.Contains(a.addrs, addr) {
		return false
	}
	a.addrs = append(a.addrs, addr)
	return true
}

// followAliases goes from name through the CNAMEs of rrs, in whatever order they
// stand, and returns the last name and the least TTL on the way.
func followAliases(rrs []dns.RR, name string) (owner string, ttl time.Duration, ok bool) {
	ttl = defaultCacheTTL
	for range maxAliases {
		alias := aliasOf(rrs, name)
		if alias == nil {
			return name, ttl, true
		}
		name, ttl = alias.Target, min(ttl, recordTTL(alias.Hdr.Ttl))
	}
	return "", 0, false
}

func aliasOf(rrs []dns.RR, name string) *dns.CNAME {
	for _, rr := range rrs {
		if alias, ok := rr.(*dns.CNAME); ok && alias.Hdr.Class == dns.ClassINET && strings.EqualFold(alias.Hdr.Name, name) {
			return alias
		}
	}
	return nil
}

// addressOf reads the address of an A or AAAA record. An IPv4 address in the clothes
// of an IPv6 one is not taken: nobody has a use for it but to get past a filter.
func addressOf(rr dns.RR) (netip.Addr, bool) {
	switch rr := rr.(type) {
	case *dns.A:
		return netip.AddrFromSlice(rr.A.To4())
	case *dns.AAAA:
		addr, ok := netip.AddrFromSlice(rr.AAAA.To16())
		return addr, ok && !addr.Is4In6()
	}
	return netip.Addr{}, false
}

// negativeTTL is how long a "no" about name may be kept: the lesser of the SOA's own
// TTL and its minimum field (RFC 2308 section 5), and not at all without the SOA of a
// zone that name is in.
func negativeTTL(msg *dns.Msg, name string) time.Duration {
	for _, rr := range msg.Ns {
		soa, ok := rr.(*dns.SOA)
		if ok && soa.Hdr.Class == dns.ClassINET && dns.IsSubDomain(soa.Hdr.Name, name) {
			return min(recordTTL(soa.Hdr.Ttl), recordTTL(soa.Minttl), maxNegativeTTL)
		}
	}
	return 0
}

// recordTTL reads the TTL of a record. RFC 2181 section 8: with the top bit set it is 0.
func recordTTL(seconds uint32) time.Duration {
	if seconds > 1<<31-1 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
