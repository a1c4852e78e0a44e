//go:build linux

package appliance_test

import (
	"bufio"
	"compress/flate"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/textproto"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
	"utmsim/internal/stats"
	"utmsim/protocols"
	"utmsim/scanner/samples"
)

// innServer is InterNetNews with a folder and a configuration of its own.
type innServer struct {
	t       *testing.T
	folder  string
	address string
	as      *user.User // it refuses to run as root
}

const innPrograms = "/usr/lib/news/bin/"

// innConf has the folder, the port, and the user; innFiles are the others.
const innConf = `mta: "/bin/true %%s"
pathhost: news.inn.test
domain: inn.test
fromhost: inn.test
organization: test
enableoverview: true
hismethod: hisv6
ovmethod: tradindexed
wireformat: true
artcutoff: 0
nnrpdloadlimit: 0
pathnews: /usr/lib/news
pathbin: /usr/lib/news/bin
pathfilter: %[1]s/filter
pathetc: %[1]s/etc
pathdb: %[1]s/db
pathspool: %[1]s/spool
patharchive: %[1]s/spool/archive
patharticles: %[1]s/spool/articles
pathincoming: %[1]s/spool/incoming
pathoutgoing: %[1]s/spool/outgoing
pathoverview: %[1]s/spool/overview
pathtmp: %[1]s/spool/tmp
pathlog: %[1]s/log
pathhttp: %[1]s/http
pathrun: %[1]s/run
port: %[2]s
bindaddress: 127.0.0.1
bindaddress6: "::1"
runasuser: %[3]s
runasgroup: %[4]s
`

var innFiles = map[string]string{
	"etc/storage.conf":  "method tradspool {\n newsgroups: *\n class: 0\n}\n",
	"etc/newsfeeds":     "ME:*::\n",
	"etc/incoming.conf": "streaming: true\nmax-connections: 100\npeer test {\n hostname: \"127.0.0.1\"\n}\n",
	"etc/readers.conf":  "auth \"all\" {\n hosts: \"*\"\n default: \"<all>\"\n}\naccess \"all\" {\n users: \"<all>\"\n newsgroups: \"*\"\n access: RPAI\n}\n",
	"etc/expire.ctl":    "/remember/:11\n*:A:1:10:never\n",
	"etc/control.ctl":   "", "etc/moderators": "", "etc/distrib.pats": "", "etc/subscriptions": "", "etc/localgroups": "",
	"db/active": "control 0000000000 0000000001 n\njunk 0000000000 0000000001 n\ncontrol.cancel 0000000000 0000000001 n\n" +
		"lab.test 0000000000 0000000001 y\n",
	"db/newsgroups": "lab.test\tTrying things out\n", "db/active.times": "", "db/history": "",
	"spool/articles/x": "", "spool/overview/x": "", "spool/incoming/tmp/x": "", "spool/incoming/bad/x": "", "spool/outgoing/x": "",
	"spool/innfeed/x": "", "spool/archive/x": "", "spool/tmp/x": "", "log/x": "", "run/x": "", "filter/x": "", "http/x": "",
}

// startINN starts innd, which serves feeding peers and hands readers on to nnrpd.
func startINN(t *testing.T) *innServer {
	program(t, innPrograms+"innd")
	program(t, innPrograms+"nnrpd")
	i := &innServer{t: t, folder: t.TempDir()}
	var err error
	i.as, err = user.Current()
	require.NoError(t, err)
	if i.as.Uid == "0" {
		i.as, err = user.Lookup("news")
		require.NoError(t, err)
	}
	group, err := user.LookupGroupId(i.as.Gid)
	require.NoError(t, err)
	port := freePort(t)
	i.address = net.JoinHostPort("127.0.0.1", port)
	i.write("etc/inn.conf", fmt.Sprintf(innConf, i.folder, port, i.as.Username, group.Name))
	for name, content := range innFiles {
		i.write(name, content)
	}
	i.own()
	history := i.command("makedbz", "-i", "-o", "-s", "1000", "-f", "history")
	history.Dir = filepath.Join(i.folder, "db")
	out, err := history.CombinedOutput()
	require.NoError(t, err, "%s", out)
	i.run()
	return i
}

func (i *innServer) write(name, content string) {
	path := filepath.Join(i.folder, name)
	require.NoError(i.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(i.t, os.WriteFile(path, []byte(content), 0o640))
}

// own gives the folder to the user that the server runs as.
func (i *innServer) own() {
	uid, gid := i.ids()
	require.NoError(i.t, filepath.WalkDir(i.folder, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, uid, gid)
	}))
	for dir := i.folder; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		require.NoError(i.t, os.Chmod(dir, 0o755)) // the test's own folder may be closed to others
	}
}

func (i *innServer) ids() (uid, gid int) {
	uid, err := strconv.Atoi(i.as.Uid)
	require.NoError(i.t, err)
	gid, err = strconv.Atoi(i.as.Gid)
	require.NoError(i.t, err)
	return uid, gid
}

// command is one of INN's programs, under the server's user and configuration.
func (i *innServer) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(innPrograms+name, args...)
	cmd.Env = append(os.Environ(), "INNCONF="+filepath.Join(i.folder, "etc/inn.conf"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 {
		uid, gid := i.ids()
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	return cmd
}

// run starts innd and waits for its greeting.
func (i *innServer) run() {
	said, err := os.Create(filepath.Join(i.folder, "said"))
	require.NoError(i.t, err)
	cmd := i.command("innd", "-d", "-f")
	cmd.Stdout, cmd.Stderr = said, said
	require.NoError(i.t, cmd.Start())
	require.NoError(i.t, said.Close())
	i.t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // its readers with it
		_ = cmd.Wait()
		if i.t.Failed() {
			out, _ := os.ReadFile(said.Name())
			i.t.Logf("innd: %s", out)
		}
	})
	eventually(i.t, func() bool {
		conn, err := net.Dial("tcp", i.address)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	}, "innd listens")
}

// innSite is a lab with a proxy in front of INN. It begins before INN does, so that
// nothing of INN's counts as left over.
func innSite(t *testing.T, more string) (*site, *innServer, string) {
	i := startINN(t)
	_, port, err := net.SplitHostPort(i.address)
	require.NoError(t, err)
	s := newRealTimeSite(t, fmt.Sprintf(`config firewall vip
    edit "inn"
        set extip 127.0.0.1
        set extport 1190
        set mappedip 127.0.0.1
        set mappedport %s
        set portforward enable
    next
end
config firewall policy
    edit 90
        set dstaddr "inn"
        set action accept
        set service "NNTP"
        set utm-status enable
        set av-profile "default"
    next
end
`, port)+more)
	proxy, err := s.Engine().Addr(netip.MustParseAddrPort("127.0.0.1:1190"))
	require.NoError(t, err)
	return s, i, proxy.String()
}

// TestINNStreams: a feeding peer streams to INN through the proxy. INN has each clean
// article once and no infected one, and both sides stay in step.
func TestINNStreams(t *testing.T) {
	s, i, proxy := innSite(t, "")
	direct, c := dialNews(t, i.address), dialNews(t, proxy)
	assert.Equal(t, direct.ask("CAPABILITIES", "101 "), c.ask("CAPABILITIES", "101 "))
	assert.Equal(t, direct.lines(), c.lines())
	assert.Equal(t, direct.ask("MODE STREAM", "203 "), c.ask("MODE STREAM", "203 "))
	good, bad := carriers([]byte("clean")), carriers(samples.EICAR())
	var all strings.Builder
	var replies []string
	n := 0
	for round := range 10 {
		for carrier := range good {
			n++
			clean, infected := fmt.Sprintf("<good%d@inn.test>", n), fmt.Sprintf("<bad%d@inn.test>", n)
			fmt.Fprintf(&all, "CHECK %s\r\nTAKETHIS %s\r\n%s", clean, clean, stuffed(newsHead(clean)+good[carrier]))
			fmt.Fprintf(&all, "TAKETHIS %s\r\n%s", infected, stuffed(newsHead(infected)+bad[carrier]))
			replies = append(replies, "238 "+clean, "239 "+clean, "439 "+infected)
		}
		if round == 5 {
			all.WriteString("CHECK <good1@inn.test>\r\n")
			replies = append(replies, "4") // it has it, or is about to
		}
	}
	go c.send(all.String())
	for _, reply := range replies {
		c.expect(reply)
	}
	c.ask("QUIT", "205 ")
	direct.ask("MODE READER", "200 ")
	assert.Contains(t, direct.ask("GROUP lab.test", "211 "), fmt.Sprintf("211 %d 1 %d ", n, n))
	direct.ask("STAT <bad1@inn.test>", "430 ")
	s.nntpStat("Articles clean", int64(n))
	s.nntpStat("Articles infected with viruses", int64(n))
}

// TestINNReaders: reading from and posting to nnrpd through the proxy is as without.
func TestINNReaders(t *testing.T) {
	for mode, config := range map[string]string{"splice": "", "held": nntpHeld} {
		t.Run(mode, func(t *testing.T) {
			_, i, proxy := innSite(t, config)
			direct, c := dialNews(t, i.address), dialNews(t, proxy)
			for _, each := range []*newsClient{direct, c} {
				each.ask("MODE READER", "200 ")
			}
			good, bad := carriers([]byte("clean")), carriers(samples.EICAR())
			n := 0
			for carrier := range good {
				n++
				c.ask("POST", "340 ")
				c.ask(strings.TrimSuffix(stuffed(newsHead(fmt.Sprintf("<post%d@inn.test>", n))+good[carrier]), "\r\n"), "240 ")
				poster := dialNews(t, proxy)
				poster.ask("MODE READER", "200 ")
				poster.ask("POST", "340 ")
				poster.ask(strings.TrimSuffix(stuffed(newsHead(fmt.Sprintf("<bad%d@inn.test>", n))+bad[carrier]), "\r\n"), "441 ")
				poster.ask("QUIT", "205 ")
				poster.raw.Close()
			}
			group := fmt.Sprintf("211 %d 1 %d lab.test", n, n)
			assert.Equal(t, group, direct.ask("GROUP lab.test", "211 "))
			assert.Equal(t, group, c.ask("GROUP lab.test", "211 "))
			for _, command := range []string{"LISTGROUP", "XOVER 1-", "OVER 1-", "HDR Subject 1-", "XHDR From 1-", "XPAT Subject 1- *", "LIST", "LIST NEWSGROUPS", "HELP", "HEAD 1"} {
				assert.Equal(t, direct.ask(command, ""), c.ask(command, ""))
				assert.Equal(t, direct.lines(), c.lines(), command)
			}
			assert.Equal(t, direct.ask("CAPABILITIES", "101 "), c.ask("CAPABILITIES", "101 "))
			offers := direct.lines()
			assert.Contains(t, offers, "\r\nSTARTTLS\r\n")
			assert.Equal(t, strings.NewReplacer("STARTTLS\r\n", "", "COMPRESS DEFLATE\r\n", "").Replace(offers), c.lines())
			c.ask("STARTTLS", "500 ")
			c.ask("COMPRESS DEFLATE", "500 ")
			const rounds = 10
			c.send(strings.Repeat("STAT 1\r\nARTICLE 2\r\nBODY 3\r\nNEXT\r\n", rounds))
			for range rounds {
				for k, command := range []string{"STAT 1", "ARTICLE 2", "BODY 3", "NEXT"} {
					require.Equal(t, direct.ask(command, "22"), c.expect("22"), command)
					if k == 1 || k == 2 {
						require.Equal(t, direct.lines(), c.lines(), command)
					}
				}
			}
			c.ask("QUIT", "205 ")
		})
	}
}

// TestINNReadersGetNotices: what is infected at INN comes down as a notice.
func TestINNReadersGetNotices(t *testing.T) {
	_, i, proxy := innSite(t, "")
	feeder := dialNews(t, i.address)
	feeder.ask("MODE STREAM", "203 ")
	n := 0
	for _, body := range carriers(samples.EICAR()) {
		n++
		id := fmt.Sprintf("<bad%d@inn.test>", n)
		feeder.send("TAKETHIS " + id + "\r\n" + stuffed(newsHead(id)+body))
		feeder.expect("239 ")
	}
	c := dialNews(t, proxy)
	c.ask("MODE READER", "200 ")
	c.ask("GROUP lab.test", "211 ")
	for k := range n {
		for _, command := range []string{"ARTICLE", "BODY"} {
			c.ask(fmt.Sprintf("%s %d", command, k+1), "22")
			assert.Contains(t, c.lines(), `It was infected with "EICAR_TEST_FILE".`)
		}
	}
	c.ask("DATE", "111 ")
}

// TestINNCompresses: where offers to make the session opaque may pass, it goes on
// unread and is counted.
func TestINNCompresses(t *testing.T) {
	s, _, proxy := innSite(t, "config firewall profile-protocol-options\nedit default\nconfig nntp\nset tls pass\nend\nnext\nend\n")
	c := dialNews(t, proxy)
	c.ask("MODE READER", "200 ")
	c.ask("CAPABILITIES", "101 ")
	require.Contains(t, c.lines(), "COMPRESS DEFLATE\r\n")
	c.ask("COMPRESS DEFLATE", "206 ")
	w, err := flate.NewWriter(c.raw, flate.DefaultCompression)
	require.NoError(t, err)
	_, err = io.WriteString(w, "DATE\r\nQUIT\r\n")
	require.NoError(t, err)
	require.NoError(t, w.Flush())
	c.Reader = textproto.NewReader(bufio.NewReader(flate.NewReader(c.R)))
	c.expect("111 ")
	c.expect("205 ")
	c.raw.Close()
	s.eventually(func() bool {
		return s.Engine().Report().Ledger[protocols.NNTP].Leaks[stats.LeakUninspectable].Sessions == 1
	}, "it is in the ledger")
}

// TestInnxmit feeds the lab's server through the proxy with INN's own feeder, which
// streams.
func TestInnxmit(t *testing.T) {
	program(t, innPrograms+"innxmit")
	s, i, _ := innSite(t, "")
	feeder := dialNews(t, i.address)
	feeder.ask("MODE STREAM", "203 ")
	var batch strings.Builder
	const n = 60
	for k := range n {
		id, file := fmt.Sprintf("<%d@feed.test>", k), []byte(strings.Repeat("x", k*50))
		if k%6 == 0 {
			file = samples.EICAR()
		}
		feeder.send("TAKETHIS " + id + "\r\n" + stuffed(newsHead(id)+"\r\n"+yLines("file.com", file)))
		feeder.expect("239 ")
		token, err := i.command("grephistory", id).Output()
		require.NoError(t, err, "%s", token)
		fmt.Fprintf(&batch, "%s %s\n", strings.TrimSpace(string(token)), id)
	}
	i.write("spool/outgoing/batch", batch.String())
	i.own()
	host, port, err := net.SplitHostPort(s.proxyOf("NNTP"))
	require.NoError(t, err)
	feed := i.command("innxmit", "-v", "-P", port, host, filepath.Join(i.folder, "spool/outgoing/batch"))
	out, err := feed.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Regexp(t, regexp.MustCompile(fmt.Sprintf(`offered %d accepted %d refused 0 rejected %d`, n, n*5/6, n/6)), string(out))
	for k := range n {
		_, times := s.has(fmt.Sprintf("<%d@feed.test>", k))
		require.Equal(t, k%6 != 0, times == 1, k)
	}
	assert.Len(t, s.Origins.NNTP().Articles(lab.GroupTest), 3+n*5/6)
}
