package appliance_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The other events of the behaviour page, each made to happen and read field by
// field; TestEventsBecomeLines has the first ones.

// TestLatchLines: one-shot fires once, and is over when somebody says so.
func TestLatchLines(t *testing.T) {
	s := newSite(t, fmt.Sprintf(tableOfFour, "5.2", "enable", "one-shot"))
	s.exec("diagnose sim fill http 4")
	saw, _ := s.fetchEICAR(alice)
	require.Equal(t, unscanned, saw)
	holds(t, s.newest("event"), map[string]string{
		"logid": "0100022800", "type": "event", "subtype": "system", "level": "critical", "vd": "root", "logdesc": "Scan services session failed",
		"service": "http", "mode": "one-shot", "trigger": "session", "action": "bypass", "msg": "The system has activated one-shot fail mode",
	})
	s.exec("diagnose sim drain")
	s.set("system global", "av-failopen pass")
	assert.Contains(t, s.exec("execute log filter view-lines 100", "execute log display"), `msg="The system has deactivated one-shot fail mode"`)
	saw, _ = s.fetchEICAR(alice)
	assert.Equal(t, blocked, saw)
}

// TestDropLine: who was dropped, why it was that one, and for whom.
func TestDropLine(t *testing.T) {
	needLoopback(t, alice)
	s := newSite(t, fmt.Sprintf(tableOfFour, "5.2", "enable", "idledrop"))
	s.exec("diagnose sim fill http 3 client 10.0.0.9 idle 100", "diagnose sim fill http 1 client 10.0.0.8 idle 500")
	saw, _ := s.fetchEICAR(alice)
	require.Equal(t, blocked, saw, "it has a place, and is scanned")
	line := s.newest("event")
	holds(t, line, map[string]string{
		"logid": "0100060002", "level": "warning", "logdesc": "Idle proxy session dropped", "service": "http", "srcip": "10.0.0.9",
		"trigger": "session", "row": "12", "rank": "1", "idle": "100", "takenby": alice,
	})
	entry, _ := line.Value("entry")
	n, err := strconv.Atoi(entry)
	require.NoError(t, err)
	assert.Positive(t, n)
	s.exec("diagnose sim drain")
}

// TestMemoryLines: the later release, into the extreme level and out of it.
func TestMemoryLines(t *testing.T) {
	s := newSite(t, fmt.Sprintf(tableOfFour, "5.6", "enable", "off"))
	for _, c := range []struct{ dial, id, conserve, used, msg string }{
		{"90", "0100022011", "on", "921 MB", "Kernel enters memory conserve mode"},
		{"97", "0100022011", "on", "993 MB", "Kernel enters memory extreme mode"},
		{"90", "0100022011", "on", "921 MB", "Kernel exits memory extreme mode"},
		{"auto", "0100022012", "exit", "256 MB", "Kernel exits memory conserve mode"},
	} {
		s.exec("diagnose sim memory " + c.dial)
		line := s.newest("event")
		if v, _ := line.Value("logid"); v == "0100022800" { // the protocols follow, in the same step
			out := s.exec("execute log filter view-lines 8", "execute log filter field logid "+c.id, "execute log display")
			assert.Contains(t, out, ` msg="`+c.msg+`"`)
			continue
		}
		holds(t, line, map[string]string{"logid": c.id, "level": "critical", "vd": "root", "service": "kernel", "conserve": c.conserve,
			"total": "1024 MB", "used": c.used, "red": "901 MB", "green": "839 MB", "msg": c.msg})
	}
}

// TestContentLines: what could not be scanned, and what was too large.
func TestContentLines(t *testing.T) {
	s := newSite(t, fmt.Sprintf(tableOfFour, "5.2", "enable", "off"))
	s.exec("diagnose sim scanner errors 100")
	saw, c := s.fetchEICAR(alice)
	assert.NotEqual(t, unscanned, saw)
	holds(t, s.newest("virus"), map[string]string{
		"logid": "0200060006", "type": "utm", "subtype": "virus", "eventtype": "scanerror", "level": "warning", "vd": "root", "policyid": "1",
		"msg": "File could not be scanned.", "action": "blocked", "service": "HTTP", "srcip": alice, "dstip": "127.0.0.1", "proto": "6",
		"direction": "incoming", "url": "http://lab.test/eicar.com", "profile": "default",
	})
	c.Close()
	s.exec("diagnose sim scanner normal", "config firewall profile-protocol-options", "edit default", "config http", "set options oversize", "end", "end")
	c = s.dial(alice)
	c.ask(fmt.Sprintf("/bytes/%d", 2<<20))
	_, _, err := c.answer("GET")
	require.NoError(t, err)
	holds(t, s.newest("virus"), map[string]string{
		"logid": "0213008704", "eventtype": "oversize", "level": "warning", "action": "blocked", "filesize": strconv.Itoa(2 << 20),
		"msg": "Size limit is exceeded.", "filename": strconv.Itoa(2 << 20),
	})
}

// TestLinesAreOfTheTimezone: what is logged after the change has the new zone's time.
func TestLinesAreOfTheTimezone(t *testing.T) {
	s := newSite(t, "config system simulator\nset persona 5.6\nend\n")
	s.set("system global", "timezone 76")
	s.set("system global", "hostname there")
	line := s.newest("event")
	holds(t, line, map[string]string{"cfgattr": "hostname[FGT->there]", "tz": "+1400"})
}
