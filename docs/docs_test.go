// Package docs_test keeps the documents true: what they say about settings,
// commands and levels is compared with the program, and written anew with
//
//	go test ./docs -update
package docs_test

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

var update = flag.Bool("update", false, "write what the program says into the documents")

// documents are all files of the documentation.
func documents(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.md")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return append(files, "../README.md")
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(b)
}

// compare is the end of every test of generated text: with -update it writes the
// document, else it compares.
func compare(t *testing.T, file, want, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
		return
	}
	assert.Equal(t, want, got, "%s is not what the program says; go test ./docs -update writes it anew", file)
}

// between is the text of a document between two marks, which it keeps.
func between(t *testing.T, text, open, end string) (before, inside, after string) {
	t.Helper()
	before, rest, ok := strings.Cut(text, open)
	require.True(t, ok, "the mark %s is missing", open)
	inside, after, ok = strings.Cut(rest, end)
	require.True(t, ok, "the mark %s is missing", end)
	return before + open, inside, end + after
}

var link = regexp.MustCompile(`\]\(([^)#]+)(?:#[^)]*)?\)`)

// TestLinks looks for the files that the documents point to.
func TestLinks(t *testing.T) {
	for _, file := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, file), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			assert.FileExists(t, filepath.Join(filepath.Dir(file), m[1]), "linked from %s", file)
		}
	}
}

var (
	levelInTest    = regexp.MustCompile(`(?m)^\s*"utmsim/([^"]+)":\s*(\d+),`)
	levelInPicture = regexp.MustCompile(`(?m)^ *(\d) +(.+)$`)
)

// TestLevelsAreThoseOfTheTest compares the picture of the levels with the test
// that enforces them.
func TestLevelsAreThoseOfTheTest(t *testing.T) {
	enforced := map[string]string{}
	for _, m := range levelInTest.FindAllStringSubmatch(read(t, "../internal/appliance/layers_test.go"), -1) {
		enforced[m[1]] = m[2]
	}
	require.NotEmpty(t, enforced)
	_, picture, _ := between(t, read(t, "architecture.md"), "<!-- levels -->\n```text\n", "```")
	drawn := map[string]string{}
	for _, m := range levelInPicture.FindAllStringSubmatch(picture, -1) {
		for _, folder := range strings.Fields(m[2]) {
			drawn[folder] = m[1]
		}
	}
	assert.Equal(t, enforced, drawn)
}
