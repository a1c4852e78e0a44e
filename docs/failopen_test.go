package docs_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/appliance"
)

// morning plays docs/failopen.md on a lab.
type morning struct {
	t    *testing.T
	lab  *appliance.Lab
	door map[string]string // where the lab of the page listens, and where ours does
	nc   net.Conn          // the terminal with nc; nil: it has ended
	r    *bufio.Reader
}

// patience is how long a step may take; it is waited for in a test that fails only.
const patience = 30 * time.Second

var anyBlock = regexp.MustCompile("(?ms)^```(text|console)\n(.*?)^```$")

// TestFailopenPage plays the page from its beginning to its end, all terminals, and
// compares all that is shown.
func TestFailopenPage(t *testing.T) {
	if err := exec.Command("sh", "-c", "curl --version").Run(); err != nil {
		require.NotEqual(t, "required", os.Getenv("UTMSIM_REAL"), "curl is required here: %v", err)
		t.Skipf("curl is not installed: %v", err)
	}
	m := newMorning(t)
	for _, b := range anyBlock.FindAllStringSubmatch(read(t, "failopen.md"), -1) {
		switch kind, text := b[1], b[2]; {
		case kind == "text":
			assert.Equal(t, still(text), still(replay(t, m.lab.Console(), text)))
		case strings.HasPrefix(text, "$ curl "):
			m.shell(text)
		default:
			m.netcat(text)
		}
		m.settle()
	}
}

func newMorning(t *testing.T) *morning {
	dir, err := os.MkdirTemp("", "docs") // a short path: that of a socket is bounded
	require.NoError(t, err)
	l, err := appliance.StartLab(0, appliance.Options{StateDir: dir, Version: "development", AnyPort: true})
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, l.Stop())
		assert.NoError(t, os.RemoveAll(dir))
	})
	m := &morning{t: t, lab: l, door: map[string]string{}}
	for _, p := range l.Proxies {
		switch p.Name {
		case "HTTP, reverse (VIP)":
			m.door["127.0.0.1:8080"] = p.Address
		case "POP3":
			m.door["127.0.0.1:1110"] = p.Address
		}
	}
	return m
}

// settle waits until the sessions of the clients that have left are over.
func (m *morning) settle() {
	m.t.Helper()
	open := 0
	if m.nc != nil {
		open = 1
	}
	require.Eventually(m.t, func() bool { return m.lab.Engine().Sessions() == open }, patience, time.Millisecond)
}

// shell runs the commands of a block and compares what they print.
func (m *morning) shell(text string) {
	var shown strings.Builder
	for line := range strings.Lines(text) {
		command, ok := strings.CutPrefix(line, "$ ")
		if !ok {
			continue
		}
		ours := command
		for theirs, address := range m.door {
			ours = strings.ReplaceAll(ours, theirs, address)
		}
		out, _ := exec.Command("sh", "-c", ours).CombinedOutput() // some fail, and say so
		fmt.Fprintf(&shown, "$ %s%s", command, strings.ReplaceAll(string(out), "\r\n", "\n"))
	}
	assert.Equal(m.t, sentAway.ReplaceAllString(text, "sent away"), sentAway.ReplaceAllString(shown.String(), "sent away"))
}

// sentAway is what curl says of a reset: it depends on whether it sees it when it
// connects (7), sends (55) or reads (56).
var sentAway = regexp.MustCompile(`(?m)^curl: \((7|55|56)\) .*$`)

// events depend on how many packets come at once.
var events = regexp.MustCompile(`clt=\d+ srv=\d+`)

// still is a text without what differs from run to run.
func still(text string) string { return events.ReplaceAllString(steady(text), "events") }

var stamp = regexp.MustCompile(`<\w+@lab\.test>`)

// netcat types the lines of a block that are not the server's, and compares those
// that are.
func (m *morning) netcat(text string) {
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "$ nc "):
			var err error
			m.nc, err = net.DialTimeout("tcp", m.door["127.0.0.1:1110"], patience)
			require.NoError(m.t, err)
			m.t.Cleanup(func() {
				if m.nc != nil {
					m.nc.Close()
				}
			})
			require.NoError(m.t, m.nc.SetDeadline(time.Now().Add(patience)))
			m.r = bufio.NewReader(m.nc)
		case line[0] == '+' || line[0] == '-':
			said, err := m.r.ReadString('\n')
			require.NoError(m.t, err)
			assert.Equal(m.t, stamp.ReplaceAllString(line, ""), stamp.ReplaceAllString(strings.ReplaceAll(said, "\r\n", "\n"), ""))
		default:
			_, err := fmt.Fprintf(m.nc, "%s\r\n", strings.TrimSuffix(line, "\n"))
			require.NoError(m.t, err)
		}
	}
	if strings.HasPrefix(text, "QUIT\n") {
		require.NoError(m.t, m.nc.Close())
		m.nc = nil
	}
}
