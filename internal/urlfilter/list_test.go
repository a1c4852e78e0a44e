package urlfilter

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func compile(t testing.TB, subdomains bool, entries ...Entry) *List {
	t.Helper()
	l, err := Compile(entries, subdomains)
	require.NoError(t, err)
	return l
}

// TestEntries says for each entry what it matches and what it does not.
func TestEntries(t *testing.T) {
	u := func(host, path string) URL { return URL{Host: host, Path: path} }
	for _, tc := range []struct {
		typ      Type
		url      string
		yes, not []URL
	}{
		{Simple, "example.com",
			[]URL{u("example.com", "/"), u("EXAMPLE.com.", "/a?b"), u("www.example.com", "/"), u("a.b.example.com", "/"), u("example.com", ""), {Host: "example.com", Port: 8080, Path: "/"}},
			[]URL{u("badexample.com", "/"), u("example.com.evil.test", "/"), u("com", "/"), u("other.test", "/example.com")}},
		{Simple, "www.example.com",
			[]URL{u("www.example.com", "/"), u("x.www.example.com", "/")},
			[]URL{u("example.com", "/"), u("mail.example.com", "/")}},
		{Simple, "https://Example.COM./",
			[]URL{u("example.com", "/any"), u("example.com", "")},
			[]URL{u("example.org", "/")}},
		{Simple, "example.com/news",
			[]URL{u("example.com", "/news"), u("example.com", "/News/today"), u("www.example.com", "/news?id=1"),
				u("example.com", "/%6eews"), u("example.com", "/a/../news"), u("example.com", "//news"), u("example.com", "/./news/")},
			[]URL{u("example.com", "/newsletter"), u("example.com", "/"), u("example.com", "/a/news"), u("example.com", ""), u("example.com", "/news/../other")}},
		{Simple, "example.com/get?file=",
			[]URL{u("example.com", "/get?file=a")},
			[]URL{u("example.com", "/get?other=a"), u("example.com", "/get")}},
		{Simple, "example.com:8080",
			[]URL{{Host: "example.com", Port: 8080, Path: "/"}},
			[]URL{u("example.com", "/"), {Host: "example.com", Port: 8081, Path: "/"}}},
		{Simple, "192.0.2.1",
			[]URL{u("192.0.2.1", "/"), u("::ffff:192.0.2.1", "/")},
			[]URL{u("1.192.0.2.1", "/"), u("192.0.2.10", "/")}},
		{Simple, "[2001:DB8::0:1]:81/x",
			[]URL{{Host: "2001:db8::1", Port: 81, Path: "/x"}},
			[]URL{u("2001:db8::1", "/x")}},
		{Simple, "2001:db8::1", []URL{u("2001:0db8::1", "/")}, []URL{u("2001:db8::2", "/")}},
		{Simple, "bücher.example", []URL{u("xn--bcher-kva.example", "/")}, []URL{u("bucher.example", "/")}},
		{Wildcard, "*fa*",
			[]URL{u("www.facebook.com", "/"), u("fast.com", "/"), u("example.com", "/fast")},
			[]URL{u("example.com", "/")}},
		{Wildcard, "*.example.com",
			[]URL{u("www.example.com", "/any/page"), u("a.b.EXAMPLE.com", ""), {Host: "www.example.com", Port: 8080, Path: "/"}},
			[]URL{u("example.com", "/"), u("www.example.com.evil.test", "/")}},
		{Wildcard, "www.example.*/*.EXE",
			[]URL{u("www.example.org", "/a/b.exe"), u("www.example.com", "/B.Exe")},
			[]URL{u("www.example.org", "/a/b.exe.html"), u("www.example.org", "/")}},
		{Wildcard, "http://ho?t/**", []URL{u("host", "/"), u("hoot", "/x")}, []URL{u("hot", "/")}},
		{Regex, `^www\.(one|two)\.test/`,
			[]URL{u("www.one.test", "/"), u("WWW.two.test", "/x")},
			[]URL{u("www.three.test", "/"), u("www.one.test", "")}},
		{Regex, "/bad page/i", []URL{u("x.test", "/?q=BAD page")}, []URL{u("x.test", "/")}},
		{Regex, "bad", []URL{u("bad.test", "/")}, []URL{u("x.test", "/BAD")}},
	} {
		l := compile(t, true, Entry{ID: 7, URL: tc.url, Type: tc.typ, Action: Block})
		for _, yes := range tc.yes {
			e, ok := l.Match(yes)
			assert.True(t, ok, "%s does not match %v", tc.url, yes)
			assert.Equal(t, 7, e.ID)
		}
		for _, not := range tc.not {
			_, ok := l.Match(not)
			assert.False(t, ok, "%s matches %v", tc.url, not)
		}
	}
}

func TestWithoutSubdomainsAHostIsItself(t *testing.T) {
	l := compile(t, false, Entry{URL: "example.com"})
	_, ok := l.Match(URL{Host: "example.com", Path: "/"})
	assert.True(t, ok)
	_, ok = l.Match(URL{Host: "www.example.com", Path: "/"})
	assert.False(t, ok)
}

// TestTheFirstEntryDecides has entries of every type for one host, in all orders.
func TestTheFirstEntryDecides(t *testing.T) {
	entries := []Entry{
		{ID: 1, URL: "example.com", Action: Block},
		{ID: 2, URL: "*.example.com", Type: Wildcard, Action: Allow},
		{ID: 3, URL: "^www", Type: Regex, Action: Monitor},
		{ID: 4, URL: "www.example.com/page", Action: Exempt},
		{ID: 5, URL: "www.example.com", Action: Exempt},
	}
	at := URL{Host: "www.example.com", Path: "/page"}
	for i := range entries {
		order := append(append([]Entry{}, entries[i:]...), entries[:i]...)
		e, ok := compile(t, true, order...).Match(at)
		require.True(t, ok)
		assert.Equal(t, entries[i], e)
	}
}

func TestWhatIsNoEntry(t *testing.T) {
	for _, e := range []Entry{
		{URL: ""}, {URL: "http://"}, {URL: "/path"}, {URL: "example.com:"}, {URL: "example.com:0"}, {URL: "example.com:99999"},
		{URL: "[::1"}, {URL: "[::1]x"}, {URL: "", Type: Wildcard}, {URL: "", Type: Regex}, {URL: "(", Type: Regex}, {URL: `(?<!a)b`, Type: Regex},
	} {
		_, err := Compile([]Entry{e}, true)
		assert.Error(t, err, "%v", e)
	}
	_, err := Compile([]Entry{{ID: 9, URL: "(", Type: Regex}}, true)
	assert.ErrorContains(t, err, "URL filter entry 9: ")
}

func TestHost(t *testing.T) {
	for in, want := range map[string]string{
		"Example.COM.": "example.com", "127.0.0.1": "127.0.0.1", "::FFFF:127.0.0.1": "127.0.0.1", "2001:DB8:0::1": "2001:db8::1",
		"127.0.0.1.": "127.0.0.1", "2130706433": "127.0.0.1", "0x7f.1": "127.0.0.1", "0177.0.0.01": "127.0.0.1", "127.0.1": "127.0.0.1",
		"0X7F000001": "127.0.0.1", "1.2.0x": "1.2.0.0", "4294967296": "4294967296", "1.2.3.256": "1.2.3.256", "1.2.3.4.5": "1.2.3.4.5",
		"256.1": "256.1", "09.1": "09.1", "0b1.1": "0b1.1", "1_0.1": "1_0.1", "a.1": "a.1", "1.a": "1.a", "1..1": "1..1", "-1": "-1",
		"example.com..": "example.com", "": "", ".": "",
	} {
		got, _ := Host(in)
		assert.Equal(t, want, got)
	}
}

// TestPathsOfTwoReadings: what some servers take for a slash neither hides a page from
// its entry nor makes another page exempt.
func TestPathsOfTwoReadings(t *testing.T) {
	l := compile(t, true, Entry{ID: 1, URL: "example.com/news", Action: Block}, Entry{ID: 2, URL: "example.com/safe", Action: Exempt})
	for path, want := range map[string]int{
		"/news%2Ftoday": 1, "/%2fnews": 1, `/x\..\news`: 1, "/safe/..%5cnews": 1, "/safe%2f..%2fnews": 1, "/news;a=b": 1, "/news%3bx": 0,
		"/safe/a": 2, "/safe%2fa": 0, "/other%2f..%2fsafe": 0, "/safe?x=%2fnews": 2, "/other?x=/..%2fnews": 0, "/newsletter%2f": 0, "/safe%252f..": 0,
	} {
		e, _ := l.Match(URL{Host: "example.com", Path: path})
		assert.Equal(t, want, e.ID, path)
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("example.com/x", uint8(0), "www.example.com", uint16(0), "/x?y")
	f.Add("*.exe*?", uint8(1), "::1", uint16(8080), "/%2e%2E//a%zz")
	f.Add("/a|b/i", uint8(2), "A.b.", uint16(1), "/../..")
	f.Fuzz(func(t *testing.T, url string, typ uint8, host string, port uint16, path string) {
		l, err := Compile([]Entry{{URL: url, Type: Type(typ % 3)}}, true)
		if err != nil {
			return
		}
		at := URL{Host: host, Port: port, Path: path}
		_, once := l.Match(at)
		canonical, _ := Host(host)
		_, again := l.Match(URL{Host: canonical, Port: port, Path: path})
		if once != again && len(host) > 0 && host[len(host)-1] != '.' {
			t.Errorf("%q matches %v, but not as %q", url, at, canonical)
		}
	})
}

// BenchmarkMatch looks for hosts in a list of 10,000 simple entries: one that is in
// it, one that is below one, and one that is not.
func BenchmarkMatch(b *testing.B) {
	entries := make([]Entry, 10_000)
	for i := range entries {
		entries[i] = Entry{ID: i, URL: fmt.Sprintf("host%d.example.test", i)}
	}
	l := compile(b, true, entries...)
	for name, u := range map[string]URL{
		"first": {Host: "host0.example.test", Path: "/"}, "last": {Host: "host9999.example.test", Path: "/"},
		"below": {Host: "www.host5000.example.test", Path: "/"}, "none": {Host: "www.other.test", Path: "/"},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				l.Match(u)
			}
		})
	}
}
