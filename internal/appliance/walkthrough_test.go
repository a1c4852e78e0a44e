package appliance_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/protocols"
)

var update = flag.Bool("update", false, "write the walkthrough's screens as they are now")

// walkthrough is the page whose keys this test types, and whose screens it compares.
var walkthrough = filepath.Join("..", "..", "docs", "walkthrough.md")

var (
	// step is a line that says which keys to type, a screen that is to be seen then, or
	// a shell's dialogue. Its groups are the keys, the screen and the dialogue.
	step = regexp.MustCompile("(?ms)^\\*\\*Type\\*\\* ([^\n]*)$|^```screen\n(.*?)^```$|^```shell\n(.*?)^```$")
	keys = regexp.MustCompile("`([^`]+)`|<kbd>([^<]+)</kbd>")
	// command is a line of a dialogue, and what it prints.
	command = regexp.MustCompile(`(?m)^\$ (.*)\n((?:[^$].*\n)*)`)
)

// changingFigures are those that differ from run to run; what stands behind one on
// its line may move.
var changingFigures = regexp.MustCompile(`since=\S+|Running time \(HH:MM:SS:usec\) +\S+|Time in loop scanning +\S+|poll=\S+|(acceptor|clt|srv|scan|age)=\d+|at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d|from 127\.0\.0\.1:\d+`)

// wrapped is a line that the terminal has broken.
var wrapped = regexp.MustCompile(`(?m)^(.{80})\n`)

func unchanging(screen string) string {
	return changingFigures.ReplaceAllString(wrapped.ReplaceAllString(screen, "$1"), "...")
}

// keyNames are tmux's names of the keys that have others in the page.
var keyNames = strings.NewReplacer("Ctrl-", "C-", "Esc", "Escape")

// TestWalkthrough types the keys of the page into OpenSSH in a terminal, and compares
// every screen and the output of every program. With -update it writes the page.
func TestWalkthrough(t *testing.T) {
	curl := program(t, "curl", "-V")
	s := newRealTimeSite(t, "")
	p := openPane(t, s, "admin")
	p.shows("FGT #")
	p.key("C-l") // off with what OpenSSH says about the host key
	data, err := os.ReadFile(walkthrough)
	require.NoError(t, err)
	fresh := step.ReplaceAllStringFunc(string(data), func(text string) string {
		m := step.FindStringSubmatch(text)
		switch {
		case m[1] != "":
			for _, k := range keys.FindAllStringSubmatch(m[1], -1) {
				if k[1] != "" {
					p.types(k[1])
				} else {
					p.key(keyNames.Replace(k[2]))
				}
			}
			return text
		case strings.HasPrefix(text, "```shell"):
			return "```shell\n" + s.dialogue(curl, m[3]) + "```"
		}
		return "```screen\n" + p.settles(m[2]) + "```"
	})
	if *update {
		require.NoError(t, os.WriteFile(walkthrough, []byte(fresh), 0o644))
		return
	}
	want, got := step.FindAllString(string(data), -1), step.FindAllString(fresh, -1)
	require.Len(t, got, len(want))
	for i := range want {
		assert.Equal(t, unchanging(want[i]), unchanging(got[i]), "go test ./internal/appliance -run Walkthrough -update writes the page")
	}
}

// settles waits until the screen is the one that is expected, and returns it. With
// -update, and when that screen does not come, it is the one that no longer changes.
func (p *pane) settles(want string) string {
	p.t.Helper()
	capture := func() string {
		lines := strings.Split(p.do("capture-pane", "-p"), "\n")
		for i := range lines {
			lines[i] = strings.TrimRight(lines[i], " ")
		}
		screen := strings.TrimRight(strings.Join(lines, "\n"), "\n")
		return strings.TrimSuffix(screen, "\nleft") + "\n" // which openPane prints when OpenSSH has ended
	}
	const quiet = 400 * time.Millisecond
	last, since, begun := "", time.Now(), time.Now()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		now := capture()
		if !*update && unchanging(now) == unchanging(want) {
			return want
		}
		if now != last {
			last, since = now, time.Now()
		}
		if *update && time.Since(since) > quiet || time.Since(begun) > patience {
			return last
		}
		<-tick.C
	}
}

// dialogue runs the commands of a shell's dialogue against this site, and returns it
// with what they print now.
func (s *site) dialogue(curl, text string) string {
	s.t.Helper()
	return command.ReplaceAllStringFunc(text, func(one string) string {
		line := command.FindStringSubmatch(one)[1]
		real := strings.NewReplacer("127.0.0.1:8080", s.vip, "127.0.0.1:1110", s.Proxies[protocols.POP3+1].Address, "curl", curl).Replace(line)
		cmd, _ := realClient(s.t.(*testing.T), "/bin/sh", "-c", real+" 2>&1")
		out, err := cmd.Output()
		if err != nil {
			out = fmt.Appendf(out, "%s\n", err)
		}
		return "$ " + line + "\n" + strings.ReplaceAll(string(out), "\r", "")
	})
}
