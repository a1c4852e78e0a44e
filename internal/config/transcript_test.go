package config

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the transcripts in testdata anew")

// TestTranscripts repeats the console sessions in testdata/console. Each file is one
// session on a factory configuration, prompts and output as a console prints them.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/console/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	prompt := regexp.MustCompile(`(?m)^FGT (?:\([^)]*\) )?# (.*)$`)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			s := newSession(t, NewStore())
			for _, m := range prompt.FindAllStringSubmatch(string(want), -1) {
				s.run(m[1])
			}
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(s.text.String()), 0o644))
				return
			}
			assert.Equal(t, string(want), s.text.String())
		})
	}
}

// session is a console with nothing but the configuration.
type session struct {
	t    *testing.T
	e    *Editor
	text strings.Builder // prompts, lines and output so far
}

func newSession(t *testing.T, store *Store) *session {
	return &session{t: t, e: store.Edit("admin")}
}

// run executes a line and returns its error.
func (s *session) run(line string) *CLIError {
	s.t.Helper()
	if p := s.e.Prompt(); p != "" {
		s.text.WriteString("FGT (" + p + ") # " + line + "\n")
	} else {
		s.text.WriteString("FGT # " + line + "\n")
	}
	words, err := Tokenize(line)
	require.NoError(s.t, err)
	out, err := s.e.Execute(words)
	s.print(out)
	if err == nil {
		return nil
	}
	var cli *CLIError
	require.ErrorAs(s.t, err, &cli)
	s.print(cli.Output())
	return cli
}

func (s *session) print(lines []string) {
	for _, l := range lines {
		s.text.WriteString(l + "\n")
	}
}

// ok executes lines that must not fail.
func (s *session) ok(lines ...string) {
	s.t.Helper()
	for _, l := range lines {
		if err := s.run(l); err != nil {
			require.Fail(s.t, "line failed", "%s: %v", l, err)
		}
	}
}
