package resolver

import (
	"context"
	"net/netip"

	"github.com/miekg/dns"
)

// Result is the answer for one of several names.
type Result struct {
	Addrs []netip.Addr // shared with others who ask: not to be written to
	Err   error        // of type *Error; nil when there are addresses
}

// IPv4 asks for the IPv4 addresses of all names at once and waits until all have an
// answer. The results are in the order of the names. Names that are addresses are
// none here, and nothing is known about localhost: every name is asked for.
func (r *Resolver) IPv4(ctx context.Context, names ...string) []Result {
	results := make([]Result, len(names))
	tickets := make([]ticket, len(names))
	for i, n := range names {
		name, err := hostName(n)
		if err != nil {
			results[i].Err = err
			continue
		}
		tickets[i] = r.askOne(question{name, dns.TypeA})
	}
	for i, t := range tickets {
		if results[i].Err != nil {
			continue
		}
		a := r.await(ctx, t, 0)
		results[i].Addrs = a.addrs
		if a.err != nil {
			results[i].Err = a.err
		}
	}
	return results
}

// Texts returns what the TXT records of host say, in the order of the answer; the
// strings of one record are joined. There is at least one when err is nil, which is of
// type *Error. The slice is shared with others who ask: it is not to be written to.
func (r *Resolver) Texts(ctx context.Context, host string) ([]string, error) {
	list, _, err := r.TextsAndNews(ctx, host)
	return list, err
}

// News is how an answer, or the failure to get one, came to a caller.
type News uint8

// The ways.
const (
	Known  News = iota // it was kept, or nobody had to be asked
	Shared             // the servers were asked, and another caller heard of it first
	First              // of all who waited for the servers this caller is the first to hear
)

// TextsAndNews is Texts, and tells how the answer came.
func (r *Resolver) TextsAndNews(ctx context.Context, host string) ([]string, News, error) {
	name, err := hostName(host)
	if err != nil {
		return nil, Known, err
	}
	a := r.await(ctx, r.askOne(question{name, dns.TypeTXT}), 0)
	if a.err != nil {
		return nil, a.news, a.err
	}
	return a.texts, a.news, nil
}
