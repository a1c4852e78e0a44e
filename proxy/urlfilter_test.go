package proxy

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
	"utmsim/internal/resolver/rating"
	"utmsim/internal/urlfilter"
	"utmsim/protocols"
)

// benchRules is a profile with a list and categories.
const benchRules = `config webfilter urlfilter
    edit 1
        config entries
            edit 1
                set url "games.lab.test"
                set action block
            next
        end
    next
end
config webfilter profile
    edit "list"
        config web
            set urlfilter-table 1
        end
    next
    edit "ratings"
        config ftgd-wf
            config filters
                edit 1
                    set category 26
                    set action block
                next
            end
        end
    next
end
`

// BenchmarkJudgeURL is what a request costs more: without a profile, with a list that
// does not know its host, and with a category that is known.
func BenchmarkJudgeURL(b *testing.B) {
	server, err := lab.NewDNS(lab.RatingZone())
	require.NoError(b, err)
	address, err := server.Listen("127.0.0.1:0")
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, server.Close()) })
	e := benchEngine(b, benchRules)
	e.opts.Rater = rating.New(rating.Settings{
		Server: netip.MustParseAddrPort(address), Zone: lab.RatingApex, Timeout: time.Minute, Tries: 1, CacheEntries: 10, Outstanding: 10,
	})
	dom := &e.settings().snap.Domain
	lists, err := compileURLLists(dom)
	require.NoError(b, err)
	u := &URL{URL: urlfilter.URL{Host: "www.lab.test", Path: "/"}, Words: "http://www.lab.test/"}
	for _, profile := range []string{"none", "list", "ratings"} {
		b.Run(profile, func(b *testing.B) {
			rt := newRoute(dom, protocols.HTTP, e.settings().vdom(""), "default", "default")
			rt.urls = newURLRules(dom, dom.WebProfile(profile), lists)
			s := benchSession(e, rt, netip.MustParseAddr("10.0.0.1"))
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				if !s.FiltersURLs() {
					continue
				}
				if v, err := s.JudgeURL(ctx, u); err != nil || v.Blocked() {
					b.Fatal(v, err)
				}
			}
		})
	}
}
