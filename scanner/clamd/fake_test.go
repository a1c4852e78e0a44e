package clamd

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"utmsim/scanner/samples"
)

// daemon is a stand-in for clamd that can be made to misbehave; the real one is
// tried in real_test.go.
type daemon struct {
	t        testing.TB
	l        net.Listener
	wg       sync.WaitGroup
	sessions atomic.Int64
	scans    atomic.Int64
	bytes    atomic.Int64
	answer   atomic.Pointer[func(id int, content []byte) string] // nil: honest
	limit    int                                                 // StreamMaxLength

	mu    sync.Mutex // guards the field below
	conns map[net.Conn]bool
}

func start(t testing.TB, network, address string) *daemon {
	l, err := net.Listen(network, address)
	require.NoError(t, err)
	d := &daemon{t: t, l: l, conns: map[net.Conn]bool{}, limit: DefaultStreamMax}
	d.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			d.mu.Lock()
			d.conns[c] = true
			d.mu.Unlock()
			d.sessions.Add(1)
			d.wg.Go(func() { d.serve(c) })
		}
	})
	t.Cleanup(d.stop)
	return d
}

func (d *daemon) engine(change ...func(*Options)) *Engine {
	o := Options{Network: d.l.Addr().Network(), Address: d.l.Addr().String()}
	for _, f := range change {
		f(&o)
	}
	e := New(o)
	d.t.Cleanup(func() { require.NoError(d.t, e.Close()) })
	return e
}

// stop ends the daemon as a kill does.
func (d *daemon) stop() {
	d.l.Close()
	d.hangUp()
	d.wg.Wait()
}

// hangUp closes all connections.
func (d *daemon) hangUp() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.conns {
		c.Close()
	}
}

// say makes the daemon answer scans with a text, or when that is empty not at all.
func (d *daemon) say(answer func(id int, content []byte) string) { d.answer.Store(&answer) }

func (d *daemon) honest() { d.answer.Store(nil) }

func (d *daemon) serve(c net.Conn) {
	defer func() {
		d.mu.Lock()
		delete(d.conns, c)
		d.mu.Unlock()
		c.Close()
	}()
	r := bufio.NewReader(c)
	for id := 0; ; {
		command, err := r.ReadString(0)
		if err != nil {
			return
		}
		switch command = strings.TrimSuffix(command, "\x00"); command {
		case "zIDSESSION":
			continue
		case "zPING":
			id++
			fmt.Fprintf(c, "%d: PONG\x00", id)
		case "zVERSION":
			id++
			fmt.Fprintf(c, "%d: ClamAV 1.4.6/27000\x00", id)
		case "zINSTREAM":
			id++
			content, err := d.content(r)
			if err != nil {
				if errors.Is(err, errLimit) {
					fmt.Fprintf(c, "%d: INSTREAM size limit exceeded. ERROR\x00", id)
				}
				return
			}
			d.scans.Add(1)
			d.bytes.Add(int64(len(content)))
			text := d.verdict(id, content)
			if text == "" {
				return
			}
			_, _ = io.WriteString(c, text)
		default:
			fmt.Fprintf(c, "UNKNOWN COMMAND\x00")
			return
		}
	}
}

var errLimit = errors.New("limit")

func (d *daemon) content(r io.Reader) ([]byte, error) {
	var content []byte
	for {
		var size [4]byte
		if _, err := io.ReadFull(r, size[:]); err != nil {
			return nil, err
		}
		n := int(binary.BigEndian.Uint32(size[:]))
		if n == 0 {
			return content, nil
		}
		if len(content)+n > d.limit {
			return nil, errLimit
		}
		at := len(content)
		content = append(content, make([]byte, n)...)
		if _, err := io.ReadFull(r, content[at:]); err != nil {
			return nil, err
		}
	}
}

func (d *daemon) verdict(id int, content []byte) string {
	if answer := d.answer.Load(); answer != nil {
		return (*answer)(id, content)
	}
	said := "stream: OK"
	if bytes.Contains(content, samples.EICAR()) {
		said = "stream: Lab.Eicar FOUND"
	}
	return strconv.Itoa(id) + ": " + said + "\x00"
}
