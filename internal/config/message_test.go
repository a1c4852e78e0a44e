package config

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/replacemsg"
	"utmsim/protocols"
)

// TestMessageTexts: a text of many lines, with quotes, comments and words of the language
// in it, loads, is shown and is written back without loss, also with the line ends of
// another system.
func TestMessageTexts(t *testing.T) {
	const page = "<html>\n# no comment\n\tend\nconfig system global\n<p title=\"%%URL%%\">\\ ' é</p>\n"
	file := "config system replacemsg utm \"virus-html\"\n    set buffer " + quote(page) + "\n    set format text\nend\n"
	for _, text := range []string{file, strings.ReplaceAll(file, "\n", "\r\n")} {
		s, report := loaded(t, text)
		assert.Empty(t, report.Skipped)
		got := s.Snapshot().Messages[replacemsg.VirusHTML]
		assert.Equal(t, Message{Buffer: page, Header: HeaderHTTP, Format: FormatText}, got)
		var back bytes.Buffer
		require.NoError(t, s.Write(&back, false))
		assert.Equal(t, file, back.String())
		again, _ := loaded(t, back.String())
		assert.Equal(t, got, again.Snapshot().Messages[replacemsg.VirusHTML])
	}
	s := NewStore()
	for k := range replacemsg.Count {
		assert.Equal(t, replacemsg.Kind(k).Declared().Text, s.Snapshot().Messages[k].Buffer)
	}
}

// TestMessagesOfOtherUnits: what a unit has and is not simulated stays in the file.
func TestMessagesOfOtherUnits(t *testing.T) {
	text := "config system replacemsg mail \"email-block\"\n    set format html\nend\nconfig system replacemsg utm \"virus-text\"\n    set buffer \"x\ny\"\nend\n"
	s, report := loaded(t, text)
	assert.Len(t, report.Skipped, 2)
	var back bytes.Buffer
	require.NoError(t, s.Write(&back, false))
	assert.Equal(t, text, back.String())
}

func TestMessageIsBounded(t *testing.T) {
	s := NewStore()
	_, err := s.Load("test", strings.NewReader("config system replacemsg http \"url-block\"\nset buffer \""+strings.Repeat("x", replacemsg.MaxText+1)+"\"\nend\n"))
	require.ErrorContains(t, err, "string value is too long")
	_, err = s.Load("test", strings.NewReader("config system replacemsg http \"url-block\"\nset buffer \""+strings.Repeat("x", replacemsg.MaxText)+"\"\nend\n"))
	require.NoError(t, err)
}

// TestKept: stored and not dropped, and nothing without a destination.
func TestKept(t *testing.T) {
	q := NewStore().Snapshot().Quarantine
	assert.Equal(t, Kept{}, q.Of(protocols.HTTP))
	q.Destination = DestinationDisk
	for _, p := range protocols.All {
		assert.Equal(t, Kept{true, true, true}, q.Of(p), p)
	}
	s, _ := loaded(t, "config antivirus quarantine\nset destination disk\nset drop-infected http\nset store-blocked smtp https\nset agelimit 2\nend\n")
	q = s.Snapshot().Quarantine
	assert.Equal(t, Kept{Heuristic: true}, q.Of(protocols.HTTP))
	assert.Equal(t, Kept{true, true, true}, q.Of(protocols.SMTP))
	assert.Equal(t, "2h0m0s", q.AgeLimit.String())
}
