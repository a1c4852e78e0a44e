package appliance_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/protocols"
	"utmsim/scanner/samples"
)

// moved is every line of a protocol's blocks that is not zero, but for those whose
// amount is the traffic's.
func (s *site) moved(p protocols.Protocol) map[string]int64 {
	report, lines := s.Engine().Report(), map[string]int64{}
	for _, l := range append(report.Stat[p].Lines, report.Accounting[p].Lines...) {
		switch l.Label {
		case "Bytes sent", "Bytes received", "clt", "srv", "Last Error":
			continue
		}
		if l.Value != 0 {
			lines[l.Label] = l.Value
		}
	}
	return lines
}

// counts waits until the lines of a protocol that have moved are these.
func (s *site) counts(p protocols.Protocol, want map[string]int64) {
	s.t.Helper()
	s.eventually(func() bool { return s.Engine().Sessions() == 0 }, "sessions over")
	s.eventually(func() bool { return assert.ObjectsAreEqual(want, s.moved(p)) }, "these lines have moved: %v, and not: %v", want, s.moved(p))
	s.invariants()
}

// mailOptions sets the options of a mail protocol, and which archives are blocked.
func (s *site) mailOptions(protocol, options, archives string) {
	s.t.Helper()
	s.exec("config firewall profile-protocol-options", "edit default", "config "+protocol, options, "end", "next", "end",
		"config antivirus profile", "edit default", "config "+protocol, archives, "end", "next", "end")
}

// damagedZip is an archive that can't be opened.
func damagedZip() []byte {
	zip := samples.Zip(samples.File{Name: "file.com", Data: mailHarmless()})
	copy(zip[len(zip)/3:], "damaged damaged")
	return zip
}

const mailPiece = "MIME-Version: 1.0\r\nContent-Type: message/partial; id=\"x\"; number=1; total=2\r\n\r\nhalf\r\n"

// TestSMTPCounters provokes the lines of SMTP, each by the right amount and no other.
func TestSMTPCounters(t *testing.T) {
	s := newRealTimeSite(t, "")
	send := func(mail string, code int) {
		c := s.dialSMTP()
		c.begin("x@client.test")
		c.dialogue("DATA\r\n", 354, mail+".\r\n", code)
		require.NoError(t, c.raw.Close())
	}
	large := "Subject: large\r\n\r\n" + strings.Repeat(strings.Repeat("0123456789", 100)+"\r\n", 11_000)

	send(mailWith("clean.bin", []byte("clean")), 250)
	want := map[string]int64{"setup_ok": 1, "conn_inp": 1, "scan": 3, "Emails clean": 1}
	s.counts(protocols.SMTP, want)

	// Objects are scanned one by one: the parts of a mail, and the whole.
	add := func(scans int64, lines ...string) {
		t.Helper()
		for _, l := range append(lines, "setup_ok", "conn_inp") {
			want[l]++
		}
		if scans > 0 {
			want["scan"] += scans
		}
		s.counts(protocols.SMTP, want)
	}
	send(mailWith("eicar.com", samples.EICAR()), 554)
	add(3, "Emails infected with viruses", "Emails detected", "reject")
	send(large, 250)
	add(0, "Emails oversize pass", "Emails detected")
	send(mailPiece, 554)
	add(2, "Emails fragmented block", "reject")
	send("text\n.\ntext\r\n", 554)
	add(0, "reject")
	send(mailWith("damaged.zip", damagedZip()), 250)
	add(3, "Emails clean")

	s.mailOptions("smtp", "set options oversize splice fragmail", "set archive-block corrupted")
	send(large, 552)
	add(0, "Emails oversize block", "Emails detected", "reject")
	send(mailPiece, 250)
	add(2, "Emails fragmented pass")
	send(mailWith("damaged.zip", damagedZip()), 554)
	add(3, "Emails file blocked", "Emails detected", "reject")

	c := s.dialSMTP()
	c.send("EHLO client.test\r\nNOOP\r\n")
	c.expect(250)
	c.expect(250)
	require.NoError(t, c.raw.Close())
	add(0, "suspend", "resume")

	c = s.dialSMTP()
	c.begin("x@client.test")
	c.dialogue("DATA\r\n", 354)
	c.send("half")
	require.NoError(t, c.raw.(*net.TCPConn).SetLinger(0))
	require.NoError(t, c.raw.Close())
	add(0, "Error Count (read)")
}

// TestPOP3Counters provokes the lines of POP3, each by the right amount and no other.
func TestPOP3Counters(t *testing.T) {
	s, d := newDovecotPOP3Site(t, "")
	large := "Subject: large\n\n" + strings.Repeat(strings.Repeat("0123456789", 100)+"\n", 11_000)
	d.fill("alice", []string{
		strings.ReplaceAll(mailWith("clean.bin", []byte("clean")), "\r\n", "\n"),
		strings.ReplaceAll(mailWith("eicar.com", samples.EICAR()), "\r\n", "\n"),
		large,
		strings.ReplaceAll(mailPiece, "\r\n", "\n"),
		strings.ReplaceAll(mailWith("damaged.zip", damagedZip()), "\r\n", "\n"),
	})
	want := map[string]int64{}
	// A mail in which something was replaced is scanned again.
	fetch := func(n int, scans int64, lines ...string) {
		t.Helper()
		said := s.popUserRetrieves(n)
		require.True(t, strings.HasSuffix(said, "+OK Logging out.\r\n"), "%.200q", said)
		for _, l := range append(lines, "setup_ok", "conn_inp") {
			want[l]++
		}
		if scans > 0 {
			want["scan"] += scans
		}
		s.counts(protocols.POP3, want)
	}
	fetch(1, 3, "Emails clean")
	fetch(2, 6, "Emails infected with viruses", "Emails detected")
	fetch(3, 0, "Emails oversize pass", "Emails detected")
	fetch(4, 2, "Emails fragmented block")
	fetch(5, 3, "Emails clean")
	s.mailOptions("pop3", "set options oversize fragmail", "set archive-block corrupted")
	fetch(3, 0, "Emails oversize block", "Emails detected")
	fetch(4, 2, "Emails fragmented pass")
	fetch(5, 6, "Emails file blocked", "Emails detected")

	c := s.popUser()
	c.send(fmt.Sprintf("RETR %d\r\n", 1))
	c.popLine("+OK")
	require.NoError(t, c.SetLinger(0))
	require.NoError(t, c.Close())
	want["scan"] += 3
	for _, l := range []string{"setup_ok", "conn_inp", "Emails clean", "Error Count (read)"} {
		want[l]++
	}
	s.counts(protocols.POP3, want)
}
