package proxy

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/failopen"
	"utmsim/internal/config"
	"utmsim/protocols"
)

// addVDOM makes a VDOM with one VIP in front of the server, and returns its door.
func (r *rig) addVDOM(name string, port int) string {
	r.t.Helper()
	r.load(fmt.Sprintf(`config vdom
edit %s
config firewall vip
    edit "v"
        set extip 127.0.0.1
        set extport %d
        set mappedip 127.0.0.1
        set mappedport %d
        set portforward enable
    next
end
config firewall policy
    edit 1
        set dstaddr "v"
        set action accept
        set service "HTTP"
        set utm-status enable
        set av-profile "default"
    next
end
end
`, name, port, r.server.ln.Addr().(*net.TCPAddr).Port))
	a, err := r.e.Addr(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port)))
	require.NoError(r.t, err)
	return a.String()
}

func (r *rig) deleteVDOM(name string) {
	r.t.Helper()
	r.load("config vdom\ndelete " + name + "\nend\n")
}

// index is that of a VDOM; -1 when it has no state.
func (r *rig) index(name string) int {
	if s := r.e.vdoms.Load().find(name); s != nil {
		return int(s.index)
	}
	return -1
}

// TestVDOMLeaves removes a VDOM that has a session: it goes on to its end, and only
// then the VDOM's place is another one's.
func TestVDOMLeaves(t *testing.T) {
	clock := new(atomic.Int64) // stands still unless it is moved
	clock.Store(int64(time.Hour))
	r := newRigWith(t, "config system global\nset av-failopen-session enable\nset av-failopen one-shot\nend\n",
		func(o *Options) { o.Now = clock.Load })
	door := r.addVDOM("a", 10)
	r.load("config system vdom-property\nedit a\nset proxy 1\nnext\nend\n")
	c := r.dialTo("127.0.0.1", door)
	c.get(100)
	bypassed := r.dialTo("127.0.0.1", door)
	bypassed.get(100) // sets the latch
	bypassed.Close()
	state := func(vdom string) (s FailopenState) {
		for _, f := range r.e.Failopen() {
			if f.VDOM == vdom && f.Proto == protocols.HTTP {
				s = f
			}
		}
		return s
	}
	assert.True(t, state("a").Latched)
	assert.False(t, state("root").Latched)
	was := r.e.Report().Accounting[protocols.HTTP]

	r.load("config system vdom-property\npurge\nend\nconfig vdom\ndelete a\nend\n")
	assert.Equal(t, []string{"root"}, r.e.VDOMs())
	assert.Nil(t, r.e.ReportVDOM("a"))
	c.get(100)
	clock.Add(int64(2 * retireFor)) // less than a session may rest
	r.addVDOM("b", 11)
	assert.Equal(t, 1, r.index("a"), "its session is there")
	assert.Equal(t, 2, r.index("b"))

	r.addVDOM("a", 10)
	setup, _ := r.e.ReportVDOM("a").Accounting[protocols.HTTP].Get("setup_ok")
	assert.EqualValues(t, 1, setup, "it has come back to what it had counted")
	r.deleteVDOM("a")
	c.Close()
	r.eventually(func() bool { return r.e.Sessions() == 0 }, "sessions over")
	r.deleteVDOM("b")
	assert.Equal(t, 1, r.index("a"), "a connection may be on its way")
	clock.Add(int64(retireFor))
	r.addVDOM("c", 12)
	assert.Equal(t, -1, r.index("a"))
	assert.Equal(t, -1, r.index("b"), "its place is free")
	assert.Equal(t, 1, r.index("c"))
	r.load("config system global\nset av-failopen off\nend\n")
	assert.False(t, state("c").Latched, "what was a's is not c's")
	assert.Equal(t, failopen.Row(7), state("c").Row)
	assert.Zero(t, r.e.ReportVDOM("c").Common[protocols.HTTP].Peak)
	now := r.e.Report().Accounting[protocols.HTTP]
	for _, label := range []string{"setup_ok", "clt", "srv"} {
		before, _ := was.Get(label)
		after, _ := now.Get(label)
		assert.GreaterOrEqual(t, after, before, "the unit's %s does not go back", label)
	}
	require.NoError(t, r.e.Report().Check())

	r.deleteVDOM("c")
	clock.Add(int64(time.Second))
	r.e.Fill("", protocols.HTTP, 8032, netip.MustParseAddr("192.0.2.1"), 0)
	assert.True(t, state("root").Session)
	clock.Add(int64(time.Second))
	r.addVDOM("d", 13)
	assert.Equal(t, 2, r.index("d"))
	assert.True(t, state("d").Session, "it finds the pool full")
	assert.Equal(t, state("d").SessionSince, state("d").Since)
	assert.Greater(t, state("d").Since, state("root").Since, "since it is there")
	for _, l := range r.logs.FilterMessage("failopen entered").All() {
		assert.Contains(t, []string{"root", "a", "d"}, l.ContextMap()["vdom"])
	}
	r.e.Drain()
	r.e.Restart()
	setup, _ = r.e.Report().Accounting[protocols.HTTP].Get("setup_ok")
	assert.Zero(t, setup, "but for level 99")
}

// TestVDOMAddresses has two VDOMs want the same address.
func TestVDOMAddresses(t *testing.T) {
	r := newRig(t, "")
	_, err := r.store.Load("test", strings.NewReader(`config vdom
edit a
config web-proxy explicit
    set status enable
    set incoming-ip 127.0.0.1
    set http-incoming-port 9
end
end
`))
	assert.ErrorContains(t, err, `firewall vip "v" and web-proxy explicit of VDOM a both listen on 127.0.0.1:9`)
	assert.Equal(t, []string{"root"}, r.e.VDOMs())
	lines, err := Doorways(r.store.Snapshot())
	require.NoError(t, err)
	assert.Len(t, lines, 1)
}

// TestPhantomsOfVDOM fills one VDOM.
func TestPhantomsOfVDOM(t *testing.T) {
	r := newRig(t, "config vdom\nedit a\nend\nconfig system vdom-property\nedit a\nset proxy 3\nend\n")
	assert.Equal(t, 3, r.e.Fill("a", protocols.FTP, 5, netip.MustParseAddr("192.0.2.1"), 0))
	assert.Zero(t, r.e.Fill("none", protocols.FTP, 5, netip.MustParseAddr("192.0.2.1"), 0))
	assert.Equal(t, 5, r.e.Fill("", protocols.FTP, 5, netip.MustParseAddr("192.0.2.1"), 0))
	assert.Equal(t, 5, r.e.Fill(config.RootVDOM, protocols.HTTP, 5, netip.MustParseAddr("192.0.2.1"), 0))
	count := map[string]int{}
	for row := range r.e.Rows {
		count[row.VDOM]++
	}
	assert.Equal(t, map[string]int{"a": 3, "root": 10}, count)
	assert.Equal(t, 3, r.e.ReportVDOM("a").Pool)
	assert.Equal(t, 8032, r.e.ReportVDOM("root").Pool)
	require.NoError(t, r.e.ReportVDOM("a").Check())
	assert.Equal(t, 13, r.e.Drain())
}
