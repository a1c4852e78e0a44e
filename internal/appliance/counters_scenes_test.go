package appliance_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
	"utmsim/protocols"
	"utmsim/proxy"
	"utmsim/scanner/samples"
)

var epoch = time.Unix(0, 0)

// nouns are how the lines about what clients get begin, and those about what they
// send where these are others.
var nouns = map[protocols.Protocol]string{
	protocols.HTTP: "Web responses", protocols.SMTP: "Emails", protocols.POP3: "Emails", protocols.IMAP: "Emails",
	protocols.FTP: "Files", protocols.NNTP: "Articles",
}

// scenes are all of them.
func counterScenes() (list []counterScene) {
	for _, sp := range speakers() {
		list = append(list, contentScenes(sp)...)
		list = append(list, faultScenes(sp)...)
	}
	list = append(list, uploadScenes()...)
	list = append(list, fragmentScenes()...)
	list = append(list, breakingScenes()...)
	return append(list, ownScenes()...)
}

// elsewhere are the lines that no scene moves but another test over the wire, by label
// or by block and label: a test of this folder, or a dialogue in testdata.
func elsewhere() map[string]string {
	const (
		web, mail, files, news    = "TestHTTPFilters", "TestMailFilters", "TestFTPFilters", "TestNNTPFilters"
		spam, lines, urls, faults = "TestBlockListOfTheLab", "TestMailLines", "TestURLsOfTheLab", "TestFaults"
	)
	return map[string]string{
		"Web responses file exempt": web, "Web responses bannedword detected": web, "Web requests detected": web,
		"Web requests file blocked": web, "Web requests file exempt": web, "POST requests bannedword detected": web,
		"Emails file exempt": mail, "Emails bannedword detected": lines,
		"Files file exempt": files, "Files bannedword detected": files, "Upload files file exempt": files, "Upload files bannedword detected": files,
		"Articles file exempt": news, "Articles bannedword detected": news,
		"spamadd": spam, "spamdel": spam, "Emails spam detected": spam, "Emails spam rejected": spam, "Emails spam tagged": lines,
		"URL requests blocked": urls, "URL requests passed": urls, "URL requests rating block": urls, "URL requests rating allow": urls,
		"URL requests rating error": urls, "Error Count (urlfilter wait)": urls, "uf_lookupf": urls,
		"URL requests submit error":        "testdata/http/url-rating-errors.txtar",
		"URL requests infected with worms": "testdata/http/comfort-worm.txtar",
		"Error Count (accept)":             faults, "Error Count (socket)": faults, "Error Count (poll)": faults, "pollfail": faults,
		"Worker Stat/Error Count (write)": faults,
	}
}

// openLines are the lines that no test moves over the wire, and why: by label or by
// block and label.
func openLines() map[string]string {
	return map[string]string{
		"conn_ok": "a connect that is complete at once; the kernel says of every TCP connection that it is in progress, as in the documented sample",
	}
}

// otherTest is the test that moves a line; its source must speak of that line.
func otherTest(t testing.TB, l counterLine) string {
	name := of(elsewhere(), l)
	if name == "" {
		return ""
	}
	if strings.HasPrefix(name, "testdata/") {
		dialogue, err := os.ReadFile(filepath.Join("../..", name))
		require.NoError(t, err)
		assert.Contains(t, string(dialogue), "\n"+l.label+" ", "%s", name)
		return name
	}
	paths, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	for _, p := range paths {
		source, err := os.ReadFile(p)
		require.NoError(t, err)
		if strings.Contains(string(source), "func "+name+"(") {
			assert.Contains(t, string(source), l.label, "%s", p)
			return name
		}
	}
	assert.Fail(t, "no such test", name)
	return name
}

// of is what a map has for a line.
func of(m map[string]string, l counterLine) string {
	if text, ok := m[l.block+"/"+l.label]; ok {
		return text
	}
	return m[l.label]
}

// fetch has a client get a file in the way of its protocol, and leave.
func (s *site) fetch(p protocols.Protocol, f samples.File) {
	t := s.t
	t.Helper()
	mail := samples.Mail(f)
	deliver := func() int {
		require.NoError(t, s.Origins.Mailboxes().Deliver(lab.UserAlice, mail))
		return len(s.Origins.Mailboxes().Mails(lab.UserAlice, lab.Inbox))
	}
	switch p {
	case protocols.HTTP:
		s.Origins.Stock([]lab.Sample{{Name: f.Name, Content: f.Data}})
		s.says(p, fmt.Sprintf("GET /samples/%s HTTP/1.1\r\nHost: lab.test\r\nConnection: close\r\n\r\n", f.Name))
	case protocols.SMTP:
		c := s.dialTo("127.0.0.1", s.proxyOf("SMTP"))
		defer c.Close()
		c.line("220 ")
		c.send("EHLO client.test\r\nMAIL FROM:<x@client.test>\r\nRCPT TO:<" + lab.Sink + ">\r\nDATA\r\n")
		for !strings.HasPrefix(c.line("2", "3"), "354 ") {
		}
		c.send(dotted(mail) + "QUIT\r\n")
		_, _ = io.Copy(io.Discard, c.r) // what comes is not the matter here, and a reset is no fault
	case protocols.POP3:
		s.says(p, fmt.Sprintf("USER alice\r\nPASS lab\r\nRETR %d\r\nQUIT\r\n", deliver()))
	case protocols.IMAP:
		s.says(p, fmt.Sprintf("a LOGIN alice lab\r\nb SELECT INBOX\r\nc FETCH %d BODY.PEEK[]\r\nd LOGOUT\r\n", deliver()))
	case protocols.FTP:
		s.Origins.Stock([]lab.Sample{{Name: f.Name, Content: f.Data}})
		c := s.ftpUser("127.0.0.1")
		defer c.Close()
		data := c.passive()
		c.send("RETR samples/" + f.Name + "\r\n")
		_, _ = io.Copy(io.Discard, data)
		require.NoError(t, data.Close())
		c.send("QUIT\r\n")
		_, _ = io.Copy(io.Discard, c.r)
	case protocols.NNTP:
		id := fmt.Sprintf("<%s@client.test>", f.Name)
		require.NoError(t, s.Origins.NNTP().Add([]byte(newsHead(id)+"\r\n"+samples.UU(f))))
		s.says(p, "ARTICLE "+id+"\r\nQUIT\r\n")
	}
}

// says has a client say everything at once, and listen until the end.
func (s *site) says(p protocols.Protocol, text string) (got string) {
	s.t.Helper()
	at := s.vip
	if p != protocols.HTTP {
		at = s.proxyOf(p.String())
	}
	c := s.dialTo("127.0.0.1", at)
	defer c.Close()
	c.send(text)
	b, _ := io.ReadAll(c.r) // a reset is no fault here
	return string(b)
}

const scanErrors = "config antivirus engine\nset error-action pass\nend\n"

// contentScenes are what is found in content that clients get; of SMTP, that they send.
func contentScenes(sp *speaker) []counterScene {
	p, noun := sp.proto, nouns[sp.proto]
	line := func(what string) string { return noun + " " + what }
	oversize := line("oversize")
	if p == protocols.HTTP {
		oversize = "Web requests oversize" // the odd label of the documented block
	}
	fetches := func(name string, data []byte) func(*site) {
		return func(s *site) { s.fetch(p, samples.File{Name: name, Data: data}) }
	}
	clean := []byte(strings.Repeat("harmless ", 1000))
	large := []byte(strings.Repeat("harmless ", 200_000))
	options := func(set string) string {
		return "config firewall profile-protocol-options\nedit default\nconfig " + p.Word() + "\nset oversize-limit 1\n" + set + "end\nnext\nend\n"
	}
	list := []counterScene{
		{name: "clean", play: fetches("clean.bin", clean), moves: slicesOf(
			by(1, "setup_ok", "conn_inp", line("clean")), atLeast(1, "scan", "clt", "srv"), atLeast(9000, "Bytes sent", "Bytes received"),
			by(1, "Worker Stat/Acceptor Read", "Worker Stat/Acceptor Write", "Worker Accounting/acceptor"),
			atLeast(1, "Worker Stat/Running time (HH:MM:SS:usec)", "Worker Stat/Time in loop scanning", "Worker Accounting/scan"),
			atLeast(4, "Worker Accounting/poll", "Worker Accounting/poll/rounds"))},
		{name: "virus", play: fetches("eicar.com", samples.EICAR()), moves: by(1, line("infected with viruses"), line("detected"))},
		{name: "worm", play: fetches("worm.txt", samples.Worm()), moves: by(1, line("infected with worms"), line("detected"))},
		{name: "suspicious", play: fetches("suspicious.txt", samples.Suspicious()), moves: by(1, line("infected with susp"), line("detected"))},
		{name: "oversize pass", config: options(""), play: fetches("large.bin", large), moves: by(1, oversize+" pass", line("detected"))},
		{name: "oversize block", config: options("set options oversize\n"), play: fetches("large.bin", large), moves: by(1, oversize+" block", line("detected"))},
		{name: "scan error", config: scanErrors, play: func(s *site) {
			s.exec("diagnose sim scanner errors 100")
			s.fetch(p, samples.File{Name: "clean.bin", Data: clean})
		}, moves: by(1, line("scan errors"))},
		{name: "blocked archive", config: "config antivirus profile\nedit default\nconfig " + p.Word() + "\nset archive-block encrypted\nend\nnext\nend\n",
			play: fetches("locked.zip", samples.LockedZip("x", samples.File{Name: "a", Data: clean})), moves: by(1, line("file blocked"), line("detected"))},
	}
	if p != protocols.FTP && p != protocols.NNTP {
		list[6].moves = append(list[6].moves, by(102, "Last Server Scan errors")...)
	}
	for i := range list {
		list[i].proto = p
	}
	return list
}

func slicesOf(lists ...[]move) (all []move) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// faultScenes are what goes wrong with connections.
func faultScenes(sp *speaker) []counterScene {
	p := sp.proto
	vip := "lab-" + p.Word()
	closedPort := "config firewall vip\nedit " + vip + "\nset mappedport 1\nnext\nend\n" // tcpmux, which nobody has
	meets := func(s *site) {
		c, err := s.connect("127.0.0.1", s.door(sp))
		if err != nil {
			return // reset before connect has returned
		}
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: lab.test\r\nConnection: close\r\n\r\n") // it may be closed already
		_, _ = io.Copy(io.Discard, c.r)
		c.Close()
	}
	list := []counterScene{
		{name: "server unreachable", config: closedPort, play: meets, moves: by(1, "setup_fail", "Error Count (connect)")},
		{name: "out of descriptors", files: 20, play: meets, moves: append(by(1, "setup_fail", "Error Count (alloc)", "Worker Stat/Error Count (alloc)"), by(24, "Last Error", "Worker Stat/Last Error")...)},
		{name: "no address to listen on", play: func(s *site) {
			out, ok := s.try("config firewall vip", "edit "+vip, "set extip 192.0.2.1", "end") // of no interface (RFC 5737)
			require.False(s.t, ok)
			require.Contains(s.t, out, "can't listen on 192.0.2.1")
		}, moves: by(1, "Error Count (bind)")},
		{name: "next address of the server", config: "config firewall vip\nedit " + vip + "\nset type fqdn\nset mapped-addr big.lab.test\nset mappedport 1\nnext\nend\n",
			play: meets, moves: append(by(1, "setup_fail"), atLeast(2, "Error Count (connect)", "Error Count (retry)")...)},
		{name: "refused", config: "config system resource-limits\nset proxy 1\nend\nconfig system global\nset av-failopen off\nend\n", play: func(s *site) {
			s.exec("diagnose sim fill http 1")
			defer s.exec("diagnose sim drain")
			c, err := s.connect("127.0.0.1", s.door(sp))
			if err == nil {
				_, _ = io.Copy(io.Discard, c.r)
				c.Close()
			}
		}, moves: by(1, "setup_fail")},
		{name: "client resets", play: func(s *site) {
			c := s.beginAs(sp, "127.0.0.1")
			require.NoError(s.t, c.SetLinger(0))
			require.NoError(s.t, c.Close())
		}, moves: append(by(1, "Error Count (read)"), by(104, "Last Error")...)},
		{name: "engine goes away", config: scanErrors, play: func(s *site) {
			at := vanishingEngine(s)
			s.exec("config antivirus engine", "set engine clamd", "config clamd", "set address "+at, "end", "end")
			s.fetch(p, samples.File{Name: "clean.bin", Data: []byte("harmless")})
		}, moves: atLeast(1, "Error Count (scan reset)")},
	}
	for _, h := range sp.holds {
		if h.what != "downloading" || p == protocols.IMAP { // whose library locks itself up when it is cut off while it writes
			continue
		}
		list = append(list, counterScene{name: "client resets while it gets something", config: "config firewall profile-protocol-options\nedit default\nconfig " + p.Word() + "\nset oversize-limit 1\nend\nnext\nend\n",
			play: func(s *site) {
				sp.stock(s.t, s.Origins)
				task := s.holdAs(sp, "127.0.0.1", h)
				require.NoError(s.t, task.client.SetLinger(0))
				require.NoError(s.t, task.client.Close())
			}, moves: atLeast(1, "Error Count (write)")})
	}
	for i := range list {
		list[i].proto = p
	}
	return list
}

// vanishingEngine is a clamd that answers PING and VERSION, and closes the connection
// in the middle of a scan.
func vanishingEngine(s *site) (address string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(s.t, err)
	s.t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for n := 0; ; n++ { // the first command opens the session and has no number
					word, err := r.ReadString(0)
					switch {
					case err != nil || strings.Contains(word, "INSTREAM"):
						return
					case strings.Contains(word, "VERSION"):
						fmt.Fprintf(c, "%d: ClamAV 1.4.3\x00", n)
					case strings.Contains(word, "PING"):
						fmt.Fprintf(c, "%d: PONG\x00", n)
					}
				}
			}()
		}
	}()
	return ln.Addr().String()
}

// uploadScenes are what is found in content that clients of HTTP and FTP send.
func uploadScenes() (list []counterScene) {
	clean, large := []byte(strings.Repeat("harmless ", 1000)), []byte(strings.Repeat("harmless ", 200_000))
	for _, up := range []struct {
		p    protocols.Protocol
		noun string
		send func(*site, []byte)
	}{
		{protocols.HTTP, "POST requests ", func(s *site, b []byte) {
			s.says(protocols.HTTP, fmt.Sprintf("POST /upload HTTP/1.1\r\nHost: lab.test\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(b), b))
		}},
		{protocols.FTP, "Upload files ", func(s *site, b []byte) {
			c := s.ftpUser("127.0.0.1")
			defer c.Close()
			data := c.passive()
			c.does("STOR incoming/x.bin", "150 ")
			_, _ = data.Write(b) // what is blocked may be cut short
			_ = data.Close()
			c.send("QUIT\r\n")
			_, _ = io.Copy(io.Discard, c.r)
		}},
	} {
		options := func(set string) string {
			return "config firewall profile-protocol-options\nedit default\nconfig " + up.p.Word() + "\nset oversize-limit 1\n" + set + "end\nnext\nend\n"
		}
		sends := func(b []byte) func(*site) { return func(s *site) { up.send(s, b) } }
		both := func(line string) []move {
			moves := by(1, up.noun+line)
			if up.p == protocols.FTP { // the block of HTTP has no such line
				moves = append(moves, by(1, up.noun+"detected")...)
			}
			return moves
		}
		list = append(list,
			counterScene{proto: up.p, name: "clean upload", play: sends(clean), moves: by(1, up.noun+"clean")},
			counterScene{proto: up.p, name: "virus in an upload", play: sends(samples.EICAR()), moves: both("infected with viruses")},
			counterScene{proto: up.p, name: "suspicious upload", play: sends(samples.Suspicious()), moves: both("infected with susp")},
			counterScene{proto: up.p, name: "oversize upload passes", config: options(""), play: sends(large), moves: both("oversize pass")},
			counterScene{proto: up.p, name: "oversize upload is blocked", config: options("set options oversize\n"), play: sends(large), moves: both("oversize block")},
			counterScene{proto: up.p, name: "upload without a verdict", config: scanErrors, play: func(s *site) {
				s.exec("diagnose sim scanner errors 100")
				up.send(s, clean)
			}, moves: by(1, up.noun+"scan errors")},
			counterScene{proto: up.p, name: "blocked archive in an upload", config: "config antivirus profile\nedit default\nconfig " + up.p.Word() + "\nset archive-block encrypted\nend\nnext\nend\n",
				play: sends(samples.LockedZip("x", samples.File{Name: "a", Data: clean})), moves: both("file blocked")},
		)
		if up.p == protocols.FTP {
			list = append(list,
				counterScene{proto: up.p, name: "worm in an upload", play: sends(samples.Worm()), moves: both("infected with worms")},
				counterScene{proto: up.p, name: "uploaded bytes", play: sends(clean), moves: atLeast(1, "dataclt")})
		}
	}
	return list
}

// fragmentScenes are pieces of messages.
func fragmentScenes() (list []counterScene) {
	for _, p := range []protocols.Protocol{protocols.SMTP, protocols.POP3, protocols.IMAP} {
		play := func(s *site) {
			switch p {
			case protocols.SMTP:
				c := s.dialSMTP()
				c.begin("x@client.test")
				c.dialogue("DATA\r\n", 354)
				c.send(mailPiece + ".\r\nQUIT\r\n")
				_, _ = io.Copy(io.Discard, c.raw)
			case protocols.POP3:
				require.NoError(s.t, s.Origins.Mailboxes().Deliver(lab.UserAlice, []byte(mailPiece)))
				s.says(p, "USER alice\r\nPASS lab\r\nRETR 5\r\nQUIT\r\n")
			case protocols.IMAP:
				require.NoError(s.t, s.Origins.Mailboxes().Deliver(lab.UserAlice, []byte(mailPiece)))
				s.says(p, "a LOGIN alice lab\r\nb SELECT INBOX\r\nc FETCH 5 BODY.PEEK[]\r\nd LOGOUT\r\n")
			}
		}
		list = append(list,
			counterScene{proto: p, name: "piece of a mail is blocked", play: play, moves: by(1, "Emails fragmented block")},
			counterScene{proto: p, name: "piece of a mail passes", config: "config firewall profile-protocol-options\nedit default\nconfig " + p.Word() + "\nset options fragmail\nend\nnext\nend\n",
				play: play, moves: by(1, "Emails fragmented pass")})
	}
	return list
}

// breakingScenes are ends that reset while they are written to, of protocols whose
// downloads do not show it.
func breakingScenes() []counterScene {
	options := func(p protocols.Protocol) string {
		return "config firewall profile-protocol-options\nedit default\nconfig " + p.Word() + "\nset oversize-limit 1\nend\nnext\nend\n"
	}
	bulk := strings.Repeat(strings.Repeat("x", 76)+"\r\n", bigObject/78)
	list := []counterScene{
		{proto: protocols.SMTP, play: func(s *site) {
			s.meetsBreaker(protocols.SMTP, "220 mx\r\n", func(line string) string {
				if line == "DATA\r\n" {
					return "354 go\r\n"
				}
				return "250 ok\r\n"
			}, 4, "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"+bulk+".\r\nQUIT\r\n")
		}},
		{proto: protocols.IMAP, play: func(s *site) {
			s.meetsBreaker(protocols.IMAP, "* OK [CAPABILITY IMAP4rev1 LITERAL+] ready\r\n", func(string) string { return "a OK\r\n" }, 1,
				fmt.Sprintf("a NOOP\r\nb APPEND INBOX {%d+}\r\n%s\r\n", len(bulk), bulk))
		}},
		{proto: protocols.FTP, play: func(s *site) {
			// Should the reset come while the proxy reads from the server, another one is made.
			for tries := 0; tries < 100 && value(s.t, s.Engine().Report(), protocols.FTP, "Error Count (write)") == 0; tries++ {
				c := s.ftpUser("127.0.0.1")
				data := c.passive()
				c.does("RETR big.bin", "150 ")
				_, err := io.CopyN(io.Discard, data, 1)
				require.NoError(s.t, err)
				s.choked()
				require.NoError(s.t, data.SetLinger(0))
				require.NoError(s.t, data.Close())
				c.line("4")
				c.Close()
			}
		}},
	}
	for i := range list {
		list[i].name, list[i].config = "an end resets while it is written to", options(list[i].proto)
		list[i].moves = atLeast(1, "Error Count (write)")
	}
	return list
}

// choked waits until nothing has moved for a while: the client takes no more.
func (s *site) choked() {
	moved, looks := int64(0), 0
	s.eventually(func() bool {
		down := int64(0)
		s.Engine().Rows(func(r proxy.Row) bool { down += r.Down; return true })
		if down != moved {
			moved, looks = down, 0
		}
		looks++
		return looks > 50
	}, "the client takes no more")
}

// meetsBreaker puts a server behind a proxy that greets, answers so many lines and then
// resets in the middle of what follows, and has a client say something to it.
func (s *site) meetsBreaker(p protocols.Protocol, greeting string, answer func(line string) string, lines int, text string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(s.t, err)
	defer ln.Close()
	s.exec("config firewall vip", "edit lab-"+p.Word(), fmt.Sprintf("set mappedport %d", ln.Addr().(*net.TCPAddr).Port), "end")
	broken := make(chan error, 1)
	go func() {
		c, err := ln.Accept()
		if err != nil {
			broken <- err
			return
		}
		defer c.Close()
		r := bufio.NewReader(c)
		_, err = io.WriteString(c, greeting)
		for i := 0; i < lines && err == nil; i++ {
			var line string
			if line, err = r.ReadString('\n'); err == nil {
				_, err = io.WriteString(c, answer(line))
			}
		}
		if err == nil {
			_, err = io.CopyN(io.Discard, r, 1<<20)
		}
		broken <- errors.Join(err, c.(*net.TCPConn).SetLinger(0))
	}()
	c := s.dialTo("127.0.0.1", s.proxyOf(p.String()))
	defer c.Close()
	said := make(chan struct{})
	go func() { defer close(said); _, _ = io.WriteString(c, text) }() // it may be closed on the way
	_, _ = io.Copy(io.Discard, c.r)
	require.NoError(s.t, <-broken)
	c.Close()
	<-said
}

// ownScenes are those of one protocol, and of the worker.
func ownScenes() []counterScene {
	return []counterScene{
		{proto: protocols.SMTP, name: "replies are waited for", play: func(s *site) {
			c := s.dialSMTP()
			c.send("EHLO client.test\r\nNOOP\r\n")
			c.expect(250)
			c.expect(250)
			require.NoError(s.t, c.raw.Close())
		}, moves: by(1, "suspend", "resume")},
		{proto: protocols.SMTP, name: "mail is rejected", play: func(s *site) {
			s.fetch(protocols.SMTP, samples.File{Name: "eicar.com", Data: samples.EICAR()})
		}, moves: by(1, "reject")},
		{proto: protocols.HTTP, name: "server tried again", config: "config firewall vip\nedit lab-http\nset mappedport 1\nnext\nend\nconfig firewall profile-protocol-options\nedit default\nconfig http\nset retry-count 2\nend\nnext\nend\n",
			play:  func(s *site) { s.says(protocols.HTTP, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") },
			moves: append(by(2, "Error Count (retry)"), by(3, "Error Count (connect)")...)},
		{proto: protocols.HTTP, name: "response finds no place in the backlog", config: "config antivirus engine\nset scan-workers 1\nset scan-backlog 0\nend\n",
			play: func(s *site) {
				s.blockScanner(func() { s.says(protocols.HTTP, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") })
			}, moves: by(1, "Web response backlog drop")},
		{proto: protocols.HTTP, name: "request finds no place in the backlog", config: "config antivirus engine\nset scan-workers 1\nset scan-backlog 0\nend\n",
			play: func(s *site) {
				s.blockScanner(func() {
					s.says(protocols.HTTP, "POST /upload HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx")
				})
			}, moves: by(1, "Web request backlog drop")},
		{proto: protocols.FTP, name: "passive data connection", play: func(s *site) {
			c := s.ftpUser("127.0.0.1")
			c.ftpFetch("readme.txt")
			c.Close()
		}, moves: append(by(1, "Data connections passive"), atLeast(1, "datalisten", "datasrv")...)},
		{proto: protocols.FTP, name: "active data connection", play: func(s *site) {
			c := s.ftpUser("127.0.0.1")
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(s.t, err)
			defer ln.Close()
			port := ln.Addr().(*net.TCPAddr).Port
			c.does(fmt.Sprintf("PORT 127,0,0,1,%d,%d", port>>8, port&255), "200 ")
			c.does("RETR readme.txt", "150 ")
			data, err := ln.Accept()
			require.NoError(s.t, err)
			_, err = io.Copy(io.Discard, data)
			require.NoError(s.t, err)
			data.Close()
			c.line("226 ")
			c.Close()
		}, moves: by(1, "Data connections active")},
		{proto: protocols.FTP, name: "command is refused", play: func(s *site) {
			c := s.ftpUser("127.0.0.1")
			c.does("AUTH TLS", "5")
			c.Close()
		}, moves: by(1, "Commands blocked")},
		{proto: protocols.HTTP, name: "refused client resets", config: "config system simulator\nset refuse close\nend\nconfig system resource-limits\nset proxy 1\nend\nconfig system global\nset av-failopen off\nend\n",
			play: func(s *site) {
				s.exec("diagnose sim fill http 1")
				defer s.exec("diagnose sim drain")
				c, err := s.connect("127.0.0.1", s.vip)
				require.NoError(s.t, err)
				_, err = c.r.ReadByte()
				require.ErrorIs(s.t, err, io.EOF)
				require.NoError(s.t, c.SetLinger(0))
				require.NoError(s.t, c.Close())
			}, moves: append(by(1, "Worker Stat/Error Count (read)"), by(104, "Worker Stat/Last Error")...)},
		{proto: protocols.HTTP, name: "host is rated", config: withWebFilter, play: func(s *site) {
			s.says(protocols.HTTP, "GET / HTTP/1.1\r\nHost: news.lab.test\r\nConnection: close\r\n\r\n")
		}, moves: append(by(1, "URL requests rating allow"), by(1, "urlfilter", "urlfilter/answers", "urlfilter/most")...)},
		{proto: protocols.HTTP, name: "URL is exempt", config: withWebFilter + "config webfilter urlfilter\nedit 1\nconfig entries\nedit 3\nset url /exempt\nset type regex\nset action exempt\nend\nend\n",
			play: func(s *site) {
				s.says(protocols.HTTP, "GET /exempt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			}, moves: by(1, "URL requests exempt")},
		{proto: protocols.HTTP, name: "configuration changes", play: func(s *site) { s.set("antivirus engine", "scan-backlog 7") },
			moves: by(1, "Worker Accounting/cmdb")},
		{proto: protocols.HTTP, name: "a listener closes", play: func(s *site) { s.exec("config firewall vip", "edit lab-nntp", "set extport 1", "next", "end") },
			moves: by(1, "Worker Stat/Acceptor Close")},
		{proto: protocols.HTTP, name: "a thousand requests", play: func(s *site) {
			s.says(protocols.HTTP, strings.Repeat("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 50)+"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		}, moves: atLeast(1, "Worker Accounting/poll/most")},
	}
}

// blockScanner does something while the one scanner is busy.
func (s *site) blockScanner(do func()) {
	s.exec("diagnose sim scanner stall 1h")
	c := s.dial("127.0.0.1")
	c.ask("/")
	s.eventually(func() bool { running, _ := s.Engine().Scans(); return running == 1 }, "scanner busy")
	do()
	s.exec("diagnose sim scanner normal")
	_, _, err := c.answer("GET")
	require.NoError(s.t, err)
	c.Close()
}
