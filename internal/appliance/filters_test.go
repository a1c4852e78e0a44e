package appliance_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/stats"
	"utmsim/protocols"
	"utmsim/scanner/samples"
)

// filters is a configuration with a list of file patterns and one of banned words, in
// use for all protocols.
func filters(scan string) string {
	var b strings.Builder
	b.WriteString(`config antivirus filepattern
    edit 1
        config entries
            edit "*.blocked"
            next
            edit "*.exempt"
                set action exempt
            next
            edit "readme*"
                set action allow
            next
            edit "programs"
                set filter-type type
                set file-type exe
            next
            edit "pictures"
                set filter-type type
                set file-type png
                set action exempt
            next
        end
    next
end
config webfilter content
    edit 1
        config entries
            edit "casino"
                set status enable
                set score 6
            next
            edit "/big +win/i"
                set pattern-type regexp
                set status enable
                set score 6
            next
            edit "charity"
                set status enable
                set action exempt
            next
        end
    next
end
config webfilter profile
    edit "words"
        config web
            set bword-table 1
        end
    next
end
config antivirus profile
    edit "default"
`)
	for _, p := range protocols.All {
		fmt.Fprintf(&b, "config %s\nset options %s file-filter\nset file-pat-table 1\nend\n", strings.ToLower(p.String()), scan)
	}
	b.WriteString("next\nend\nconfig web-proxy explicit\nset webfilter-profile words\nend\nconfig firewall policy\n")
	for i := range protocols.All {
		fmt.Fprintf(&b, "edit %d\nset webfilter-profile words\nnext\n", i+1)
	}
	b.WriteString("end\n")
	return b.String()
}

// peFile is the beginning of a program of Windows.
func peFile() []byte {
	b := append([]byte("MZ"), make([]byte, 254)...)
	b[0x3c] = 0x80
	copy(b[0x80:], "PE\x00\x00")
	return b
}

// exemptPicture has the head of a picture, and the test virus behind it.
func exemptPicture() []byte {
	return append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00"), samples.EICAR()...)
}

const bannedPage = "<html><body><p>Visit our ca<b>si</b>no for a BIG\n <i>win</i>!</p></body></html>"

// webShop is a server with something of everything.
type webShop struct {
	*httptest.Server
	asked atomic.Int64
}

func newWebShop(t *testing.T) *webShop {
	s := new(webShop)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		if name := r.URL.Query().Get("name"); name != "" {
			w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		switch r.URL.Path {
		case "/eicar", "/eicar.exempt":
			_, _ = w.Write(samples.EICAR())
		case "/program":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write(peFile())
			_ = z.Close()
		case "/picture":
			_, _ = w.Write(exemptPicture())
		case "/page":
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, bannedPage)
		case "/zipped":
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, strings.Repeat("nothing to see. ", 20_000)+bannedPage)
			_ = z.Close()
		case "/charity":
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, bannedPage+"for charity")
		case "/one":
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<p>casino, and nothing else</p>")
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// browser asks through the forward proxy.
func (s *site) browser() *http.Client {
	transport := &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: s.forward}), DisableCompression: true}
	s.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// uploadForm is a form with one file.
func uploadForm(t *testing.T, name string, content []byte) (body []byte, contentType string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	require.NoError(t, w.WriteField("remark", "x.blocked is only a text"))
	f, err := w.CreateFormFile("file", name)
	require.NoError(t, err)
	_, err = f.Write(content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes(), w.FormDataContentType()
}

// filterLines are the lines of HTTP that filters move.
func (s *site) filterLines() map[string]int64 {
	lines := map[string]int64{}
	for label, n := range s.moved(protocols.HTTP) {
		if strings.Contains(label, "requests") || strings.Contains(label, "responses") {
			lines[label] = n
		}
	}
	return lines
}

// TestHTTPFilters provokes the lines of HTTP that the file filter and banned words
// move, each by the right amount and no other.
func TestHTTPFilters(t *testing.T) {
	s := newRealTimeSite(t, filters("scan"))
	shop, web := newWebShop(t), s.browser()
	want := map[string]int64{}
	try := func(method, path string, body []byte, contentType string, status int, says string, lines ...string) {
		t.Helper()
		req, err := http.NewRequest(method, shop.URL+path, bytes.NewReader(body))
		require.NoError(t, err)
		if contentType != "" {
			req.Header.Set("Content-Type", contentType)
		}
		res, err := web.Do(req)
		require.NoError(t, err)
		got, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		assert.Equal(t, status, res.StatusCode, "%s %s: %s", method, path, got)
		assert.Contains(t, string(got), says, "%s %s", method, path)
		for _, l := range lines {
			want[l]++
		}
		s.eventually(func() bool { return assert.ObjectsAreEqual(want, s.filterLines()) }, "%s %s moves %v, so that there are %v, and not %v", method, path, lines, want, s.filterLines())
	}
	get := func(path string, status int, says string, lines ...string) {
		t.Helper()
		try("GET", path, nil, "", status, says, lines...)
	}
	virus := string(samples.EICAR())

	get("/a.blocked", 403, `the file "a.blocked" because files of this kind are blocked`, "Web requests file blocked", "Web requests detected")
	get("/A.Blocked?x=1", 403, "blocked", "Web requests file blocked", "Web requests detected")
	assert.Zero(t, shop.asked.Load(), "the server is not asked")
	get("/eicar.exempt", 200, virus, "Web requests file exempt")
	get("/eicar", 403, "EICAR_TEST_FILE", "Web responses infected with viruses", "Web responses detected")

	get("/eicar?name=x.blocked", 403, `the file "x.blocked"`, "Web responses file blocked", "Web responses detected")
	get("/eicar?name=x.exempt", 200, virus, "Web responses file exempt")
	get("/program", 403, `the file "program"`, "Web responses file blocked", "Web responses detected")
	get("/program?name=readme", 200, "", "Web responses clean")
	get("/picture", 200, virus, "Web responses file exempt")

	upload := func(name string, content []byte, status int, says string, lines ...string) {
		t.Helper()
		body, kind := uploadForm(t, name, content)
		try("POST", "/upload", body, kind, status, says, lines...)
	}
	before := shop.asked.Load()
	upload("x.blocked", []byte("text"), 403, `transfer the file "x.blocked" because files of this kind`, "POST requests file blocked")
	upload("setup", peFile(), 403, `the file "setup"`, "POST requests file blocked")
	try("PUT", "/in/x.blocked", []byte("text"), "", 403, `transfer the file "x.blocked"`, "Web requests file blocked", "Web requests detected")
	assert.Equal(t, before, shop.asked.Load(), "the server gets nothing of it")
	upload("x.exempt", samples.EICAR(), 200, "", "Web requests file exempt")
	upload("eicar", samples.EICAR(), 403, "EICAR_TEST_FILE", "POST requests infected with viruses")
	try("PUT", "/in/x.exempt", samples.EICAR(), "", 200, "", "Web requests file exempt")

	get("/one", 200, "casino", "Web responses clean")
	get("/page", 403, "because it contains words that are banned", "Web responses bannedword detected", "Web responses detected")
	get("/zipped", 403, "because it contains words that are banned", "Web responses bannedword detected", "Web responses detected")
	get("/charity", 200, "charity", "Web responses clean")
	try("POST", "/comment", []byte("text=my+c%61sino&more=big++win"), "application/x-www-form-urlencoded", 403, "contains words that are banned", "POST requests bannedword detected")
	upload("comment.txt", []byte("Casino: big win"), 403, "contains words that are banned", "POST requests bannedword detected")
	try("POST", "/comment", []byte("text=fine"), "application/x-www-form-urlencoded", 200, "", "POST requests clean")

	s.invariants()
	assert.Regexp(t, fmt.Sprintf(`HTTP +exempt +\d+ +%d\n`, s.Engine().Report().Ledger[protocols.HTTP].Leaks[stats.LeakExempt].Bytes), s.exec("diagnose sim leak"))
	web.CloseIdleConnections()
	shop.Close()

	blocked := s.log("file blocked")
	require.Len(t, blocked, 7)
	assert.Equal(t, "a.blocked", blocked[0]["file"])
	assert.Equal(t, "*.blocked", blocked[0]["filter"])
	assert.Equal(t, "exe", blocked[3]["type"])
	assert.Equal(t, "x.blocked", blocked[4]["file"])
	words := s.log("banned word")
	require.Len(t, words, 4)
	assert.Equal(t, "casino, /big +win/i", words[0]["words"])
	assert.EqualValues(t, 12, words[0]["score"])
	assert.Equal(t, "words", words[0]["profile"])
	assert.Len(t, s.log("file exempt"), 5)
}

// Without a scanner files are filtered all the same, and what passes is in the ledger.
func TestFiltersWithoutScan(t *testing.T) {
	s := newRealTimeSite(t, filters(""))
	shop, web := newWebShop(t), s.browser()
	for path, status := range map[string]int{"/a.blocked": 403, "/program": 403, "/page": 403, "/eicar": 200, "/one": 200} {
		res, err := web.Get(shop.URL + path)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		assert.Equal(t, status, res.StatusCode, path)
	}
	assert.Equal(t, map[string]int64{
		"Web requests file blocked": 1, "Web requests detected": 1, "Web responses file blocked": 1,
		"Web responses bannedword detected": 1, "Web responses detected": 2,
	}, s.filterLines())
	assert.Regexp(t, fmt.Sprintf(`HTTP +policy +\d +%d\n`, len(samples.EICAR())+len("<p>casino, and nothing else</p>")), s.exec("diagnose sim leak"))
}

// TestWrongLists: what can't be compiled is refused when it is committed, used or not.
func TestWrongLists(t *testing.T) {
	s := newSite(t, "")
	out, ok := s.try("config webfilter content", "edit 7", "config entries", `edit "(half"`, "set pattern-type regexp", "set status enable", "next", "end", "next", "end")
	assert.False(t, ok)
	assert.Contains(t, out, `webfilter content 7: pattern "(half": error parsing regexp: missing closing )`)
	assert.Contains(t, out, "object check operator error, -45, discard the setting")
	out, ok = s.try("config webfilter content", "edit 7", "config entries", `edit "***"`, "set status enable", "next", "end", "next", "end")
	assert.False(t, ok)
	assert.Contains(t, out, "there is nothing to look for")
	s.exec("config antivirus filepattern", "edit 1", "config entries", "edit programs", "set filter-type type", "set file-type exe", "next", "end", "next", "end")
	out, ok = s.try("config antivirus filepattern", "edit 1", "config entries", "edit programs", "set file-type bat")
	assert.False(t, ok)
	assert.Contains(t, out, "command parse error before 'bat'")
}

// TestFTPFilters provokes the lines of FTP that the file filter and banned words move.
func TestFTPFilters(t *testing.T) {
	s := newRealTimeSite(t, filters("scan"))
	s.exec("config firewall policy", "edit 5", "set webfilter-profile ''", "next", "end")
	c := s.ftpUser(alice)
	virus := string(samples.EICAR())
	require.Contains(t, c.ftpStore("STOR incoming/words", "The casino. A big win."), "226 ")
	require.Contains(t, c.ftpStore("STOR incoming/x.exempt", virus), "226 ")
	want := map[string]int64{"Upload files clean": 1, "Upload files file exempt": 1}
	c.Close()
	s.exec("config firewall policy", "edit 5", "set webfilter-profile words", "next", "end")
	c = s.ftpUser(alice)
	add := func(lines ...string) {
		t.Helper()
		for _, l := range lines {
			want[l]++
			s.ftpStat(l, want[l])
		}
	}
	refused := func(command, says string, lines ...string) {
		t.Helper()
		conn := c.passive()
		assert.Contains(t, c.does(command, "550 "), says)
		conn.Close()
		add(lines...)
	}
	refused("RETR no/such.blocked", `The file "such.blocked" is blocked: files of this kind are not allowed`, "Files file blocked", "Files detected")
	refused("STOR incoming/new.blocked", `The file "new.blocked" is blocked`, "Upload files file blocked", "Upload files detected")
	got, last := c.ftpFetch("incoming/x.exempt")
	assert.Equal(t, virus, got)
	assert.Contains(t, last, "226 ")
	add("Files file exempt")
	got, last = c.ftpFetch("incoming/words")
	assert.Empty(t, got)
	assert.Contains(t, last, `550 Transfer failed. The file "words" is blocked: it contains words that are banned`)
	add("Files bannedword detected", "Files detected")
	assert.Contains(t, c.ftpStore("STOR incoming/setup", string(peFile())), `550 Transfer failed. The file "setup" is blocked`)
	add("Upload files file blocked", "Upload files detected")
	assert.Contains(t, c.ftpStore("STOR incoming/words2", "casino, Big Win"), "words that are banned")
	add("Upload files bannedword detected", "Upload files detected")
	assert.Contains(t, c.ftpStore("STOR incoming/picture", string(exemptPicture())), "226 ")
	add("Upload files file exempt")
	_, last = c.ftpFetch("readme.txt")
	assert.Contains(t, last, "226 ")
	add("Files clean")
	c.Close()
	s.invariants()
	assert.Len(t, s.log("banned word"), 2)
}

// TestMailFilters provokes the lines of the mail protocols that the file filter moves.
func TestMailFilters(t *testing.T) {
	s := newRealTimeSite(t, filters("scan"))
	send := func(name string, content []byte, code int) string {
		t.Helper()
		c := s.dialSMTP()
		c.begin("x@client.test")
		c.dialogue("DATA\r\n", 354)
		c.send(mailWith(name, content) + ".\r\n")
		said := c.expect(code)
		require.NoError(t, c.raw.Close())
		return said
	}
	stat := func(p protocols.Protocol, lines map[string]int64) {
		t.Helper()
		for l, n := range lines {
			s.eventually(func() bool { got, _ := s.Engine().Report().Stat[p].Get(l); return got == n }, "%s: %s becomes %d", p, l, n)
		}
		s.invariants()
	}
	assert.Contains(t, send("x.blocked", []byte("text"), 554), `The file "x.blocked" is blocked: files of this kind are not accepted`)
	assert.Contains(t, send("setup", peFile(), 554), `The file "setup" is blocked`)
	send("eicar.exempt", samples.EICAR(), 250)
	send("clean.bin", []byte("casino, big win"), 250) // words of the web are none of mails
	stat(protocols.SMTP, map[string]int64{"Emails file blocked": 2, "Emails detected": 2, "Emails file exempt": 1, "Emails clean": 1})

	s.mailOptions("smtp", "unset options", "unset archive-block")
	send("x.blocked", []byte("text"), 250)
	stat(protocols.SMTP, map[string]int64{"Emails file blocked": 3, "Emails detected": 3})
	last, n := s.bobGets()
	assert.Equal(t, 3, n)
	assert.Contains(t, last, `The file "x.blocked" has been removed because files of this kind are blocked.`)

	s.exec("config antivirus filepattern", "edit 1", "config entries", "edit eicar.com", "next", "edit eicar.zip", "set action exempt", "next",
		"move eicar.com before *.blocked", "move eicar.zip before *.blocked", "end", "next", "end")
	pop := s.popUser()
	assert.Contains(t, pop.retrieve(3), `The file "eicar.com" has been removed because files of this kind are blocked.`)
	assert.NotContains(t, pop.retrieve(4), "has been removed")
	pop.retrieve(2)
	stat(protocols.POP3, map[string]int64{"Emails file blocked": 1, "Emails detected": 1, "Emails file exempt": 1, "Emails clean": 1})
	pop.Close()

	imap := s.imapUser()
	assert.Contains(t, imap.fetched(3), `The file "eicar.com" has been removed because files of this kind are blocked.`)
	assert.NotContains(t, imap.fetched(4), "has been removed")
	imap.fetched(2)
	stat(protocols.IMAP, map[string]int64{"Emails file blocked": 1, "Emails detected": 1, "Emails file exempt": 1, "Emails clean": 1})
	imap.Close()
}

// TestNNTPFilters provokes the lines of NNTP that the file filter and banned words move.
func TestNNTPFilters(t *testing.T) {
	s := newRealTimeSite(t, filters("scan"))
	address := s.proxyOf("NNTP")
	post := func(id, body, reply string) {
		t.Helper()
		c := dialNews(t, address)
		c.ask("POST", "340")
		c.send(stuffed(newsHead(id) + "\r\n" + body))
		c.expect(reply)
		require.NoError(t, c.raw.Close())
	}
	stat := func(lines map[string]int64) {
		t.Helper()
		for l, n := range lines {
			s.nntpStat(l, n)
		}
	}
	post("<b@t>", uuLines("x.blocked", []byte("text")), `441 The file "x.blocked" is blocked: files of this kind are not accepted`)
	post("<p@t>", uuLines("setup", peFile()), `441 The file "setup" is blocked`)
	stat(map[string]int64{"Articles file blocked": 2, "Articles detected": 2})
	post("<e@t>", uuLines("eicar.exempt", samples.EICAR()), "240")
	stat(map[string]int64{"Articles file exempt": 1, "Articles detected": 2})
	post("<w@t>", "My casino: a big win.\r\n", "441 The article contains words that are banned")
	stat(map[string]int64{"Articles bannedword detected": 1, "Articles detected": 3})
	post("<c@t>", "Nothing.\r\n", "240")
	stat(map[string]int64{"Articles clean": 1})

	s.exec("config webfilter content", "edit 1", "config entries", "edit nothing", "set status enable", "next", "end", "next", "end")
	c := dialNews(t, address)
	c.ask("ARTICLE <c@t>", "220")
	article := c.lines()
	assert.Contains(t, article, "This article has been removed because it contains words that are banned.")
	assert.NotContains(t, article, "Nothing.")
	stat(map[string]int64{"Articles bannedword detected": 2})
	c.ask("ARTICLE <e@t>", "220")
	assert.NotContains(t, c.lines(), "removed")
	stat(map[string]int64{"Articles file exempt": 2})
	require.NoError(t, c.raw.Close())
	s.invariants()
}
