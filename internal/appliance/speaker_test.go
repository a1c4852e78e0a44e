package appliance_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/appliance"
	"utmsim/internal/lab"
	"utmsim/protocols"
)

// speaker is how the clients of one protocol behave, as far as it matters to who
// is let in: the same scenes are played with each.
type speaker struct {
	proto   protocols.Protocol
	service lab.Service
	// stock puts into the origin what the holds need besides its own content.
	stock func(testing.TB, *lab.Lab)
	// greet reads what the server says first; the error is how a client that is not
	// wanted learns of it.
	greet func(*client) error
	// login does what comes before the first clean exchange.
	login func(*client)
	// clean is an exchange in which nothing is found, checked byte by byte.
	clean func(*client)
	// eicar is an exchange in which the EICAR file is to pass, and what becomes of
	// it. The error is that of a client that is not wanted.
	eicar func(*client) (sight, error)
	// once tells that a session in which something was blocked has no further use
	// for a clean exchange.
	once bool
	// holds are at least three ways of being in the middle of something. The first
	// three stay so until they go on.
	holds []hold
	// farewell is what a client hears that is sent away politely, all of it: a
	// regular expression (behaviour page, section 5).
	farewell string
}

// hold is one way of being in the middle of something.
type hold struct {
	what string
	// fresh has the client greeted but not logged in.
	fresh bool
	// brief tells that the server ends it by itself, so that the session may come to
	// rest while the test goes on.
	brief bool
	// start comes to the middle, and returns how it goes on to the end. After that
	// the session is logged in.
	start func(*client) (finish func())
}

// speakers are all protocols, in their order.
func speakers() []*speaker {
	return []*speaker{httpSpeaker(), smtpSpeaker(), pop3Speaker(), imapSpeaker(), ftpSpeaker(), nntpSpeaker()}
}

// proxied are the speakers of the protocols that have a driver.
func proxied(t *testing.T) (list []*speaker) {
	drivers := appliance.Drivers()
	for p, sp := range speakers() {
		require.EqualValues(t, p, sp.proto)
		if drivers[p] != nil {
			list = append(list, sp)
		}
	}
	require.NotEmpty(t, list)
	return list
}

// eachProtocol runs a test for every protocol that has a driver.
func eachProtocol(t *testing.T, test func(*testing.T, *speaker)) {
	for _, sp := range proxied(t) {
		t.Run(sp.proto.String(), func(t *testing.T) { test(t, sp) })
	}
}

// TestSpeakersAtTheirOrigins has every speaker do at the origin itself what the
// scenes have it do through the proxy.
func TestSpeakersAtTheirOrigins(t *testing.T) {
	for _, sp := range speakers() {
		t.Run(sp.proto.String(), func(t *testing.T) {
			s := newRealTimeSite(t, "")
			sp.stock(t, s.Origins)
			origin := s.Origins.Addr(sp.service)
			saw, c := s.meet(sp, alice, origin)
			require.Equal(t, unscanned, saw)
			sp.clean(c)
			for _, h := range sp.holds {
				c := s.greeted(sp, alice, origin)
				if !h.fresh {
					sp.login(c)
				}
				h.start(c)()
				sp.clean(c)
			}
		})
	}
}

// door is where the proxy of a protocol listens.
func (s *site) door(sp *speaker) string {
	if sp.proto == protocols.HTTP {
		return s.vip
	}
	return s.proxyOf(string(sp.service))
}

// meet makes a connection, has the EICAR file passed and tells what comes. The
// connection stays open unless it was refused.
func (s *site) meet(sp *speaker, from, to string) (sight, *client) {
	s.t.Helper()
	c, err := s.connect(from, to)
	if err == nil {
		s.keep(c)
		err = sp.greet(c)
	}
	var saw sight
	if err == nil {
		sp.login(c)
		saw, err = sp.eicar(c)
	}
	if err != nil {
		require.True(s.t, errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE), "want a reset, not %v", err)
		if c != nil {
			require.Zero(s.t, c.r.Buffered(), "not a byte")
		}
		return refused, nil
	}
	return saw, c
}

// greeted is a connection that is let in.
func (s *site) greeted(sp *speaker, from, to string) *client {
	s.t.Helper()
	c := s.dialTo(from, to)
	require.NoError(s.t, sp.greet(c))
	return c
}

// beginAs opens a session through the proxy that has one exchange behind it and
// is at rest.
func (s *site) beginAs(sp *speaker, from string) *client {
	s.t.Helper()
	c := s.greeted(sp, from, s.door(sp))
	sp.login(c)
	sp.clean(c)
	s.rests(c)
	return c
}

// idleAs is a session at rest.
func (s *site) idleAs(sp *speaker, from string) task {
	s.t.Helper()
	c := s.beginAs(sp, from)
	return task{c, "idle", func() { sp.clean(c) }}
}

// holdAs is a session in the middle of something: in an exchange, or at rest inside
// of a transaction, so that idledrop may not have it.
func (s *site) holdAs(sp *speaker, from string, h hold) task {
	s.t.Helper()
	c := s.greeted(sp, from, s.door(sp))
	if !h.fresh {
		sp.login(c)
		sp.clean(c)
		s.rests(c)
	}
	before, _ := s.row(c)
	finish := h.start(c)
	if h.brief {
		s.eventually(func() bool { r, _ := s.row(c); return r.ClientEvents > before.ClientEvents }, "session of %s %s", c.LocalAddr(), h.what)
	} else {
		s.works(c)
	}
	return task{c, h.what, finish}
}

// line reads a line and wants it to begin with one of the prefixes.
func (c *client) line(prefixes ...string) string {
	c.t.Helper()
	line, err := c.r.ReadString('\n')
	require.NoError(c.t, err, "%q", line)
	for _, p := range prefixes {
		if strings.HasPrefix(line, p) {
			return line
		}
	}
	require.Failf(c.t, "another reply", "%q, not %q", line, prefixes)
	return ""
}

// firstLine reads the line that a server begins with.
func (c *client) firstLine(prefix string) error {
	line, err := c.r.ReadString('\n')
	if err == nil && !strings.HasPrefix(line, prefix) {
		err = fmt.Errorf("greeted with %q", line)
	}
	return err
}

// does sends a line and wants a reply that begins with prefix.
func (c *client) does(line, prefix string) string {
	c.t.Helper()
	c.send(line + "\r\n")
	return c.line(prefix)
}

// typing is half a command that does nothing.
func typing(half, rest, reply string) hold {
	return hold{what: "typing", start: func(c *client) func() {
		c.send(half)
		return func() { c.send(rest + "\r\n"); c.line(reply) }
	}}
}

// wants reads as many bytes as want has and compares them.
func (c *client) wants(want string) {
	c.t.Helper()
	same(c.t, strings.NewReader(want), io.LimitReader(c.r, int64(len(want))))
}

// dotted is content as it stands on the wire of the protocols that end it with a
// dot.
func dotted(content []byte) string {
	text := strings.ReplaceAll(string(content), "\r\n.", "\r\n..")
	return strings.TrimSuffix(text, "\r\n") + "\r\n.\r\n"
}

// block reads up to the line of one dot and returns all of it, dots as they came.
func (c *client) block() string {
	c.t.Helper()
	var b strings.Builder
	for {
		line, err := c.r.ReadString('\n')
		require.NoError(c.t, err)
		b.WriteString(line)
		if line == ".\r\n" {
			return b.String()
		}
	}
}

// judged tells what passed of something infected: all of it, or a notice of the
// detection in its place and nothing of core, which is in the middle of the whole.
func judged(t testing.TB, got, whole, core string) sight {
	require.Contains(t, whole, core)
	if got == whole {
		return unscanned
	}
	assert.Contains(t, got, "EICAR_TEST_FILE")
	assert.NotContains(t, got, core)
	return blocked
}
