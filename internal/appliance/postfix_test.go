package appliance_test

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// postfixServer is a Postfix of the test's own: configuration, queue and mails in a
// folder of its own, one port of loopback. Nothing of the system's is touched.
type postfixServer struct {
	t       testing.TB
	folder  string
	address string
	once    sync.Once
	halt    func()
}

// postfixMain is main.cf. A line that ends with a bare LF is a line here, as it was
// for every Postfix of old: what a proxy lets through of that kind shows.
const postfixMain = `compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
maillog_file = %[1]s/log
maillog_file_prefixes = %[1]s
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.lab.test
mydestination =
fast_flush_domains =
alias_maps =
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = reject_unauth_destination
smtpd_forbid_bare_newline = no
smtpd_forbid_unauth_pipelining = no
virtual_mailbox_domains = lab.test
virtual_mailbox_base = %[1]s/mail
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_mailbox_limit = 0
message_size_limit = 30000000
`

const postfixMaster = `%s inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - n n - - proxymap
error unix - - n - - error
retry unix - - n - - error
smtp unix - - n - - smtp
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`

// startPostfix starts a server; main are further lines of its main.cf.
func startPostfix(t testing.TB, main ...string) *postfixServer {
	t.Helper()
	tt, ok := t.(*testing.T)
	require.True(t, ok)
	postfix := program(tt, "postfix")
	mailServerRoot(tt, "postfix")
	p := &postfixServer{t: t, folder: mailServerFolder(t)}
	for _, name := range []string{"etc", "queue", "data", "mail"} {
		require.NoError(t, os.Mkdir(filepath.Join(p.folder, name), 0o755))
	}
	require.NoError(t, os.Chown(filepath.Join(p.folder, "mail"), 65534, 65534))
	run(tt, program(tt, "chown"), "postfix", filepath.Join(p.folder, "data"))
	config := fmt.Sprintf(postfixMain, p.folder) + strings.Join(main, "\n") + "\n"
	p.write("etc/main.cf", config)
	for try := 1; ; try++ {
		p.address = mailServerAddress(t)
		p.write("etc/master.cf", fmt.Sprintf(postfixMaster, p.address))
		end, err := startMailServer(t, p.folder, "queue/pid/master.pid", postfix, "-c", filepath.Join(p.folder, "etc"), "start")
		if err == nil {
			p.halt = end
			t.Cleanup(p.stop)
			return p
		}
		require.Less(t, try, 5, "%v: %s", err, p.log()) // somebody else may have taken the port
	}
}

// control runs the server's own control program.
func (p *postfixServer) control(verb string) (string, error) {
	out, err := os.Create(filepath.Join(p.folder, "control"))
	require.NoError(p.t, err)
	defer out.Close()
	// A file and no pipe, because what is started keeps it.
	cmd := exec.Command("postfix", "-c", filepath.Join(p.folder, "etc"), verb)
	cmd.Stdout, cmd.Stderr = out, out
	err = cmd.Run()
	said, _ := os.ReadFile(out.Name())
	return string(said), err
}

// stop ends the server, once.
func (p *postfixServer) stop() {
	p.once.Do(func() {
		p.halt()
		if p.t.Failed() {
			log := p.log()
			p.t.Log(log[max(0, len(log)-4000):])
		}
	})
}

// restart starts the server again behind abort.
func (p *postfixServer) restart() {
	p.t.Helper()
	said, err := p.control("start")
	require.NoError(p.t, err, "%s%s", said, p.log())
}

// abort ends the server and all its processes at once. Behind it nobody listens.
func (p *postfixServer) abort() {
	p.t.Helper()
	said, err := p.control("abort")
	require.NoError(p.t, err, said)
	eventually(p.t, func() bool {
		conn, err := net.Dial("tcp", p.address)
		if err == nil {
			conn.Close()
		}
		return err != nil
	}, "nobody listens")
}

func (p *postfixServer) write(name, text string) {
	require.NoError(p.t, os.WriteFile(filepath.Join(p.folder, name), []byte(text), 0o644))
}

func (p *postfixServer) log() string {
	b, _ := os.ReadFile(filepath.Join(p.folder, "log"))
	return string(b)
}

// postfixQueues are in the order in which a mail goes through them, so that whoever
// looks into them misses none.
var postfixQueues = []string{"incoming", "active", "deferred", "hold", "corrupt"}

// queued is how many mails the server has accepted that are in its queues. The file of
// a mail that is not complete can't be executed.
func (p *postfixServer) queued(queues ...string) (n int) {
	for _, queue := range queues {
		err := filepath.WalkDir(filepath.Join(p.folder, "queue", queue), func(_ string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return nil
			}
			if info, err := d.Info(); err == nil && info.Mode()&0o100 != 0 {
				n++
			}
			return nil // a mail that has gone meanwhile
		})
		require.NoError(p.t, err)
	}
	return n
}

// postfixMail is a mail as it was delivered, without what Postfix has put before it.
type postfixMail struct {
	from, to string
	with     string // what the client has used: ESMTP, ESMTPA, UTF8SMTP ...
	content  string // line ends are LF
}

var postfixHead = regexp.MustCompile(`^Return-Path: <([^\n]*)>\nX-Original-To: ([^\n]*)\nDelivered-To: [^\n]*\n` +
	`Received: ([^\n]*\n(?:[\t ][^\n]*\n)*)`)

var postfixWith = regexp.MustCompile(`\swith (\S+)\s`)

// settle waits until everything is delivered. A mail that the queue manager found
// locked when it came by has to wait for a minute, unless the queue is flushed.
func (p *postfixServer) settle() {
	p.t.Helper()
	looked := 0
	eventually(p.t, func() bool {
		if looked++; looked%4000 == 0 {
			said, err := p.control("flush")
			require.NoError(p.t, err, said)
		}
		return p.queued(postfixQueues...) == 0
	}, "the queue is empty")
}

// take waits until everything is delivered, and takes the mails out of the mailbox.
func (p *postfixServer) take() (mails []postfixMail) {
	p.t.Helper()
	p.settle()
	files, err := filepath.Glob(filepath.Join(p.folder, "mail/all/new/*"))
	require.NoError(p.t, err)
	for _, f := range files {
		raw, err := os.ReadFile(f)
		require.NoError(p.t, err)
		require.NoError(p.t, os.Remove(f))
		head := postfixHead.FindSubmatch(raw)
		require.NotNil(p.t, head, "%.500s", raw)
		m := postfixMail{from: string(head[1]), to: string(head[2]), content: string(raw[len(head[0]):])}
		if with := postfixWith.FindSubmatch(head[3]); with != nil {
			m.with = string(with[1])
		}
		mails = append(mails, m)
	}
	slices.SortFunc(mails, func(a, b postfixMail) int {
		return cmp.Or(cmp.Compare(a.to, b.to), cmp.Compare(a.from, b.from), cmp.Compare(a.content, b.content))
	})
	return mails
}

// sameMails compares what was delivered without and with the proxy.
func (p *postfixServer) sameMails(want, got []postfixMail) {
	p.t.Helper()
	require.Len(p.t, got, len(want))
	for i := range want {
		require.Equal(p.t, want[i].content, got[i].content)
	}
	require.Equal(p.t, want, got)
}

// newPostfixSite starts a Postfix and the lab, whose SMTP proxy stands before it.
func newPostfixSite(t testing.TB, config string, main ...string) (*site, *postfixServer) {
	t.Helper()
	p := startPostfix(t, main...)
	return newRealTimeSite(t, mailServerBehind("lab-smtp", p.address)+config), p
}
