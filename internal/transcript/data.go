package transcript

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"
)

// dataEnd is one side's part in data connections, those that a dialogue arranges
// beside itself.
type dataEnd struct {
	listener *net.TCPListener // of this side
	proxy    string           // where the proxy has said that it listens
	conn     *net.TCPConn
}

// dataStep takes the steps about data connections. ok is false for any other.
func (p *player) dataStep(name, data string) (ok bool) {
	p.t.Helper()
	side, what, _ := strings.Cut(name, " ")
	end, known := map[string]*dataEnd{"client": &p.clientData, "server": &p.serverData}[side]
	if !known {
		return false
	}
	switch what {
	case "gets a port":
		p.learns(end, side, data)
	case "data":
		p.write(p.dataConn(end, side), p.bytes(data), false)
	case "data opens":
		p.dataConn(end, side)
	case "gets data":
		p.receives(p.dataConn(end, side), p.bytes(data), "the "+side+" (data)")
	case "data closes":
		require.NoError(p.t, p.dataConn(end, side).Close())
		end.conn = nil
	case "data resets":
		p.reset(p.dataConn(end, side))
		end.conn = nil
	case "gets a part of data":
		p.dataPart(p.dataConn(end, side), p.bytes(data), side)
		end.conn = nil
	case "data ends":
		p.over(p.dataConn(end, side), strings.TrimSpace(data), "the "+side+" (data)")
		end.conn.Close()
		end.conn = nil
	default:
		return false
	}
	return true
}

// dataPart reads to the end of a data connection that is reset somewhere.
func (p *player) dataPart(c *net.TCPConn, of []byte, side string) {
	p.t.Helper()
	got, err := io.ReadAll(c)
	require.ErrorIs(p.t, err, syscall.ECONNRESET)
	require.True(p.t, bytes.HasPrefix(of, got), "the %s got something else: %s", side, brief(got))
	c.Close()
}

// placeholders stand for an address in a step that learns it.
var placeholders = strings.NewReplacer(`\{port\}`, `(?P<port>\d+)`, `\{commas\}`, `127,0,0,1,(?P<high>\d+),(?P<low>\d+)`)

// learns receives a line in which the proxy names the port that it listens on.
func (p *player) learns(end *dataEnd, side, data string) {
	p.t.Helper()
	from := p.client
	if side == "server" {
		from = p.origins()
	}
	pattern := regexp.MustCompile("^" + placeholders.Replace(regexp.QuoteMeta(strings.TrimSuffix(data, "\n"))) + "\r\n$")
	line := p.lineOf(from)
	m := pattern.FindStringSubmatch(line)
	require.NotNil(p.t, m, "the %s got %q", side, line)
	number := func(name string) int {
		i := pattern.SubexpIndex(name)
		if i < 0 {
			return 0
		}
		n, err := strconv.Atoi(m[i])
		require.NoError(p.t, err)
		return n
	}
	end.proxy = net.JoinHostPort("127.0.0.1", strconv.Itoa(number("port")+number("high")<<8+number("low")))
}

// lineOf reads byte by byte, so that nothing behind the line is taken.
func (p *player) lineOf(c *net.TCPConn) string {
	var line []byte
	for b := make([]byte, 1); len(line) == 0 || line[len(line)-1] != '\n'; line = append(line, b[0]) {
		_, err := c.Read(b)
		require.NoError(p.t, err, "after %q", line)
	}
	return string(line)
}

// dataConn is one side's data connection: to the port that the proxy has named, or
// from the proxy to its own.
func (p *player) dataConn(end *dataEnd, side string) *net.TCPConn {
	p.t.Helper()
	if end.conn != nil {
		return end.conn
	}
	var err error
	if end.proxy != "" {
		var c net.Conn
		c, err = net.DialTimeout("tcp", end.proxy, Patience)
		require.NoError(p.t, err, "data connection of the %s", side)
		end.conn, end.proxy = c.(*net.TCPConn), ""
	} else {
		require.NotNil(p.t, end.listener, "the %s waits for no data connection", side)
		require.NoError(p.t, end.listener.SetDeadline(time.Now().Add(Patience)))
		end.conn, err = end.listener.AcceptTCP()
		require.NoError(p.t, err, "data connection to the %s", side)
		end.listener.Close()
		end.listener = nil
	}
	conn := end.conn
	p.t.Cleanup(func() { conn.Close() })
	require.NoError(p.t, conn.SetDeadline(time.Now().Add(Patience)))
	return conn
}

// dataMacro is the port of a side's own listener for data, which is opened when it
// is first named: {client port}, {server commas}, or of the latter the {server tail}
// that is the port.
func (p *player) dataMacro(m string) (text string, ok bool) {
	side, form, _ := strings.Cut(m, " ")
	end, known := map[string]*dataEnd{"client": &p.clientData, "server": &p.serverData}[side]
	if m == "closed" {
		return p.closedPort(), true
	}
	if !known {
		return "", false
	}
	if end.listener == nil {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(p.t, err)
		end.listener, end.proxy = ln.(*net.TCPListener), ""
		p.t.Cleanup(func() { ln.Close() })
	}
	port := end.listener.Addr().(*net.TCPAddr).Port
	if form == "port" {
		return strconv.Itoa(port), true
	}
	tail := fmt.Sprintf("%d,%d", port>>8, port&0xff)
	if form == "tail" {
		return tail, true
	}
	require.Equal(p.t, "commas", form, "unknown words in braces: %s", m)
	return "127,0,0,1," + tail, true
}

// closedPort is a port on which nobody listens, as PORT writes it.
func (p *player) closedPort() string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(p.t, err)
	require.NoError(p.t, ln.Close())
	port := ln.Addr().(*net.TCPAddr).Port
	return fmt.Sprintf("%d,%d", port>>8, port&0xff)
}

// noData checks that no data connection has been made that the steps don't show.
func (p *player) noData() {
	p.t.Helper()
	for side, end := range map[string]*dataEnd{"client": &p.clientData, "server": &p.serverData} {
		require.Nil(p.t, end.conn, "a data connection of the %s is left open", side)
		if end.listener == nil {
			continue
		}
		require.NoError(p.t, end.listener.SetDeadline(time.Now()))
		_, err := end.listener.Accept()
		var timeout net.Error
		require.True(p.t, errors.As(err, &timeout) && timeout.Timeout(), "the proxy has connected to the %s: %v", side, err)
	}
}
