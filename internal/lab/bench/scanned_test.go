package bench

import (
	"context"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab/load"
)

// counted asks a utmsim of the site how many objects it has found clean, and how
// many it has let pass because of their size.
func counted(t *testing.T, site *Site) (clean, oversize int) {
	t.Helper()
	states, err := filepath.Glob(filepath.Join(site.Folder, "*.state"))
	require.NoError(t, err)
	require.Len(t, states, 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	text, err := exec.CommandContext(ctx, site.Utmsim, "exec", "--state", states[0], "get test "+site.Protocol.Name+" 4").CombinedOutput()
	require.NoError(t, err, "%s", text)
	// The first line of each kind is about what comes down, or a mail on its way up;
	// the documented block has its odd words for web responses.
	number := func(line string) int {
		found := regexp.MustCompile(`(?m)^\s*` + line + `\s+(\d+)\s*$`).FindSubmatch(text)
		require.NotNil(t, found, "%s in %s", line, text)
		n, err := strconv.Atoi(string(found[1]))
		require.NoError(t, err)
		return n
	}
	const objects = `(?:Web responses|Emails|Files|Articles)`
	return number(objects + ` clean`), number(`(?:Web requests|Emails|Files|Articles) oversize pass`)
}

// TestObjectsAreScanned looks whether what the comparison calls scanned is: every
// object has a verdict, but for those above the limit.
func TestObjectsAreScanned(t *testing.T) {
	program := buildProgram(t)
	for _, protocol := range Protocols() {
		for _, contender := range protocol.Contenders {
			if contender.Name != "utmsim" && contender.Name != "utmsim-bypass" {
				continue
			}
			t.Run(protocol.Name+", "+contender.Name, func(t *testing.T) {
				site := newSite(t)
				site.Utmsim, site.Protocol = program, shortProtocol(t, protocol.Name)
				site.scripts = newScripts(site.Protocol)
				origin, err := site.startSelf(originArguments(site.Protocol)...)
				require.NoError(t, err)
				defer func() { require.NoError(t, origin.End()) }()
				process, err := contender.Start(context.Background(), site, origin.Address)
				require.NoError(t, err)
				defer func() { require.NoError(t, process.End()) }()
				subject := Subject{Address: process.Address, scripts: site.scripts}
				for which, want := range map[object]struct{ clean, oversize int }{small: {3, 0}, medium: {3, 0}, large: {3, 0}, oversize: {0, 3}} {
					clean, over := counted(t, site)
					result, err := load.NewSessions(context.Background(), subject.target(which),
						load.Limit{Connections: 1, Duration: time.Minute, Requests: 3})
					require.NoError(t, err)
					require.Empty(t, result.Errors)
					nowClean, nowOver := counted(t, site)
					if !contender.Scans {
						want.clean, want.oversize = 0, 0
					}
					assert.Equal(t, want.clean, nowClean-clean, "clean, object %d", which)
					assert.Equal(t, want.oversize, nowOver-over, "oversize, object %d", which)
				}
			})
		}
	}
}
