package appliance_test

import (
	"fmt"
	"net/netip"
	"regexp"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSessionsOnTheConsole looks at real sessions, inspected and bypassed, with
// "diagnose sys session" and the levels that show single connections.
func TestSessionsOnTheConsole(t *testing.T) {
	needLoopback(t, alice, bob)
	s := newSite(t, tableWithPass())
	crew := []task{s.idle(alice), s.idle(alice), s.uploading(alice), s.idle(bob)}
	saw, fifth := s.fetchEICAR(bob)
	require.Equal(t, unscanned, saw)
	s.advance(40 * time.Second)
	vip := netip.MustParseAddrPort(s.vip)

	list := s.exec("diagnose sys session list")
	assert.Contains(t, list, "\ntotal session 5\n")
	first := regexp.QuoteMeta(crew[0].LocalAddr().String()) + "->" + regexp.QuoteMeta(s.vip) + `\(` + regexp.QuoteMeta(s.origin()) + `\)`
	assert.Regexp(t, `session info: proto=6 proto_state=01 duration=40 expire=20 timeout=60\nstate=may_dirty redir\n`+
		`statistic\(bytes\): org=\d+ reply=\d+\nhook=pre dir=org act=dnat `+first+`\nmisc=0 policy_id=1 vd=root serial=[0-9a-f]{8} app=http utm=IDLE entry=\d+ row=0\n`, list)
	assert.Regexp(t, `state=bypass\n.*\n.*`+regexp.QuoteMeta(fifth.LocalAddr().String())+`->.*\n.* entry=0 row=10\b`, list)

	filtered := func(lines ...string) string {
		return s.exec(append(append([]string{"diagnose sys session filter clear"}, lines...), "diagnose sys session list | grep total")...)
	}
	port := crew[1].LocalAddr().String()[len(alice)+1:]
	for want, filter := range map[int][]string{
		3: {"diagnose sys session filter src " + alice},
		2: {"diagnose sys session filter src " + bob},
		1: {"diagnose sys session filter src " + alice, "diagnose sys session filter sport " + port},
		5: {"diagnose sys session filter dst 127.0.0.1", fmt.Sprintf("diagnose sys session filter dport %d", vip.Port()), "diagnose sys session filter policy 1", "diagnose sys session filter proto http"},
		0: {"diagnose sys session filter proto smtp"},
	} {
		assert.Equal(t, fmt.Sprintf("total session %d\n", want), filtered(filter...), filter)
	}
	assert.Equal(t, "proxy:\t inspected=4 bypassed=1 refused=0 dropped=0\n", s.exec("diagnose sys session stat | grep proxy:"))

	assert.Equal(t, "5\n", s.exec("get test http 44 | grep -c id="))
	assert.Regexp(t, `\nid=\d+ vd=root `+regexp.QuoteMeta(crew[2].LocalAddr().String())+`->\S+ state=(ACTIVE|TRANSACTION) idle=0 age=40 clt=\d+ srv=\d+ `, s.exec("get test http 44"))
	assert.Equal(t, "1\n", s.exec("get test http 44 | grep -c 'bypass=10 entry=0'"))
	assert.Regexp(t, `^Worker\[0\] HTTP\nACTIVE=\d SCAN=0 URLFILTER=0 TRANSACTION=\d IDLE=\d BYPASSED=1\n$`, s.exec("get test http 444"))
	assert.Regexp(t, `^Worker\[0\] HTTP\nidle=3 connections=5 clients=2 idle-threshold=30\nid=`, s.exec("get test http 44444"))
	if runtime.GOOS == "linux" {
		assert.Equal(t, "5\n", s.exec("get test http 55 | grep -c 'tcp=ESTABLISHED txq=0 rxq=0 retransmits=0'"))
	}

	assert.Equal(t, "2 sessions cleared\n", s.exec("diagnose sys session filter src "+bob, "diagnose sys session clear"))
	crew[3].dropped()
	fifth.dropped()
	s.settled(3)
	assert.Equal(t, "1 sessions cleared\n", s.exec("diagnose sys session filter src "+alice, "diagnose sys session filter sport "+port, "diagnose sys session clear"))
	crew[1].dropped()
	assert.Equal(t, "2 connections dropped\n", s.exec("get test http 2"))
	crew[0].dropped()
	crew[2].dropped()
	s.settled(0)
	for _, l := range s.log("session") {
		assert.Equal(t, "cleared", l["close"])
	}
}
