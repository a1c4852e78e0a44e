package appliance_test

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"utmsim/internal/lab"
)

// newcomers is how many try to log in at once; as many consoles may be open.
const newcomers = 200

// TestTrafficGoesOnWhileConsolesAreAbused: a crowd that logs in at once, logins that
// never happen, garbage on every carrier, and changes whose author vanishes in the
// middle. Every request of the traffic is answered with what it asked for, and
// nothing is half changed.
func TestTrafficGoesOnWhileConsolesAreAbused(t *testing.T) {
	s := newRealTimeSite(t, "")
	before := s.exec("show full-configuration")
	calm := new(requests)
	calm.during(s, func() { calm.await(20) })

	var silent []net.Conn
	t.Cleanup(func() {
		for _, c := range silent {
			c.Close()
		}
	})
	for range 100 { // half open: connected, and then nothing, or half a greeting
		c, err := net.Dial("tcp", s.Console().SSHAddr().String())
		require.NoError(t, err)
		silent = append(silent, c)
		if len(silent)%2 == 0 {
			_, err = io.WriteString(c, "SSH-2.0-half")
			require.NoError(t, err)
		}
	}
	abused := new(requests)
	abused.during(s, func() {
		var abusers sync.WaitGroup
		for range newcomers {
			abusers.Go(func() { s.logIn() })
		}
		for _, junk := range garbage() {
			abusers.Go(func() { s.throwAt("tcp", s.Console().SSHAddr().String(), junk) })
			abusers.Go(func() { s.throwAt("unix", filepath.Join(s.state, "control.sock"), junk) })
			abusers.Go(func() { s.throwAt("unix", filepath.Join(s.state, "control.sock"), append(halfChange(), junk...)) })
		}
		abusers.Wait()
		abused.await(20)
	})
	t.Logf("calm: %s; while consoles are abused: %s", calm, abused)
	assert.Equal(t, before, s.exec("show full-configuration"))
	assert.Contains(t, s.exec("get system status"), "Hostname: FGT\n")
}

// requests go on, one after the other, until they are told to stop.
type requests struct {
	done  atomic.Int64
	since time.Time
	took  time.Duration
	more  chan struct{} // gets a token for each request, and is never full
}

func (x *requests) String() string {
	return time.Duration(int64(x.took)/max(x.done.Load(), 1)).String() + " a request"
}

// during makes requests while do runs, one after the other, and checks every answer.
func (x *requests) during(s *site, do func()) {
	s.t.Helper()
	x.more, x.since = make(chan struct{}, 1), time.Now()
	stop, over := make(chan struct{}), make(chan struct{})
	client := &http.Client{Transport: new(http.Transport), Timeout: lifetime}
	defer client.CloseIdleConnections()
	go func() {
		defer close(over)
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			path, status := "/bytes/5000", http.StatusOK
			if n%5 == 4 {
				path, status = "/eicar.com", http.StatusForbidden
			}
			s.made.Add(1)
			resp, err := client.Get("http://" + s.vip + path)
			if !assert.NoError(s.t, err) {
				return
			}
			body, err := io.ReadAll(resp.Body)
			assert.NoError(s.t, err)
			assert.NoError(s.t, resp.Body.Close())
			assert.Equal(s.t, status, resp.StatusCode)
			assert.NotContains(s.t, string(body), string(lab.EICAR()))
			if status == http.StatusOK {
				assert.Len(s.t, body, 5000)
			}
			x.done.Add(1)
			select {
			case x.more <- struct{}{}:
			default:
			}
		}
	}()
	do()
	x.took = time.Since(x.since)
	close(stop)
	<-over
}

// await waits until so many requests have been answered.
func (x *requests) await(n int64) {
	for x.done.Load() < n {
		<-x.more
	}
}

// logIn is one of the newcomers: it is served or turned away, begins a change and is
// gone.
func (s *site) logIn() {
	client, err := ssh.Dial("tcp", s.Console().SSHAddr().String(), &ssh.ClientConfig{
		User: "admin", Auth: []ssh.AuthMethod{ssh.Password("")}, HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: lifetime,
	})
	if err != nil {
		return // there is no room for it, which it was told
	}
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		return
	}
	if in, err := session.StdinPipe(); err == nil && session.RequestPty("xterm", 24, 80, nil) == nil && session.Shell() == nil {
		io.WriteString(in, "config system global\rset hostname half\rset av-failopen off\r")
	}
}

// throwAt sends bytes and reads what is said about them, to the end.
func (s *site) throwAt(network, address string, junk []byte) {
	conn, err := net.Dial(network, address)
	if !assert.NoError(s.t, err) {
		return
	}
	defer conn.Close()
	assert.NoError(s.t, conn.SetDeadline(time.Now().Add(lifetime)))
	go func() {
		conn.Write(junk) // it may be closed meanwhile
		conn.(interface{ CloseWrite() error }).CloseWrite()
	}()
	io.Copy(io.Discard, conn)
}

// garbage is what no console understands.
func garbage() [][]byte {
	noise := make([]byte, 1<<20)
	rand.Read(noise)
	return [][]byte{
		noise, bytes.Repeat([]byte{0}, 1<<20), []byte(strings.Repeat("a", 1<<20) + "\n"), []byte("\xff\xfe\x00\x1b[2J\x07\r\n"),
		[]byte("SSH-2.0-x\r\n" + strings.Repeat("\xff", 4096)), []byte("GET / HTTP/1.1\r\n\r\n"),
	}
}

// halfChange is what a script on the control socket begins with: the greeting, and
// a change without its end. A frame is a letter, the length and that much.
func halfChange() []byte {
	var b bytes.Buffer
	for _, f := range []string{`H{"protocol":1}`, "Lconfig system global", "Lset hostname half"} {
		b.WriteByte(f[0])
		b.Write([]byte{0, 0, 0, byte(len(f) - 1)})
		b.WriteString(f[1:])
	}
	return b.Bytes()
}
