package appliance_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
	"utmsim/internal/stats"
	"utmsim/protocols"
	"utmsim/proxy"
	"utmsim/scanner/samples"
)

// passing lets everybody pass once the one entry is taken.
const passing = "config system resource-limits\nset proxy 1\nend\nconfig system global\nset av-failopen-session enable\nset av-failopen pass\nend\n"

// auditing is the same, and what passes is looked at later.
const auditing = passing + "config antivirus engine\nset bypass-audit enable\nend\n"

// fillTable takes the one entry until the test is over.
func (s *site) fillTable() {
	s.exec("diagnose sim fill http 1")
	s.t.Cleanup(func() { s.Engine().Drain() })
}

// ledger is a protocol's part of the leak ledger.
func (s *site) ledger(p protocols.Protocol) stats.LedgerReport { return s.Engine().Report().Ledger[p] }

// audited waits until every session is over and every recording scanned, and checks
// that each byte that was let pass is counted as one or the other.
func (s *site) audited(p protocols.Protocol) stats.LedgerReport {
	s.t.Helper()
	s.eventually(func() bool { return s.Engine().Sessions() == 0 }, "sessions over")
	s.eventually(func() bool { held, waiting := s.Engine().AuditMemory(); return held == 0 && waiting == 0 }, "audits done")
	l := s.ledger(p)
	assert.Equal(s.t, l.Bypassed.Bytes, l.Audited.Bytes+l.Missed.Bytes, "each byte is audited or not")
	return l
}

// lastAudit is what the audit of the session that has ended last says.
func (s *site) lastAudit() proxy.Audit {
	s.t.Helper()
	list := s.Engine().Leaked(1)
	require.Len(s.t, list, 1)
	return list[0].Audit
}

// TestBypassAudit has bypassed sessions of every protocol carry the EICAR file, and
// others nothing: the ledger tells them apart.
func TestBypassAudit(t *testing.T) {
	eachProtocol(t, func(t *testing.T, sp *speaker) {
		s := newRealTimeSite(t, auditing)
		s.fillTable()
		c := s.greeted(sp, alice, s.door(sp))
		sp.login(c)
		sp.clean(c)
		c.Close()
		l := s.audited(sp.proto)
		assert.EqualValues(t, 1, l.Audited.Sessions)
		assert.Zero(t, l.Detected.Sessions)
		assert.Equal(t, proxy.Audit{State: proxy.AuditClean, Scanned: l.Bypassed.Bytes}, s.lastAudit())
		assert.Regexp(t, `  failopen bypass; audit: clean\n$`, s.exec("diagnose sim leak sessions 1"))

		saw, c := s.meet(sp, alice, s.door(sp))
		require.Equal(t, unscanned, saw)
		c.Close()
		l = s.audited(sp.proto)
		assert.EqualValues(t, 2, l.Audited.Sessions)
		assert.EqualValues(t, 1, l.Detected.Sessions)
		assert.Zero(t, l.Missed)
		a := s.lastAudit()
		assert.Equal(t, proxy.AuditDetect, a.State)
		assert.Equal(t, []string{"EICAR_TEST_FILE"}, a.Names)
		assert.Regexp(t, `  failopen bypass; audit: EICAR_TEST_FILE\n$`, s.exec("diagnose sim leak sessions 1"))
		assert.Regexp(t, sp.proto.String()+` +audit: detections +1 +`, s.exec("diagnose sim leak"))
		for _, block := range s.Engine().Report().Stat {
			for _, line := range block.Lines {
				if strings.Contains(line.Label, "infected") || strings.Contains(line.Label, "clean") {
					assert.Zero(t, line.Value, "%s: %s", block.Title, line.Label)
				}
			}
		}
		s.exec("diagnose sim drain")
		found := s.log("detected after bypass")
		require.Len(t, found, 1)
		assert.Equal(t, "EICAR_TEST_FILE", found[0]["name"])
		assert.Equal(t, sp.proto.String(), found[0]["protocol"])
	})
}

// form is an upload form with the files.
func form(t *testing.T, files ...samples.File) (contentType string, body []byte) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range files {
		part, err := w.CreateFormFile("file", f.Name)
		require.NoError(t, err)
		_, err = part.Write(f.Data)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return w.FormDataContentType(), b.Bytes()
}

// TestBypassAuditOfWeb looks for objects that only their framing and coding show, by
// the reverse and by the forward proxy.
func TestBypassAuditOfWeb(t *testing.T) {
	s := newRealTimeSite(t, auditing)
	s.fillTable()
	inForm, body := form(t, samples.File{Name: "a.txt", Data: []byte("text")}, samples.File{Name: "a.zip", Data: samples.Zip(samples.File{Name: "eicar.com", Data: samples.EICAR()})})
	for _, door := range []string{s.vip, s.forward} {
		for what, ask := range map[string]func(c *client) string{
			"gzip":    func(c *client) string { return c.head("GET", "/eicar.gz") + "\r\n" },
			"br":      func(c *client) string { return c.head("GET", "/eicar.br") + "\r\n" },
			"zip":     func(c *client) string { return c.head("GET", "/eicar.zip") + "\r\n" },
			"chunked": func(c *client) string { return c.head("GET", "/eicar.com?chunked=1") + "\r\n" },
			"form": func(c *client) string {
				return c.head("POST", "/upload") + fmt.Sprintf("Content-Type: %s\r\nContent-Length: %d\r\n\r\n%s", inForm, len(body), body)
			},
			"pipeline": func(c *client) string { return c.head("GET", "/") + "\r\n" + c.head("GET", "/eicar.zip") + "\r\n" },
		} {
			before := s.ledger(protocols.HTTP)
			c := s.dialTo(alice, door)
			c.send(ask(c))
			for range strings.Count(ask(c), "HTTP/1.1\r\n") {
				res, _, err := c.answer("GET")
				require.NoError(t, err)
				assert.Equal(t, 200, res.StatusCode)
			}
			c.Close()
			l := s.audited(protocols.HTTP)
			assert.EqualValues(t, 1, l.Detected.Sessions-before.Detected.Sessions, "%s by %s", what, door)
			assert.Zero(t, l.Missed, "%s by %s", what, door)
		}
	}
}

// TestBypassAuditHasLimits: what is larger than the oversize limit, and what finds no
// room, is let pass and counted as not audited.
func TestBypassAuditHasLimits(t *testing.T) {
	s := newRealTimeSite(t, auditing+"config antivirus engine\nset bypass-audit-memory 1\nend\n")
	s.fillTable()
	for _, door := range []string{s.vip, s.forward} {
		before := s.ledger(protocols.HTTP)
		c := s.dialTo(alice, door)
		c.ask(fmt.Sprintf("/bytes/%d", bigObject))
		res, body, err := c.answer("GET")
		require.NoError(t, err)
		assert.Equal(t, 200, res.StatusCode)
		assert.Len(t, body, bigObject)
		c.Close()
		l := s.audited(protocols.HTTP)
		assert.EqualValues(t, 1, l.Missed.Sessions-before.Missed.Sessions)
		missed := l.Missed.Bytes - before.Missed.Bytes
		assert.GreaterOrEqual(t, missed, int64(bigObject-1<<20))
		assert.Less(t, missed, int64(bigObject), "the beginning was scanned")
		assert.Regexp(t, `audit: clean, \d+ bytes not scanned\n$`, s.exec("diagnose sim leak sessions 1"))
	}
	s.set("antivirus engine", "bypass-audit disable")
	before := s.ledger(protocols.HTTP)
	c := s.dial(alice)
	c.home()
	c.Close()
	s.eventually(func() bool { return s.Engine().Sessions() == 0 }, "sessions over")
	after := s.ledger(protocols.HTTP)
	assert.Equal(t, []stats.LeakReport{before.Audited, before.Missed}, []stats.LeakReport{after.Audited, after.Missed})
	assert.Greater(t, after.Bypassed.Bytes, before.Bypassed.Bytes)
	assert.Regexp(t, `  failopen bypass\n$`, s.exec("diagnose sim leak sessions 1"))
}

// TestBypassAuditWaitsForTraffic: with the one slot taken nothing is audited, and an
// audit that runs makes way for traffic.
func TestBypassAuditWaitsForTraffic(t *testing.T) {
	s := newRealTimeSite(t, auditing+"config antivirus engine\nset scan-workers 1\nset scan-timeout 3600\nend\n")
	inspected := s.dial(alice)
	inspected.home()
	s.rests(inspected)
	s.exec("diagnose sim scanner stall 1h")
	bypass := func() {
		c := s.dial(alice)
		c.home()
		saw, err := httpSpeaker().eicar(c)
		require.NoError(t, err)
		assert.Equal(t, unscanned, saw)
		c.Close()
	}
	waiting := func(n int) {
		t.Helper()
		s.eventually(func() bool { _, w := s.Engine().AuditMemory(); return w == n }, "%d recordings wait", n)
	}
	bypass() // its audit runs, and stands still
	waiting(1)
	inspected.ask("/eicar.com")
	s.eventually(func() bool { running, _ := s.Engine().Scans(); return running == 1 }, "traffic has the slot")
	bypass()
	waiting(2)
	assert.Regexp(t, `audit: not scanned yet\n$`, s.exec("diagnose sim leak sessions 1"))
	assert.Regexp(t, `audit: 2 recordings wait, \d+ bytes held\n`, s.exec("diagnose sim leak"))
	s.exec("diagnose sim scanner normal")
	res, _, err := inspected.answer("GET")
	require.NoError(t, err)
	assert.Equal(t, 403, res.StatusCode)
	inspected.Close()
	l := s.audited(protocols.HTTP)
	assert.EqualValues(t, 2, l.Detected.Sessions)
}

// TestBypassAuditWithoutVerdict: a scan that fails leaves the session unaudited, never
// clean.
func TestBypassAuditWithoutVerdict(t *testing.T) {
	s := newRealTimeSite(t, auditing)
	s.fillTable()
	s.exec("diagnose sim scanner errors 100")
	c := s.dial(alice)
	c.home()
	c.Close()
	l := s.audited(protocols.HTTP)
	assert.Zero(t, l.Audited)
	assert.EqualValues(t, 1, l.Missed.Sessions)
	assert.Regexp(t, `audit: not scanned\n$`, s.exec("diagnose sim leak sessions 1"))
}

// TestBypassAuditOfMail: attachments of mails that are sent, in chunks as well.
func TestBypassAuditOfMail(t *testing.T) {
	s := newRealTimeSite(t, auditing)
	s.fillTable()
	mail := string(samples.Mail(samples.File{Name: "eicar.zip", Data: lab.EICARZip()}))
	for i, say := range [][]any{
		{"DATA\r\n", 354, mail + ".\r\n", 250},
		{"BDAT 100\r\n" + mail[:100], 250, fmt.Sprintf("BDAT %d LAST\r\n%s", len(mail)-100, mail[100:]), 250},
	} {
		c := s.dialSMTP()
		c.begin("alice@lab.test")
		c.dialogue(say...)
		require.NoError(t, c.raw.Close())
		assert.EqualValues(t, i+1, s.audited(protocols.SMTP).Detected.Sessions)
	}
}
