package appliance_test

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/failopen"
	"utmsim/internal/lab"
	"utmsim/internal/stats"
	"utmsim/protocols"
)

// The mails of these tests come by the hundred and are held before their end, or
// while a scanner stands still, so that the memory model fills by traffic alone.
const (
	crowdMail  = 9 << 20
	crowdTotal = 200

	crowdConfig = "config system simulator\nset memory-total 512\nend\nconfig system global\nset av-failopen %s\nend\n"
)

// crowdBody is one mail of 9 MB without its end, for all of them.
var crowdBody = sync.OnceValue(func() []byte { return lab.Specimen(crowdMail) })

// senders send large mails.
type senders struct {
	*site
	t    *testing.T
	sp   *speaker
	held []*client // whose mail is complete but for its end
}

// newSenders has an origin that takes many large mails in short time.
func newSenders(t *testing.T, config string) *senders {
	origin, err := lab.StartFastSMTP("127.0.0.1:0", crowdMail)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, origin.Close()) })
	_, port, err := net.SplitHostPort(origin.Addr())
	require.NoError(t, err)
	config += "config firewall vip\nedit lab-smtp\nset mappedport " + port + "\nnext\nend\n"
	return &senders{site: newSite(t, config), t: t, sp: smtpSpeaker()}
}

// begins is a sender whose mail was announced.
func (m *senders) begins() *client {
	c := m.greeted(m.sp, alice, m.door(m.sp))
	m.sp.login(c)
	c.does("MAIL FROM:<x@client.test>", "250 ")
	c.does("RCPT TO:<"+lab.Sink+">", "250 ")
	c.does("DATA", "354 ")
	return c
}

// sends has a sender say the whole mail but for its end.
func (m *senders) sends(c *client) {
	_, err := c.Write(crowdBody())
	require.NoError(m.t, err)
}

// level is what the memory model says.
func (m *senders) level() failopen.Memory { return m.Engine().Memory().Level }

// holds has n more senders say their mails up to their end, and waits until the
// proxy holds all of it.
func (m *senders) holds(n int) {
	m.t.Helper()
	m.say(m.lets(n), "")
	m.spooled(len(m.held))
}

// lets has n senders let in, who say nothing of their mails yet.
func (m *senders) lets(n int) (in []*client) {
	for range n {
		in = append(in, m.begins())
	}
	return in
}

// say has senders say their mails, all at once, and the end.
func (m *senders) say(in []*client, end string) {
	m.t.Helper()
	m.held = append(m.held, in...)
	var all sync.WaitGroup
	for _, c := range in {
		all.Go(func() { m.sends(c); c.send(end) })
	}
	all.Wait()
}

// spooled waits until n mails are held.
func (m *senders) spooled(n int) {
	m.t.Helper()
	m.eventually(func() bool { return m.Engine().Memory().Spools >= int64(n)*(crowdMail-2) }, "%d mails held", n)
}

// fates are what became of the mails of newcomers.
type fates struct{ delivered, refused atomic.Int64 }

// come has n newcomers try to send the same mail, all at once.
func (m *senders) come(n int) *fates {
	var f fates
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			c, err := m.connect(alice, m.door(m.sp))
			if err == nil {
				defer c.Close()
				err = m.sp.greet(c)
			}
			if err != nil {
				f.refused.Add(1)
				return
			}
			m.sp.login(c)
			c.does("MAIL FROM:<x@client.test>", "250 ")
			c.does("RCPT TO:<"+lab.Sink+">", "250 ")
			c.does("DATA", "354 ")
			m.sends(c)
			c.does(".", "250 ")
			f.delivered.Add(1)
		})
	}
	all.Wait()
	return &f
}

// ends has the mails that are held delivered.
func (m *senders) ends() {
	for _, c := range m.held {
		c.send(".\r\n")
	}
	m.delivered()
}

// delivered waits until they are.
func (m *senders) delivered() {
	for _, c := range m.held {
		c.line("250 ")
		c.Close()
	}
	m.eventually(func() bool { return m.Engine().Memory().Spools == 0 }, "spools drained")
}

// recovered checks that everything is as before: what a newcomer meets, the figures
// of SMTP after that, and the log.
func (m *senders) recovered(newcomer sight, want figures) {
	t := m.t
	t.Helper()
	assert.Equal(t, failopen.Normal, m.level())
	if newcomer == blocked {
		saw, c := m.meet(m.sp, alice, m.door(m.sp))
		assert.Equal(t, newcomer, saw)
		c.Close()
	} else {
		assert.EqualValues(t, 1, m.come(1).delivered.Load())
	}
	m.conserved()
	f := m.figuresOf(protocols.SMTP)
	f.limit, f.peak = 0, 0
	assert.Equal(t, want, f)
	assert.Contains(t, m.failopenOf(protocols.POP3), fmt.Sprintf(" state=%s ", map[sight]string{blocked: "normal", unscanned: "failopen"}[newcomer]))
	changes := m.log("memory conserve mode")
	require.GreaterOrEqual(t, len(changes), 2)
	assert.Equal(t, []any{"normal", "conserve"}, []any{changes[0]["from"], changes[0]["to"]})
	assert.Equal(t, []any{"conserve", "normal"}, []any{changes[len(changes)-1]["from"], changes[len(changes)-1]["to"]})
	assert.Greater(t, changes[0]["used MB"], changes[0]["red MB"].(float64)-1)
	assert.LessOrEqual(t, changes[len(changes)-1]["used MB"], changes[0]["green MB"])
}

// TestMemoryConserveFromTraffic: of 200 senders of 9 MB each the first 20 push the
// memory in use above the threshold, av-failopen decides about the other 180, and
// when the mails are delivered everything is as before.
func TestMemoryConserveFromTraffic(t *testing.T) {
	const first = 20
	for _, test := range []struct {
		policy              string
		delivered, bypassed int
		leak                stats.LeakReason
		latched             bool
	}{
		{policy: "off"},
		{policy: "pass", delivered: crowdTotal - first, bypassed: crowdTotal - first, leak: stats.LeakFailopen},
		{policy: "one-shot", delivered: 10, bypassed: 10, leak: stats.LeakOneShot, latched: true},
	} {
		t.Run(test.policy, func(t *testing.T) {
			m := newSenders(t, fmt.Sprintf(crowdConfig, test.policy))
			m.holds(first)
			assert.Equal(t, failopen.Conserve, m.level())
			newcomers := crowdTotal - first
			if test.latched {
				newcomers = test.bypassed // that they are as many as with pass would show nothing more
			}
			f := m.come(newcomers)
			assert.EqualValues(t, test.delivered, f.delivered.Load())
			assert.EqualValues(t, newcomers-test.delivered, f.refused.Load())
			assert.Contains(t, m.failopenOf(protocols.SMTP), " state=failopen trigger=memory ")
			assert.Equal(t, test.latched, strings.Contains(m.failopenOf(protocols.HTTP), "latch=all "))
			m.eventually(func() bool { return m.Engine().Sessions() == first }, "the others are gone")
			l := m.ledger(protocols.SMTP)
			assert.EqualValues(t, test.bypassed, l.Bypassed.Sessions)
			assert.Equal(t, l.Bypassed, l.Leaks[test.leak])
			if test.bypassed > 0 {
				assert.Greater(t, l.Bypassed.Bytes, int64(test.bypassed)*crowdMail)
			}
			assert.EqualValues(t, newcomers-test.delivered, l.Refused)
			want := figures{setupOK: first + 1, setupFail: newcomers - test.delivered, refused: newcomers - test.delivered, bypassed: test.bypassed}
			if test.latched {
				want.setupOK, want.bypassed = first, test.bypassed+1
			}
			m.ends()
			newcomer := blocked
			if test.latched {
				newcomer = unscanned
			}
			m.recovered(newcomer, want)
		})
	}
}

// TestMemoryConserveDropsIdle: with idledrop each newcomer takes the place of an idle
// session, and when nobody is idle any more they are refused. Whoever is in a mail
// stays.
func TestMemoryConserveDropsIdle(t *testing.T) {
	const first, resting = 20, 3
	m := newSenders(t, fmt.Sprintf(crowdConfig, "idledrop"))
	var idle []*client
	for range resting {
		c := m.greeted(m.sp, alice, m.door(m.sp))
		m.sp.login(c)
		m.rests(c)
		idle = append(idle, c)
	}
	m.advance(31 * time.Second)
	m.holds(first)
	assert.Equal(t, failopen.Conserve, m.level())
	m.holds(resting)
	f := m.come(crowdTotal - first - 2*resting)
	assert.EqualValues(t, crowdTotal-first-2*resting, f.refused.Load())
	for _, c := range idle {
		c.dropped()
	}
	m.ends()
	m.recovered(blocked, figures{
		setupOK: first + 2*resting + 1, setupFail: crowdTotal - first - 2*resting, refused: crowdTotal - first - 2*resting, dropped: resting,
	})
}

// TestMemoryExtremeFromTraffic: in the later releases there is a level above which
// nobody is let in, whatever av-failopen says.
func TestMemoryExtremeFromTraffic(t *testing.T) {
	m := newSenders(t, fmt.Sprintf(crowdConfig, "pass")+"config system simulator\nset persona 5.6\nend\n")
	in := m.lets(26)
	say := func(from, to int, level failopen.Memory) {
		m.say(in[from:to], "")
		m.spooled(to)
		require.Equal(t, level, m.level(), "%d mails", to)
	}
	say(0, 18, failopen.Normal)
	say(18, 23, failopen.Conserve)
	assert.EqualValues(t, 1, m.come(1).delivered.Load())
	_, ok := m.try("config antivirus engine", "set scan-backlog 7", "end")
	assert.False(t, ok, "the configuration is frozen")
	say(23, 26, failopen.Extreme)
	assert.EqualValues(t, 4, m.come(4).refused.Load())
	m.ends()
	m.recovered(blocked, figures{setupOK: 27, setupFail: 4, refused: 4, bypassed: 1})
}

// TestMemoryConserveFromASlowScanner: the mails are complete, and wait for a scanner
// that stands still.
func TestMemoryConserveFromASlowScanner(t *testing.T) {
	const first = 20
	m := newSenders(t, fmt.Sprintf(crowdConfig, "pass")+"config antivirus engine\nset scan-workers 2\nset scan-timeout 3600\nend\n")
	m.exec("diagnose sim scanner stall 1h")
	m.say(m.lets(first), ".\r\n")
	m.spooled(first)
	m.eventually(func() bool { running, waiting := m.Engine().Scans(); return running == 2 && waiting == first-2 }, "two scans, and the others wait")
	assert.Equal(t, failopen.Conserve, m.level())
	f := m.come(10)
	assert.EqualValues(t, 10, f.delivered.Load())
	m.exec("diagnose sim scanner normal")
	m.delivered()
	m.recovered(blocked, figures{setupOK: first + 1, bypassed: 10})
}
