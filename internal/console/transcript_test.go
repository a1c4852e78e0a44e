package console

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/config"
)

var update = flag.Bool("update", false, "write what the console prints into the transcripts")

// promptAt finds the prompt that a line of a transcript begins with.
var promptAt = regexp.MustCompile(`^([^ ]+ (\([^)]*\) )?# ?|> )`)

// volatile are what differs from run to run.
var volatile = []struct {
	pattern *regexp.Regexp
	text    string
}{
	{regexp.MustCompile(`since=\d\d:\d\d:\d\d\([^)]*\)`), "since=TIME"},
	{regexp.MustCompile(`(Running time \(HH:MM:SS:usec\) +)[\d:]+`), "${1}TIME"},
	{regexp.MustCompile(`(Uptime: ).*`), "${1}TIME"},
	{regexp.MustCompile(`(System time: ).*`), "${1}TIME"},
	{regexp.MustCompile(`idle=[45]\d(\.\d+)?s`), "idle=40s"}, // on a slow machine they have become older
	{regexp.MustCompile(`idle=[45]\d age`), "idle=40 age"},
	{regexp.MustCompile(`idle=\d age`), "idle=N age"},
	{regexp.MustCompile(`poll=\S+`), "poll=N"},
	{regexp.MustCompile(`CPU states: .*`), "CPU states: N"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`), "DATE TIME"},
	{regexp.MustCompile(`(shm last entered: )[A-Z].*`), "${1}TIME"},
	{regexp.MustCompile(`\d+U, 0N, \d+S, \d+I`), "U, N, S, I"},
	{regexp.MustCompile(`(proxyworker|scanunit) +\d+ +[RS] +[\d.]+`), "$1 PID S CPU"},
	{regexp.MustCompile(`age=\d+`), "age=N"},
}

// TestTranscripts types the lines that stand behind the prompts of each transcript
// and compares all that the console shows.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			require.NoError(t, err)
			var lines []string
			for i := range archive.Files {
				f := &archive.Files[i]
				if f.Name == "config" {
					lines = strings.Split(string(f.Data), "\n")
					continue
				}
				got := replay(newUnit(t, lines...), string(f.Data))
				if *update {
					f.Data = []byte(got)
					continue
				}
				assert.Equal(t, string(f.Data), got, f.Name)
			}
			if *update {
				require.NoError(t, os.WriteFile(file, txtar.Format(archive), 0o644))
			}
		})
	}
}

// replay executes the lines of a transcript one after the other, in one session.
func replay(u *unit, transcript string) string {
	s := newShell(u.Console, operator{who: "test"})
	var out strings.Builder
	open := ""
	for _, line := range strings.Split(strings.TrimSuffix(transcript, "\n"), "\n") {
		shown := promptAt.FindString(line)
		if shown == "" {
			continue
		}
		typed := line[len(shown):]
		if open == "" {
			out.WriteString(s.prompt() + typed + "\n")
		} else {
			out.WriteString("> " + typed + "\n")
		}
		text, err := s.execute(open + typed)
		if errors.Is(err, config.ErrOpenQuote) {
			open += typed + "\n"
			continue
		}
		open = ""
		if err != nil {
			text += plainText(errText(err))
		}
		for _, v := range volatile {
			text = v.pattern.ReplaceAllString(text, v.text)
		}
		out.WriteString(text)
	}
	return out.String()
}
