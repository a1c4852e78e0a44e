// Package rating finds the categories of hosts in a DNS zone: the question is the host
// under the zone, the answer a TXT record with the number of a category and, behind a
// blank, its name. A name that is not there is a host without a rating.
//
// Cache, sharing of questions, bounds and checks of answers are those of package
// resolver. It deliberately does not know what anybody does with a category.
package rating

import (
	"context"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"utmsim/internal/resolver"
)

// Settings is what the operator decides.
type Settings struct {
	Server       netip.AddrPort // not valid: every rating fails
	Zone         string
	Timeout      time.Duration // of one try
	Tries        int
	CacheEntries int
	CacheTTL     time.Duration
	Outstanding  int // questions in the air; further ones fail with ErrBusy
}

// Rating is what is known about a host.
type Rating struct {
	Category int    // Unrated, or up to MaxCategory
	Name     string // of the category as the zone has it; may be empty
	// News is how the answer, or with an error its failure, came to this caller.
	News News
}

// Unrated is the category of hosts that the zone does not know, MaxCategory the
// largest number of one.
const (
	Unrated     = 0
	MaxCategory = 255
)

// News is how an answer came to a caller.
type News = resolver.News

// Kinds of failure besides those that say what the server did.
var (
	ErrBusy    = resolver.ErrBusy    // too many questions are in the air
	ErrTimeout = resolver.ErrTimeout // no answer in time, at any try

	errNoCategory = errors.New("the rating zone does not name a category")
)

// Client asks for ratings. Make one with New.
type Client struct {
	resolver *resolver.Resolver
	settings atomic.Pointer[Settings]
	requests atomic.Uint64
}

// New returns a client that works by s.
func New(s Settings) *Client {
	c := &Client{resolver: resolver.New(s.resolver())}
	c.settings.Store(&s)
	return c
}

// Configure changes the settings. Whoever waits already does so by the old ones.
func (c *Client) Configure(s Settings) {
	c.resolver.Configure(s.resolver())
	c.settings.Store(&s)
}

func (s *Settings) resolver() resolver.Settings {
	r := resolver.Settings{
		Timeout: s.Timeout, Retries: s.Tries - 1, CacheEntries: s.CacheEntries, CacheTTL: s.CacheTTL, Outstanding: s.Outstanding,
	}
	if s.Server.IsValid() && s.Zone != "" {
		r.Servers = []netip.AddrPort{s.Server}
	}
	return r
}

// Rate finds the category of host, a name or an address without brackets. It waits no
// longer than all tries take, or until ctx ends.
func (c *Client) Rate(ctx context.Context, host string) (Rating, error) {
	c.requests.Add(1)
	list, news, err := c.resolver.TextsAndNews(ctx, question(host, c.settings.Load().Zone))
	switch {
	case errors.Is(err, resolver.ErrNotFound):
		return Rating{Category: Unrated, Name: "Unrated", News: news}, nil
	case err != nil:
		return Rating{News: news}, err
	}
	r, err := lowest(list)
	r.News = news
	return r, err
}

// lowest is the category with the lowest number, since the records of an answer have
// no order.
func lowest(list []string) (r Rating, err error) {
	err = errNoCategory
	for _, text := range list {
		if found, ok := parse(text); ok && (err != nil || found.Category < r.Category) {
			r, err = found, nil
		}
	}
	return r, err
}

// maxName is the longest name of a category, in bytes.
const maxName = 64

// parse reads "36 News and Media". The name is for pages and logs: one with anything
// but visible ASCII in it is left out.
func parse(text string) (Rating, bool) {
	number, name, _ := strings.Cut(text, " ")
	n, err := strconv.ParseUint(number, 10, 8)
	if err != nil {
		return Rating{}, false
	}
	name = strings.TrimSpace(name)
	if len(name) > maxName || strings.IndexFunc(name, func(c rune) bool { return c < ' ' || c > '~' }) >= 0 {
		name = ""
	}
	return Rating{Category: int(n), Name: name}, true
}

// Stats is what a client has done since it was made, and holds now.
type Stats struct {
	Requests uint64 // ratings asked for
	Cached   int    // answers in the cache
	Limit    int    // of these
	resolver.Stats
}

// Stats returns the counters now.
func (c *Client) Stats() Stats {
	return Stats{Requests: c.requests.Load(), Cached: c.resolver.Cached(), Limit: c.settings.Load().CacheEntries, Stats: c.resolver.Stats()}
}
