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

// TestNoise makes a little noise: that it works, and that no request fails beside it.
func TestNoise(t *testing.T) {
	var stdout, stderr bytes.Buffer
	status := Main(context.Background(), []string{"noise", "-utmsim", buildProgram(t), "-clients", "2", "-connections", "4", "-duration", "50ms", "-rounds", "1", "-greeting", "SSH-2.0-x"},
		nil, &stdout, &stderr)
	require.Zero(t, status, stderr.String())
	for _, row := range []string{"| nothing | 0 | ", "| a listener that closes at once | ", "| the SSH console | "} {
		assert.Equal(t, 1, strings.Count(stdout.String(), row), stdout.String())
	}
	assert.NotContains(t, stdout.String(), "failed")
}

func TestNoiseRefusesWrongUsage(t *testing.T) {
	for _, arguments := range [][]string{{"-clients", "0"}, {"-clients", "5000"}, {"-rounds", "0"}, {"surplus"}, {"-nothing"}} {
		assert.Equal(t, 2, Main(context.Background(), append([]string{"noise"}, arguments...), nil, io.Discard, io.Discard), "%q", arguments)
	}
	assert.Equal(t, 0, Main(context.Background(), []string{"noise", "-h"}, nil, io.Discard, io.Discard))
}
