package appliance_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
	"utmsim/protocols"
)

func httpSpeaker() *speaker {
	return &speaker{
		proto: protocols.HTTP, service: lab.ServiceHTTP, stock: noStock,
		greet: func(*client) error { return nil },
		login: func(*client) {},
		clean: (*client).home,
		eicar: func(c *client) (sight, error) {
			if _, err := io.WriteString(c, c.head("GET", "/eicar.com")+"\r\n"); err != nil {
				return "", err
			}
			res, body, err := c.answer("GET")
			if err != nil {
				require.Empty(c.t, body)
				return "", err
			}
			return sightOf(res, body), nil
		},
		holds: []hold{
			httpUpload, httpDownload,
			{what: "waiting", brief: true, start: func(c *client) func() {
				c.ask("/delay/50")
				return func() {
					res, body, err := c.answer("GET")
					require.NoError(c.t, err)
					assert.Equal(c.t, "200 OK answered after 50 ms\n", res.Status+" "+string(body))
				}
			}},
			{what: "trickling", brief: true, start: func(c *client) func() {
				c.ask("/bytes/3000?rate=30000")
				return func() {
					res, err := http.ReadResponse(c.r, nil)
					require.NoError(c.t, err)
					same(c.t, lab.NewContent(3000), res.Body)
				}
			}},
		},
		farewell: `HTTP/1\.1 503 Service Unavailable\r\n([^\r\n]+\r\n)*Retry-After: [1-9]\d*\r\n([^\r\n]+\r\n)*\r\n<!DOCTYPE html>(.*\n)*</html>\n`,
	}
}

// bigObject is more than the proxy may hold in these tests (1 MB) and the buffers of
// a connection take whose client does not read, so that the proxy can't be done with
// it.
const bigObject = 6 << 20

// The ways of being in the middle that other tests choose by name.
var (
	httpUpload = hold{what: "uploading", start: func(c *client) func() {
		body, err := io.ReadAll(lab.NewContent(64 << 10))
		require.NoError(c.t, err)
		half := len(body) / 2
		c.send(c.head("POST", "/upload") + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)) + string(body[:half]))
		return func() {
			c.send(string(body[half:]))
			res, got, err := c.answer("POST")
			require.NoError(c.t, err)
			assert.Equal(c.t, 200, res.StatusCode)
			assert.Equal(c.t, fmt.Sprintf("size %d\nsha256 %x\n", len(body), sha256.Sum256(body)), string(got))
		}
	}}
	httpDownload = hold{what: "downloading", start: func(c *client) func() {
		c.narrow()
		c.ask(fmt.Sprintf("/bytes/%d", bigObject))
		res, err := http.ReadResponse(c.r, nil)
		require.NoError(c.t, err)
		want := lab.NewContent(bigObject)
		same(c.t, io.LimitReader(want, 1000), io.LimitReader(res.Body, 1000))
		return func() { same(c.t, want, res.Body) }
	}}
)

// narrow keeps the window of a client that does not read from growing.
func (c *client) narrow() {
	c.t.Helper()
	require.NoError(c.t, c.SetReadBuffer(32<<10))
}

func smtpSpeaker() *speaker {
	envelope := func(c *client) {
		c.does("MAIL FROM:<x@client.test>", "250 ")
		c.does("RCPT TO:<"+lab.Sink+">", "250 ")
	}
	mail := dotted([]byte("Subject: clean\r\n\r\n.a line with a dot\r\n"))
	return &speaker{
		proto: protocols.SMTP, service: lab.ServiceSMTP, stock: noStock,
		greet: func(c *client) error { return c.firstLine("220 ") },
		login: func(c *client) {
			c.send("EHLO client.test\r\n")
			for strings.HasPrefix(c.line("250"), "250-") {
			}
		},
		clean: func(c *client) {
			envelope(c)
			c.does("DATA", "354 ")
			c.send(mail)
			c.line("250 ")
		},
		eicar: func(c *client) (sight, error) {
			envelope(c)
			c.does("DATA", "354 ")
			c.send(dotted([]byte(mailWith("eicar.com", lab.EICAR()))))
			if reply := c.line("250 ", "554 5.7.1 "); strings.HasPrefix(reply, "554 ") {
				assert.Contains(c.t, reply, "EICAR_TEST_FILE")
				return blocked, nil
			}
			return unscanned, nil
		},
		once: true,
		holds: []hold{
			{what: "inside a mail", start: func(c *client) func() {
				envelope(c)
				c.does("DATA", "354 ")
				c.send(mail[:len(mail)/2])
				return func() { c.send(mail[len(mail)/2:]); c.line("250 ") }
			}},
			{what: "inside a transaction", start: func(c *client) func() {
				c.does("MAIL FROM:<x@client.test>", "250 ")
				return func() { c.does("RSET", "250 ") }
			}},
			typing("NO", "OP", "250 "),
			{what: "inside a chunk", start: func(c *client) func() {
				envelope(c)
				c.send("BDAT 20 LAST\r\n0123456789")
				return func() { c.send("01234567\r\n"); c.line("250 ") }
			}},
		},
		farewell: `421 4\.3\.2 [^\r\n]+\r\n`,
	}
}

// mailOf is what is in alice's inbox from the start, counted from 1.
func mailOf(n int) []byte { return lab.NewMailboxes().Mails(lab.UserAlice, lab.Inbox)[n-1].Content }

// eicarInBase64 is what stands in a mail of the test file, up to the end of a line.
func eicarInBase64() string { return base64.StdEncoding.EncodeToString(lab.EICAR())[:60] }

func noStock(testing.TB, *lab.Lab) {}

// bigText is as large as bigObject, in lines.
var bigText = sync.OnceValue(func() string {
	line := strings.Repeat("x", 74) + "\r\n"
	return strings.Repeat(line, bigObject/len(line))
})

// bigMail is the fifth mail of alice.
func bigMail(t testing.TB, l *lab.Lab) {
	require.NoError(t, l.Mailboxes().Deliver(lab.UserAlice, []byte(bigHead+bigText())))
}

const bigHead = "Subject: big\r\n\r\n"

// bigArticle has a head of its own.
func bigArticle(t testing.TB, l *lab.Lab) {
	require.NoError(t, l.NNTP().Add([]byte(bigArticleHead+bigText())))
}

const (
	bigID          = "<big@client.test>"
	bigArticleHead = "From: x@client.test\r\nNewsgroups: lab.binaries\r\nMessage-ID: " + bigID + "\r\nSubject: big\r\n\r\n"
)

func pop3Speaker() *speaker {
	const plain, infected = 2, 3
	retrieve := func(c *client, n int) string {
		c.does(fmt.Sprintf("RETR %d", n), "+OK")
		return c.block()
	}
	want, bad := dotted(mailOf(plain)), dotted(mailOf(infected))
	return &speaker{
		proto: protocols.POP3, service: lab.ServicePOP3, stock: bigMail,
		greet: func(c *client) error { return c.firstLine("+OK ") },
		login: func(c *client) {
			c.does("USER alice", "+OK")
			c.does("PASS lab", "+OK")
		},
		clean: func(c *client) { assert.Equal(c.t, want, retrieve(c, plain)) },
		eicar: func(c *client) (sight, error) { return judged(c.t, retrieve(c, infected), bad, eicarInBase64()), nil },
		holds: []hold{
			{what: "logging in", fresh: true, start: func(c *client) func() {
				c.does("AUTH PLAIN", "+ ")
				return func() { c.does(base64.StdEncoding.EncodeToString([]byte("\x00alice\x00lab")), "+OK") }
			}},
			{what: "downloading", start: func(c *client) func() {
				c.narrow()
				c.does("RETR 5", "+OK")
				c.wants(bigHead)
				return func() { c.wants(bigText() + ".\r\n") }
			}},
			typing("NO", "OP", "+OK"),
		},
		farewell: `-ERR \[SYS/TEMP\] [^\r\n]+\r\n`,
	}
}

func imapSpeaker() *speaker {
	const plain, infected = 2, 3
	fetch := func(c *client, n int) string {
		c.send(fmt.Sprintf("f FETCH %d BODY.PEEK[]\r\n", n))
		return c.literal("f ")
	}
	const appended = "Subject: appended\r\n\r\nclean\r\n"
	return &speaker{
		proto: protocols.IMAP, service: lab.ServiceIMAP, stock: bigMail,
		greet: func(c *client) error { return c.firstLine("* OK ") },
		login: func(c *client) {
			c.send("l LOGIN alice lab\r\n")
			c.tagged("l ")
			c.send("s SELECT INBOX\r\n")
			c.tagged("s ")
		},
		clean: func(c *client) { assert.Equal(c.t, string(mailOf(plain)), fetch(c, plain)) },
		eicar: func(c *client) (sight, error) {
			return judged(c.t, fetch(c, infected), string(mailOf(infected)), eicarInBase64()), nil
		},
		holds: []hold{
			{what: "appending", start: func(c *client) func() {
				c.send(fmt.Sprintf("a APPEND INBOX {%d}\r\n", len(appended)))
				for !strings.HasPrefix(c.line("+ ", "* "), "+ ") {
				}
				c.send(appended[:10])
				return func() { c.send(appended[10:] + "\r\n"); c.tagged("a ") }
			}},
			{what: "downloading", start: func(c *client) func() {
				c.narrow()
				c.send("f FETCH 5 BODY.PEEK[]\r\n")
				for !strings.HasSuffix(c.line("* "), fmt.Sprintf("{%d}\r\n", len(bigHead)+len(bigText()))) {
				}
				return func() {
					c.wants(bigHead + bigText())
					c.line(")")
					c.tagged("f ")
				}
			}},
			{what: "typing", start: func(c *client) func() {
				c.send("n NO")
				return func() { c.send("OP\r\n"); c.tagged("n ") }
			}},
		},
		farewell: `\* BYE \[UNAVAILABLE\] [^\r\n]+\r\n`,
	}
}

// tagged reads up to the answer to a command, which is OK.
func (c *client) tagged(tag string) {
	c.t.Helper()
	for !strings.HasPrefix(c.line("* ", tag+"OK"), tag) {
	}
}

var literalLength = regexp.MustCompile(`\{(\d+)\}\r\n$`)

// literal reads the answer to a FETCH of one body and returns that.
func (c *client) literal(tag string) (body string) {
	c.t.Helper()
	for {
		line := c.line("* ", ")", tag+"OK")
		if strings.HasPrefix(line, tag) {
			return body
		}
		if m := literalLength.FindStringSubmatch(line); m != nil {
			n, err := strconv.Atoi(m[1])
			require.NoError(c.t, err)
			b := make([]byte, n)
			_, err = io.ReadFull(c.r, b)
			require.NoError(c.t, err)
			body = string(b)
		}
	}
}

func ftpSpeaker() *speaker {
	clean := func(c *client) { assert.Contains(c.t, c.file("readme.txt", "150"), "FTP server of the lab") }
	return &speaker{
		proto: protocols.FTP, service: lab.ServiceFTP, stock: noStock,
		greet: func(c *client) error { return c.firstLine("220 ") },
		login: func(c *client) {
			c.does("USER anonymous", "331 ")
			c.does("PASS client@client.test", "230 ")
			c.does("TYPE I", "200 ")
		},
		clean: clean,
		eicar: func(c *client) (sight, error) {
			if got := c.file("eicar.com", "150", "550 "); got != "" {
				assert.Equal(c.t, string(lab.EICAR()), got)
				return unscanned, nil
			}
			return blocked, nil
		},
		holds: []hold{
			{what: "uploading", start: func(c *client) func() {
				data := c.passive()
				c.does("STOR incoming/held.bin", "150")
				_, err := io.WriteString(data, "the first half")
				require.NoError(c.t, err)
				return func() {
					_, err := io.WriteString(data, " and the second")
					require.NoError(c.t, err)
					require.NoError(c.t, data.Close())
					c.line("226 ")
				}
			}},
			{what: "about to transfer", start: func(c *client) func() {
				data := c.passive()
				return func() { c.transfer(data, "readme.txt", "150") }
			}},
			typing("NO", "OP", "200 "),
		},
		farewell: `421 [^\r\n]+\r\n`,
	}
}

// passive opens a data connection.
func (c *client) passive() *net.TCPConn {
	c.t.Helper()
	reply := c.does("PASV", "227 ")
	m := regexp.MustCompile(`(\d+),(\d+)\)`).FindStringSubmatch(reply)
	require.NotNil(c.t, m, reply)
	high, err := strconv.Atoi(m[1])
	require.NoError(c.t, err)
	low, err := strconv.Atoi(m[2])
	require.NoError(c.t, err)
	host, _, err := net.SplitHostPort(c.RemoteAddr().String())
	require.NoError(c.t, err)
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: c.LocalAddr().(*net.TCPAddr).IP}, Timeout: patience}
	data, err := d.Dial("tcp", net.JoinHostPort(host, strconv.Itoa(high<<8|low)))
	require.NoError(c.t, err)
	c.t.Cleanup(func() { data.Close() })
	return data.(*net.TCPConn)
}

// file fetches a file. It is empty when the end of the transfer is 550.
func (c *client) file(name string, replies ...string) string {
	c.t.Helper()
	return c.transfer(c.passive(), name, replies...)
}

func (c *client) transfer(data *net.TCPConn, name string, replies ...string) string {
	c.t.Helper()
	c.send("RETR " + name + "\r\n")
	if strings.HasPrefix(c.line(replies...), "550 ") {
		return ""
	}
	got, err := io.ReadAll(data)
	require.NoError(c.t, data.Close())
	if strings.HasPrefix(c.line("226 ", "550 "), "550 ") {
		assert.Empty(c.t, got, "nothing of what is blocked")
		return ""
	}
	require.NoError(c.t, err)
	return string(got)
}

func nntpSpeaker() *speaker {
	const plain, infected = "<dots@news.lab.test>", "<eicar-uu@news.lab.test>"
	content := map[string]string{}
	news := lab.NewNNTP()
	for _, group := range []string{lab.GroupTest, lab.GroupBinaries} {
		for _, a := range news.Articles(group) {
			content[a.ID] = dotted(a.Content)
		}
	}
	_, core, found := strings.Cut(content[infected], "begin 644 eicar.com\r\n")
	if !found {
		panic("the article has no file")
	}
	core, _, _ = strings.Cut(core, "\r\n")
	article := func(c *client, id string) string {
		c.does("ARTICLE "+id, "220 ")
		return c.block()
	}
	post := dotted([]byte("From: x@client.test\r\nNewsgroups: lab.test\r\nSubject: held\r\n\r\ntext\r\n"))
	return &speaker{
		proto: protocols.NNTP, service: lab.ServiceNNTP, stock: bigArticle,
		greet: func(c *client) error { return c.firstLine("200 ") },
		login: func(c *client) { c.does("MODE READER", "200 ") },
		clean: func(c *client) { assert.Equal(c.t, content[plain], article(c, plain)) },
		eicar: func(c *client) (sight, error) { return judged(c.t, article(c, infected), content[infected], core), nil },
		holds: []hold{
			{what: "posting", start: func(c *client) func() {
				c.does("POST", "340 ")
				c.send(post[:40])
				return func() { c.send(post[40:]); c.line("240 ") }
			}},
			{what: "downloading", start: func(c *client) func() {
				c.narrow()
				c.does("ARTICLE "+bigID, "220 ")
				c.wants(bigArticleHead)
				return func() { c.wants(bigText() + ".\r\n") }
			}},
			typing("DA", "TE", "111 "),
		},
		farewell: `400 [^\r\n]+\r\n`,
	}
}
