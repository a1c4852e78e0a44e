package appliance_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tableWithPass lets everybody in: the first four inspected, the others bypassed.
func tableWithPass() string { return fmt.Sprintf(tableOfFour, "5.2", "enable", "pass") }

var runningTime = regexp.MustCompile(`Running time \(HH:MM:SS:usec\) +(\d\d):(\d\d):(\d\d):(\d{6})\n`)

func (s *site) runningTime() time.Duration {
	m := runningTime.FindStringSubmatch(s.exec("get test proxyworker 4"))
	require.NotNil(s.t, m)
	d, err := time.ParseDuration(m[1] + "h" + m[2] + "m" + m[3] + "s" + m[4] + "us")
	require.NoError(s.t, err)
	return d
}

// TestLevel99 restarts the proxy with sessions in all states.
func TestLevel99(t *testing.T) {
	s := newSite(t, tableWithPass())
	silent := s.dial(alice)
	s.rests(silent)
	crew := []task{{silent, "silent", nil}, s.idle(alice), s.uploading(alice), s.downloading(alice)}
	saw, fifth := s.fetchEICAR(alice)
	require.Equal(t, unscanned, saw)
	config, began := s.exec("show"), time.Now()
	require.Positive(t, s.runningTime())

	assert.Equal(t, "proxy restarted, 4 connections closed\n", s.exec("get test proxyworker 99"))
	assert.Zero(t, s.inTable())
	crew[0].dropped()
	crew[1].dropped()
	crew[2].dropped()
	crew[3].cut()
	s.settled(0)
	assert.Equal(t, figures{limit: 4}, s.figures())
	assert.LessOrEqual(t, s.runningTime(), time.Since(began), "begun anew")
	assert.Equal(t, config, s.exec("show"))
	assert.Contains(t, s.failopenLine(), " state=normal ")

	fifth.ask("/eicar.com")
	res, body, err := fifth.answer("GET")
	require.NoError(t, err)
	assert.Equal(t, unscanned, sightOf(res, body), "a bypassed session is not the proxy's to close")
	saw, c := s.fetchEICAR(alice)
	assert.Equal(t, blocked, saw, "listeners keep accepting")
	c.home()
	assert.Equal(t, figures{current: 1, limit: 4, peak: 1, setupOK: 1}, s.figures())
	reasons := map[any]int{}
	for _, l := range s.log("session") {
		reasons[l["close"]]++
	}
	assert.Equal(t, 4, reasons["restart"])
	assert.Len(t, s.log("started"), 1)
}

// TestLevel99KeepsTheLatch: only av-failopen pass or off clears it.
func TestLevel99KeepsTheLatch(t *testing.T) {
	s := newSite(t, fmt.Sprintf(tableOfFour, "5.2", "enable", "one-shot"))
	for range 4 {
		s.idle(alice)
	}
	s.bypassOne(httpSpeaker())
	s.exec("get test proxyworker 99")
	assert.Contains(t, s.failopenLine(), " room=yes latch=protocol row=2 ")
	s.bypassOne(httpSpeaker())
	s.set("system global", "av-failopen off")
	saw, _ := s.fetchEICAR(alice)
	assert.Equal(t, blocked, saw)
}

// TestLevel2 drops all inspected sessions and keeps the counters.
func TestLevel2(t *testing.T) {
	s := newSite(t, tableWithPass())
	crew := []task{s.idle(alice), s.uploading(alice), s.downloading(alice), s.idle(alice)}
	_, fifth := s.fetchEICAR(alice)
	before := s.figures()
	assert.Equal(t, "4 connections dropped\n", s.exec("get test proxyworker 2"))
	crew[0].dropped()
	crew[1].dropped()
	crew[2].cut()
	crew[3].dropped()
	s.settled(0)
	want := before
	want.current = 0
	assert.Equal(t, want, s.figures())
	fifth.home()
	s.begin(alice).home()
	assert.Equal(t, "1 connections dropped\n", s.exec("get test proxyworker 2"))
	assert.Equal(t, "0 connections dropped\n", s.exec("diagnose test application proxyworker 2"))
}

// TestLevel222 drops all idle sessions, and nobody else.
func TestLevel222(t *testing.T) {
	s := newSite(t, tableWithPass())
	old := []task{s.idle(alice), s.idle(alice)}
	s.advance(30 * time.Second)
	crew := []task{s.uploading(alice), s.idle(alice)}
	assert.Equal(t, "2 idle connections dropped\n", s.exec("get test proxyworker 222"))
	for _, c := range old {
		c.dropped()
	}
	assert.Equal(t, "0 idle connections dropped\n", s.exec("get test proxyworker 222"))
	for _, c := range crew {
		c.finish()
	}
	s.settled(2)
}

// TestLevel22 is one round of idledrop by hand, whatever av-failopen says.
func TestLevel22(t *testing.T) {
	needLoopback(t, alice, bob)
	s := newSite(t, tableWithPass())
	bob0 := s.idle(bob)
	s.advance(10 * time.Second)
	alice10, alice10b := s.idle(alice), s.uploading(alice)
	assert.Equal(t, "no idle connection\n", s.exec("get test proxyworker 22"), "for 30 seconds nobody is idle")
	s.advance(40 * time.Second)
	first := s.number(alice10.client)
	assert.Equal(t, fmt.Sprintf("dropped entry=%d protocol=HTTP client=%s rank=1 connections=2 idle=40s\n", first, alice), s.exec("get test proxyworker 22"))
	alice10.dropped()
	second := s.number(bob0.client)
	assert.Equal(t, fmt.Sprintf("dropped entry=%d protocol=HTTP client=%s rank=1 connections=1 idle=50s\n", second, bob), s.exec("get test proxyworker 22"))
	bob0.dropped()
	assert.Equal(t, "no idle connection\n", s.exec("get test proxyworker 22"))
	alice10b.finish()
	s.settled(1)
}

const fullTable = 8032

// TestTheLastEntryOfThousands fills the table with phantoms up to its last entry,
// which goes to a real session.
func TestTheLastEntryOfThousands(t *testing.T) {
	s := newSite(t, "config system global\nset av-failopen-session enable\nset av-failopen off\nend\n")
	assert.Equal(t, "8031 of 8031 entries filled, HTTP 8031, all protocols 8031/8032\n",
		s.exec("diagnose sim fill http 8031 client 192.0.2.9 idle 10"))
	assert.Contains(t, s.failopenLine(), " state=normal trigger=none since=- action=inspect entries=8031/8032 room=yes ")
	last := s.idle(alice)
	assert.Contains(t, s.failopenLine(), " action=refuse entries=8032/8032 room=no latch=none row=9 ")
	saw, _ := s.fetchEICAR(alice)
	assert.Equal(t, refused, saw)
	assert.Equal(t, figures{current: fullTable, limit: fullTable, peak: fullTable, setupOK: 1, setupFail: 1, refused: 1}, s.figures())
	for _, line := range strings.Split(strings.TrimSpace(s.exec("diagnose sim failopen")), "\n") {
		assert.Contains(t, line, " room=no ", "the protocols share the table")
	}

	last.finish()
	last.Close()
	s.settled(fullTable - 1)
	next := s.idle(alice)
	assert.Equal(t, "0 of 1 entries filled, SMTP 0, all protocols 8032/8032\n", s.exec("diagnose sim fill smtp 1"))
	assert.Equal(t, "8031 entries drained\n", s.exec("diagnose sim drain"))
	s.settled(1)
	next.finish()
	assert.Equal(t, "0 entries drained\n", s.exec("diagnose sim drain"))
}

// TestOneOfManyTakesTheLastEntry has clients race for it.
func TestOneOfManyTakesTheLastEntry(t *testing.T) {
	s := newSite(t, "config system global\nset av-failopen-session enable\nset av-failopen pass\nend\n")
	s.exec("diagnose sim fill pop3 4000", "diagnose sim fill http 4031")
	const racers = 32
	saws := make(chan sight, racers)
	for range racers {
		go func() { saws <- s.race() }()
	}
	got := map[sight]int{}
	for range racers {
		got[<-saws]++
	}
	assert.Equal(t, map[sight]int{blocked: 1, unscanned: racers - 1}, got)
	f := s.figures()
	assert.Equal(t, figures{current: 4032, limit: fullTable, peak: 4032, setupOK: 1, bypassed: racers - 1}, f)
	_, peak := s.Engine().Entries()
	assert.Equal(t, fullTable, peak)
	s.exec("diagnose sim drain")
}

// race is fetchEICAR for a goroutine of its own, which may not end the test. The
// connection is left open.
func (s *site) race() sight {
	c, err := s.connect(alice, s.vip)
	if err != nil {
		return sight(err.Error())
	}
	s.keep(c)
	if _, err = fmt.Fprint(c, c.head("GET", "/eicar.com")+"\r\n"); err != nil {
		return sight(err.Error())
	}
	res, body, err := c.answer("GET")
	if err != nil {
		return sight(err.Error())
	}
	return sightOf(res, body)
}

// TestIdleDropTakesPhantomsToo: the newcomers take the places of the client with
// the most entries.
func TestIdleDropTakesPhantomsToo(t *testing.T) {
	s := newSite(t, "config system global\nset av-failopen-session enable\nset av-failopen idledrop\nend\n")
	s.exec("diagnose sim fill http 8031 client 192.0.2.9 idle 100")
	first := s.idle(alice)
	s.advance(31 * time.Second)
	for range 5 {
		saw, _ := s.fetchEICAR(alice)
		assert.Equal(t, blocked, saw)
	}
	first.finish()
	assert.Equal(t, figures{current: fullTable, limit: fullTable, peak: fullTable, setupOK: 6, dropped: 5}, s.figures())
	assert.Equal(t, "8026 entries drained\n", s.exec("diagnose sim drain"))
	for i, l := range s.log("session dropped") {
		assert.Equal(t, "192.0.2.9", l["client"])
		assert.EqualValues(t, 8031-i, l["entries of the client"])
		assert.Equal(t, "2m11s", l["idle"])
	}
}
