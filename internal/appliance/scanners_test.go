package appliance_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/smtp"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/appliance"
	"utmsim/internal/lab"
	"utmsim/internal/stats"
	"utmsim/protocols"
	"utmsim/scanner/samples"
)

// upload sends a body by POST and tells the status and the page that come back.
func (s *site) upload(body []byte) (int, string) {
	s.t.Helper()
	c := s.dial(alice)
	defer c.Close()
	c.send(c.head("POST", "/upload") + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body))
	res, page, err := c.answer("POST")
	require.NoError(s.t, err)
	return res.StatusCode, string(page)
}

// engineLine is what "diagnose sim scanner" says about an engine.
func (s *site) engineLine(name string) string {
	s.t.Helper()
	for line := range strings.Lines(s.exec("diagnose sim scanner")) {
		if strings.HasPrefix(line, name+" ") {
			return line
		}
	}
	require.Fail(s.t, "no such engine", name)
	return ""
}

func ndb(name, content string) string {
	return name + ":0:*:" + hex.EncodeToString([]byte(content)) + "\n"
}

// TestSignatureFiles: what stands in the files is found, a changed file counts from
// the next commit or reload on, and a file that can't be understood changes nothing.
func TestSignatureFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "own.ndb")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	write(ndb("Worm.Own", "the first signature"))
	s := newRealTimeSite(t, "config antivirus engine\nset signature-files "+file+"\nend\n")
	first, second := []byte("this is the first signature."), []byte("this is the second signature.")
	status, page := s.upload(first)
	assert.Equal(t, 403, status)
	assert.Contains(t, page, "Worm.Own")
	status, _ = s.upload(second)
	assert.Equal(t, 200, status)

	write(ndb("Own.Second", "the second signature"))
	s.set("antivirus engine", "scan-backlog 2000")
	status, page = s.upload(second)
	assert.Equal(t, 403, status)
	assert.Contains(t, page, "Own.Second")
	status, _ = s.upload(first)
	assert.Equal(t, 200, status)

	write(ndb("Own.Second", "the second signature") + "Own.Third:0:VI:abcdef01\n")
	out, ok := s.try("config antivirus engine", "set scan-backlog 3000", "end")
	assert.False(t, ok)
	assert.Contains(t, out, file+`:2: offset "VI" is not supported`)
	assert.Contains(t, s.exec("get antivirus engine"), "2000")
	status, _ = s.upload(second)
	assert.Equal(t, 403, status, "the signatures are those from before")
	assert.ErrorContains(t, s.Reload(), file+":2: ")

	write(ndb("Own.Fourth", "the first signature"))
	require.NoError(t, s.Reload())
	status, page = s.upload(first)
	assert.Equal(t, 403, status)
	assert.Contains(t, page, "Own.Fourth")
	saw, c := s.fetchEICAR(alice)
	assert.Equal(t, blocked, saw)
	c.Close()

	require.NoError(t, os.Remove(file))
	_, ok = s.try("config antivirus engine", "set scan-backlog 3000", "end")
	assert.False(t, ok)
	assert.Equal(t, "worm", s.log("content detected")[0]["class"])
}

// stocked fetches samples from the lab's servers and tells what becomes of them: the
// web's in any case, and by FTP the same unless the profile says so for HTTP alone.
func (s *site) stocked(want string, names ...string) {
	s.t.Helper()
	for _, name := range names {
		assert.Equal(s.t, want, s.fate("/samples/"+name), name)
	}
	c := s.ftpUser(alice)
	defer c.Close()
	for _, name := range names {
		if strings.HasPrefix(name, "encrypted") || strings.HasPrefix(name, "corrupt") || strings.HasPrefix(name, "nest13") || strings.HasPrefix(name, "bomb") {
			continue
		}
		_, last := c.ftpFetch("samples/" + name)
		assert.Equal(s.t, want == "403", strings.HasPrefix(last, "550 "), "%s: %s", name, last)
	}
}

// TestEverySample sends the EICAR file in every container that there is.
func TestEverySample(t *testing.T) {
	s := newRealTimeSite(t, "")
	s.everyWay()
	before := s.uploaded()
	for kind, data := range map[string][]byte{"worms": samples.Worm(), "suspicious": samples.Suspicious()} {
		status, _ := s.upload(data)
		assert.Equal(t, 403, status, kind)
	}
	assert.Equal(t, before, s.uploaded())
	s.Origins.Stock(appliance.Samples())
	s.stocked("403", "eicar.com", "a.zip", "stored.zip", "a.tar", "eicar.com.gz", "a.tgz", "eicar.com.bz2", "a.tar.bz2", "eicar.com.xz", "a.tar.xz", "eicar.com.zst",
		"a.7z", "stored.7z", "a.rar", "old.rar", "nested.zip", "worm.txt", "suspicious.txt")
	opaque := []string{"bomb.gz", "encrypted.zip", "encrypted.7z", "encrypted.rar", "corrupt.zip", "nest13.zip"}
	s.stocked("passed", opaque...)
	s.exec("config antivirus profile", "edit default", "config http", "set archive-block encrypted corrupted nested oversize", "end", "end")
	s.stocked("403", opaque...)
	inside := samples.File{Name: "f", Data: []byte(strings.Repeat("harmless ", 1000))}
	for name, data := range map[string][]byte{
		"encrypted zip": samples.LockedZip("lab", inside), "encrypted 7z": samples.LockedSevenZip(inside), "encrypted rar": samples.LockedRar(inside),
		"corrupt zip": samples.CorruptZip(inside), "nest": samples.Nested(13, inside), "bomb": samples.Bomb(20 << 20),
	} {
		status, _ := s.upload(data)
		assert.Equal(t, 403, status, name)
	}
	for _, f := range samples.Containers(inside) {
		status, _ := s.upload(f.Data)
		assert.Equal(t, 200, status, f.Name)
	}
}

const icapEngine = `config antivirus engine
    set engine icap
    set health-interval 1
    set error-action %s
    set timeout-action %s
    set scan-timeout 3600
    config icap
        set address %s
    end
end
`

// throughLabICAP is a lab whose objects are judged by its own ICAP server.
func throughLabICAP(t *testing.T, onError, onTimeout string) *site {
	s := newRealTimeSite(t, "")
	lines := strings.Split(strings.TrimSpace(fmt.Sprintf(icapEngine, onError, onTimeout, s.Origins.Addr(lab.ServiceICAP))), "\n")
	s.exec(lines...)
	s.eventually(func() bool { return strings.Contains(s.exec("diagnose sim scanner"), "icap      up") }, "the engine is up")
	return s
}

// fate is what a client sees of an object that has no verdict.
func (s *site) fate(path string) string {
	s.t.Helper()
	c := s.dial(alice)
	defer c.Close()
	_, err := io.WriteString(c, c.head("GET", path)+"\r\n")
	require.NoError(s.t, err)
	res, body, err := c.answer("GET")
	switch {
	case err != nil:
		return "reset"
	case res.StatusCode == 200:
		return "passed"
	case strings.Contains(string(body), string(lab.EICAR())):
		return "leaked"
	}
	return fmt.Sprint(res.StatusCode)
}

// leaked is how many bytes of a protocol have passed for a reason.
func (s *site) leaked(p protocols.Protocol, why stats.LeakReason) int64 {
	return s.Engine().Report().Ledger[p].Leaks[why].Bytes
}

// TestErrorsAndTimeOutsHaveTheirOwnPolicies: an engine that fails, one that speaks
// nonsense, one that is silent and one that is gone.
func TestErrorsAndTimeOutsHaveTheirOwnPolicies(t *testing.T) {
	fates := map[string]string{"block": "403", "pass": "passed", "reset": "reset"}
	for _, c := range []struct{ onError, onTimeout string }{{"block", "pass"}, {"pass", "reset"}, {"reset", "block"}} {
		t.Run(c.onError+" and "+c.onTimeout, func(t *testing.T) {
			s := throughLabICAP(t, c.onError, c.onTimeout)
			icap := s.Origins.ICAP()
			saw, conn := s.fetchEICAR(alice)
			require.Equal(t, blocked, saw)
			conn.Close()
			passed := int64(0)
			for _, mood := range []lab.ICAPMood{lab.ICAPFailing, lab.ICAPNonsense, lab.ICAPHangup, lab.ICAPCut} {
				icap.Behave(mood)
				assert.Equal(t, fates[c.onError], s.fate("/eicar.com"), mood)
				if c.onError == "pass" {
					passed += 68
				}
			}
			s.eventually(func() bool { return s.leaked(protocols.HTTP, stats.LeakScanError) == passed }, "leaks for errors")
			icap.Behave(lab.ICAPSilent)
			s.set("antivirus engine", "scan-timeout 1")
			assert.Equal(t, fates[c.onTimeout], s.fate("/eicar.com"))
			s.set("antivirus engine", "scan-timeout 3600")
			late := int64(0)
			if c.onTimeout == "pass" {
				late = 68
			}
			s.eventually(func() bool { return s.leaked(protocols.HTTP, stats.LeakScanTimeout) == late }, "leaks for time-outs")
			icap.Behave(lab.ICAPHonest)
			assert.Equal(t, "403", s.fate("/eicar.com"))
			require.NoError(t, icap.Close())
			assert.Equal(t, fates[c.onError], s.fate("/eicar.com"))
			s.eventually(func() bool { return strings.Contains(s.engineLine("icap"), "down") }, "it is seen that the engine is gone")
			assert.Equal(t, fates[c.onError], s.fate("/eicar.com"))
			assert.Len(t, s.log("scan engine down"), 1)
			assert.Len(t, s.log("scan engine up"), 1)
		})
	}
}

// TestEngineDownAtStart: the proxy starts all the same, and says so.
func TestEngineDownAtStart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	s := newRealTimeSite(t, "config antivirus engine\nset engine builtin clamd\nconfig clamd\nset address "+address+"\nend\nend\n")
	s.eventually(func() bool { return strings.Contains(s.engineLine("clamd"), "down") }, "the engine is down")
	assert.Equal(t, "403", s.fate("/"), "there is no verdict without clamd")
	saw, c := s.fetchEICAR(alice)
	assert.Equal(t, blocked, saw, "builtin has found it")
	c.Close()
	s.set("antivirus engine", "engine builtin")
	assert.Equal(t, "passed", s.fate("/"))
	assert.NotContains(t, s.exec("diagnose sim scanner"), "clamd")
	assert.NotEmpty(t, s.log("scan engine down"))
}

// TestScanWorkersFollowTheEngines counts how many scans run at once by themselves.
func TestScanWorkersFollowTheEngines(t *testing.T) {
	s := newRealTimeSite(t, "")
	for engine, want := range map[string]int{"builtin": runtime.NumCPU(), "simulated": 4 * runtime.NumCPU()} {
		s.set("antivirus engine", "engine "+engine)
		s.exec("diagnose sim scanner stall 1h")
		var clients []*client
		for range want + 3 {
			c := s.dial(alice)
			c.ask("/")
			clients = append(clients, c)
		}
		s.eventually(func() bool { r, w := s.Engine().Scans(); return r == want && w == 3 }, "%s: %d scans and 3 that wait", engine, want)
		s.exec("diagnose sim scanner normal")
		for _, c := range clients {
			res, _, err := c.answer("GET")
			require.NoError(t, err)
			assert.Equal(t, 200, res.StatusCode)
		}
	}
}

// TestScannerDial turns the dial while clients ask.
func TestScannerDial(t *testing.T) {
	s := newRealTimeSite(t, "config antivirus engine\nset scan-timeout 3600\nend\n")
	assert.Equal(t, "passed", s.fate("/"))
	s.exec("diagnose sim scanner errors 100")
	assert.Equal(t, "403", s.fate("/"))
	s.exec("diagnose sim scanner normal", "diagnose sim scanner latency 60ms")
	began := time.Now()
	assert.Equal(t, "passed", s.fate("/"))
	assert.GreaterOrEqual(t, time.Since(began), 60*time.Millisecond)
	s.exec("diagnose sim scanner stall 1h", "config antivirus engine", "set scan-timeout 1", "end")
	assert.Equal(t, "403", s.fate("/"), "the scan took too long")
	s.exec("diagnose sim scanner normal", "config antivirus engine", "set scan-timeout 3600", "end")
	assert.Equal(t, "passed", s.fate("/"))
	assert.Contains(t, s.exec("get test proxyworker 4"), "Last Server Scan errors                 110\n")
}

// TestSimulatedEngine follows configured rules and faults.
func TestSimulatedEngine(t *testing.T) {
	s := newRealTimeSite(t, `config antivirus engine
    set engine simulated
    config simulated
        config rule
            edit 1
                set match name
                set pattern "eicar.*"
                set verdict clean
            next
            edit 2
                set match size
                set size 10
                set verdict worm
                set name "Sim.Large"
            next
            edit 3
                set match every
                set every 2
                set verdict suspicious
            next
        end
    end
end
`)
	assert.Equal(t, "passed", s.fate("/eicar.com"))
	assert.Equal(t, "403", s.fate("/bytes/10240"))
	assert.Equal(t, []string{"passed", "403", "passed", "403"}, []string{s.fate("/bytes/10"), s.fate("/bytes/10"), s.fate("/bytes/10"), s.fate("/bytes/10")})
	s.exec("config antivirus engine", "config simulated", "config rule", "purge", "end", "end", "end")
	out, ok := s.try("config antivirus engine", "set scan-cache 10", "end")
	assert.False(t, ok)
	assert.Contains(t, out, "scan-cache can't be used with engine simulated")
	s.exec("config antivirus engine", "set engine builtin", "set scan-cache 10", "config simulated", "set wrap builtin", "set error-rate 100", "end", "end")
	assert.Equal(t, "403", s.fate("/"))
	assert.Contains(t, s.engineLine("builtin"), "up")
}

// TestScanCache: what was judged once is not judged again, and new signatures count
// at once.
func TestScanCache(t *testing.T) {
	file := filepath.Join(t.TempDir(), "own.ndb")
	require.NoError(t, os.WriteFile(file, []byte(ndb("Own.A", "nobody has this")), 0o600))
	s := newRealTimeSite(t, "config antivirus engine\nset scan-cache 50\nset signature-files "+file+"\nend\n")
	text := []byte("this is the first signature.")
	for range 3 {
		status, _ := s.upload(text)
		assert.Equal(t, 200, status)
		saw, c := s.fetchEICAR(alice)
		assert.Equal(t, blocked, saw)
		c.Close()
	}
	assert.Regexp(t, `builtin +up +\S+ +3 `, s.engineLine("builtin"), "the upload, its answer and the EICAR file, once each")
	assert.Contains(t, s.exec("diagnose sim scanner"), "/50 hits=")
	require.NoError(t, os.WriteFile(file, []byte(ndb("Own.B", "the first signature")), 0o600))
	require.NoError(t, s.Reload())
	status, _ := s.upload(text)
	assert.Equal(t, 403, status)
}

// watcher asks for the EICAR file and a clean page over and over.
type watcher struct {
	clean, blocked, failed, resets, unscanned atomic.Int64
	odd                                       atomic.Pointer[string]
}

// watch has n clients ask until stop is closed.
func (s *site) watch(n int, w *watcher, stop <-chan struct{}) (done func()) {
	finished := make(chan struct{}, n)
	for i := range n {
		go func() {
			var c *client // kept as long as the proxy keeps it: ports of this machine are few
			defer func() {
				if c != nil {
					c.Close()
				}
				finished <- struct{}{}
			}()
			for round := i; ; round++ {
				select {
				case <-stop:
					return
				default:
				}
				c = w.one(s, c, []string{"/eicar.com", "/bytes/20000", "/eicar.zip"}[round%3])
			}
		}()
	}
	return func() {
		for range n {
			<-finished
		}
	}
}

// one asks for a path, over a new connection if there is none, and returns the
// connection if it can be used again.
func (w *watcher) one(s *site, c *client, path string) *client {
	var err error
	if c == nil {
		c, err = s.connect(alice, s.vip)
	}
	switch {
	case errors.Is(err, syscall.EADDRNOTAVAIL): // it is the client's machine that has no port left
		runtime.Gosched()
		return nil
	case err != nil:
		w.resets.Add(1)
		return nil
	}
	var res *http.Response
	var body []byte
	if _, err = io.WriteString(c, c.head("GET", path)+"\r\n"); err == nil {
		res, body, err = c.answer("GET")
	}
	eicar := strings.HasPrefix(path, "/eicar")
	switch {
	case err != nil:
		w.resets.Add(1)
	case res.StatusCode == 200 && eicar:
		w.unscanned.Add(1)
	case res.StatusCode == 200 && len(body) == 20000:
		w.clean.Add(1)
	case res.StatusCode == 403 && isBlockPage(res, body):
		w.blocked.Add(1)
	case res.StatusCode == 403:
		w.failed.Add(1)
	default:
		odd := fmt.Sprintf("%s: %s, %d bytes", path, res.Status, len(body))
		w.odd.Store(&odd)
	}
	if err != nil || res.Close {
		c.Close()
		return nil
	}
	return c
}

// say is what clients saw.
func (w *watcher) String() string {
	return fmt.Sprintf("%d clean, %d blocked as infected, %d blocked for want of a verdict, %d resets, %d infected and unscanned",
		w.clean.Load(), w.blocked.Load(), w.failed.Load(), w.resets.Load(), w.unscanned.Load())
}

// dieUnderLoad kills an engine while clients ask, and starts it again.
func (s *site) dieUnderLoad(action string, kill func(), restart func() error) {
	t := s.t
	w, stop := new(watcher), make(chan struct{})
	done := s.watch(8, w, stop)
	reach := func(counter *atomic.Int64, what string) {
		t.Helper()
		from := counter.Load()
		s.eventually(func() bool { return counter.Load() >= from+20 }, "20 more %s: %s", what, w)
	}
	reach(&w.blocked, "blocked")
	reach(&w.clean, "clean")
	kill()
	switch action {
	case "block":
		reach(&w.failed, "without a verdict")
	case "pass":
		reach(&w.unscanned, "unscanned")
	case "reset":
		reach(&w.resets, "reset")
	}
	require.NoError(t, restart())
	reach(&w.blocked, "blocked again")
	reach(&w.clean, "clean again")
	close(stop)
	done()
	s.eventually(func() bool { return s.Engine().Sessions() == 0 }, "sessions over")
	leaks := s.leaked(protocols.HTTP, stats.LeakScanError) + s.leaked(protocols.HTTP, stats.LeakScanTimeout)
	t.Logf("%s: %s; %d bytes leaked", action, w, leaks)
	assert.Nil(t, w.odd.Load())
	if action == "pass" {
		assert.Positive(t, leaks)
		assert.Zero(t, w.resets.Load()+w.failed.Load())
		return
	}
	assert.Zero(t, leaks)
	assert.Zero(t, w.unscanned.Load())
	if action == "block" {
		assert.Zero(t, w.resets.Load())
	} else {
		assert.Zero(t, w.failed.Load())
	}
}

// smtpSays sends a mail and tells the code that answers it.
func (s *site) smtpSays(mail []byte) int {
	s.t.Helper()
	c := s.dialSMTP()
	defer c.Close()
	c.begin("alice@lab.test")
	c.send("DATA\r\n")
	c.expect(354)
	c.send(string(mail) + ".\r\n")
	code, _, err := c.ReadCodeLine(-1)
	if err != nil && !errors.Is(err, io.EOF) && code == 0 {
		require.NoError(s.t, err)
	}
	return code
}

// readsNews has a file read from articles, which carry it in three ways.
func (s *site) readsNews(f samples.File) {
	t := s.t
	c := dialNews(t, s.proxyOf("NNTP"))
	defer c.raw.Close()
	for way, body := range map[string]string{"uu": samples.UU(f), "yenc": samples.YEnc(f), "qp": samples.QuotedPrintable(f.Data)} {
		id, head := fmt.Sprintf("<%s.%s@lab.test>", f.Name, way), ""
		if way == "qp" {
			head = "MIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n"
		}
		require.NoError(t, s.Origins.NNTP().Add([]byte(newsHead(id)+head+"\r\n"+body)))
		c.ask("ARTICLE "+id, "220 ")
		got := c.lines()
		assert.Contains(t, got, "infected", "%s, %s", f.Name, way)
		assert.NotContains(t, got, body, "%s, %s", f.Name, way)
	}
}

// movesFile has a file refused in both directions by FTP, and in what clients get by
// HTTP.
func (s *site) movesFile(f samples.File) {
	t := s.t
	s.Origins.Stock([]lab.Sample{{Name: f.Name, Content: f.Data}})
	c := s.ftpUser("127.0.0.1")
	defer c.Close()
	got, last := c.ftpFetch("samples/" + f.Name)
	assert.Empty(t, got, f.Name)
	assert.Contains(t, last, "550 ", f.Name)
	assert.Contains(t, c.ftpStore("STOR incoming/"+f.Name, string(f.Data)), "55", f.Name)
	assert.Equal(t, "403", s.fate("/samples/"+f.Name), f.Name)
}

// everyWay has the EICAR file in every container refused, in what clients send and
// get, by all protocols.
func (s *site) everyWay(except ...string) {
	t := s.t
	for _, f := range samples.Containers(samples.File{Name: "eicar.com", Data: samples.EICAR()}) {
		if strings.Contains(strings.Join(except, " "), f.Name) {
			continue
		}
		status, _ := s.upload(f.Data)
		assert.Equal(t, 403, status, f.Name)
		mail := samples.Mail(f)
		assert.Equal(t, 554, s.smtpSays(mail), f.Name)
		require.NoError(t, smtp.SendMail(s.Origins.Addr(lab.ServiceSMTP), nil, "bob@lab.test", []string{"alice@lab.test"}, mail))
		user := s.popUser()
		got := user.retrieve(len(s.Origins.Mailboxes().Mails("alice", "INBOX")))
		assert.Contains(t, got, "infected", f.Name)
		assert.NotContains(t, got, samples.Base64(f.Data), f.Name)
		user.Close()
		s.readsNews(f)
		reader := s.imapUser()
		got = reader.fetched(len(s.Origins.Mailboxes().Mails("alice", "INBOX")))
		assert.Contains(t, got, "infected", f.Name)
		assert.NotContains(t, got, samples.Base64(f.Data), f.Name)
		reader.Close()
		s.movesFile(f)
	}
	for _, extension := range []string{"com", "zip", "gz", "deflate", "br", "zst"} {
		assert.Equal(t, "403", s.fate("/eicar."+extension), extension)
	}
	assert.Equal(t, 250, s.smtpSays(samples.Mail(samples.File{Name: "a.txt", Data: []byte("harmless")})))
	assert.Equal(t, "passed", s.fate("/bytes/300000"))
	assert.Zero(t, s.uploaded())
}
