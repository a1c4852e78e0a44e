package appliance_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/stats"
	"utmsim/protocols"
)

// morning is the story that the appliance's documentation tells about a full
// session table: "it will appear as if you have lost connections, network services
// are intermittent or non-existent, and yet other services work normally for a while
// until their sessions end and they join the queue of session-starved applications".
//
// The table has ten entries. Three users read their mail; then the web takes the
// other seven, and every one that becomes free.
type morning struct {
	*site
	web, mail *speaker
	browsers  []task    // of alice, who has the most sessions
	users     []*client // of bob, carol and dave
}

const tableOfTen = `config system resource-limits
    set proxy 10
end
config system global
    set av-failopen-session enable
    set av-failopen %s
end
config firewall profile-protocol-options
    edit "default"
        config http
            set keepalive-timeout 3600
        end
    next
end
`

// newMorning is the table at the moment at which its last entry is taken: three
// users of POP3, seven sessions of the web. Everybody has been idle for half a
// minute.
func newMorning(t *testing.T, policy string) *morning {
	needLoopback(t, alice, bob, carol, dave)
	m := &morning{site: newSite(t, fmt.Sprintf(tableOfTen, policy)), web: httpSpeaker(), mail: pop3Speaker()}
	for _, from := range []string{bob, carol, dave} {
		m.users = append(m.users, m.beginAs(m.mail, from))
	}
	assert.Contains(t, m.failopenOf(protocols.POP3), " state=normal trigger=none since=- action=inspect entries=3/10 room=yes ")
	for range 7 {
		m.browse()
	}
	m.advance(31 * time.Second)
	for _, p := range protocols.All {
		assert.Contains(t, m.failopenOf(p), " state=failopen trigger=session ", "the table is shared")
	}
	m.level4("the web has filled the table", map[protocols.Protocol]figures{
		protocols.HTTP: {current: 7, limit: 10, peak: 7, setupOK: 7},
		protocols.POP3: {current: 3, limit: 10, peak: 3, setupOK: 3},
	})
	return m
}

// browse is one more session of the web, which goes on until it is told to end.
func (m *morning) browse() {
	m.t.Helper()
	m.browsers = append(m.browsers, m.idleAs(m.web, alice))
}

// level4 prints level 4 and checks what it says; protocols that are not named have
// seen nothing.
func (m *morning) level4(when string, want map[protocols.Protocol]figures) {
	t := m.t
	t.Helper()
	m.invariants()
	t.Logf("%s:\n%s%s", when, m.exec("get test proxyworker 4"), m.exec("diagnose sim leak"))
	for _, p := range protocols.All {
		f, named := want[p]
		if !named {
			f = figures{limit: 10}
		}
		assert.Equal(t, f, m.figuresOf(p), "%s: %s", when, p)
	}
}

// works has everybody who is connected do something: clean content passes byte by
// byte, the EICAR file does not.
func (m *morning) works(want sight, clients ...*client) {
	m.t.Helper()
	for _, c := range clients {
		m.mail.clean(c)
		saw, err := m.mail.eicar(c)
		require.NoError(m.t, err)
		assert.Equal(m.t, want, saw)
		if want == blocked {
			m.rests(c)
		}
	}
}

// quits ends a user's session; its entry is free when it returns.
func (m *morning) quits(user *client) {
	m.t.Helper()
	before := m.inTable()
	user.does("QUIT", "+OK")
	m.eventually(func() bool { return m.inTable() == before-1 }, "entry of a user who has left")
	user.Close()
}

// closesAll ends all sessions and checks that each connection was counted once.
func (m *morning) closesAll() {
	for _, b := range m.browsers {
		b.Close()
	}
	for _, u := range m.users {
		u.Close()
	}
	m.conserved()
}

// TestStarvation is the morning with av-failopen off.
func TestStarvation(t *testing.T) {
	m := newMorning(t, "off")
	for range 2 {
		saw, _ := m.meet(m.web, alice, m.vip)
		assert.Equal(t, refused, saw)
	}
	m.works(blocked, m.users...)
	m.level4("who is connected works, the web is refused", map[protocols.Protocol]figures{
		protocols.HTTP: {current: 7, limit: 10, peak: 7, setupOK: 7, setupFail: 2, refused: 2},
		protocols.POP3: {current: 3, limit: 10, peak: 3, setupOK: 3},
	})

	for i, from := range []string{bob, carol, dave} {
		m.quits(m.users[i])
		m.browse() // somebody was waiting for that
		for range 2 {
			saw, _ := m.meet(m.mail, from, m.door(m.mail))
			assert.Equal(t, refused, saw, "user %d has joined the starved", i+1)
		}
		m.works(blocked, m.users[i+1:]...)
		m.level4(fmt.Sprintf("user %d has left and can't come back", i+1), map[protocols.Protocol]figures{
			protocols.HTTP: {current: 8 + i, limit: 10, peak: 8 + i, setupOK: 8 + i, setupFail: 2, refused: 2},
			protocols.POP3: {current: 2 - i, limit: 10, peak: 3, setupOK: 3, setupFail: 2 * (i + 1), refused: 2 * (i + 1)},
		})
	}
	for _, l := range m.Engine().Report().Ledger[protocols.POP3].Leaks {
		assert.Equal(t, stats.LeakReport{}, l, "nothing passes unscanned")
	}

	m.browsers[0].Close()
	m.settled(9)
	assert.Contains(t, m.failopenOf(protocols.POP3), " state=normal ")
	m.users = []*client{m.beginAs(m.mail, bob)}
	m.works(blocked, m.users...)
	m.level4("one session of the web has ended", map[protocols.Protocol]figures{
		protocols.HTTP: {current: 9, limit: 10, peak: 10, setupOK: 10, setupFail: 2, refused: 2},
		protocols.POP3: {current: 1, limit: 10, peak: 3, setupOK: 4, setupFail: 6, refused: 6},
	})
	m.closesAll()
}

// TestStarvationWithPass is the same morning with av-failopen pass: nobody is
// starved, and whoever comes back is no longer scanned.
func TestStarvationWithPass(t *testing.T) {
	m := newMorning(t, "pass")
	saw, past := m.meet(m.web, alice, m.vip)
	assert.Equal(t, unscanned, saw)
	m.works(blocked, m.users...)
	m.level4("who is connected is scanned, the web is bypassed", map[protocols.Protocol]figures{
		protocols.HTTP: {current: 7, limit: 10, peak: 7, setupOK: 7, bypassed: 1},
		protocols.POP3: {current: 3, limit: 10, peak: 3, setupOK: 3},
	})

	for i, from := range []string{bob, carol, dave} {
		m.quits(m.users[i])
		m.browse()
		saw, user := m.meet(m.mail, from, m.door(m.mail))
		assert.Equal(t, unscanned, saw, "user %d is back", i+1)
		m.users[i] = user
		m.works(unscanned, m.users[:i+1]...)
		m.works(blocked, m.users[i+1:]...)
		m.level4(fmt.Sprintf("user %d has left and come back unscanned", i+1), map[protocols.Protocol]figures{
			protocols.HTTP: {current: 8 + i, limit: 10, peak: 8 + i, setupOK: 8 + i, bypassed: 1},
			protocols.POP3: {current: 2 - i, limit: 10, peak: 3, setupOK: 3, bypassed: i + 1},
		})
	}
	leaks := m.Engine().Report().Ledger[protocols.POP3].Leaks
	assert.EqualValues(t, 3, leaks[stats.LeakFailopen].Sessions)
	assert.Greater(t, leaks[stats.LeakFailopen].Bytes, int64(3*len(mailOf(3))))

	m.browsers[0].Close()
	m.settled(9)
	m.works(unscanned, m.users...)
	fresh := m.beginAs(m.mail, bob)
	m.works(blocked, fresh)
	m.level4("one session of the web has ended, and scanning is back for who comes now", map[protocols.Protocol]figures{
		protocols.HTTP: {current: 9, limit: 10, peak: 10, setupOK: 10, bypassed: 1},
		protocols.POP3: {current: 1, limit: 10, peak: 3, setupOK: 4, bypassed: 3},
	})
	m.users = append(m.users, fresh, past)
	m.closesAll()
}

// TestStarvationWithIdleDrop is the same morning with av-failopen idledrop: whoever
// comes back takes the place of an idle session of the web, whose client has the
// most.
func TestStarvationWithIdleDrop(t *testing.T) {
	m := newMorning(t, "idledrop")
	m.works(blocked, m.users...)
	for i, from := range []string{bob, carol, dave} {
		m.quits(m.users[i])
		m.browse()
		saw, user := m.meet(m.mail, from, m.door(m.mail))
		assert.Equal(t, blocked, saw, "user %d is back, and scanned", i+1)
		m.browsers[0].dropped()
		m.browsers = m.browsers[1:]
		m.users[i] = user
		m.works(blocked, m.users...)
		m.level4(fmt.Sprintf("user %d has left and come back in the place of the web", i+1), map[protocols.Protocol]figures{
			protocols.HTTP: {current: 7, limit: 10, peak: 8, setupOK: 8 + i, dropped: i + 1},
			protocols.POP3: {current: 3, limit: 10, peak: 3, setupOK: 4 + i},
		})
	}
	saw, c := m.meet(m.web, dave, m.vip)
	assert.Equal(t, blocked, saw, "the web goes on too, at the cost of the same client")
	m.browsers[0].dropped()
	m.browsers = m.browsers[1:]
	for _, b := range m.browsers {
		b.finish()
	}
	m.works(blocked, m.users...)
	m.level4("the web has come from another address", map[protocols.Protocol]figures{
		protocols.HTTP: {current: 7, limit: 10, peak: 8, setupOK: 11, dropped: 4},
		protocols.POP3: {current: 3, limit: 10, peak: 3, setupOK: 6},
	})
	for _, p := range protocols.All {
		for _, l := range m.Engine().Report().Ledger[p].Leaks {
			assert.Equal(t, stats.LeakReport{}, l, "nothing passes unscanned")
		}
	}
	c.Close()
	m.closesAll()
	for i, l := range m.log("session dropped") {
		assert.Equal(t, [3]any{"HTTP", alice, 8.0 - float64(max(0, i-2))}, [3]any{l["protocol"], l["client"], l["entries of the client"]})
	}
}
