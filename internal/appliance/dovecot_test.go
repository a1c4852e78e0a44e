package appliance_test

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"utmsim/scanner/samples"
)

// dovecotPOP3Server is a Dovecot of the test's own that serves POP3 on one port of
// loopback, and logins for Postfix. Every user is known, the password is "lab".
type dovecotPOP3Server struct {
	t       testing.TB
	folder  string
	address string
	once    sync.Once
	halt    func()
}

// dovecotPOP3Common is what both generations of the configuration share.
const dovecotPOP3Common = `protocols = pop3
listen = 127.0.0.1
base_dir = %[1]s/run
log_path = %[1]s/log
ssl = no
auth_mechanisms = plain login
auth_failure_delay = 0
first_valid_uid = 1
service pop3-login {
  inet_listener pop3 {
    port = %[2]s
  }
  inet_listener pop3s {
    port = 0
  }
}
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service auth {
  unix_listener postfix-login {
    mode = 0666
  }
}
`

// dovecotPOP3Old is the rest for Dovecot 2.3, dovecotPOP3New for 2.4.
const (
	dovecotPOP3Old = `disable_plaintext_auth = no
mail_location = maildir:%[1]s/mail/%%u
passdb {
  driver = static
  args = password=lab
}
userdb {
  driver = static
  args = uid=65534 gid=65534 home=%[1]s/mail/%%u
}
`
	dovecotPOP3New = `auth_allow_cleartext = yes
mail_driver = maildir
mail_path = %[1]s/mail/%%{user}
passdb static {
  password = lab
}
userdb static {
  fields {
    uid = 65534
    gid = 65534
    home = %[1]s/mail/%%{user}
  }
}
`
)

// startDovecotPOP3 starts a server whose mailboxes are empty.
func startDovecotPOP3(t *testing.T) *dovecotPOP3Server {
	t.Helper()
	dovecot := program(t, "dovecot")
	mailServerRoot(t, "dovecot")
	d := &dovecotPOP3Server{t: t, folder: mailServerFolder(t)}
	for _, name := range []string{"run", "mail"} {
		require.NoError(t, os.Mkdir(filepath.Join(d.folder, name), 0o755))
	}
	file := filepath.Join(d.folder, "dovecot.conf")
	for try := 1; ; try++ {
		d.address = mailServerAddress(t)
		require.NoError(t, os.WriteFile(file, []byte(d.config(run(t, dovecot, "--version"))), 0o644))
		end, err := startMailServer(t, d.folder, "run/master.pid", dovecot, "-c", file)
		if err == nil {
			d.halt = end
			t.Cleanup(d.stop)
			return d
		}
		require.Less(t, try, 5, "%v: %s", err, d.log()) // somebody else may have taken the port
	}
}

// config is the configuration in the language of a version.
func (d *dovecotPOP3Server) config(version string) string {
	_, port, err := net.SplitHostPort(d.address)
	require.NoError(d.t, err)
	common := fmt.Sprintf(dovecotPOP3Common, d.folder, port)
	if strings.HasPrefix(version, "2.3.") {
		return common + fmt.Sprintf(dovecotPOP3Old, d.folder)
	}
	return "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n" + common + fmt.Sprintf(dovecotPOP3New, d.folder)
}

// stop ends the server and all its processes, once.
func (d *dovecotPOP3Server) stop() {
	d.once.Do(func() {
		d.halt()
		if d.t.Failed() {
			log := d.log()
			d.t.Log(log[max(0, len(log)-4000):])
		}
	})
}

func (d *dovecotPOP3Server) log() string {
	b, _ := os.ReadFile(filepath.Join(d.folder, "log"))
	return string(b)
}

var dovecotPOP3Login = regexp.MustCompile(`pop3-login: (?:Info: )?(?:Login|Logged in): user=<(\w+)>.* mpid=(\d+)`)

// kill ends the process that serves a user's nth session, without a chance to say
// anything.
func (d *dovecotPOP3Server) kill(user string, n int) {
	d.t.Helper()
	var pids []string
	eventually(d.t, func() bool {
		pids = nil
		for _, m := range dovecotPOP3Login.FindAllStringSubmatch(d.log(), -1) {
			if m[1] == user {
				pids = append(pids, m[2])
			}
		}
		return len(pids) == n
	}, "%s has logged in %d times", user, n)
	pid, err := strconv.Atoi(pids[n-1])
	require.NoError(d.t, err)
	process, err := os.FindProcess(pid)
	require.NoError(d.t, err)
	require.NoError(d.t, process.Kill())
}

// fill puts mails into a user's mailbox, in their order. Their line ends are LF.
func (d *dovecotPOP3Server) fill(user string, mails []string) {
	d.t.Helper()
	box := filepath.Join(d.folder, "mail", user)
	for _, name := range []string{"new", "cur", "tmp"} {
		require.NoError(d.t, os.MkdirAll(filepath.Join(box, name), 0o755))
	}
	for i, m := range mails {
		name := fmt.Sprintf("1700000000.M%06d.lab", i)
		require.NoError(d.t, os.WriteFile(filepath.Join(box, "new", name), []byte(m), 0o644))
	}
	require.NoError(d.t, filepath.WalkDir(box, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, 65534, 65534)
	}))
}

// left is how many mails a user has.
func (d *dovecotPOP3Server) left(user string) (n int) {
	d.t.Helper()
	for _, name := range []string{"new", "cur"} {
		list, err := os.ReadDir(filepath.Join(d.folder, "mail", user, name))
		require.NoError(d.t, err)
		n += len(list)
	}
	return n
}

// dovecotPOP3Mails are n mails of all kinds; those whose number is in infected carry
// the EICAR file.
func dovecotPOP3Mails(n int, infected ...int) (mails []string) {
	for i := range n {
		head := fmt.Sprintf("From: x@client.test\nTo: alice@lab.test\nSubject: mail %03d\nMessage-Id: <%d@client.test>\nDate: Fri, 1 Mar 2024 10:00:00 +0000\n", i, i)
		body := "\ntext\n.\n..\n.x\n"
		switch i % 7 {
		case 1:
			body = "\n"
		case 2:
			body = "\n" + strings.Repeat("a longer mail of several packets, lines as usual\n", 60*i)
		case 3:
			body = "\neight bits \xe4\xf6\xfc \xff\n" + strings.Repeat("x", 3000) + "\n"
		case 4:
			body = strings.ReplaceAll(mailCarriers()[i%len(mailCarriers())].mail(mailHarmless()), "\r\n", "\n")
		}
		for j, k := range infected {
			if k == i {
				body = strings.ReplaceAll(mailCarriers()[j%len(mailCarriers())].mail(samples.EICAR()), "\r\n", "\n")
			}
		}
		mails = append(mails, head+body)
	}
	return mails
}

// newDovecotPOP3Site starts a Dovecot and the lab, whose POP3 proxy stands before it.
func newDovecotPOP3Site(t *testing.T, config string) (*site, *dovecotPOP3Server) {
	t.Helper()
	d := startDovecotPOP3(t)
	return newRealTimeSite(t, mailServerBehind("lab-pop3", d.address)+config), d
}
