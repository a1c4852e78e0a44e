package load_test

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"utmsim/internal/lab"
	"utmsim/internal/lab/load"
)

// play is a script, and an origin of the lab that it works with.
type play struct {
	name   string
	start  func(t testing.TB) (address string)
	script load.Script
	bytes  int64 // of each object
}

// fast are the origins made for benchmarks.
func fast(t testing.TB, start func(string, ...int64) (*lab.Fast, error), sizes ...int64) string {
	origin, err := start("127.0.0.1:0", sizes...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, origin.Close()) })
	return origin.Addr()
}

// listening is an origin as others use it.
func listening(t testing.TB, origin interface {
	Listen(string) (string, error)
	Close() error
}) string {
	address, err := origin.Listen("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, origin.Close()) })
	return address
}

func plays() []play {
	const small, large = 4 << 10, 300_000
	mailbox := lab.NewMailboxes().Mails(lab.UserAlice, lab.Inbox)
	readme, _ := lab.NewFTP().File("/readme.txt")
	all := []play{
		{"SMTP, lab", func(t testing.TB) string { return listening(t, lab.NewSMTP(lab.NewMailboxes())) },
			load.SMTP{From: "load@lab.test", To: lab.Sink, Mail: lab.Specimen(small)}, small},
		{"POP3, lab", func(t testing.TB) string { return listening(t, lab.NewPOP3(lab.NewMailboxes())) },
			load.POP3{User: lab.UserAlice, Password: lab.Password, Number: 1, Want: load.DottedContentOf(mailbox[0].Content)}, 0},
		{"IMAP, lab", func(t testing.TB) string { return listening(t, lab.NewIMAP(lab.NewMailboxes())) },
			load.IMAP{User: lab.UserAlice, Password: lab.Password, Number: 2, Want: load.ContentOf(mailbox[1].Content)}, int64(len(mailbox[1].Content))},
		{"FTP, lab", func(t testing.TB) string { return listening(t, lab.NewFTP()) },
			load.FTP{User: "anonymous", Password: "load", File: "readme.txt", Want: load.ContentOf(readme)}, int64(len(readme))},
	}
	for _, size := range []int64{small, large} {
		mail, file := lab.Specimen(size), make([]byte, size)
		_, _ = io.ReadFull(lab.NewContent(size), file)
		all = append(all,
			play{"SMTP, fast", func(t testing.TB) string { return fast(t, lab.StartFastSMTP, size) },
				load.SMTP{From: "load@lab.test", To: lab.Sink, Mail: mail}, size},
			play{"POP3, fast", func(t testing.TB) string { return fast(t, lab.StartFastPOP3, size) },
				load.POP3{User: "u", Password: "p", Number: 1, Want: load.DottedContentOf(mail)}, size + 3},
			play{"IMAP, fast", func(t testing.TB) string { return fast(t, lab.StartFastIMAP, size) },
				load.IMAP{User: "u", Password: "p", Number: 1, Want: load.ContentOf(mail)}, size},
			play{"NNTP, fast", func(t testing.TB) string { return fast(t, lab.StartFastNNTP, size) },
				load.NNTP{ID: lab.SpecimenID(size), Want: load.DottedContentOf(mail)}, size + 3},
			play{"FTP, fast", func(t testing.TB) string { return fast(t, lab.StartFastFTP, size) },
				load.FTP{User: "u", Password: "p", File: lab.FastFile(size), Want: load.ContentOf(file)}, size},
		)
	}
	return all
}

func TestEveryScript(t *testing.T) {
	for _, p := range plays() {
		t.Run(fmt.Sprintf("%s, %d bytes", p.name, p.bytes), func(t *testing.T) {
			target := load.Target{Address: p.start(t), Script: p.script}
			kept, err := load.KeepAlive(context.Background(), target, load.Limit{Connections: 4, Duration: time.Minute, Requests: 40})
			require.NoError(t, err)
			assert.Empty(t, kept.Errors)
			assert.Equal(t, int64(40), kept.Transactions)
			assert.LessOrEqual(t, kept.Sessions, int64(4))
			if p.bytes > 0 {
				assert.Equal(t, 40*p.bytes, kept.Bytes-40*framing(p))
			}
			fresh, err := load.NewSessions(context.Background(), target, load.Limit{Connections: 4, Duration: time.Minute, Requests: 20})
			require.NoError(t, err)
			assert.Empty(t, fresh.Errors)
			assert.Equal(t, int64(20), fresh.Transactions)
			assert.Equal(t, int64(20), fresh.Sessions)

			idle, opened, err := load.OpenIdle(context.Background(), target, 10)
			require.NoError(t, err)
			assert.Empty(t, opened.Errors)
			assert.Equal(t, 10, idle.Held())
			again := idle.Again(context.Background())
			assert.Empty(t, again.Errors)
			assert.Equal(t, int64(10), again.Transactions)
			assert.Zero(t, again.Sessions)
			idle.Close()
		})
	}
}

// framing is what SMTP sends besides the mail: its last dot.
func framing(p play) int64 {
	if _, ok := p.script.(load.SMTP); ok {
		return int64(len(".\r\n"))
	}
	return 0
}

// The NNTP origin of the lab has articles of its own only; one is fetched by hand
// first.
func TestNNTPScriptAtTheLab(t *testing.T) {
	origin := lab.NewNNTP()
	address := listening(t, origin)
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	_, err = io.WriteString(conn, "GROUP "+lab.GroupTest+"\r\nARTICLE 1\r\nQUIT\r\n")
	require.NoError(t, err)
	whole, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	_, article, _ := bytes.Cut(whole, []byte("\r\n220 1 "))
	id, article, _ := bytes.Cut(article, []byte("\r\n"))
	article, _, found := bytes.Cut(article, []byte(".\r\n205 "))
	require.True(t, found)
	article = bytes.ReplaceAll(article, []byte("\n.."), []byte("\n."))
	script := load.NNTP{ID: string(id), Want: load.DottedContentOf(article)}
	result, err := load.KeepAlive(context.Background(), load.Target{Address: address, Script: script},
		load.Limit{Connections: 2, Duration: time.Minute, Requests: 10})
	require.NoError(t, err)
	assert.Empty(t, result.Errors)
	assert.Equal(t, int64(10), result.Transactions)
}

// A script finds a byte that was changed, one that is missing, and one too many.
func TestEveryScriptChecksContent(t *testing.T) {
	const size = 4 << 10
	mail := lab.Specimen(size)
	file := make([]byte, size)
	_, _ = io.ReadFull(lab.NewContent(size), file)
	changed := func(b []byte) []byte {
		b = bytes.Clone(b)
		b[len(b)/2] ^= 1
		return b
	}
	tests := []struct {
		name    string
		address string
		script  load.Script
		kind    string
	}{
		{"POP3", fast(t, lab.StartFastPOP3, size), load.POP3{User: "u", Password: "p", Number: 1, Want: load.DottedContentOf(changed(mail))}, "content"},
		{"POP3, more was sent", fast(t, lab.StartFastPOP3, size), load.POP3{User: "u", Password: "p", Number: 1, Want: load.DottedContentOf(append(bytes.Clone(mail), "xx\r\n"...))}, "content"},
		{"POP3, less was sent", fast(t, lab.StartFastPOP3, size), load.POP3{User: "u", Password: "p", Number: 1, Want: load.ContentOf(append(bytes.Clone(mail), "."...))}, "malformed"},
		{"POP3, none", fast(t, lab.StartFastPOP3, size), load.POP3{User: "u", Password: "p", Number: 2, Want: load.DottedContentOf(mail)}, "answer -ERR"},
		{"NNTP", fast(t, lab.StartFastNNTP, size), load.NNTP{ID: lab.SpecimenID(size), Want: load.DottedContentOf(changed(mail))}, "content"},
		{"NNTP, none", fast(t, lab.StartFastNNTP, size), load.NNTP{ID: "<none@lab.test>", Want: load.DottedContentOf(mail)}, "status 430"},
		{"IMAP", fast(t, lab.StartFastIMAP, size), load.IMAP{User: "u", Password: "p", Number: 1, Want: load.ContentOf(changed(mail))}, "content"},
		{"IMAP, another size", fast(t, lab.StartFastIMAP, size), load.IMAP{User: "u", Password: "p", Number: 1, Want: load.ContentOf(mail[1:])}, "content"},
		{"IMAP, none", fast(t, lab.StartFastIMAP, size), load.IMAP{User: "u", Password: "p", Number: 2, Want: load.ContentOf(mail)}, "answer NO"},
		{"FTP", fast(t, lab.StartFastFTP, size), load.FTP{User: "u", Password: "p", File: lab.FastFile(size), Want: load.ContentOf(changed(file))}, "content"},
		{"FTP, less was sent", fast(t, lab.StartFastFTP, size), load.FTP{User: "u", Password: "p", File: lab.FastFile(size), Want: load.ContentOf(file[1:])}, "content"},
		{"FTP, none", fast(t, lab.StartFastFTP, size), load.FTP{User: "u", Password: "p", File: "none", Want: load.ContentOf(file)}, "status 550"},
		{"SMTP", fast(t, lab.StartFastSMTP, size), load.SMTP{From: "a@lab.test", To: "b@lab.test", Mail: append(changed(mail[:size-2]), "\r\n"...)}, "status 554"},
		{"SMTP, another size", fast(t, lab.StartFastSMTP, size), load.SMTP{From: "a@lab.test", To: "b@lab.test", Mail: mail[5:]}, "status 554"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			result, err := load.KeepAlive(context.Background(), load.Target{Address: test.address, Script: test.script},
				load.Limit{Connections: 1, Duration: time.Minute, Requests: 3})
			require.NoError(t, err)
			assert.Equal(t, map[string]int64{test.kind: 3}, result.Errors)
			assert.Zero(t, result.Transactions)
		})
	}
}

func TestHTTPChecksContent(t *testing.T) {
	_, address := startOrigin(t)
	page := make([]byte, 1000)
	_, _ = io.ReadFull(lab.NewContent(1000), page)
	for path, want := range map[string]map[string]int64{
		"/bytes/1000":           {},
		"/bytes/1000?chunked=1": {},
		"/bytes/999":            {"content": 3},
		"/bytes/999?chunked=1":  {"content": 3},
	} {
		script := load.HTTP{Path: path, Want: load.ContentOf(page)}
		result, err := load.KeepAlive(context.Background(), load.Target{Address: address, Script: script},
			load.Limit{Connections: 1, Duration: time.Minute, Requests: 3})
		require.NoError(t, err)
		assert.Equal(t, want, result.Errors, path)
	}
}

// lines is a server that says a greeting, then the next answer for each line it
// gets, and closes behind the last.
func lines(t *testing.T, answers ...string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 1024)
			for i, answer := range answers {
				if _, err := io.WriteString(conn, answer); err != nil {
					break
				}
				if i == len(answers)-1 {
					_ = conn.(*net.TCPConn).CloseWrite()
				}
				if _, err := conn.Read(buf); err != nil {
					break
				}
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		<-done
	})
	return listener.Addr().String()
}

func TestMalformedReplies(t *testing.T) {
	content := load.ContentOf([]byte("x\r\n"))
	smtp := load.SMTP{From: "a@lab.test", To: "b@lab.test", Mail: []byte("x\r\n")}
	pop3 := load.POP3{User: "u", Password: "p", Number: 1, Want: load.DottedContentOf([]byte("x\r\n"))}
	imap := load.IMAP{User: "u", Password: "p", Number: 1, Want: content}
	nntp := load.NNTP{ID: "<x@lab.test>", Want: load.DottedContentOf([]byte("x\r\n"))}
	ftp := load.FTP{User: "u", Password: "p", File: "x", Want: content}
	login := []string{"+OK\r\n", "+OK\r\n", "+OK\r\n"}
	selected := []string{"* OK\r\n", "a1 OK\r\n", "a2 OK\r\n"}
	ftpLogin := []string{"220 x\r\n", "331 x\r\n", "230 x\r\n", "200 x\r\n"}
	tests := []struct {
		name    string
		script  load.Script
		answers []string
		kind    string
	}{
		{"SMTP greeting", smtp, []string{"hello there\r\n"}, "malformed"},
		{"SMTP refused", smtp, []string{"421 not now\r\n"}, "status 421"},
		{"SMTP line end", smtp, []string{"220 x\n"}, "malformed"},
		{"SMTP endless line", smtp, []string{"220 " + strings.Repeat("x", 5000)}, "malformed"},
		{"SMTP several lines", smtp, []string{"220-x\r\n220 y\r\n", "250-x\r\n250-y\r\n250 z\r\n", "550 no\r\n"}, "status 550"},
		{"SMTP closed", smtp, []string{"220 x\r\n", "250 x\r\n"}, "closed"},
		{"SMTP short", smtp, []string{"220 x\r\n", "25"}, "short"},
		{"POP3 greeting", pop3, []string{"220 x\r\n"}, "malformed"},
		{"POP3 more", pop3, append(login, "+OK\r\nx\r\n.\r\n+OK\r\n"), "malformed"},
		{"POP3 short", pop3, append(login, "+OK\r\nx\r\n"), "short"},
		{"NNTP refused", nntp, []string{"502 x\r\n"}, "status 502"},
		{"NNTP read only", nntp, []string{"201 x\r\n", "430 x\r\n"}, "status 430"},
		{"IMAP greeting", imap, []string{"hello\r\n"}, "malformed"},
		{"IMAP bye", imap, []string{"* BYE x\r\n"}, "answer BYE"},
		{"IMAP bad", imap, append(selected, "a3 BAD x\r\n"), "answer BAD"},
		{"IMAP nonsense", imap, append(selected, "a3 x\r\n"), "malformed"},
		{"IMAP without literal", imap, append(selected, "* 1 FETCH (BODY[] \"x\")\r\na3 OK\r\n"), "content"},
		{"IMAP second literal", imap, append(selected, "* 1 FETCH (BODY[] {3}\r\nx\r\n BODY[] {3}\r\nx\r\n)\r\na3 OK\r\n"), "content"},
		{"IMAP more", imap, append(selected, "* 1 FETCH (BODY[] {3}\r\nx\r\n)\r\na3 OK\r\n* 2 EXISTS\r\n"), "malformed"},
		{"FTP without passive mode", ftp, append(ftpLogin, "425 x\r\n"), "status 425"},
		{"FTP passive nonsense", ftp, append(ftpLogin, "227 x (1,2,3)\r\n"), "malformed"},
		{"FTP passive port", ftp, append(ftpLogin, "227 x (127,0,0,1,256,1)\r\n"), "malformed"},
		{"FTP passive multiline", ftp, append(ftpLogin, "xyz\r\n"), "malformed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			address := lines(t, test.answers...)
			result, err := load.KeepAlive(context.Background(), load.Target{Address: address, Script: test.script},
				load.Limit{Connections: 1, Duration: time.Minute, Requests: 2})
			require.NoError(t, err)
			assert.Equal(t, map[string]int64{test.kind: 2}, result.Errors)
		})
	}
}

func TestScriptsRefuseWhatTheyCannotSay(t *testing.T) {
	content := load.ContentOf([]byte("x"))
	for want, script := range map[string]load.Script{
		"there is none":            nil,
		"only bare addresses":      load.SMTP{From: "<a@lab.test>", Mail: []byte("x\r\n")},
		"it must end in CRLF":      load.SMTP{Mail: []byte("x")},
		"a line begins with a dot": load.SMTP{Mail: []byte("x\r\n.y\r\n")},
		`the mail 0 of "u"`:        load.POP3{User: "u", Want: content},
		`the mail 1 of "u v"`:      load.POP3{User: "u v", Number: 1, Want: content},
		`the mail 1 of "v"`:        load.IMAP{User: "v", Number: 1},
		`the mail 1 of "{3}"`:      load.IMAP{User: "{3}", Number: 1, Want: content},
		`the article "x"`:          load.NNTP{ID: "x", Want: content},
		`the file "" of "u"`:       load.FTP{User: "u", Want: content},
	} {
		_, err := load.KeepAlive(context.Background(), load.Target{Address: "127.0.0.1:1", Script: script},
			load.Limit{Connections: 1, Duration: time.Second})
		require.ErrorContains(t, err, want)
	}
}

func TestDottedContent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOf(rapid.StringMatching(`[.a]{0,3}`)).Draw(t, "lines")
		var plain, dotted strings.Builder
		for _, line := range lines {
			plain.WriteString(line + "\r\n")
			if strings.HasPrefix(line, ".") {
				dotted.WriteString(".")
			}
			dotted.WriteString(line + "\r\n")
		}
		dotted.WriteString(".\r\n")
		want := &load.Content{Size: int64(dotted.Len()), Sum: crc32.Checksum([]byte(dotted.String()), crc32.MakeTable(crc32.Castagnoli))}
		assert.Equal(t, want, load.DottedContentOf([]byte(plain.String())))
	})
	assert.Equal(t, load.DottedContentOf([]byte("x\r\n")), load.DottedContentOf([]byte("x")))
}

func BenchmarkScripts(b *testing.B) {
	for _, p := range plays()[4:] {
		b.Run(fmt.Sprintf("%s, %d bytes", p.name, p.bytes), func(b *testing.B) {
			target := load.Target{Address: p.start(b), Script: p.script}
			b.SetBytes(p.bytes)
			b.ReportAllocs()
			b.ResetTimer()
			result, err := load.KeepAlive(context.Background(), target, load.Limit{Connections: 16, Duration: time.Minute, Requests: int64(b.N)})
			require.NoError(b, err)
			assert.Equal(b, int64(b.N), result.Transactions)
		})
	}
}
