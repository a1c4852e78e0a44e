package appliance_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
)

// client is one TCP connection of a test to a proxy.
type client struct {
	t testing.TB
	*net.TCPConn
	r    *bufio.Reader
	base string // what stands before the path in a request
}

// connect makes a connection from an address to a proxy. The error may be a reset
// already: who is refused at once can see it before connect has returned.
func (s *site) connect(from, to string) (*client, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := d.Dial("tcp", to)
	if err == nil || errors.Is(err, syscall.ECONNRESET) {
		s.made.Add(1)
	}
	if err != nil {
		return nil, err
	}
	c := &client{t: s.t, TCPConn: conn.(*net.TCPConn), r: bufio.NewReader(conn)}
	if to == s.forward {
		c.base = "http://" + s.origin()
	}
	return c, conn.SetDeadline(time.Now().Add(lifetime))
}

// dial makes a connection to the reverse proxy that is closed with the site.
func (s *site) dial(from string) *client {
	s.t.Helper()
	return s.dialTo(from, s.vip)
}

func (s *site) dialTo(from, to string) *client {
	s.t.Helper()
	c, err := s.connect(from, to)
	require.NoError(s.t, err)
	s.keep(c)
	return c
}

// head is a request's first line and Host, without the empty line at the end.
func (c *client) head(method, path string) string {
	return fmt.Sprintf("%s %s%s HTTP/1.1\r\nHost: lab.test\r\n", method, c.base, path)
}

func (c *client) send(s string) {
	c.t.Helper()
	_, err := io.WriteString(c, s)
	require.NoError(c.t, err)
}

func (c *client) ask(path string) {
	c.t.Helper()
	c.send(c.head("GET", path) + "\r\n")
}

// answer reads a response to method. The body is returned as it came, but for the
// chunks.
func (c *client) answer(method string) (*http.Response, []byte, error) {
	res, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(res.Body)
	return res, body, err
}

// get fetches a page and returns status and body.
func (c *client) get(path string) (int, string) {
	c.t.Helper()
	c.ask(path)
	res, body, err := c.answer("GET")
	require.NoError(c.t, err)
	return res.StatusCode, string(body)
}

// home fetches the first page as if nothing had happened.
func (c *client) home() {
	c.t.Helper()
	status, body := c.get("/")
	assert.Equal(c.t, 200, status)
	assert.Len(c.t, body, 1024)
}

// dropped waits for the reset of a connection on which nothing else comes.
func (c *client) dropped() {
	c.t.Helper()
	rest, err := io.ReadAll(c.r)
	assert.ErrorIs(c.t, err, syscall.ECONNRESET)
	assert.Empty(c.t, rest)
}

// cut reads what is left of an answer, which ends with a reset before it is complete.
func (c *client) cut() {
	c.t.Helper()
	n, err := io.Copy(io.Discard, c.r)
	assert.ErrorIs(c.t, err, syscall.ECONNRESET)
	assert.Less(c.t, n, int64(bigObject))
}

// keep closes a connection with the site.
func (s *site) keep(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients = append(s.clients, c)
}

// sight is what a client sees of the EICAR file.
type sight string

const (
	refused   sight = "reset"
	blocked   sight = "EICAR blocked"
	unscanned sight = "EICAR passed unscanned"
)

// fetchEICAR makes a connection to the reverse proxy, asks for the EICAR file and
// tells what comes. The connection stays open unless it was refused.
func (s *site) fetchEICAR(from string) (sight, *client) {
	s.t.Helper()
	return s.meet(httpSpeaker(), from, s.vip)
}

// sightOf tells what an answer to a request for the EICAR file is.
func sightOf(res *http.Response, body []byte) sight {
	switch {
	case res.StatusCode == 200 && bytes.Equal(body, lab.EICAR()):
		return unscanned
	case isBlockPage(res, body):
		return blocked
	}
	return sight(fmt.Sprintf("status %d, %d bytes", res.StatusCode, len(body)))
}

// isBlockPage tells the replacement page for a virus that gives nothing away.
func isBlockPage(res *http.Response, body []byte) bool {
	return res.StatusCode == 403 && strings.Contains(string(body), "High Security Alert") &&
		strings.Contains(string(body), "infected with the virus") && !bytes.Contains(body, lab.EICAR()[:40])
}

// task is a client in the middle of something.
type task struct {
	*client
	what   string
	finish func() // goes on, and sees that nothing has happened to it
}

// begin opens a session of HTTP that has one exchange behind it and is at rest.
func (s *site) begin(from string) *client {
	s.t.Helper()
	return s.beginAs(httpSpeaker(), from)
}

// idle is a session of HTTP at rest.
func (s *site) idle(from string) task {
	s.t.Helper()
	return s.idleAs(httpSpeaker(), from)
}

// uploading is a session that has sent half a body.
func (s *site) uploading(from string) task {
	s.t.Helper()
	return s.holdAs(httpSpeaker(), from, httpUpload)
}

// downloading is a session that has read a little of a large object; it needs a
// configuration that lets large objects pass.
func (s *site) downloading(from string) task {
	s.t.Helper()
	return s.holdAs(httpSpeaker(), from, httpDownload)
}

// same reads two streams to their ends and compares them.
func same(t testing.TB, want, got io.Reader) {
	t.Helper()
	a, b := make([]byte, 64<<10), make([]byte, 64<<10)
	for at := int64(0); ; {
		n, err := io.ReadFull(want, a)
		m, err2 := io.ReadFull(got, b)
		if n != m || !bytes.Equal(a[:n], b[:m]) {
			require.Failf(t, "content differs", "within %d bytes from byte %d on: %d bytes wanted, %d came (%v, %v)", len(a), at, n, m, err, err2)
		}
		at += int64(n)
		if err != nil {
			require.True(t, errors.Is(err2, io.EOF) || errors.Is(err2, io.ErrUnexpectedEOF), "%v", err2)
			return
		}
	}
}
