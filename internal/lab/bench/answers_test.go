package bench

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAnswers asks the console a few lines with the program as it is now, at rest
// and under load: that it works, not how long it takes.
func TestAnswers(t *testing.T) {
	var stdout, stderr bytes.Buffer
	status := Main(context.Background(), []string{"console", "-utmsim", buildProgram(t), "-lines", "2", "-connections", "8"}, nil, &stdout, &stderr)
	require.Zero(t, status, stderr.String())
	text := stdout.String()
	assert.Contains(t, text, "under load the table held 8032/8032 entries, ")
	assert.NotContains(t, text, ", 0 objects were scanned")
	for _, line := range consoleLines {
		for _, row := range []string{"| control socket | `" + line + "` | none | ", "| SSH | `" + line + "` | full | "} {
			assert.Equal(t, 1, strings.Count(text, row), row)
		}
	}
}

func TestAnswersRefusesWrongUsage(t *testing.T) {
	for _, arguments := range [][]string{{"-lines", "0"}, {"-connections", "7"}, {"-connections", "5000"}, {"surplus"}, {"-nothing"}} {
		assert.Equal(t, 2, Main(context.Background(), append([]string{"console"}, arguments...), nil, io.Discard, io.Discard), "%q", arguments)
	}
	assert.Zero(t, Main(context.Background(), []string{"console", "-h"}, nil, io.Discard, io.Discard))
}

func TestStartLoadRefuses(t *testing.T) {
	for _, arguments := range [][]string{nil, {"127.0.0.1:1", "kept"}, {"127.0.0.1:1", "often", "1"}, {"127.0.0.1:1", "kept", "many"}} {
		_, err := startLoad(Protocols()[0], arguments)
		assert.Error(t, err, "%q", arguments)
	}
	l, err := startLoad(Protocols()[0], []string{"127.0.0.1:1", "kept", "0"})
	require.NoError(t, err)
	assert.ErrorContains(t, l.Close(), "0 connections", "which is found when it runs")
}
