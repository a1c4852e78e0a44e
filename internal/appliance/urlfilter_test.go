package appliance_test

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
)

// withWebFilter puts the lab's own profile in force for the VIP of HTTP and for the
// forward proxy. A rating has all the time that a busy machine takes over it.
const withWebFilter = `config webfilter rating
    set timeout 60000
end
config firewall policy
    edit 1
        set webfilter-profile "lab-web"
    next
end
config web-proxy explicit
    set webfilter-profile "lab-web"
end
`

// visit asks for a page of a host.
func (c *client) visit(host, path string) (int, string) {
	c.t.Helper()
	c.send(fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host))
	res, body, err := c.answer("GET")
	require.NoError(c.t, err)
	return res.StatusCode, string(body)
}

// httpLine is a figure of the HTTP blocks.
func (s *site) httpLine(label string) (n int) {
	s.t.Helper()
	s.scan(strings.Join(strings.Fields(s.exec("get test proxyworker 4")), " ")+" ", label, &n)
	return n
}

// TestURLsOfTheLab visits the hosts that the lab has for its web filter and looks at
// pages, counters, log lines and queries.
func TestURLsOfTheLab(t *testing.T) {
	s := newRealTimeSite(t, withWebFilter)
	c := s.dial(alice)
	asked := func(host string) int64 { return s.Origins.DNS().Queries(host + "." + lab.RatingApex) }
	for _, tc := range []struct {
		host, path string
		status     int
		words      string            // of the page
		counter    string            // that it moves by one
		line       map[string]string // of the log; nil: none
	}{
		{"games.lab.test", "/", 403, "http://games.lab.test/", "URL requests blocked ", map[string]string{
			"logid": "0315012544", "type": "utm", "subtype": "webfilter", "eventtype": "urlfilter", "level": "warning", "policyid": "1", "action": "blocked",
			"service": "HTTP", "srcip": alice, "direction": "outgoing", "hostname": "games.lab.test", "url": "http://games.lab.test/", "profile": "lab-web",
			"urlfilteridx": "1", "urlfilterlist": "lab-urls", "msg": "URL was blocked because it is in the URL filter list"}},
		{"www.lab.test", "/bytes/10", 200, "", "URL requests passed ", map[string]string{
			"logid": "0315012546", "level": "information", "action": "passthrough", "urlfilteridx": "2", "url": "http://www.lab.test/bytes/10"}},
		{"malware.lab.test", "/x", 403, "Malicious Websites", "URL requests rating block ", map[string]string{
			"logid": "0316013056", "eventtype": "ftgd_blk", "level": "warning", "cat": "26", "catdesc": "Malicious Websites", "method": "domain",
			"msg": "URL belongs to a denied category in policy"}},
		{"news.lab.test", "/", 200, "", "URL requests rating allow ", map[string]string{
			"logid": "0317013312", "eventtype": "ftgd_allow", "level": "notice", "cat": "36", "catdesc": "News and Media", "action": "passthrough"}},
		{"forged-rating.lab.test", "/", 200, "", "URL requests rating allow ", map[string]string{"logid": "0317013312", "cat": "36"}},
		{"unrated.lab.test", "/", 200, "", "URL requests rating allow ", nil},
		{"127.0.0.1", "/", 200, "", "URL requests rating allow ", nil},
		{"failing-rating.lab.test", "/", 403, "could not be rated", "URL requests rating error ", map[string]string{
			"logid": "0318012800", "eventtype": "ftgd_err", "level": "error", "action": "blocked", "hostname": "failing-rating.lab.test"}},
		{"silent-rating.lab.test", "/", 403, "could not be rated", "URL requests rating error ", map[string]string{"logid": "0318012800"}},
	} {
		if tc.host == "silent-rating.lab.test" {
			s.exec("config webfilter rating", "set timeout 50", "end")
		}
		before, logged := s.httpLine(tc.counter), s.webLines()
		status, body := c.visit(tc.host, tc.path)
		require.Equal(t, tc.status, status, tc.host)
		assert.Contains(t, body, tc.words)
		assert.Equal(t, before+1, s.httpLine(tc.counter), "%s %s", tc.host, tc.counter)
		if tc.line == nil {
			assert.Equal(t, logged, s.webLines(), tc.host)
			continue
		}
		holds(t, s.newest("webfilter"), tc.line)
	}
	assert.EqualValues(t, 0, asked("games.lab.test"), "the list has decided")
	assert.EqualValues(t, 1, asked("unrated.lab.test"))
	_, _ = c.visit("unrated.lab.test", "/")
	assert.EqualValues(t, 1, asked("unrated.lab.test"), "that there is no rating is remembered")
	s.eventually(func() bool { return asked("silent-rating.lab.test") == 2 }, "two tries")
	assert.Equal(t, 1, s.httpLine("Error Count (urlfilter wait) "))
	assert.Equal(t, 2, s.httpLine("uf_lookupf="))

	out := s.exec("get webfilter ftgd-statistics")
	for _, line := range []string{
		`Wrong package type +: +2`, `Request timeout +: +2`, `Total requests +: +9`, `Requests to FortiGuard servers +: +9`,
		`Allowed +: +6`, `Blocked +: +1`, `Errors +: +2`, `Nodes +: +8`, `Hits +: +1`, `Misses +: +8`, `Hit rate +: +11%`,
	} {
		assert.Regexp(t, regexp.MustCompile(line), out)
	}
	s.invariants()
}

// webLines is how many lines the web filter's log has.
func (s *site) webLines() (n int) {
	s.t.Helper()
	s.scan(s.exec("execute log filter category webfilter", "execute log display"), "", &n)
	return n
}

// TestErrorAllowLetsPass: the option decides about hosts without a rating, with the
// next connection.
func TestErrorAllowLetsPass(t *testing.T) {
	s := newRealTimeSite(t, withWebFilter)
	status, _ := s.dial(alice).visit("failing-rating.lab.test", "/")
	require.Equal(t, 403, status)
	s.exec("config webfilter profile", "edit lab-web", "config ftgd-wf", "set options error-allow", "end", "end")
	status, _ = s.dial(alice).visit("failing-rating.lab.test", "/")
	require.Equal(t, 200, status)
	holds(t, s.newest("webfilter"), map[string]string{"logid": "0318012801", "level": "warning", "action": "passthrough"})
	s.exec("config webfilter profile", "edit lab-web", "config ftgd-wf", "unset options", "end", "end", "config webfilter rating", "unset server", "end")
	status, _ = s.dial(alice).visit("news.lab.test", "/")
	require.Equal(t, 403, status, "without a server nothing can be rated")
}

// TestManyClientsOneQuestion has clients ask for one host at once.
func TestManyClientsOneQuestion(t *testing.T) {
	const clients = 200
	s := newRealTimeSite(t, withWebFilter)
	var all sync.WaitGroup
	start := make(chan struct{})
	for range clients {
		c := s.dial(alice)
		all.Go(func() {
			<-start
			_, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: malware.lab.test\r\n\r\n")
			assert.NoError(t, err)
			res, err := http.ReadResponse(c.r, nil)
			if assert.NoError(t, err) {
				assert.Equal(t, 403, res.StatusCode)
			}
		})
	}
	close(start)
	all.Wait()
	assert.EqualValues(t, 1, s.Origins.DNS().Queries("malware.lab.test."+lab.RatingApex))
	assert.Equal(t, clients, s.httpLine("URL requests rating block "))
	s.eventually(func() bool { return s.Engine().Report().Check() == nil }, "the counters agree")
	out := s.exec("get test proxyworker 4")
	assert.Regexp(t, fmt.Sprintf(`urlfilter=1/%d/\d+ uf_lookupf=0`, clients), out)
}

// TestURLFilterListsAreChecked: an entry that can't be used is refused, whoever refers
// to the list.
func TestURLFilterListsAreChecked(t *testing.T) {
	s := newSite(t, "")
	out, ok := s.try("config webfilter urlfilter", "edit 7", "config entries", "edit 3", `set url "("`, "set type regex", "next", "end", "next", "end")
	require.False(t, ok)
	assert.Contains(t, out, "webfilter urlfilter 7: URL filter entry 3: ")
	assert.NotContains(t, s.exec("show webfilter urlfilter"), "edit 7")
}
