package appliance_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
	"utmsim/internal/lab/antivirus"
	"utmsim/internal/stats"
	"utmsim/protocols"
	"utmsim/scanner/samples"
)

// TestRealEnginesJudgeWhatIsHandedIn has clamd and c-icap judge mails that are appended
// and articles that are posted: the test file in everything that ClamAV opens. Then they
// die, and nothing is taken in; then they are back.
func TestRealEnginesJudgeWhatIsHandedIn(t *testing.T) {
	clamd := antivirus.RequireClamd(t)
	cicap := antivirus.RequireCICAP(t, clamd)
	for name, config := range enginesOf(clamd, cicap) {
		kill, restart := clamd.Kill, clamd.Start
		if strings.Contains(name, "icap") {
			kill, restart = cicap.Kill, cicap.Start
		}
		t.Run(name, func(t *testing.T) {
			s := newRealTimeSite(t, config)
			taken := func() (mails, articles int) {
				return len(s.Origins.Mailboxes().Mails("alice", "INBOX")), len(s.Origins.NNTP().Articles(lab.GroupTest))
			}
			mails, articles := taken()
			n := 0
			for _, f := range samples.Containers(samples.File{Name: "eicar.com", Data: samples.EICAR()}) {
				if strings.HasSuffix(f.Name, ".zst") {
					continue // ClamAV does not know zstd
				}
				s.handedIn(f, antivirus.Detection, "4")
				n++
			}
			clean := samples.File{Name: "a.txt", Data: []byte("harmless")}
			s.handedIn(clean, "", "240 ")
			kill()
			s.handedIn(clean, "", "4")
			require.NoError(t, restart())
			s.eventually(func() bool { return s.appends(clean, "") == nil }, "%s is back", name)
			s.handedIn(clean, "", "240 ")

			moreMails, moreArticles := taken()
			assert.Equal(t, mails+3, moreMails, "the clean ones alone")
			assert.Equal(t, articles+2, moreArticles, "the clean ones alone")
			for _, p := range []protocols.Protocol{protocols.IMAP, protocols.NNTP} {
				assert.Zero(t, s.leaked(p, stats.LeakScanError)+s.leaked(p, stats.LeakScanTimeout), "%s", p)
			}
			assert.Contains(t, s.exec("get test imap 4"), fmt.Sprintf("Emails infected with viruses            %d\n", n))
			assert.Contains(t, s.exec("get test nntp 4"), fmt.Sprintf("Articles infected with viruses          %d\n", n))
			assert.Len(t, s.log("content detected"), 2*n)
		})
	}
}

// handedIn appends a mail with a file and posts an article with it. detection is what
// is found in it; posted how the news proxy's reply begins, "4" for a refusal.
func (s *site) handedIn(f samples.File, detection, posted string) {
	t := s.t
	t.Helper()
	if err := s.appends(f, detection); posted[0] == '4' {
		require.Error(t, err, f.Name)
	} else {
		require.NoError(t, err, f.Name)
	}
	c := dialNews(t, s.proxyOf("NNTP"))
	defer c.raw.Close()
	c.ask("POST", "340 ")
	id := fmt.Sprintf("<%s-%d@client.test>", f.Name, s.made.Load())
	article := newsHead(id) + "\r\n" + samples.UU(f)
	assert.Contains(t, c.ask(strings.TrimSuffix(stuffed(article), "\r\n"), posted), detection, f.Name)
	c.ask("QUIT", "205 ")
}

// appends has a mail with a file appended. The error is that it was refused.
func (s *site) appends(f samples.File, detection string) error {
	s.t.Helper()
	c := s.imapUser()
	defer c.Close()
	mail := samples.Mail(f)
	c.send(fmt.Sprintf("a APPEND INBOX {%d}\r\n", len(mail)))
	c.popLine("+ ")
	c.send(string(mail) + "\r\n")
	for {
		line, err := c.r.ReadString('\n')
		require.NoError(s.t, err)
		if word, ok := strings.CutPrefix(line, "a "); ok {
			assert.Contains(s.t, word, detection)
			if strings.HasPrefix(word, "OK ") {
				return nil
			}
			return fmt.Errorf("%s", word)
		}
	}
}
