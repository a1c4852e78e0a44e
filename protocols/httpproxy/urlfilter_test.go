package httpproxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"utmsim/internal/transcript"
	"utmsim/protocols"
	"utmsim/proxy"
	"utmsim/scanner/samples"
)

// withRatings lets the category 26 be blocked at both listeners.
const withRatings = withForward + `config webfilter profile
    edit "ratings"
        config ftgd-wf
            config filters
                edit 1
                    set category 26
                    set action block
                next
            end
        end
    next
end
config firewall policy
    edit 1
        set webfilter-profile "ratings"
    next
end
config web-proxy explicit
    set webfilter-profile "ratings"
end
`

func newRatedRig(t testing.TB) *transcript.Rig {
	return transcript.NewRig(t, protocols.HTTP, new(Driver), withRatings)
}

func accounting(r *transcript.Rig, label string) int64 {
	v, _ := r.Engine.Report().Accounting[protocols.HTTP].Get(label)
	return v
}

func stateOf(r *transcript.Rig) (state proxy.RowState) {
	for row := range r.Engine.Rows {
		state = row.State
	}
	return state
}

// A request that waits for the category of its host is neither idle nor lost: what
// came behind it is handled when its turn comes, however long that takes.
func TestWaitingForARating(t *testing.T) {
	r := newRatedRig(t)
	c := r.Dial()
	for _, host := range []string{"waiting.test", "malware.test", "unrated.test"} {
		_, err := fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", host)
		require.NoError(t, err)
	}
	r.Eventually(func() bool { return stateOf(r) == proxy.RowURLFilter }, "the request waits")
	require.EqualValues(t, 1, accounting(r, "urlfilter/most"))
	require.Zero(t, r.Engine.DropAllIdle())
	r.NobodyConnected()
	r.Advance(proxyPatience)
	r.OpenGate()

	origin := r.Accept()
	from, to := bufio.NewReader(origin), bufio.NewReader(c)
	for _, want := range []int{204, 403, 204} {
		if want == 204 {
			_, err := http.ReadRequest(from)
			require.NoError(t, err)
			_, err = io.WriteString(origin, "HTTP/1.1 204 No Content\r\n\r\n")
			require.NoError(t, err)
		}
		resp, err := http.ReadResponse(to, nil)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
		require.Equal(t, want, resp.StatusCode)
	}
	require.EqualValues(t, 1, accounting(r, "urlfilter"), "one answer came from elsewhere")
	require.EqualValues(t, 3, accounting(r, "urlfilter/answers"))
	require.Zero(t, accounting(r, "uf_lookupf"))
}

// proxyPatience is longer than any time-out of a session.
const proxyPatience = 3600e9

// A client that leaves gives up its question.
func TestClientLeavesWhileItsHostIsRated(t *testing.T) {
	r := newRatedRig(t)
	c := r.Dial()
	_, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: waiting.test\r\n\r\n")
	require.NoError(t, err)
	r.Eventually(func() bool { return stateOf(r) == proxy.RowURLFilter }, "the request waits")
	require.NoError(t, c.SetLinger(0))
	require.NoError(t, c.Close())
	r.Eventually(func() bool { return r.Engine.Sessions() == 0 }, "the session ends")
	stat := &r.Engine.Report().Stat[protocols.HTTP]
	gaveUp, _ := stat.Get("Error Count (urlfilter wait)")
	require.EqualValues(t, 1, gaveUp)
	require.Zero(t, accounting(r, "urlfilter/answers"))
	r.NobodyConnected()
}

// Who is dropped, or cut by a restart, does not wait either.
func TestRestartWhileAHostIsRated(t *testing.T) {
	r := newRatedRig(t)
	c := r.Dial()
	_, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: waiting.test\r\n\r\n")
	require.NoError(t, err)
	r.Eventually(func() bool { return stateOf(r) == proxy.RowURLFilter }, "the request waits")
	r.Engine.Restart()
	_, err = io.ReadAll(c)
	require.Error(t, err, "the session is reset")
	r.Eventually(func() bool { return r.Engine.Sessions() == 0 }, "the session ends")
}

// What was a worm a moment ago counts as a URL infected with worms.
func TestKnownWormIsAURLInfectedWithWorms(t *testing.T) {
	r := transcript.NewRig(t, protocols.HTTP, new(Driver), withForward+`config system simulator
    set exchange-timeout 3600
end
config firewall profile-protocol-options
    edit "default"
        config http
            set options clientcomfort
            set comfort-interval 1
        end
    next
end
`)
	worm := samples.Worm()
	ask := func() *net.TCPConn {
		c := r.Dial()
		_, err := io.WriteString(c, "GET /worm HTTP/1.1\r\nHost: origin.test\r\n\r\n")
		require.NoError(t, err)
		return c
	}
	c := ask()
	origin := r.Accept()
	_, err := fmt.Fprintf(origin, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(worm), worm[:10])
	require.NoError(t, err)
	first := make(chan error, 1)
	go func() {
		_, err := c.Read(make([]byte, 1))
		first <- err
	}()
	comforted := false
	r.Eventually(func() bool {
		r.Advance(2e8) // in small steps: an hour is the end of it
		select {
		case err := <-first:
			require.NoError(t, err)
			comforted = true
		default:
		}
		return comforted
	}, "the client gets a little")
	_, err = origin.Write(worm[10:])
	require.NoError(t, err)
	_, err = io.ReadAll(c)
	require.Error(t, err, "the client is reset")

	resp, err := http.ReadResponse(bufio.NewReader(ask()), nil)
	require.NoError(t, err)
	require.Equal(t, 403, resp.StatusCode)
	worms, _ := r.Engine.Report().Stat[protocols.HTTP].Get("URL requests infected with worms")
	require.EqualValues(t, 1, worms)
}
