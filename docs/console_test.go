package docs_test

import (
	"context"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/appliance"
	"utmsim/internal/console"
)

// newAppliance starts an appliance with the factory configuration, which listens
// for nobody. Its folder has a short path: that of a socket is bounded.
func newAppliance(t *testing.T) *appliance.Appliance {
	t.Helper()
	dir, err := os.MkdirTemp("", "docs")
	require.NoError(t, err)
	a, err := appliance.Start(appliance.Options{StateDir: dir, Version: "development"})
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, a.Stop())
		assert.NoError(t, os.RemoveAll(dir))
	})
	return a
}

// prompt finds a line that was typed.
var prompt = regexp.MustCompile(`(?m)^FGT (?:\([^)]*\) )?# (.*)$`)

// asks matches the lines that are answered with a question.
var asks = regexp.MustCompile(`^(execute (shutdown|factoryreset|restore)|purge)`)

const (
	enter     = "\r"
	interrupt = "\x03" // Ctrl-C gives up the line that ? leaves
)

// keys are what has to be typed for the commands of a transcript.
func keys(transcript string) string {
	var b strings.Builder
	before := ""
	for _, m := range prompt.FindAllStringSubmatch(transcript, -1) {
		switch line := m[1]; {
		case line == "end" && strings.HasPrefix(before, "set vdom-admin "):
			b.WriteString(line + enter + "y")
		case strings.HasSuffix(line, "?"):
			b.WriteString(line + interrupt)
		case asks.MatchString(line):
			b.WriteString(line + enter + "y")
		case strings.HasPrefix(line, "diagnose sys top"):
			b.WriteString(line + enter + "q")
		default:
			b.WriteString(line + enter)
		}
		before = m[1]
	}
	return b.String()
}

// replay types the commands of a transcript and returns what a terminal shows.
func replay(t *testing.T, c *console.Console, transcript string) string {
	t.Helper()
	var sent strings.Builder
	tty := struct {
		io.Reader
		io.Writer
	}{strings.NewReader(keys(transcript)), &sent}
	s := c.NewSession(tty, console.Interactive{Who: "docs", Cols: 4000, Rows: 4000})
	require.NoError(t, s.Run(context.Background()))
	return screen(sent.String())
}

// given up matches the line that ? leaves behind, and waiting the last prompt.
var (
	givenUp = regexp.MustCompile(`(?m)^FGT .*\^C\n`)
	waiting = regexp.MustCompile(`FGT (?:\([^)]*\) )?#\s*$`)
)

// screen is the text that a terminal shows of what it was sent. It knows the
// control sequences that a line editor uses: cursor left and right, erase.
func screen(sent string) string {
	var done strings.Builder
	var line []rune
	at := 0
	for s := []rune(sent); len(s) > 0; {
		n := 1
		switch r := s[0]; {
		case r == '\r':
			at = 0
		case r == '\n':
			done.WriteString(strings.TrimRight(string(line), " ") + "\n")
			line, at = nil, 0
		case r == '\x1b':
			n, line, at = control(s, line, at)
		case at < len(line):
			line[at] = r
			at++
		default:
			line = append(line, r)
			at++
		}
		s = s[n:]
	}
	done.WriteString(string(line))
	text := givenUp.ReplaceAllString(done.String(), "")
	return strings.TrimSpace(waiting.ReplaceAllString(strings.TrimSpace(text), "")) + "\n"
}

var sequence = regexp.MustCompile(`^\x1b\[(\d*)([A-Za-z])`)

// control does what a control sequence at the beginning of s says, and tells how
// long it is.
func control(s, line []rune, at int) (int, []rune, int) {
	m := sequence.FindStringSubmatch(string(s[:min(len(s), 16)]))
	if m == nil {
		return 1, line, at
	}
	n := 0
	for _, digit := range m[1] {
		n = n*10 + int(digit-'0')
	}
	switch m[2] {
	case "D":
		at = max(at-max(n, 1), 0)
	case "C":
		at = min(at+max(n, 1), len(line))
	case "K":
		line = line[:at]
	}
	return len(m[0]), line, at
}

var block = regexp.MustCompile("(?ms)^```text\n(.*?)^```$")

// changing are the figures that differ from run to run.
var changing = []*regexp.Regexp{
	regexp.MustCompile(`since=\d\d:\d\d:\d\d\([^)]*\)`),
	regexp.MustCompile(`Running time \(HH:MM:SS:usec\) +[\d:]+`),
	regexp.MustCompile(`Uptime: .*`),
	regexp.MustCompile(`System time: .*`),
	regexp.MustCompile(`idle=[\d.hms]+`),
	regexp.MustCompile(`CPU states: .*`),
	regexp.MustCompile(`\d+U, 0N, \d+S, \d+I`),
	regexp.MustCompile(`(?m)^ +(proxyworker|scanunit) .*$`),
	regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`),
	regexp.MustCompile(`age=\d+`),
	regexp.MustCompile(`\d\d:\d\d:\d\d\([\dhms]+\) +`),
	regexp.MustCompile(`date=\S+ time=\S+`),
}

func steady(text string) string {
	for _, c := range changing {
		text = c.ReplaceAllString(text, "...")
	}
	return text
}

// TestConsoleExamples runs every example of the pages about the console, each page
// from its beginning to its end on one appliance, and compares all that is shown.
func TestConsoleExamples(t *testing.T) {
	for _, file := range []string{"console.md", "vdoms.md"} {
		t.Run(file, func(t *testing.T) { examples(t, file) })
	}
}

func examples(t *testing.T, file string) {
	a := newAppliance(t)
	old := read(t, file)
	fresh := block.ReplaceAllStringFunc(old, func(b string) string {
		text := block.FindStringSubmatch(b)[1]
		if !prompt.MatchString(text) {
			return b
		}
		shown := replay(t, a.Console(), text)
		if !*update && steady(shown) == steady(text) {
			return b
		}
		return "```text\n" + shown + "```"
	})
	compare(t, file, old, fresh)
}

// wrong finds the answers to a line that is none of the language's.
var wrong = regexp.MustCompile(`(?m)^(command parse error|incomplete command|Unknown action|Command fail).*$`)

var execLine = regexp.MustCompile(`(?m)^\$ .*utmsim exec.*$`)
var quoted = regexp.MustCompile(`'([^']*)'`)

// TestCommandsExist runs every command that a document shows, on one appliance
// for each document, and accepts no error that the document doesn't show too.
func TestCommandsExist(t *testing.T) {
	for _, file := range documents(t) {
		t.Run(file, func(t *testing.T) {
			c := newAppliance(t).Console()
			text := read(t, file)
			for _, b := range block.FindAllStringSubmatch(text, -1) {
				if !prompt.MatchString(b[1]) {
					continue
				}
				shown := replay(t, c, b[1])
				for _, fault := range wrong.FindAllString(shown, -1) {
					assert.Contains(t, b[1], fault, "the program answered\n%s", shown)
				}
			}
			for _, line := range execLine.FindAllString(text, -1) {
				var lines []string
				for _, m := range quoted.FindAllStringSubmatch(line, -1) {
					lines = append(lines, m[1])
				}
				var out strings.Builder
				assert.True(t, c.Exec("docs", lines, &out), "%s\n%s", line, out.String())
			}
		})
	}
}

// TestEveryCommandHasAnExample walks the command tree by its own help and looks
// for each command among the examples.
func TestEveryCommandHasAnExample(t *testing.T) {
	c := newAppliance(t).Console()
	text := read(t, "console.md")
	var typed []string
	for _, m := range prompt.FindAllStringSubmatch(text, -1) {
		typed = append(typed, m[1])
	}
	for _, command := range append(commands(t, c, ""), levels(t, c)...) {
		pattern := argument.ReplaceAllString(regexp.QuoteMeta(command), `\S+`)
		example := regexp.MustCompile("^" + pattern + `(\s|$)`)
		assert.True(t, slices.ContainsFunc(typed, example.MatchString), "no example of %q", command)
	}
}

var (
	argument = regexp.MustCompile(`<[^>]*>`)
	helpLine = regexp.MustCompile(`(?m)^(\S+)(?:  +(.*))?$`)
)

const protocol = "<PROTOCOL>"

// samples are arguments that stand for all of their kind.
var samples = map[string]string{
	protocol: "http", "<Integer>": "4", "<N>": "3", "<ADDR>": "192.0.2.7", "<SECONDS>": "60", "<PERCENT>": "90",
	"<DELAY>": "2", "<LINES>": "5", "<PORT>": "8080", "<ID>": "2", "<REVISION>": "2", "<COMMENT>": "text", "<FILE>": "6851cf3c",
	"<field>": "user", "<value>": "admin", "<start-line>": "1", "<view-lines>": "5", "<COUNT>": "5", "<TIME>": "250ms",
}

// languages are the words behind which the configuration's own language begins;
// what stands there is on the page about the configuration.
var languages = []string{"config ", "show ", "get firewall ", "get antivirus ", "get web-proxy ", "get ftp-proxy ", "get log "}

// commands are the whole commands that begin with a line, arguments in their
// written form.
func commands(t *testing.T, c *console.Console, line string) []string {
	t.Helper()
	for _, l := range languages {
		if line == l {
			return []string{strings.TrimSpace(line)}
		}
	}
	var out []string
	for _, m := range helpLine.FindAllStringSubmatch(help(t, c, line), -1) {
		word := m[1]
		switch {
		case word == "<Enter>":
			out = append(out, strings.TrimSpace(line))
		case line == "get system " && word != "status" && word != "performance":
			// an object of the configuration
		case (line == "diagnose sim fill " || line == "diagnose sys session filter proto ") && word != samples[protocol]:
			// the same for each protocol
		case line == "diagnose sim fill ":
			out = append(out, commands(t, c, line+protocol+" ")...)
		default:
			out = append(out, commands(t, c, line+word+" ")...)
		}
	}
	return out
}

var level = regexp.MustCompile(`(?m)^(?:\[.*\] )?(\d+): `)

// levels are the commands of the test levels, as the menus list them.
func levels(t *testing.T, c *console.Console) []string {
	t.Helper()
	var out []string
	for _, app := range []string{"http", "proxyworker"} {
		menu := replay(t, c, "FGT # get test "+app+"\n")
		for _, m := range level.FindAllStringSubmatch(menu, -1) {
			out = append(out, "get test "+app+" "+m[1])
		}
	}
	require.NotEmpty(t, out)
	return out
}

// help is what ? lists behind a line.
func help(t *testing.T, c *console.Console, line string) string {
	t.Helper()
	real := argument.ReplaceAllStringFunc(line, func(a string) string {
		require.Contains(t, samples, a)
		return samples[a]
	})
	shown := replay(t, c, "FGT # "+real+"?\n")
	_, list, _ := strings.Cut(shown, "\n")
	return list
}
