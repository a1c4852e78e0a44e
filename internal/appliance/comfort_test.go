package appliance_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
)

// pausing is an origin that sends the first half of an object and waits. The lab's
// own origins are slow by the clock only.
type pausing struct {
	ln      net.Listener
	object  []byte
	goOn    chan struct{}
	asked   atomic.Int64
	serving sync.WaitGroup
}

func newPausing(t testing.TB, object []byte) *pausing {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &pausing{ln: ln, object: object, goOn: make(chan struct{})}
	p.serving.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			p.serving.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(func() {
		assert.NoError(t, ln.Close())
		p.serving.Wait()
	})
	return p
}

// serve answers one request and ends with the connection.
func (p *pausing) serve(conn net.Conn) {
	defer conn.Close()
	if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
		return
	}
	p.asked.Add(1)
	fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(p.object), p.object[:len(p.object)/2])
	<-p.goOn
	_, _ = conn.Write(p.object[len(p.object)/2:]) // whoever has gone does not get it
}

// comforting gives clients three bytes every five seconds, and has a second VIP.
const comforting = `config firewall profile-protocol-options
    edit "default"
        config http
            set options clientcomfort
            set comfort-interval 5
            set comfort-amount 3
        end
    next
end
config firewall vip
    edit "pausing"
        set extip 127.0.0.1
        set extport 9
        set mappedip 127.0.0.1
        set mappedport %d
        set portforward enable
    next
end
config firewall policy
    edit 2
        set dstaddr "pausing"
        set action accept
        set service "HTTP"
        set utm-status enable
        set av-profile "default"
    next
end
`

func comfortSite(t *testing.T, object []byte) (s *site, p *pausing, vip string) {
	p = newPausing(t, object)
	s = newSite(t, fmt.Sprintf(comforting, p.ln.Addr().(*net.TCPAddr).Port))
	at, err := s.Engine().Addr(netip.MustParseAddrPort("127.0.0.1:9"))
	require.NoError(t, err)
	return s, p, at.String()
}

// TestABlockThatComesTooLate resets a client that has a part of an infected object
// already; whoever asks for the URL next is told why at once.
func TestABlockThatComesTooLate(t *testing.T) {
	s, p, vip := comfortSite(t, lab.EICAR())
	c := s.dialTo(alice, vip)
	c.ask("/late.com")
	s.eventually(func() bool { return s.Engine().Memory().Spools == 34 }, "first half held")
	s.advance(5 * time.Second)
	res, err := http.ReadResponse(c.r, nil)
	require.NoError(t, err)
	assert.Equal(t, 200, res.StatusCode)
	some := make([]byte, 6)
	_, err = io.ReadFull(res.Body, some[:3])
	require.NoError(t, err)
	s.advance(5 * time.Second)
	_, err = io.ReadFull(res.Body, some[3:])
	require.NoError(t, err)
	assert.Equal(t, lab.EICAR()[:6], some, "comfort")
	close(p.goOn)
	rest, err := io.ReadAll(c.r)
	assert.ErrorIs(t, err, syscall.ECONNRESET)
	assert.Empty(t, rest, "nothing more of it")
	s.settled(0)

	again := s.dialTo(alice, vip)
	again.ask("/late.com")
	res, body, err := again.answer("GET")
	require.NoError(t, err)
	assert.True(t, isBlockPage(res, body), "%s %q", res.Status, body)
	assert.EqualValues(t, 1, p.asked.Load(), "the server was not asked again")
	logged := s.log("content detected")
	require.Len(t, logged, 2)
	assert.NotContains(t, logged[0], "known")
	assert.Equal(t, true, logged[1]["known"], "the second was not judged again")
}

func TestComfortChangesNothingOfACleanObject(t *testing.T) {
	object := content(300_000)
	s, p, vip := comfortSite(t, object)
	c := s.dialTo(alice, vip)
	c.ask("/slow.bin")
	s.eventually(func() bool { return s.Engine().Memory().Spools > 100_000 }, "first half held")
	s.advance(5 * time.Second)
	_, err := c.r.Peek(1)
	require.NoError(t, err)
	close(p.goOn)
	_, body, err := c.answer("GET")
	require.NoError(t, err)
	assert.Equal(t, object, body)
	s.settled(1)
}
