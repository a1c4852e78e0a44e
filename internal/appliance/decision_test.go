package appliance_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/failopen"
	"utmsim/protocols"
)

// scene is one row of the decision table, met over the wire: four sessions of a
// protocol fill a table of four, something is done to the unit, and a fifth client
// comes.
type scene struct {
	*speaker
	row     failopen.Row
	name    string
	session string // av-failopen-session
	policy  string // av-failopen
	persona string // "" is 5.2
	busy    bool   // all four are in an exchange
	forward bool   // the fifth client uses the forward proxy, which HTTP has
	prepare func(*site, *speaker)
	leave   int    // of the four, before the fifth comes
	before  string // what "diagnose sim failopen" says, without row and entries
	after   string // if it changes
	next    failopen.Row
	sees    sight
	drops   bool
}

func memory(percent int) func(*site, *speaker) {
	return func(s *site, _ *speaker) { s.exec(fmt.Sprintf("diagnose sim memory %d", percent)) }
}

// latchByTable makes one-shot fire because the table is full.
func latchByTable(s *site, sp *speaker) { s.bypassOne(sp) }

// latchByMemory makes it fire in conserve mode, which then goes on.
func latchByMemory(s *site, sp *speaker) {
	s.exec("diagnose sim memory 90")
	s.bypassOne(sp)
}

func (s *site) bypassOne(sp *speaker) {
	s.t.Helper()
	saw, c := s.meet(sp, alice, s.door(sp))
	require.Equal(s.t, unscanned, saw)
	c.Close()
	s.eventually(func() bool { return s.Engine().Sessions() == s.inTable() }, "bypassed session over")
}

// and does several things in turn.
func and(steps ...func(*site, *speaker)) func(*site, *speaker) {
	return func(s *site, sp *speaker) {
		for _, step := range steps {
			step(s, sp)
		}
	}
}

func setPolicy(word string) func(*site, *speaker) {
	return func(s *site, _ *speaker) { s.set("system global", "av-failopen "+word) }
}

const (
	memoryRefuses  = "state=failopen trigger=memory action=refuse"
	memoryBypasses = "state=failopen trigger=memory action=bypass"
	memoryDrops    = "state=failopen trigger=memory action=idledrop"
	bothTriggers   = "state=failopen trigger=session,memory action="
	tableRefuses   = "state=failopen trigger=session action=refuse"
	tableBypasses  = "state=failopen trigger=session action=bypass"
	tableDrops     = "state=failopen trigger=session action=idledrop"
	onlyLatched    = "state=failopen trigger=none action=bypass"
	normalInspects = "state=normal trigger=none action=inspect"
	normalRefuses  = "state=normal trigger=none action=refuse"

	unlatched   = " latch=none"
	latched     = " latch=protocol"
	latchedAll  = " latch=all"
	persona56   = "5.6"
	inConserve  = 85 // percent of memory: above 80 (persona 5.2), below 88 (5.6)
	aboveRed    = 90
	inExtreme   = 97
	tableOfFour = `config system resource-limits
    set proxy 4
end
config firewall profile-protocol-options
    edit "default"
        config http
            set oversize-limit 1
        end
    next
end
config system simulator
    set persona %s
end
config system global
    set av-failopen-session %s
    set av-failopen %s
end
`
)

// scenes are all that are played with a protocol.
func scenes(sp *speaker) (list []scene) {
	for _, sc := range allScenes() {
		if sc.speaker = sp; !sc.forward || sp.proto == protocols.HTTP {
			list = append(list, sc)
		}
	}
	return list
}

func allScenes() []scene {
	list := []scene{
		{row: 1, name: "full", session: "disable", policy: "pass", persona: persona56, prepare: memory(inExtreme), before: memoryRefuses + unlatched, sees: refused},
		{row: 1, name: "room", session: "enable", policy: "one-shot", persona: persona56, prepare: memory(inExtreme), leave: 1, before: memoryRefuses + unlatched, sees: refused},
		{row: 1, name: "latched", session: "disable", policy: "one-shot", persona: persona56, prepare: and(latchByMemory, memory(inExtreme)), before: memoryRefuses + latchedAll, sees: refused},
		{row: 2, name: "full again", session: "enable", policy: "one-shot", prepare: latchByTable, before: tableBypasses + latched, sees: unscanned},
		{row: 2, name: "room again", session: "enable", policy: "one-shot", prepare: latchByTable, leave: 2, before: onlyLatched + latched, sees: unscanned},
		{row: 2, name: "memory again", session: "disable", policy: "one-shot", prepare: and(latchByMemory, memory(50)), leave: 1, before: onlyLatched + latchedAll, sees: unscanned},
		{row: 2, name: "still conserve", session: "disable", policy: "one-shot", prepare: latchByMemory, before: memoryBypasses + latchedAll, sees: unscanned},
		{row: 2, name: "conserve after the table latched", session: "enable", policy: "one-shot", prepare: and(latchByTable, memory(aboveRed)), before: bothTriggers + "bypass" + latched, sees: unscanned},
		{row: 2, name: "idledrop does not clear it", session: "enable", policy: "one-shot", prepare: and(latchByTable, setPolicy("idledrop")), before: tableBypasses + latched, sees: unscanned},
		{row: 3, name: "full", session: "disable", policy: "off", prepare: memory(inConserve), before: memoryRefuses + unlatched, sees: refused},
		{row: 3, name: "full, both triggers", session: "enable", policy: "off", prepare: memory(inConserve), before: bothTriggers + "refuse" + unlatched, sees: refused},
		{row: 3, name: "room, newer release", session: "enable", policy: "off", persona: persona56, prepare: memory(aboveRed), leave: 1, before: memoryRefuses + unlatched, sees: refused},
		{row: 4, name: "full", session: "disable", policy: "pass", prepare: memory(inConserve), before: memoryBypasses + unlatched, sees: unscanned},
		{row: 4, name: "room, newer release", session: "disable", policy: "pass", persona: persona56, prepare: memory(aboveRed), leave: 1, before: memoryBypasses + unlatched, sees: unscanned},
		{row: 5, name: "full", session: "disable", policy: "one-shot", prepare: memory(inConserve), before: memoryBypasses + unlatched, after: memoryBypasses + latchedAll, next: 2, sees: unscanned},
		{row: 5, name: "room", session: "enable", policy: "one-shot", prepare: memory(inConserve), leave: 1, before: memoryBypasses + unlatched, after: memoryBypasses + latchedAll, next: 2, sees: unscanned},
		{row: 6, name: "full", session: "disable", policy: "idledrop", prepare: memory(inConserve), before: memoryDrops + unlatched, sees: blocked, drops: true},
		{row: 6, name: "room", session: "enable", policy: "idledrop", prepare: memory(inConserve), leave: 1, before: memoryDrops + unlatched, sees: blocked, drops: true},
		{row: 6, name: "nobody idle", session: "disable", policy: "idledrop", busy: true, prepare: memory(inConserve), before: memoryDrops + unlatched, sees: refused},
		{row: 7, name: "memory and room", session: "enable", policy: "off", leave: 1, before: normalInspects + unlatched, after: tableRefuses + unlatched, next: 9, sees: blocked},
		{row: 7, name: "conserve mode over", session: "disable", policy: "off", prepare: and(memory(inConserve), memory(60)), leave: 1, before: normalInspects + unlatched, after: normalRefuses + unlatched, next: 8, sees: blocked},
		{row: 9, name: "off", session: "enable", policy: "off", before: tableRefuses + unlatched, sees: refused},
		{row: 10, name: "pass", session: "enable", policy: "pass", before: tableBypasses + unlatched, sees: unscanned},
		{row: 10, name: "pass, forward proxy", session: "enable", policy: "pass", forward: true, before: tableBypasses + unlatched, sees: unscanned},
		{row: 11, name: "one-shot", session: "enable", policy: "one-shot", before: tableBypasses + unlatched, after: tableBypasses + latched, next: 2, sees: unscanned},
		{row: 12, name: "idledrop", session: "enable", policy: "idledrop", before: tableDrops + unlatched, sees: blocked, drops: true},
		{row: 12, name: "idledrop, forward proxy", session: "enable", policy: "idledrop", forward: true, before: tableDrops + unlatched, sees: blocked, drops: true},
		{row: 12, name: "idledrop, nobody idle", session: "enable", policy: "idledrop", busy: true, before: tableDrops + unlatched, sees: refused},
	}
	for _, policy := range []string{"pass", "off", "one-shot", "idledrop"} {
		list = append(list, scene{row: 8, name: policy, session: "disable", policy: policy, before: normalRefuses + unlatched, sees: refused})
	}
	return list
}

func TestDecisionTable(t *testing.T) {
	eachProtocol(t, func(t *testing.T, sp *speaker) {
		met := map[failopen.Row]bool{}
		for _, sc := range scenes(sp) {
			met[sc.row] = true
			t.Run(fmt.Sprintf("row %d/%s", sc.row, sc.name), sc.play)
		}
		assert.Len(t, met, 12, "rows")
	})
}

func (sc scene) play(t *testing.T) {
	persona := sc.persona
	if persona == "" {
		persona = "5.2"
	}
	s := newSite(t, fmt.Sprintf(strings.Replace(tableOfFour, "config http", "config "+sc.proto.Word(), 1), persona, sc.session, sc.policy))
	sc.stock(t, s.Origins)
	crew := sc.crew(s)
	s.settled(4)
	if sc.prepare != nil {
		sc.prepare(s, sc.speaker)
	}
	for range sc.leave {
		last := crew[len(crew)-1]
		last.finish()
		last.Close()
		crew = crew[:len(crew)-1]
	}
	s.settled(4 - sc.leave)
	sc.state(s, "before", sc.before, sc.row)
	before := s.figuresOf(sc.proto)

	door := s.door(sc.speaker)
	if sc.forward {
		door = s.forward
	}
	saw, fifth := s.meet(sc.speaker, alice, door)
	assert.Equal(t, sc.sees, saw)
	t.Logf("the fifth client: %s", saw)
	s.invariants()

	assert.Equal(t, sc.expected(before), s.figuresOf(sc.proto))
	sc.state(s, "after", sc.stateAfter(), sc.rowAfter())
	if sc.drops {
		crew[0].dropped()
		t.Logf("%s session: reset; the other %d go on", crew[0].what, len(crew)-1)
		crew = crew[1:]
	}
	for _, c := range crew {
		c.finish()
	}
	sc.epilogue(s, crew, fifth)
	s.conserved()
	t.Logf("level 4 at the end: %+v", s.figuresOf(sc.proto))
	sc.checkLog(s)
}

// crew are four sessions: one that has been idle for long, and three in the middle
// of something; busy is without the idle one. The last one is the first to leave.
func (sc scene) crew(s *site) (crew []task) {
	if !sc.busy {
		crew = append(crew, s.idleAs(sc.speaker, alice))
		s.advance(31 * time.Second)
	} else {
		crew = append(crew, s.holdAs(sc.speaker, alice, sc.holds[len(sc.holds)-1]))
	}
	for _, h := range sc.holds[:3] {
		crew = append(crew, s.holdAs(sc.speaker, alice, h))
	}
	return crew
}

var sinceWord = regexp.MustCompile(` since=\S+`)

// state checks what "diagnose sim failopen" says.
func (sc scene) state(s *site, when, want string, row failopen.Row) {
	s.t.Helper()
	line := s.failopenOf(sc.proto)
	s.t.Logf("%s: %s", when, line)
	n, room := s.inTable(), "no"
	if n < 4 {
		room = "yes"
	}
	first, latch, _ := strings.Cut(want, " latch=")
	expect := fmt.Sprintf("%-4s vd=root %s entries=%d/4 room=%s latch=%s row=%d %s", sc.proto, first, n, room, latch, uint8(row), row.Text())
	assert.Equal(s.t, expect, sinceWord.ReplaceAllString(line, ""))
	s.t.Logf("%s: level 4 and ledger: %+v", when, s.figuresOf(sc.proto))
}

func (sc scene) stateAfter() string {
	if sc.after == "" {
		return sc.before
	}
	return sc.after
}

func (sc scene) rowAfter() failopen.Row {
	if sc.next == 0 {
		return sc.row
	}
	return sc.next
}

// expected is what the fifth client does to the figures.
func (sc scene) expected(f figures) figures {
	switch sc.sees {
	case refused:
		f.setupFail++
		f.refused++
	case unscanned:
		f.bypassed++
	case blocked:
		f.setupOK++
		if sc.drops {
			f.dropped++
		} else {
			f.current++
		}
	}
	return f
}

// epilogue ends what the scene has begun: whoever came before is treated as before,
// and once the cause is gone newcomers are scanned.
func (sc scene) epilogue(s *site, crew []task, fifth *client) {
	t := s.t
	s.exec("diagnose sim memory auto")
	s.set("system global", "av-failopen pass")
	for _, c := range crew {
		saw, err := sc.eicar(c.client)
		require.NoError(t, err)
		assert.Equal(t, blocked, saw, "who began inspected stays inspected")
		c.Close()
	}
	s.eventually(func() bool { return s.inTable() <= 1 }, "crew gone")
	assert.Contains(t, s.failopenOf(sc.proto), " state=normal trigger=none since=- action=inspect ")
	if fifth != nil && !(sc.once && sc.sees == blocked) {
		saw, err := sc.eicar(fifth)
		require.NoError(t, err)
		assert.Equal(t, sc.sees, saw, "and who began bypassed stays bypassed")
	}
	if fifth != nil {
		fifth.Close()
	}
	saw, c := s.meet(sc.speaker, alice, s.door(sc.speaker))
	assert.Equal(t, blocked, saw, "newcomers are scanned again")
	c.Close()
}

// checkLog looks for the row in the log, and for the events of the scene.
func (sc scene) checkLog(s *site) {
	t := s.t
	kinds := map[string]int{}
	for _, event := range []string{"session refused", "session dropped"} {
		for _, l := range s.log(event) {
			kinds[event]++
			assert.EqualValues(t, sc.row, l["row"], "%v", l)
		}
	}
	want := map[string]int{}
	if sc.sees == refused {
		want["session refused"] = 1
	}
	if sc.drops {
		want["session dropped"] = 1
	}
	assert.Equal(t, want, kinds)
	if sc.row == 8 {
		assert.Empty(t, s.log("failopen entered"))
	}
	entered, left := s.log("failopen entered"), s.log("failopen left")
	assert.Len(t, left, len(entered), "every failopen ended")
	if sc.row == 5 || sc.row == 11 {
		require.Len(t, s.log("latch set"), 1)
		assert.Equal(t, map[failopen.Row]any{5: "all", 11: sc.proto.String()}[sc.row], s.log("latch set")[0]["protocol"])
		assert.Len(t, s.log("latch cleared"), 1)
	}
}
