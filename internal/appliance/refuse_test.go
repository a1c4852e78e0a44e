package appliance_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/protocols"
)

// TestRefusalStyles shows a client that finds no room, and an idle one that has to
// go, each style of being refused.
func TestRefusalStyles(t *testing.T) {
	const config = `config system resource-limits
    set proxy 1
end
config system simulator
    set refuse %s
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
	for _, style := range []string{"reset", "close", "hang", "polite"} {
		t.Run(style, func(t *testing.T) {
			eachProtocol(t, func(t *testing.T, sp *speaker) {
				t.Run("newcomer", func(t *testing.T) {
					s := newSite(t, fmt.Sprintf(config, style, "off"))
					first := s.idleAs(sp, alice)
					c, err := s.connect(alice, s.door(sp))
					if err == nil {
						s.keep(c)
						s.eventually(func() bool { return s.figuresOf(sp.proto).setupFail == 1 }, "refused")
						s.sees(c, sp, style)
					} else {
						assert.Equal(t, "reset", style, "%v", err)
					}
					first.finish()
					first.Close()
					s.conserved()
				})
				t.Run("dropped", func(t *testing.T) {
					s := newSite(t, fmt.Sprintf(config, style, "idledrop"))
					first := s.idleAs(sp, alice)
					s.advance(31 * time.Second)
					saw, second := s.meet(sp, alice, s.door(sp))
					require.Equal(t, blocked, saw)
					if style == "hang" {
						s.sees(first.client, sp, "reset") // whoever is dropped is not kept
					} else {
						s.sees(first.client, sp, style)
					}
					first.Close()
					second.Close()
					s.conserved()
				})
			})
		})
	}
}

// sees checks what a client that is not wanted sees, to the last byte.
func (s *site) sees(c *client, sp *speaker, style string) {
	t := s.t
	if style == "hang" {
		s.endsSilence(c)
		return
	}
	said, err := io.ReadAll(c.r)
	switch style {
	case "reset":
		assert.Empty(t, said)
		assert.ErrorIs(t, err, syscall.ECONNRESET)
	case "close":
		assert.Empty(t, said)
		assert.NoError(t, err)
	case "polite":
		assert.NoError(t, err, "closed in order")
		assert.Regexp(t, `^`+sp.farewell+`$`, string(said))
		t.Logf("%q", said[:min(len(said), 200)])
	}
}

// endsSilence waits for the reset at the end of a minute of silence. A refusal is
// counted just before the silence begins, and the clock may have been moved in
// between: then a second minute ends it.
func (s *site) endsSilence(c *client) {
	require.False(s.t, s.hangs(c))
	s.advance(30 * time.Second) // what it takes to get here counts too
	require.False(s.t, s.hangs(c))
	s.advance(30 * time.Second)
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); {
		if s.hangs(c) {
			return
		}
	}
	s.advance(time.Minute)
	s.eventually(func() bool { return s.hangs(c) }, "the silence ends")
}

// hangs tells that a client that was held in silence was reset at last.
func (s *site) hangs(c *client) bool {
	require.NoError(s.t, c.SetReadDeadline(time.Now().Add(time.Millisecond)))
	_, err := c.Read(make([]byte, 1))
	require.Error(s.t, err, "not a word")
	return errors.Is(err, syscall.ECONNRESET)
}

// TestLimitsOfOtherKinds: a limit of the protocol and one of the VDOM refuse, and
// make room, like that of the table.
func TestLimitsOfOtherKinds(t *testing.T) {
	for name, limit := range map[string]string{
		"of the protocol":             "config system simulator\nset %s-limit 2\nend\n",
		"of the VDOM":                 "config system vdom-property\nedit root\nset proxy 2\nnext\nend\n",
		"of each protocol's own pool": "config system simulator\nset pool per-protocol\nend\nconfig system resource-limits\nset proxy 2\nend\n",
	} {
		t.Run(name, func(t *testing.T) {
			eachProtocol(t, func(t *testing.T, sp *speaker) {
				limit := strings.ReplaceAll(limit, "%s", sp.proto.Word())
				s := newSite(t, limit+"config system global\nset av-failopen-session enable\nset av-failopen off\nend\n")
				if name != "of the VDOM" {
					s.exec("diagnose sim fill " + protocols.All[(int(sp.proto)+1)%protocols.Count].Word() + " 2")
				}
				first, second := s.idleAs(sp, alice), s.idleAs(sp, alice)
				assert.Regexp(t, ` trigger=session .* entries=2/\d+ room=no latch=none row=9 `, s.failopenOf(sp.proto))
				saw, _ := s.meet(sp, alice, s.door(sp))
				assert.Equal(t, refused, saw)
				s.set("system global", "av-failopen idledrop")
				s.advance(31 * time.Second)
				saw, third := s.meet(sp, alice, s.door(sp))
				assert.Equal(t, blocked, saw)
				first.dropped()
				second.finish()
				s.exec("diagnose sim drain")
				second.Close()
				third.Close()
				s.conserved()
			})
		})
	}
}
