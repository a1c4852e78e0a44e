package appliance_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
		t.Run(style+"/newcomer", func(t *testing.T) {
			s := newSite(t, fmt.Sprintf(config, style, "off"))
			first := s.idle(alice)
			c, err := s.connect(alice, s.vip)
			if err == nil {
				s.keep(c)
				s.eventually(func() bool { return s.figures().setupFail == 1 }, "refused")
				s.sees(c, style)
			} else {
				assert.Equal(t, "reset", style, "%v", err)
			}
			first.finish()
			first.Close()
			s.conserved()
		})
		t.Run(style+"/dropped", func(t *testing.T) {
			s := newSite(t, fmt.Sprintf(config, style, "idledrop"))
			first := s.idle(alice)
			s.advance(31 * time.Second)
			saw, second := s.fetchEICAR(alice)
			require.Equal(t, blocked, saw)
			if style == "hang" {
				style = "reset" // whoever is dropped is not kept
			}
			s.sees(first.client, style)
			first.Close()
			second.Close()
			s.conserved()
		})
	}
}

// sees checks what a client that is not wanted sees.
func (s *site) sees(c *client, style string) {
	t := s.t
	if style == "hang" {
		require.NoError(t, c.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
		_, err := c.r.Peek(1)
		require.True(t, errors.Is(err, os.ErrDeadlineExceeded), "silence, not %v", err)
		require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
		s.advance(time.Minute)
		style = "reset"
	}
	if style == "polite" {
		res, err := http.ReadResponse(c.r, nil)
		require.NoError(t, err)
		assert.Equal(t, 503, res.StatusCode)
		assert.NotEmpty(t, res.Header.Get("Retry-After"))
		assert.True(t, res.Close)
		page, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		assert.NotEmpty(t, page)
		style = "close"
	}
	rest, err := io.ReadAll(c.r)
	assert.Empty(t, rest)
	if style == "reset" {
		assert.ErrorIs(t, err, syscall.ECONNRESET)
		return
	}
	assert.NoError(t, err)
}

// TestLimitsOfOtherKinds: a limit of the protocol and one of the VDOM refuse, and
// make room, like that of the table.
func TestLimitsOfOtherKinds(t *testing.T) {
	for name, limit := range map[string]string{
		"of HTTP":                     "config system simulator\nset http-limit 2\nend\n",
		"of the VDOM":                 "config system vdom-property\nedit root\nset proxy 2\nnext\nend\n",
		"of each protocol's own pool": "config system simulator\nset pool per-protocol\nend\nconfig system resource-limits\nset proxy 2\nend\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, limit+"config system global\nset av-failopen-session enable\nset av-failopen off\nend\n")
			if name != "of the VDOM" {
				s.exec("diagnose sim fill pop3 2")
			}
			first, second := s.idle(alice), s.idle(alice)
			assert.Regexp(t, ` trigger=session .* entries=2/\d+ room=no latch=none row=9 `, s.failopenLine())
			saw, _ := s.fetchEICAR(alice)
			assert.Equal(t, refused, saw)
			s.set("system global", "av-failopen idledrop")
			s.advance(31 * time.Second)
			saw, third := s.fetchEICAR(alice)
			assert.Equal(t, blocked, saw)
			first.dropped()
			second.finish()
			third.home()
			s.exec("diagnose sim drain")
			second.Close()
			third.Close()
			s.conserved()
		})
	}
}
