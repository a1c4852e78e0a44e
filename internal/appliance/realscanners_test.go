package appliance_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
	"utmsim/internal/lab/antivirus"
	"utmsim/internal/stats"
	"utmsim/protocols"
)

// enginesOf are the ways to the real scan servers, as configuration.
func enginesOf(clamd *antivirus.Clamd, cicap *antivirus.CICAP) map[string]string {
	config := func(engine, address string) string {
		return "config antivirus engine\nset engine " + engine + "\nset health-interval 1\nconfig " + engine + "\nset address " + address + "\nend\nend\n"
	}
	return map[string]string{
		"clamd, Unix": config("clamd", clamd.Socket), "clamd, TCP": config("clamd", clamd.TCP), "c-icap": config("icap", cicap.Address),
	}
}

// TestRealEngines has clamd and c-icap judge what goes through the proxy.
func TestRealEngines(t *testing.T) {
	clamd := antivirus.RequireClamd(t)
	cicap := antivirus.RequireCICAP(t, clamd)
	for name, config := range enginesOf(clamd, cicap) {
		t.Run(name, func(t *testing.T) {
			s := newRealTimeSite(t, config)
			s.everyWay("eicar.com.zst") // ClamAV does not know zstd
			infected := 0
			for _, e := range s.log("content detected") {
				assert.Equal(t, antivirus.Detection, e["name"])
				infected++
			}
			assert.Positive(t, infected)
		})
	}
}

// TestRealEnginesDieUnderLoad kills clamd and c-icap while clients ask, under each
// policy, and starts them again.
func TestRealEnginesDieUnderLoad(t *testing.T) {
	clamd := antivirus.RequireClamd(t)
	cicap := antivirus.RequireCICAP(t, clamd)
	for name, config := range enginesOf(clamd, cicap) {
		for _, action := range []string{"block", "pass", "reset"} {
			t.Run(name+", "+action, func(t *testing.T) {
				s := newRealTimeSite(t, config+"config antivirus engine\nset error-action "+action+"\nset timeout-action "+action+"\nend\n")
				kill, restart := clamd.Kill, clamd.Start
				if strings.Contains(name, "icap") {
					kill, restart = cicap.Kill, cicap.Start
				}
				s.dieUnderLoad(action, kill, restart)
			})
		}
	}
}

// TestClamdDiesBehindCICAP: then c-icap answers with errors, and these are no clean
// verdicts either.
func TestClamdDiesBehindCICAP(t *testing.T) {
	clamd := antivirus.RequireClamd(t)
	cicap := antivirus.RequireCICAP(t, clamd)
	s := newRealTimeSite(t, enginesOf(clamd, cicap)["c-icap"])
	s.dieUnderLoad("block", clamd.Kill, clamd.Start)
}

// TestRealEnginesDieUnderLoadOfFilesAndMail is the same for mails that are sent and
// files that are fetched: nothing infected passes unless the policy says so, and then
// each byte is in the ledger.
func TestRealEnginesDieUnderLoadOfFilesAndMail(t *testing.T) {
	clamd := antivirus.RequireClamd(t)
	cicap := antivirus.RequireCICAP(t, clamd)
	for name, config := range enginesOf(clamd, cicap) {
		if name == "clamd, Unix" {
			continue // as by TCP
		}
		kill, restart := clamd.Kill, clamd.Start
		if strings.Contains(name, "icap") {
			kill, restart = cicap.Kill, cicap.Start
		}
		for _, action := range []string{"block", "pass", "reset"} {
			for _, sp := range []*speaker{smtpSpeaker(), ftpSpeaker()} {
				t.Run(name+", "+action+", "+sp.proto.String(), func(t *testing.T) {
					s := newRealTimeSite(t, config+"config antivirus engine\nset error-action "+action+"\nset timeout-action "+action+"\nend\n")
					s.diesUnder(sp, action, kill, restart)
				})
			}
		}
	}
}

// diesUnder kills an engine while four clients have clean and infected content passed
// over and over, and starts it again.
func (s *site) diesUnder(sp *speaker, action string, kill func(), restart func() error) {
	t := s.t
	var w watcher
	stop := make(chan struct{})
	var done sync.WaitGroup
	for range 4 {
		done.Go(func() {
			for round := 0; ; round++ {
				select {
				case <-stop:
					return
				default:
					s.carries(sp, round%2 == 0, &w)
				}
			}
		})
	}
	reach := func(counter *atomic.Int64, what string) {
		t.Helper()
		from := counter.Load()
		s.eventually(func() bool { return counter.Load() >= from+5 }, "5 more %s: %s", what, &w)
	}
	reach(&w.blocked, "blocked")
	reach(&w.clean, "clean")
	kill()
	reach(map[string]*atomic.Int64{"block": &w.failed, "pass": &w.unscanned, "reset": &w.resets}[action], "under "+action)
	require.NoError(t, restart())
	reach(&w.blocked, "blocked again")
	reach(&w.clean, "clean again")
	close(stop)
	done.Wait()
	s.eventually(func() bool { return s.Engine().Sessions() == 0 }, "sessions over")
	leaks := s.leaked(sp.proto, stats.LeakScanError) + s.leaked(sp.proto, stats.LeakScanTimeout)
	t.Logf("%s, %s: %s; %d bytes leaked", sp.proto, action, &w, leaks)
	assert.Nil(t, w.odd.Load())
	if action == "pass" {
		assert.Positive(t, leaks)
		assert.Zero(t, w.failed.Load()+w.resets.Load())
		return
	}
	assert.Zero(t, leaks)
	assert.Zero(t, w.unscanned.Load())
}

// carries has one client bring the EICAR file, or something clean, and tells w what
// became of it.
func (s *site) carries(sp *speaker, infected bool, w *watcher) {
	c, err := s.connect("127.0.0.1", s.door(sp))
	if err != nil {
		w.resets.Add(1)
		return
	}
	defer c.Close()
	said := ""
	if sp.proto == protocols.SMTP {
		said = c.sendsMail(infected)
	} else {
		said = c.getsFile(infected)
	}
	switch {
	case said == "":
		w.resets.Add(1)
	case strings.Contains(said, antivirus.Detection):
		w.blocked.Add(1)
	case said[0] == '5' || said[0] == '4':
		w.failed.Add(1)
	case infected:
		w.unscanned.Add(1)
	default:
		w.clean.Add(1)
	}
}

// sendsMail is the last word on a mail, "" for a session that was reset.
func (c *client) sendsMail(infected bool) string {
	data := []byte("harmless")
	if infected {
		data = lab.EICAR()
	}
	return c.converse("EHLO client.test\r\nMAIL FROM:<x@client.test>\r\nRCPT TO:<"+lab.Sink+">\r\nDATA\r\n", "354 ",
		dotted([]byte(mailWith("a.com", data))))
}

// converse says something, waits for a line, says something more, and returns the line
// that follows.
func (c *client) converse(first, until, second string) string {
	if _, err := io.WriteString(c, first); err != nil {
		return ""
	}
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return ""
		}
		if strings.HasPrefix(line, until) {
			break
		}
	}
	if _, err := io.WriteString(c, second); err != nil {
		return ""
	}
	line, _ := c.r.ReadString('\n') // "" after a reset
	return line
}

// getsFile is the last word on a download, "" for a session that was reset.
func (c *client) getsFile(infected bool) string {
	name := "readme.txt"
	if infected {
		name = "eicar.com"
	}
	reply := c.converse("USER anonymous\r\nPASS x\r\n", "230 ", "PASV\r\n")
	var ip [4]int
	var high, low int
	_, digits, _ := strings.Cut(reply, "(")
	if n, _ := fmt.Sscanf(digits, "%d,%d,%d,%d,%d,%d", &ip[0], &ip[1], &ip[2], &ip[3], &high, &low); n != 6 {
		return ""
	}
	data, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", high<<8|low))
	if err != nil {
		return ""
	}
	defer data.Close()
	if _, err := io.WriteString(c, "RETR "+name+"\r\n"); err != nil {
		return ""
	}
	first, _ := c.r.ReadString('\n') // "" after a reset
	if !strings.HasPrefix(first, "150") {
		return first
	}
	_, _ = io.Copy(io.Discard, data)
	last, _ := c.r.ReadString('\n')
	return last
}
