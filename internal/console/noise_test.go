package console

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// TestNoiseWaitsForItsEnd: of who talks no SSH nothing more is read, and its
// connection ends after a while; who talks SSH from the same address needn't wait.
func TestNoiseWaitsForItsEnd(t *testing.T) {
	const here = "192.0.2.1:1000"
	junk := bytes.Repeat([]byte{0xaa}, 1<<20)
	u := newUnit(t, strings.Split(accounts, "\n")...)
	bubble(t, u, func(t *testing.T, dial func(string) net.Conn) {
		for _, said := range []string{"", "\n", "GET / HTTP/1.1\r\n", "SS\r\n", "SSH-2.0-x\r\n", "SSH-"} {
			conn, began := dial(here), time.Now()
			_, err := conn.Write(append([]byte(said), junk...))
			require.NoError(t, err)
			synctest.Wait()
			assert.Len(t, u.ssh.noise, 1, "%q", said)
			client, err := login(dial(here), clientConfig("admin", ssh.Password("lab")))
			require.NoError(t, err)
			client.Close()
			assert.Zero(t, time.Since(began), "nobody else waits")
			_, err = io.Copy(io.Discard, conn)
			require.NoError(t, err)
			assert.Equal(t, failDelay, time.Since(began), "%q", said)
			unread := conn.(memConn).out.data
			assert.GreaterOrEqual(t, len(unread), len(junk)-2*4096, "%q", said)
			synctest.Wait()
			assert.Empty(t, u.ssh.noise)
		}
	})
}

// TestNoiseHasItsPlaces: when they are taken, noise is closed at once and newcomers
// are accepted at a pace, until there are places again.
func TestNoiseHasItsPlaces(t *testing.T) {
	const here = "192.0.2.1:1000"
	u := newUnit(t)
	bubble(t, u, func(t *testing.T, dial func(string) net.Conn) {
		began := time.Now()
		paced := func() time.Duration {
			at := time.Now()
			u.ssh.noise.pace(t.Context())
			return time.Since(at)
		}
		for range maxNoise {
			assert.Zero(t, paced())
			_, err := io.WriteString(dial(here), "noise")
			require.NoError(t, err)
			synctest.Wait()
		}
		assert.Empty(t, u.ssh.conns, "they take no place of those who log in")
		conn := dial(here)
		_, err := io.WriteString(conn, "noise")
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, conn)
		require.NoError(t, err)
		assert.Zero(t, time.Since(began), "there was no place for it")
		assert.Equal(t, noisePace, paced())
		time.Sleep(failDelay)
		synctest.Wait()
		assert.Zero(t, paced())
		assert.Empty(t, u.ssh.noise)
	})
}

// TestWhoIsNoNoise: a login that fails, and a client that leaves or breaks off, are
// not taken for it.
func TestWhoIsNoNoise(t *testing.T) {
	u := newUnit(t, strings.Split(accounts, "\n")...)
	bubble(t, u, func(t *testing.T, dial func(string) net.Conn) {
		over := func(conn net.Conn) {
			synctest.Wait()
			assert.Empty(t, u.ssh.noise)
			conn.Close()
			synctest.Wait()
			assert.Empty(t, u.ssh.noise)
		}
		for _, said := range []string{"", "S", "SSH-2.0-x", "SSH-2.0-x\r\n"} {
			conn := dial("192.0.2.1:1000")
			_, err := io.WriteString(conn, said)
			require.NoError(t, err)
			over(conn)
		}
		conn := dial("192.0.2.1:1000")
		_, err := login(conn, clientConfig("admin", ssh.Password("x")))
		require.Error(t, err)
		over(conn)
		conn = dial("192.0.2.2:1000")
		_, err = login(conn, clientConfig("nobody"))
		require.Error(t, err)
		over(conn)
	})
}
