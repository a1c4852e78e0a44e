package appliance_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/stats"
	"utmsim/protocols"
)

// counterScene provokes lines of the statistics over the wire. Every line of every block
// stands in a scene, or in openLines.
type counterScene struct {
	name string
	// config is read on top of the lab's.
	config string
	// files is how many descriptors the process may have; 0: as many as it has.
	files int
	// play makes the traffic. It returns when its clients have left.
	play func(*site)
	// moves are the lines that move, and by how much. They stand in the blocks of
	// proto; those of the worker are named with a block in front.
	moves []move
	proto protocols.Protocol
}

// move is a line and by how much it moves in a scene. A line of another block than
// the protocol's own is "Worker Stat/Acceptor Read".
type move struct {
	line    string
	amount  int64
	atLeast bool // what is more is the traffic's own
}

// by is a line that moves by an exact amount.
func by(amount int64, lines ...string) (list []move) {
	for _, l := range lines {
		list = append(list, move{line: l, amount: amount})
	}
	return list
}

// atLeast is a line whose amount depends on how the traffic was cut into events.
func atLeast(amount int64, lines ...string) (list []move) {
	for _, m := range by(amount, lines...) {
		m.atLeast = true
		list = append(list, m)
	}
	return list
}

// value is a line of a report.
func value(t testing.TB, r *stats.Report, p protocols.Protocol, line string) int64 {
	t.Helper()
	blocks := []*stats.Block{&r.Stat[p], &r.Accounting[p]}
	if block, label, ok := strings.Cut(line, "/"); ok && strings.HasPrefix(block, "Worker ") {
		blocks, line = []*stats.Block{&r.Worker, &r.WorkerAccounting}, label
		if block == "Worker Accounting" {
			blocks = blocks[1:]
		}
	}
	for _, b := range blocks {
		if v, ok := b.Get(line); ok {
			return v
		}
	}
	require.Fail(t, "no such line", "%s: %s", p, line)
	return 0
}

// TestCounters plays every scene and checks the amounts.
func TestCounters(t *testing.T) {
	for _, sc := range counterScenes() {
		t.Run(sc.proto.String()+" "+sc.name, func(t *testing.T) {
			s := &site{openFiles: sc.files}
			s.start(t, text("test", sc.config))
			before := s.Engine().Report()
			sc.play(s)
			s.eventually(func() bool { return s.Engine().Sessions() == 0 }, "sessions over")
			for _, m := range sc.moves {
				got := func() int64 {
					return value(t, s.Engine().Report(), sc.proto, m.line) - value(t, before, sc.proto, m.line)
				}
				if m.atLeast {
					s.eventually(func() bool { return got() >= m.amount }, "%s moves by at least %d, not %d", m.line, m.amount, got())
					continue
				}
				s.eventually(func() bool { return got() >= m.amount }, "%s moves by %d, not %d", m.line, m.amount, got())
				assert.Equal(t, m.amount, got(), m.line)
			}
		})
	}
}

// counterLine is a row of docs/counters.md.
type counterLine struct{ block, label string }

// allLines are the lines of all blocks in print order.
func allLines() (list []counterLine) {
	r := stats.Sum(epoch, stats.NewWorker(0, epoch), stats.NewVDOM("root"))
	blocks := []*stats.Block{&r.Worker}
	for p := range r.Stat {
		blocks = append(blocks, &r.Stat[p])
	}
	blocks = append(blocks, &r.WorkerAccounting)
	for p := range r.Accounting {
		blocks = append(blocks, &r.Accounting[p])
	}
	for _, b := range blocks {
		for i := range b.Lines {
			list = append(list, counterLine{b.Title, b.Lines[i].Label})
		}
	}
	return list
}

var updateCounters = flag.Bool("update-counters", false, "write docs/counters.md")

const (
	countersPage  = "../../docs/counters.md"
	countersBegin = "<!-- counters -->\n"
	countersEnd   = "<!-- end of counters -->\n"
)

// TestCounterTable: every line has a scene, or a reason why it has none, and
// docs/counters.md says which.
func TestCounterTable(t *testing.T) {
	played := map[counterLine][]string{}
	for _, sc := range counterScenes() {
		for _, m := range sc.moves {
			block, label, ok := strings.Cut(m.line, "/")
			if !ok || !strings.HasPrefix(block, "Worker ") {
				label, block = m.line, sc.proto.String()+" Stat"
				if slices.Contains(allLines(), counterLine{sc.proto.String() + " Accounting", label}) {
					block = sc.proto.String() + " Accounting"
				}
			}
			name := sc.proto.String() + " " + sc.name
			amount := fmt.Sprint(m.amount)
			if m.atLeast {
				amount = "at least " + amount
			}
			played[counterLine{block, label}] = append(played[counterLine{block, label}], fmt.Sprintf("%s (%s)", name, amount))
		}
	}
	var table bytes.Buffer
	fmt.Fprint(&table, "| block | line | scenes of `TestCounters`, and the amount |\n|---|---|---|\n")
	for _, l := range allLines() {
		how := strings.Join(played[l], ", ")
		if name := otherTest(t, l); how == "" && name != "" {
			how = "`" + name + "`"
		}
		if how == "" {
			how = "none: " + of(openLines(), l)
			assert.NotEqual(t, "none: ", how, "%s: nothing provokes %q", l.block, l.label)
		}
		delete(played, l)
		fmt.Fprintf(&table, "| %s | %s | %s |\n", l.block, l.label, how)
	}
	assert.Empty(t, played, "lines that there are not")
	page, err := os.ReadFile(countersPage)
	require.NoError(t, err)
	head, rest, ok := strings.Cut(string(page), countersBegin)
	require.True(t, ok)
	_, tail, ok := strings.Cut(rest, countersEnd)
	require.True(t, ok)
	want := head + countersBegin + table.String() + countersEnd + tail
	if *updateCounters {
		require.NoError(t, os.WriteFile(countersPage, []byte(want), 0o600))
		return
	}
	assert.Equal(t, want, string(page), "run go test ./internal/appliance -run TestCounterTable -update-counters")
}
