package lab_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
)

func startRelay(t *testing.T, server string) string {
	t.Helper()
	relay, err := lab.StartRelay("127.0.0.1:0", server)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, relay.Close()) })
	return relay.Addr()
}

func TestRelayPassesBytesAndHalfCloses(t *testing.T) {
	_, origin, _ := startHTTP(t)
	relay := startRelay(t, origin)
	answer := converse(t, relay, "GET /upgrade HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nlast words")
	assert.True(t, strings.HasSuffix(answer, "\r\n\r\nlast words"))
	answer = converse(t, relay, "GET /close?n=3000000 HTTP/1.1\r\nHost: x\r\n\r\n")
	_, body, _ := strings.Cut(answer, "\r\n\r\n")
	assert.Equal(t, lab.ContentSHA256(3000000), fmt.Sprintf("%x", sha256.Sum256([]byte(body))))
}

func TestRelayEndsWithItsServer(t *testing.T) {
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, gone.Close())
	relay := startRelay(t, gone.Addr().String())
	conn, err := net.Dial("tcp", relay)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
}

func TestRelayCloseEndsSessionsAtRest(t *testing.T) {
	origin, address, _ := startHTTP(t)
	relay, err := lab.StartRelay("127.0.0.1:0", address)
	require.NoError(t, err)
	conn, err := net.Dial("tcp", relay.Addr())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	require.Eventually(t, func() bool { return origin.Counts().Connections == 1 }, patience, time.Millisecond)
	require.NoError(t, relay.Close())
	_, err = conn.Read(make([]byte, 1))
	require.Error(t, err)
	_, err = lab.StartRelay(address, address)
	require.ErrorContains(t, err, "listening on "+address)
}
