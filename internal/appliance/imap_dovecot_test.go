package appliance_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/scanner/samples"
)

// dovecot is a real server with a configuration and mailboxes of its own. Every user
// has the password lab.
type dovecot struct {
	t       *testing.T
	folder  string
	port    string
	process *exec.Cmd
	owner   *user.User // of the mails
}

// dovecotConfig lets the server run in one folder, as root or as anybody else.
const dovecotConfig = `
base_dir = %[1]s/run
state_dir = %[1]s/run
log_path = %[1]s/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
default_internal_user = %[2]s
default_internal_group = %[3]s
default_login_user = %[4]s
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:~/Maildir
passdb {
  driver = static
  args = password=lab
}
userdb {
  driver = static
  args = uid=%[5]s gid=%[6]s home=%[1]s/mail/%%u
}
service imap-login {
  chroot =
  inet_listener imap {
    port = %[7]s
  }
  inet_listener imaps {
    port = 0
  }
}
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
`

// newDovecot prepares a server; fill puts mails into the folder of alice's inbox.
func newDovecot(t *testing.T, fill func(cur string)) *dovecot {
	path := program(t, "/usr/sbin/dovecot", "--version")
	folder, err := os.MkdirTemp("", "dovecot") // a short path: there will be sockets
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(folder)) })
	require.NoError(t, os.Chmod(folder, 0o755))
	d := &dovecot{t: t, folder: folder}
	d.owner, err = user.Current()
	require.NoError(t, err)
	group, err := user.LookupGroupId(d.owner.Gid)
	require.NoError(t, err)
	internal, internalGroup, login := d.owner.Username, group.Name, d.owner.Username
	if os.Getuid() == 0 { // the server has users of its own, and mails must not be root's
		internal, internalGroup, login = "dovecot", "dovecot", "dovenull"
		d.owner, err = user.Lookup("nobody")
		require.NoError(t, err)
	}
	cur := filepath.Join(folder, "mail", "alice", "Maildir", "cur")
	for _, sub := range []string{"new", "tmp", "cur"} {
		require.NoError(t, os.MkdirAll(filepath.Join(filepath.Dir(cur), sub), 0o755))
	}
	fill(cur)
	d.give()
	for range 3 { // somebody else may take the port in between
		d.port = freePort(t)
		config := fmt.Sprintf(dovecotConfig, folder, internal, internalGroup, login, d.owner.Uid, d.owner.Gid, d.port)
		require.NoError(t, os.WriteFile(filepath.Join(folder, "conf"), []byte(config), 0o644))
		if d.start(path) {
			return d
		}
	}
	log, _ := os.ReadFile(filepath.Join(folder, "log"))
	require.Fail(t, "dovecot does not start", "%s", log)
	return nil
}

// give makes the mails belong to their owner.
func (d *dovecot) give() {
	if os.Getuid() != 0 {
		return
	}
	uid, err := strconv.Atoi(d.owner.Uid)
	require.NoError(d.t, err)
	gid, err := strconv.Atoi(d.owner.Gid)
	require.NoError(d.t, err)
	require.NoError(d.t, filepath.WalkDir(filepath.Join(d.folder, "mail"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, uid, gid)
	}))
}

// start is false when the server ends before it greets.
func (d *dovecot) start(path string) bool {
	said := new(bytes.Buffer)
	cmd := exec.Command(path, "-F", "-c", filepath.Join(d.folder, "conf"))
	cmd.Stderr, cmd.Stdout = said, said
	require.NoError(d.t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		select {
		case err := <-ended:
			d.t.Logf("dovecot has ended: %v %s", err, said)
			return false
		default:
		}
		if d.greets() {
			break
		}
	}
	d.process = cmd
	d.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		<-ended
		if d.t.Failed() {
			log, _ := os.ReadFile(filepath.Join(d.folder, "log"))
			d.t.Logf("%s", log[max(0, len(log)-4000):])
		}
	})
	return true
}

func (d *dovecot) greets() bool {
	c, err := net.DialTimeout("tcp", d.address(), time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	line, _ := bufio.NewReader(c).ReadString('\n')
	return strings.HasPrefix(line, "* OK ")
}

func (d *dovecot) address() string { return net.JoinHostPort("127.0.0.1", d.port) }

// newDovecotSite is a lab with a proxy in front of a real server, and that proxy's
// address.
func newDovecotSite(t *testing.T, d *dovecot) (*site, string) {
	s := newRealTimeSite(t, fmt.Sprintf(`config firewall vip
    edit "dovecot"
        set extip 127.0.0.1
        set extport 9143
        set mappedip 127.0.0.1
        set mappedport %s
        set portforward enable
    next
end
config firewall policy
    edit 90
        set dstaddr "dovecot"
        set action accept
        set service "IMAP"
        set utm-status enable
        set av-profile "default"
        set logtraffic all
    next
end
`, d.port))
	at, err := s.Engine().Addr(netip.MustParseAddrPort("127.0.0.1:9143"))
	require.NoError(t, err)
	return s, at.String()
}

// put puts mail i into a folder of the server, as if it had come at a certain time.
func put(t *testing.T, cur string, i int, flags, mail string) {
	came := time.Unix(1767600000+int64(i), 0)
	file := filepath.Join(cur, fmt.Sprintf("%d.M%06dP1.lab:2,%s", came.Unix(), i, flags))
	require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(mail, "\r\n", "\n")), 0o644))
	require.NoError(t, os.Chtimes(file, came, came))
}

// fiveHundred are mails of all kinds, made of a seed.
func fiveHundred(t *testing.T) func(cur string) {
	return func(cur string) {
		r := rand.New(rand.NewPCG(1, 2))
		words := strings.Fields("lorem ipsum dolor sit amet (consectetur) {adipiscing} \"elit\" sed\\do =eiusmod .tempor From -- \xc3\xa4\xff \x1b[0m")
		text := func(lines int) string {
			var b strings.Builder
			for range lines {
				for range r.IntN(12) {
					b.WriteString(words[r.IntN(len(words))] + " ")
				}
				b.WriteString("\n")
			}
			return b.String()
		}
		for i := range 500 {
			mail := fmt.Sprintf("From: Sender %d <s%d@client.test>\nTo: alice@lab.test\nSubject: mail %d\nDate: Mon, 5 Jan 2026 09:%02d:%02d +0000\nMessage-ID: <m%d@client.test>\n", i, i, i, i/60%60, i%60, i)
			switch i % 5 {
			case 0:
				data := make([]byte, r.IntN(40_000))
				for j := range data {
					data[j] = byte(r.Uint32())
				}
				whole := mailWith(fmt.Sprintf("file%d.bin", i), data)
				_, rest, _ := strings.Cut(strings.ReplaceAll(whole, "\r\n", "\n"), "MIME-Version")
				mail += "MIME-Version" + rest
			case 1:
				mail += "MIME-Version: 1.0\nContent-Type: message/rfc822\n\nSubject: inner\n\n" + text(r.IntN(30))
			case 2:
				mail += "\n" // nothing in it
			default:
				mail += "\n" + text(r.IntN(200))
			}
			put(t, cur, i, []string{"", "S", "FS", "RS"}[i%4], mail)
		}
	}
}

// mbsyncConfig is a channel between a server's inbox and a folder.
const mbsyncConfig = `
IMAPAccount lab
Host 127.0.0.1
Port %s
User alice
Pass lab
SSLType None
AuthMechs LOGIN

IMAPStore far
Account lab

MaildirStore near
Path %[2]s/
Inbox %[2]s/INBOX

Channel lab
Far :far:
Near :near:
Create Near
SyncState *
`

// mbsync brings a folder and the server's inbox together. It returns what is said.
func mbsync(t *testing.T, address, folder string) string {
	t.Helper()
	path := program(t, "mbsync", "--version")
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	config := filepath.Join(folder, "mbsyncrc")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, mbsyncConfig, port, folder), 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "-c", config, "-a").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

var (
	uidInName = regexp.MustCompile(`,U=(\d+)(?::2,(.*))?$`)
	// mbsyncMark is a line that mbsync puts into a mail to know it again, random.
	mbsyncMark = regexp.MustCompile(`(?m)^X-TUID: .{12}\n`)
)

// maildir is what mbsync has put into a folder: flags and content of each mail by
// its number.
func maildir(t *testing.T, folder string) map[string]string {
	mails := map[string]string{}
	for _, sub := range []string{"cur", "new"} {
		files, err := filepath.Glob(filepath.Join(folder, "INBOX", sub, "*"))
		require.NoError(t, err)
		for _, file := range files {
			m := uidInName.FindStringSubmatch(file)
			require.NotNil(t, m, file)
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			mails[m[1]] = m[2] + "\n" + string(mbsyncMark.ReplaceAll(content, nil))
		}
	}
	return mails
}

// TestIMAPMbsyncDovecot: a full sync of a mailbox of 500 mails gives the same folder
// with and without the proxy, byte by byte, and so do changes in both directions. A
// mail that must not go up stays where it is.
func TestIMAPMbsyncDovecot(t *testing.T) {
	program(t, "mbsync", "--version")
	d := newDovecot(t, fiveHundred(t))
	s, proxied := newDovecotSite(t, d)
	without, with := t.TempDir(), t.TempDir()
	mbsync(t, d.address(), without)
	mbsync(t, proxied, with)
	want := maildir(t, without)
	require.Len(t, want, 500)
	sameMails(t, want, maildir(t, with))
	s.imapStat("Emails clean", 500)

	clean := strings.ReplaceAll(mailWith("clean.bin", []byte("clean")), "\r\n", "\n")
	require.NoError(t, os.WriteFile(filepath.Join(with, "INBOX", "cur", "1.mine.lab:2,S"), []byte(clean), 0o600))
	mbsync(t, proxied, with)
	mbsync(t, d.address(), without)
	sameMails(t, maildir(t, without), maildir(t, with))
	assert.Len(t, maildir(t, without), 501)
	s.imapStat("Emails clean", 501)

	bad := strings.ReplaceAll(mailWith("eicar.com", samples.EICAR()), "\r\n", "\n")
	require.NoError(t, os.WriteFile(filepath.Join(with, "INBOX", "cur", "2.bad.lab:2,S"), []byte(bad), 0o600))
	assert.Contains(t, mbsync(t, proxied, with), `NO [CANNOT] The file "eicar.com" is infected with the virus "EICAR_TEST_FILE"`)
	mbsync(t, d.address(), without)
	assert.Len(t, maildir(t, without), 501, "it has not come to the server")
	s.imapStat("Emails infected with viruses", 1)
}

// TestIMAPPythonDovecot compares the day of Python's imaplib with and without the
// proxy, each with a real server of its own.
func TestIMAPPythonDovecot(t *testing.T) {
	python := program(t, "/usr/bin/python3", "-c", "import imaplib")
	day := func(with bool) (saw [][]any) {
		d := newDovecot(t, func(cur string) {
			for i := range 3 {
				put(t, cur, i, "S", mailWith("file.bin", fmt.Appendf(nil, "clean %d", i)))
			}
		})
		address := d.address()
		if with {
			_, address = newDovecotSite(t, d)
		}
		host, port, err := net.SplitHostPort(address)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal([]byte(run(t, python, "-W", "ignore", "-c", imaplibDay, host, port)), &saw))
		return saw
	}
	direct, proxied := day(false), day(true)
	require.Len(t, proxied, len(direct))
	for i := range direct {
		assert.Equal(t, direct[i], proxied[i], "%v", direct[i][0])
	}
}

// sameMails compares folders mail by mail, because a difference of megabytes says nothing.
func sameMails(t *testing.T, want, got map[string]string) {
	t.Helper()
	require.Len(t, got, len(want))
	for uid, mail := range want {
		require.Equal(t, mail, got[uid], "mail %s", uid)
	}
}

// TestIMAPDovecot: the dialogue with a real server: pipelining, literals of both
// kinds, uploads and news.
func TestIMAPDovecot(t *testing.T) {
	d := newDovecot(t, func(cur string) {
		for i, content := range []string{"clean", string(samples.EICAR())} {
			put(t, cur, i, "S", mailWith("file.bin", []byte(content)))
		}
	})
	s, proxied := newDovecotSite(t, d)
	c := s.dialTo("127.0.0.1", proxied)
	greeting := c.popLine("* OK [CAPABILITY IMAP4rev1 ")
	assert.Contains(t, greeting, " LITERAL+")
	c.send("a LOGIN {5}\r\n")
	c.popLine("+ ")
	c.send("alice {3+}\r\nlab\r\n")
	c.untilTag("a", "OK [CAPABILITY IMAP4rev1 ")
	c.send("b SELECT INBOX\r\n")
	assert.Contains(t, c.untilTag("b", "OK"), "* 2 EXISTS")

	dovecotContents(c)
	dovecotPipelining(c)
	dovecotUploads(c)
	dovecotNews(s, d, c)
	dovecotSmuggling(s, c, proxied)
	c.send("z LOGOUT\r\n")
	assert.Contains(t, c.untilTag("z", "OK"), "* BYE")
}

// dovecotContents fetches contents of many kinds in one response.
func dovecotContents(c *client) {
	c.send("a UID FETCH 1:* (FLAGS BODYSTRUCTURE ENVELOPE BODY.PEEK[] BODY.PEEK[2] BINARY.PEEK[2] BODY.PEEK[HEADER.FIELDS (Subject)] PREVIEW)\r\n")
	got := c.untilTag("a", "OK")
	assert.Equal(c.t, 3, strings.Count(got, "EICAR_TEST_FILE")+strings.Count(got, "RUlDQVJfVEVTVF9GSUxF")+strings.Count(got, "VDQVJfVEVTVF9GSUxF"), got)
	assert.NotContains(c.t, got, string(samples.EICAR()))
	assert.NotContains(c.t, got, "WDVPIVAlQEFQ", "the test file in base64")
	assert.Contains(c.t, got, "Y2xlYW4=")
}

var answer = regexp.MustCompile(`^(p\d+) OK `)

// dovecotPipelining sends twenty commands in one packet. The server answers some of
// them before others.
func dovecotPipelining(c *client) {
	var text strings.Builder
	for i := range 20 {
		command := []string{"NOOP", "FETCH 1 (UID FLAGS)", "UID FETCH 1:2 BODY.PEEK[]", "SEARCH SUBJECT {4+}\r\nfile", "STATUS INBOX (MESSAGES)"}[i%5]
		fmt.Fprintf(&text, "p%d %s\r\n", i, command)
	}
	c.send(text.String())
	answered := map[string]bool{}
	for len(answered) < 20 {
		line, err := c.r.ReadString('\n')
		require.NoError(c.t, err)
		if m := answer.FindStringSubmatch(line); m != nil {
			answered[m[1]] = true
		}
	}
}

// dovecotUploads uploads messages in every way.
func dovecotUploads(c *client) {
	clean, bad := mailWith("clean.bin", []byte("clean")), mailWith("eicar.com", samples.EICAR())
	c.send(fmt.Sprintf("a APPEND INBOX (\\Seen) {%d}\r\n", len(clean)))
	c.popLine("+ ")
	c.send(clean + "\r\n")
	c.untilTag("a", "OK [APPENDUID ")
	c.send(fmt.Sprintf("b APPEND INBOX {%d+}\r\n%s\r\nc NOOP\r\n", len(clean), clean))
	c.untilTag("b", "OK [APPENDUID ")
	c.untilTag("c", "OK")
	c.send(fmt.Sprintf("d APPEND INBOX {%d}\r\n", len(bad)))
	c.popLine("+ ")
	c.send(bad + "\r\ne NOOP\r\n")
	c.untilTag("d", "NO [CANNOT] ")
	c.untilTag("e", "OK")
	c.send(fmt.Sprintf("f APPEND Nowhere {%d}\r\n", len(clean)))
	c.popLine("+ ")
	c.send(clean + "\r\ng NOOP\r\n")
	c.untilTag("f", "NO [TRYCREATE] ")
	c.untilTag("g", "OK")
	c.send(fmt.Sprintf("h APPEND INBOX {%d+}\r\n%s {%d+}\r\n%s\r\ni NOOP\r\n", len(clean), clean, len(clean), clean))
	c.untilTag("h", "OK [APPENDUID ")
	c.untilTag("i", "OK")
	c.send(fmt.Sprintf("j APPEND INBOX {%d+}\r\n%s {%d+}\r\n%s\r\nk NOOP\r\n", len(clean), clean, len(bad), bad))
	c.untilTag("j", "NO [CANNOT] ")
	c.untilTag("k", "OK")
	c.send("l STATUS INBOX (MESSAGES)\r\n")
	assert.Contains(c.t, c.untilTag("l", "OK"), "(MESSAGES 6)", "neither of two messages is there when one is infected")
}

// dovecotSmuggling hides an upload in a literal of a command that the server does not
// know. Dovecot 2.3 skips the line and takes the literal for commands.
func dovecotSmuggling(s *site, c *client, proxied string) {
	bad := mailWith("eicar.com", samples.EICAR())
	inner := fmt.Sprintf("y APPEND INBOX {%d+}\r\n%s\r\n", len(bad), bad)
	attack := fmt.Sprintf("x NONSENSE {%d+}\r\n%s\r\n", len(inner), inner)
	c.send("m STATUS INBOX (MESSAGES)\r\n")
	before := c.untilTag("m", "OK")
	attacker := s.dialTo("127.0.0.1", proxied)
	attacker.popLine("* OK ")
	attacker.send("a LOGIN alice lab\r\n")
	attacker.untilTag("a", "OK")
	attacker.send(attack)
	attacker.untilTag("x", "BAD")
	attacker.popLine("* BYE ")
	c.send("n STATUS INBOX (MESSAGES)\r\n")
	assert.Contains(c.t, c.untilTag("n", "OK"), regexp.MustCompile(`MESSAGES \d+`).FindString(before))
}

// dovecotNews lets another client bring a mail while c idles.
func dovecotNews(s *site, d *dovecot, c *client) {
	sender := s.dialTo("127.0.0.1", d.address())
	sender.popLine("* OK ")
	sender.send("a LOGIN alice lab\r\n")
	sender.untilTag("a", "OK")
	c.send("i IDLE\r\n")
	c.popLine("+ ")
	begun := time.Now()
	sender.send("b APPEND INBOX {6+}\r\na: b\r\n\r\n")
	sender.untilTag("b", "OK")
	c.popLine("* 7 EXISTS") // in IDLE, where nothing but news makes the server speak
	c.t.Logf("news after %s", time.Since(begun))
	c.send("DONE\r\n")
	c.untilTag("i", "OK")
}
