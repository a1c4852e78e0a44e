package lab_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
)

// systemPython is the interpreter of the system: nntplib has left the standard
// library of later ones.
const systemPython = "/usr/bin/python3"

// realClient finds a program. Where UTMSIM_REAL is "required" a missing one is
// a failure, elsewhere a reason to skip.
func realClient(t *testing.T, name string, probe ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		err = exec.Command(path, probe...).Run()
	}
	if err != nil && os.Getenv("UTMSIM_REAL") == "required" {
		t.Fatalf("%s %s: %v", name, strings.Join(probe, " "), err)
	}
	if err != nil {
		t.Skipf("%s %s isn't to be had here: %v", name, strings.Join(probe, " "), err)
	}
	return path
}

// run executes a client and returns its standard output; it must succeed.
func run(t *testing.T, path string, args ...string) string {
	t.Helper()
	out, err := tryRun(t, path, args...)
	require.NoError(t, err)
	return out
}

func tryRun(t *testing.T, path string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, said.String())
	}
	return string(out), err
}

// python runs a script that finds host and port in its arguments and prints one
// JSON value.
func python(t *testing.T, module, address, script string, args ...string) (result map[string]any) {
	t.Helper()
	path := realClient(t, systemPython, "-W", "ignore", "-c", "import "+module)
	host, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	prelude := "import base64, hashlib, json, sys\nfrom " + module + " import *\nimport " + module +
		"\nhost, port, out = sys.argv[1], int(sys.argv[2]), {}\nb64 = lambda b: base64.b64encode(b).decode()\n"
	out := run(t, path, append([]string{"-W", "ignore", "-c", prelude + script + "\nprint(json.dumps(out))\n", host, port}, args...)...)
	require.NoError(t, json.Unmarshal([]byte(out), &result), out)
	return result
}

func base64Of(contents ...[]byte) []any {
	var all []any
	for _, content := range contents {
		all = append(all, base64.StdEncoding.EncodeToString(content))
	}
	return all
}

func TestPythonSMTP(t *testing.T) {
	origin, boxes, address := startSMTP(t)
	got := python(t, "smtplib", address, `
s = SMTP(host, port, timeout=120)
s.ehlo()
out["features"] = sorted(s.esmtp_features)
s.login("alice", "lab")
mail = "Subject: dots\r\n\r\n.\r\n..two\r\nend\r\n"
out["refused"] = s.sendmail("x@y.test", ["bob@lab.test", "z@else.test"], mail)["z@else.test"][0]
s.sendmail("x@y.test", ["bob@lab.test"], "Subject: 8\r\n\r\n\u00fc\r\n".encode(), mail_options=["BODY=8BITMIME", "SMTPUTF8"])
s.quit()
s = SMTP(host, port, timeout=120)
s.ehlo(); s.user, s.password = "bob", "lab"
out["login"] = s.auth("LOGIN", s.auth_login)[0]
try:
    s.sendmail("x@y.test", ["z@else.test"], mail)
except SMTPRecipientsRefused as e:
    out["alone"] = e.recipients["z@else.test"][0]
s.quit()
try:
    s = SMTP(host, port, timeout=120)
    s.login("alice", "wrong")
except SMTPAuthenticationError as e:
    out["wrong"] = e.smtp_code
s.quit()
`)
	assert.Equal(t, []any{"8bitmime", "auth", "binarymime", "chunking", "dsn", "enhancedstatuscodes", "limits", "pipelining", "size", "smtputf8"}, got["features"])
	assert.Equal(t, map[string]any{"features": got["features"], "refused": 550.0, "login": 235.0, "alone": 550.0, "wrong": 535.0}, got)
	mails := boxes.Mails(lab.UserBob, lab.Inbox)
	require.Len(t, mails, 2)
	assert.Equal(t, "Subject: dots\r\n\r\n.\r\n..two\r\nend\r\n", string(mails[0].Content))
	assert.Equal(t, "Subject: 8\r\n\r\n\u00fc\r\n", string(mails[1].Content))
	assert.Equal(t, "alice", mails[0].Envelope.Authenticated)
	assert.True(t, mails[1].Envelope.UTF8)
	assert.Equal(t, int64(3), origin.Counts().Sessions)
}

func TestPythonPOP3(t *testing.T) {
	boxes := lab.NewMailboxes()
	_, address := startPOP3(t, boxes)
	mails := boxes.Mails(lab.UserAlice, lab.Inbox)
	got := python(t, "poplib", address, `
p = POP3(host, port, timeout=120)
out["capa"] = sorted(p.capa())
p.user("alice"); p.pass_("lab")
out["stat"] = p.stat()
out["list"] = [l.decode() for l in p.list()[1]]
out["uids"] = len(set(p.uidl()[1]))
out["mails"] = [b64(b"\r\n".join(p.retr(i + 1)[1]) + b"\r\n") for i in range(4)]
out["top"] = len(p.top(1, 2)[1])
p.dele(4)
p.quit()
p = POP3(host, port, timeout=120)
p.apop("alice", "lab")
out["left"] = p.stat()[0]
try:
    p.retr(4)
except error_proto as e:
    out["gone"] = e.args[0].decode()
p.quit()
`)
	total := 0
	var contents [][]byte
	for _, mail := range mails {
		total += len(mail.Content)
		contents = append(contents, mail.Content)
	}
	assert.Contains(t, got["capa"], "UIDL")
	assert.Equal(t, []any{4.0, float64(total)}, got["stat"])
	assert.Len(t, got["list"], 4)
	assert.Equal(t, 4.0, got["uids"])
	assert.Equal(t, base64Of(contents...), got["mails"])
	assert.Equal(t, 3.0, got["left"])
	assert.Equal(t, "-ERR no such mail", got["gone"])
	assert.Equal(t, float64(strings.Count(strings.SplitN(string(mails[0].Content), "\r\n\r\n", 2)[0], "\r\n")+4), got["top"])
}

func TestPythonIMAP(t *testing.T) {
	boxes := lab.NewMailboxes()
	_, address := startIMAP(t, boxes)
	mails := boxes.Mails(lab.UserAlice, lab.Inbox)
	appended := "Subject: appended\r\n\r\n.\r\nno line end"
	got := python(t, "imaplib", address, `
m = IMAP4(host, port, timeout=120)
out["wrong"] = False
try:
    m.login("alice", "wrong")
except IMAP4.error:
    out["wrong"] = True
m.authenticate("PLAIN", lambda _: b"\0alice\0lab")
out["list"] = m.list()[1][0].decode()
out["exists"] = m.select("INBOX")[1][0].decode()
out["search"] = m.search(None, "SUBJECT", "eicar")[1][0].decode()
out["mails"] = [b64(m.fetch(str(i + 1), "(RFC822)")[1][0][1]) for i in range(4)]
out["append"] = m.append("INBOX", "(\\Flagged)", Time2Internaldate(0), base64.b64decode(sys.argv[3]))[0]
out["noop"] = m.noop()[0]
out["now"] = m.response("EXISTS")[1][-1].decode()
out["copy"] = (m.create("Kept")[0], m.copy("1:2", "Kept")[0])
out["store"] = m.store("1,5", "+FLAGS", "\\Deleted")[0]
out["expunge"] = [n.decode() for n in m.expunge()[1]]
out["status"] = m.status("Kept", "(MESSAGES UNSEEN)")[1][0].decode()
out["uid"] = b64(m.uid("FETCH", "4", "(BODY.PEEK[]<0.10>)")[1][0][1])
out["close"] = m.close()[0]
out["bye"] = m.logout()[0]
`, base64.StdEncoding.EncodeToString([]byte(appended)))
	var contents [][]byte
	for _, mail := range mails {
		contents = append(contents, mail.Content)
	}
	assert.Equal(t, base64Of(contents...), got["mails"])
	delete(got, "mails")
	assert.Equal(t, map[string]any{
		"wrong": true, "list": `(\HasNoChildren) "/" INBOX`, "exists": "4", "search": "3 4", "append": "OK", "noop": "OK", "now": "5",
		"copy": []any{"OK", "OK"}, "store": "OK", "expunge": []any{"5", "1"}, "status": `"Kept" (MESSAGES 2 UNSEEN 0)`,
		"uid": base64.StdEncoding.EncodeToString(mails[3].Content[:10]), "close": "OK", "bye": "BYE",
	}, got)
	assert.Len(t, boxes.Mails(lab.UserAlice, lab.Inbox), 3)
	assert.Equal(t, int64(len(appended)+len(mails[0].Content)+len(mails[1].Content)), boxes.Counts().Bytes, "one appended, two copied")
}

func TestPythonFTP(t *testing.T) {
	for _, at := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(at, func(t *testing.T) {
			if at == "[::1]:0" && !haveIPv6() {
				t.Skip("this machine has no ::1")
			}
			origin, address := startFTP(t, at)
			got := python(t, "ftplib", address, `
import io
f = FTP(timeout=120)
f.connect(host, port); f.login()
def get(name, rest=None):
    b = io.BytesIO(); f.retrbinary("RETR " + name, b.write, rest=rest); return b.getvalue()
out["names"] = f.nlst()
out["facts"] = sorted(name + "=" + facts["type"] for name, facts in f.mlsd())
lines = []; f.dir(lines.append); out["lines"] = len(lines)
for mode in (True, False):
    f.set_pasv(mode)
    out["eicar %d" % mode] = b64(get("eicar.com"))
    out["rest %d" % mode] = b64(get("eicar.com", 60))
    f.storbinary("STOR incoming/up%d" % mode, io.BytesIO(b"uploaded\r\n\xff"))
    out["back %d" % mode] = b64(get("incoming/up%d" % mode))
f.set_pasv(True)
out["big"] = hashlib.sha256(get("big.bin")).hexdigest()
out["size"] = f.size("big.bin")
conn = f.transfercmd("RETR big.bin"); conn.recv(1000)
out["abort"] = f.abort()[:3]; conn.close()
out["after"] = f.getresp()[:3]
f.cwd("incoming"); f.mkd("sub"); f.rename("up1", "sub/up"); out["pwd"] = f.pwd()
out["sub"] = f.nlst("sub")
f.delete("sub/up"); f.rmd("sub")
for name, call in (("delete", lambda: f.delete("/eicar.com")), ("retr", lambda: get("/none")), ("stor", lambda: f.storbinary("STOR /x", io.BytesIO(b"")))):
    try:
        call()
    except error_perm as e:
        out[name] = str(e)[:3]
f.quit()
`)
			eicar := base64.StdEncoding.EncodeToString(lab.EICAR())
			rest := base64.StdEncoding.EncodeToString(lab.EICAR()[60:])
			back := base64.StdEncoding.EncodeToString([]byte("uploaded\r\n\xff"))
			assert.Equal(t, map[string]any{
				"names": []any{"big.bin", "eicar.com", "eicar.zip", "incoming", "readme.txt"},
				"facts": []any{"big.bin=file", "eicar.com=file", "eicar.zip=file", "incoming=dir", "readme.txt=file"},
				"lines": 5.0, "eicar 1": eicar, "eicar 0": eicar, "rest 1": rest, "rest 0": rest, "back 1": back, "back 0": back,
				"big": lab.ContentSHA256(lab.BigFileSize), "size": float64(lab.BigFileSize), "abort": "426", "after": "226",
				"pwd": "/incoming", "sub": []any{"up"}, "delete": "550", "retr": "550", "stor": "553",
			}, got)
			assert.Equal(t, int64(1), origin.Counts().Aborted)
		})
	}
}

func TestPythonNNTP(t *testing.T) {
	origin, address := startNNTP(t)
	got := python(t, "nntplib", address, `
import datetime
n = NNTP(host, port, readermode=True, timeout=120)
out["caps"] = sorted(n.getcapabilities())
n.login("alice", "lab")
out["groups"] = [list(g) for g in n.list()[1]]
out["descriptions"] = n.descriptions("lab.*")[1]
out["group"] = list(n.group("lab.binaries"))[1:]
out["over"] = [[num, o["subject"], o["message-id"]] for num, o in n.over((1, 5))[1]]
out["hdr"] = n.xhdr("subject", "1-2")[1]
out["bodies"] = [b64(b"\r\n".join(n.body(str(i + 1))[1].lines) + b"\r\n") for i in range(5)]
out["article"] = b64(b"\r\n".join(n.article("<dots@news.lab.test>")[1].lines) + b"\r\n")
n.group("lab.test")
out["stat"] = list(n.stat()[1:]); out["next"] = n.next()[1]; out["last"] = n.last()[1]
post = b"From: a@b.test\r\nNewsgroups: lab.test\r\nSubject: posted\r\nMessage-ID: <posted@b>\r\nPath: b\r\nDate: Mon, 5 Jan 2026 09:00:00 +0000\r\n\r\n.\r\n..\r\nend\r\n"
out["post"] = n.post(post)[:3]
out["ihave"] = n.ihave("<fed@b>", post.replace(b"posted@b", b"fed@b"))[:3]
for name, call in (("again", lambda: n.ihave("<fed@b>", post)), ("double", lambda: n.post(post)), ("none", lambda: n.group("no.such"))):
    try:
        call()
    except NNTPTemporaryError as e:
        out[name] = e.response[:3]
out["newgroups"] = len(n.newgroups(datetime.date(2025, 1, 1))[1])
out["newnews"] = n.newnews("lab.binaries", datetime.datetime(2026, 1, 5, 9, 6))[1]
out["date"] = n.date()[0][:3]
n.quit()
`)
	var bodies [][]byte
	for _, a := range origin.Articles(lab.GroupBinaries) {
		bodies = append(bodies, []byte(strings.SplitN(string(a.Content), "\r\n\r\n", 2)[1]))
	}
	assert.Equal(t, base64Of(bodies...), got["bodies"])
	assert.Equal(t, base64Of(origin.Articles(lab.GroupTest)[1].Content)[0], got["article"])
	assert.Contains(t, got["caps"], "STREAMING")
	assert.Len(t, got["over"], 5)
	for _, compared := range []string{"bodies", "article", "caps", "over", "hdr"} {
		delete(got, compared)
	}
	assert.Equal(t, map[string]any{
		"groups":       []any{[]any{"lab.test", "3", "1", "y"}, []any{"lab.binaries", "5", "1", "y"}},
		"descriptions": map[string]any{"lab.test": "Trying things out", "lab.binaries": "Files, clean and infected"},
		"group":        []any{5.0, 1.0, 5.0, "lab.binaries"}, "stat": []any{1.0, "<welcome@news.lab.test>"}, "next": 2.0, "last": 1.0,
		"post": "240", "ihave": "235", "again": "435", "double": "441", "none": "411", "newgroups": 2.0,
		"newnews": []any{"<eicar-yenc@news.lab.test>", "<eicar-zip-yenc@news.lab.test>"}, "date": "111",
	}, got)
	posted := origin.Articles(lab.GroupTest)
	require.Len(t, posted, 5)
	assert.True(t, strings.HasSuffix(string(posted[3].Content), "\r\n\r\n.\r\n..\r\nend\r\n"))
	assert.True(t, strings.HasPrefix(string(posted[3].Content), "From: a@b.test\r\nNewsgroups: "), "nothing was added")
}

func TestCurl(t *testing.T) {
	curl := realClient(t, "curl", "--version")
	_, boxes, smtpAddress := startSMTP(t)
	_, pop3Address := startPOP3(t, boxes)
	_, imapAddress := startIMAP(t, boxes)
	ftpOrigin, ftpAddress := startFTP(t, "127.0.0.1:0")
	mails := boxes.Mails(lab.UserAlice, lab.Inbox)
	content := "Subject: from curl\r\n\r\n.\r\n..\r\nend\r\n"
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))

	run(t, curl, "-sS", "smtp://"+smtpAddress+"/client.test", "-u", "alice:lab", "--mail-from", "a@b.test", "--mail-rcpt", "bob@lab.test", "-T", file)
	got := boxes.Mails(lab.UserBob, lab.Inbox)
	require.Len(t, got, 1)
	assert.Equal(t, content, string(got[0].Content))
	_, err := tryRun(t, curl, "-sS", "smtp://"+smtpAddress, "--mail-from", "a@b.test", "--mail-rcpt", "x@else.test", "-T", file)
	require.ErrorContains(t, err, "550")

	assert.Equal(t, string(mails[2].Content), run(t, curl, "-sS", "pop3://"+pop3Address+"/3", "-u", "alice:lab"))
	assert.Equal(t, content, run(t, curl, "-sS", "pop3://"+pop3Address+"/1", "-u", "bob:lab", "--login-options", "AUTH=+APOP"))
	assert.Equal(t, string(mails[3].Content), run(t, curl, "-sS", "imap://"+imapAddress+"/INBOX;UID=4", "-u", "alice:lab"))
	run(t, curl, "-sS", "imap://"+imapAddress+"/INBOX", "-u", "bob:lab", "-T", file)
	assert.Equal(t, content, string(boxes.Mails(lab.UserBob, lab.Inbox)[1].Content))

	for name, options := range map[string][]string{
		"EPSV": nil, "PASV": {"--disable-epsv"}, "EPRT": {"-P", "127.0.0.1"}, "PORT": {"-P", "127.0.0.1", "--disable-eprt"},
	} {
		t.Run(name, func(t *testing.T) {
			with := func(args ...string) []string { return append(append([]string{"-sS"}, options...), args...) }
			assert.Equal(t, string(lab.EICAR()), run(t, curl, with("ftp://"+ftpAddress+"/eicar.com")...))
			run(t, curl, with("ftp://"+ftpAddress+"/incoming/"+name, "-T", file)...)
			run(t, curl, with("ftp://"+ftpAddress+"/incoming/"+name, "-a", "-T", file)...)
			stored, _ := ftpOrigin.File("/incoming/" + name)
			assert.Equal(t, content+content, string(stored))
			part := run(t, curl, with("ftp://"+ftpAddress+"/big.bin", "-r", "1000-1999")...)
			whole := make([]byte, 2000)
			_, err := lab.NewContent(2000).Read(whole)
			require.NoError(t, err)
			assert.Equal(t, sha256.Sum256(whole[1000:]), sha256.Sum256([]byte(part)))
		})
	}
	list := run(t, curl, "-sS", "ftp://"+ftpAddress+"/", "-u", "alice:lab", "-l")
	assert.Equal(t, "big.bin\neicar.com\neicar.zip\nincoming\nreadme.txt\n", list)
}
