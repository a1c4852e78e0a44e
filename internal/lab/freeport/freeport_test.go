package freeport_test

import (
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab/freeport"
)

// TestPick: a port can be listened on, and is not one of those that clients get.
func TestPick(t *testing.T) {
	port, err := freeport.Pick()
	require.NoError(t, err)
	assert.Less(t, port, 1<<15)
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	require.NoError(t, err)
	require.NoError(t, l.Close())
}
