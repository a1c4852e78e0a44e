package docs_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/stats"
)

// TestCountersPageHasEveryLine: each line of each block has a row, which names a scene
// or says why there is none.
func TestCountersPageHasEveryLine(t *testing.T) {
	page, err := os.ReadFile("counters.md")
	require.NoError(t, err)
	rows := map[string]string{}
	for line := range strings.Lines(string(page)) {
		if cells := strings.Split(strings.TrimSpace(line), " | "); len(cells) == 3 {
			rows[strings.TrimPrefix(cells[0], "| ")+"/"+cells[1]] = strings.TrimSuffix(cells[2], " |")
		}
	}
	now := time.Unix(0, 0)
	r := stats.Sum(now, stats.NewWorker(0, now), stats.NewVDOM("root"))
	blocks := []*stats.Block{&r.Worker, &r.WorkerAccounting}
	for p := range r.Stat {
		blocks = append(blocks, &r.Stat[p], &r.Accounting[p])
	}
	for _, b := range blocks {
		for _, l := range b.Lines {
			assert.NotEmpty(t, rows[b.Title+"/"+l.Label], "%s: %s", b.Title, l.Label)
		}
	}
}
