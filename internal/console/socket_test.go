package console

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stateDir is a folder whose path is short enough for a socket on every system.
func stateDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "uts")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

func dial(t testing.TB, dir string) *Client {
	t.Helper()
	c, err := Dial(dir)
	require.NoError(t, err)
	return c
}

func TestClientExec(t *testing.T) {
	u, dir := newUnit(t), stateDir(t)
	require.NoError(t, u.Listen(dir))
	for _, c := range []struct {
		name   string
		lines  []string
		failed bool
		out    string
		errs   string
	}{
		{"nothing", nil, false, "", ""},
		{"one line", []string{"get test http | grep 5"}, false, "[0:H] 55: Display tcp info per connection\n", ""},
		{"an error does not stop", []string{"emd", "get test proxyworker 22"}, true, "Unknown action 0\nno idle connection\n", ""},
		{"config lasts", []string{"config system global", "set hostname lab", "end", "show system global"}, false, "config system global\n    set hostname \"lab\"\nend\n", ""},
		{"lines in one argument", []string{"config system global\nset hostname lab2\nend\n", "get system status | grep Host"}, false, "Hostname: lab2\n", ""},
		{"config left open", []string{"config system global", "set hostname gone"}, true, "", "config system global is not closed with end: what was set in it since the last end or next is dropped\n"},
		{"a quote left open", []string{"show \"system"}, true, "", "the last line ends inside quotes and was not executed\n"},
		{"a quote over lines", []string{"show \"sys", "tem\""}, true, "\ncommand parse error before 'sys\ntem'\nCommand fail. Return code -61\n", ""},
		{"exit ends", []string{"exit", "emd"}, false, "", ""},
		{"exit in vain", []string{"config system global", "exit", "end"}, true, "Unknown action\n", ""},
		{"comments and blank lines", []string{"", "# emd", "  "}, false, "", ""},
		{"CRLF", []string{"get test proxyworker 22\r"}, false, "no idle connection\n", ""},
		{"control characters", []string{"get te\x1bst proxy\x00worker 22"}, false, "no idle connection\n", ""},
		{"broken text", []string{"get \xff"}, true, "the line is not UTF-8 text and was not executed\nCommand fail. Return code -1\n", ""},
		{"a line at the limit", []string{"emd" + strings.Repeat(" ", maxLine-3)}, true, "Unknown action 0\n", ""},
		{"a line over the limit", []string{"emd" + strings.Repeat(" ", maxLine), "emd"}, true, "the line is longer than 65536 bytes and was not executed\nCommand fail. Return code -1\nUnknown action 0\n", ""},
		{"a line over the frame's limit", []string{strings.Repeat("x", frameLimit+1), "emd"}, true, "the line is longer than 65536 bytes and was not executed\nCommand fail. Return code -1\nUnknown action 0\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, errs strings.Builder
			failed, err := dial(t, dir).Exec(t.Context(), c.lines, &out, &errs)
			require.NoError(t, err)
			assert.Equal(t, c.failed, failed)
			assert.Equal(t, c.out, out.String())
			assert.Equal(t, c.errs, errs.String())
			// The same lines from a reader.
			out.Reset()
			errs.Reset()
			failed, err = dial(t, dir).ExecFrom(t.Context(), strings.NewReader(strings.Join(c.lines, "\n")), &out, &errs)
			require.NoError(t, err)
			assert.Equal(t, c.failed, failed)
			assert.Equal(t, c.out, out.String())
			assert.Equal(t, c.errs, errs.String())
		})
	}
	assert.Equal(t, "lab2", u.store.Snapshot().Global.Hostname)
}

func TestChangesNameTheUser(t *testing.T) {
	u, dir := newUnit(t), stateDir(t)
	require.NoError(t, u.Listen(dir))
	_, err := dial(t, dir).Exec(t.Context(), []string{"diagnose sim drain"}, io.Discard, io.Discard)
	require.NoError(t, err)
	entries := u.logs.FilterMessage("console command").All()
	require.Len(t, entries, 1)
	assert.Regexp(t, `^local:.+`, entries[0].ContextMap()["who"])
}

func TestManyLinesWithMuchOutput(t *testing.T) {
	u, dir := newUnit(t), stateDir(t)
	require.NoError(t, u.Listen(dir))
	const n = 400
	lines := make([]string, n)
	for i := range lines {
		lines[i] = "get test proxyworker 4"
	}
	var out strings.Builder
	failed, err := dial(t, dir).Exec(t.Context(), lines, &out, io.Discard)
	require.NoError(t, err)
	assert.False(t, failed)
	assert.Equal(t, n, strings.Count(out.String(), "Worker[0]"))
}

func TestFailingSourceExecutesNoMore(t *testing.T) {
	u, dir := newUnit(t), stateDir(t)
	require.NoError(t, u.Listen(dir))
	broken := errors.New("disk on fire")
	r := io.MultiReader(strings.NewReader("config system global\nset hostname x\ne"), failingReader{broken})
	failed, err := dial(t, dir).ExecFrom(t.Context(), r, io.Discard, io.Discard)
	require.ErrorIs(t, err, broken)
	assert.True(t, failed)
	require.NoError(t, u.Close())
	assert.Equal(t, "FGT", u.store.Snapshot().Global.Hostname)
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

func TestSocketIsPrivateAndGoesAway(t *testing.T) {
	u, dir := newUnit(t), filepath.Join(stateDir(t), "state")
	require.NoError(t, u.Listen(dir))
	for name, mode := range map[string]os.FileMode{"": 0o700, socketName: 0o600, lockName: 0o600} {
		st, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.Equal(t, mode, st.Mode().Perm(), name)
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 2, "the staging folder is still there")
	require.NoError(t, u.Close())
	_, err = os.Stat(filepath.Join(dir, socketName))
	assert.ErrorIs(t, err, os.ErrNotExist)
	_, err = Dial(dir)
	require.Error(t, err)
	assert.Contains(t, err.Error(), "no utmsim is running with the state folder "+dir)
}

func TestFolderOfARunningProgramIsRefused(t *testing.T) {
	first, second, dir := newUnit(t), newUnit(t), stateDir(t)
	require.NoError(t, first.Listen(dir))
	err := second.Listen(dir)
	require.Error(t, err)
	assert.Contains(t, err.Error(), "another utmsim is running with this state folder")
	_, err = dial(t, dir).Exec(t.Context(), nil, io.Discard, io.Discard)
	require.NoError(t, err, "the first one must still answer")
	require.NoError(t, first.Close())
	require.NoError(t, second.Listen(dir), "the folder is free again")
}

func TestSocketOfACrashedProgramIsReplaced(t *testing.T) {
	dir := stateDir(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, socketName), Net: "unix"})
	require.NoError(t, err)
	l.SetUnlinkOnClose(false)
	require.NoError(t, l.Close())
	_, err = Dial(dir)
	require.Error(t, err)
	u := newUnit(t)
	require.NoError(t, u.Listen(dir))
	_, err = dial(t, dir).Exec(t.Context(), nil, io.Discard, io.Discard)
	require.NoError(t, err)
}

func TestLongPathIsExplained(t *testing.T) {
	dir := filepath.Join(stateDir(t), strings.Repeat("long", 40))
	err := newUnit(t).Listen(dir)
	require.Error(t, err)
	assert.Contains(t, err.Error(), "choose a shorter folder with --state")
}

// speak sends raw bytes to the socket and returns what the server says until it
// closes.
func speak(t *testing.T, dir string, bytes string) []byte {
	t.Helper()
	conn, err := net.Dial("unix", filepath.Join(dir, socketName))
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, bytes)
	require.NoError(t, err)
	require.NoError(t, conn.(*net.UnixConn).CloseWrite())
	got, err := io.ReadAll(conn)
	if err != nil { // what was not read when the server closed resets the connection
		require.ErrorContains(t, err, "reset")
	}
	return got
}

func frame(kind frameKind, payload string) string {
	var b strings.Builder
	if err := writeFrame(&b, kind, []byte(payload)); err != nil {
		panic(err)
	}
	return b.String()
}

func TestGarbageConnections(t *testing.T) {
	u, dir := newUnit(t), stateDir(t)
	require.NoError(t, u.Listen(dir))
	greeting := frame(frameHello, `{"protocol":1}`)
	terminal := frame(frameHello, `{"protocol":1,"terminal":true}`)
	for name, c := range map[string]struct{ bytes, want string }{
		"nothing":                {"", "waiting for the greeting"},
		"HTTP":                   {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "a frame of"},
		"another frame":          {frame(frameKeys, "x"), "does not begin with a greeting"},
		"no JSON":                {frame(frameHello, "hi"), "reading the greeting"},
		"another version":        {frame(frameHello, `{"protocol":7}`), "version 7"},
		"a huge frame":           {greeting + "L\xff\xff\xff\xff", "a frame of 4294967295 bytes"},
		"a frame cut short":      {greeting + "L\x00\x00\x00\x09abc", "unexpected EOF"},
		"no end":                 {greeting + frame(frameLine, "config system global"), "reading lines: EOF"},
		"keys in exec":           {greeting + frame(frameKeys, "emd\r"), `unexpected frame 'K'`},
		"lines in a terminal":    {terminal + frame(frameLine, "emd"), `unexpected frame 'L'`},
		"a size that is none":    {terminal + frame(frameSize, "12345"), "a size frame of 5 bytes"},
		"an unknown frame":       {terminal + frame('?', ""), `unexpected frame '?'`},
		"a terminal, no more":    {terminal, "FGT # "},
		"an end in the terminal": {terminal + frame(frameKeys, "emd\r") + frame(frameEnd, ""), "Unknown action 0"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Contains(t, string(speak(t, dir, c.bytes)), c.want)
		})
	}
	_, err := dial(t, dir).Exec(t.Context(), nil, io.Discard, io.Discard)
	require.NoError(t, err)
}

func TestTooManyConsolesAreTold(t *testing.T) {
	u, dir := newUnit(t), stateDir(t)
	require.NoError(t, u.Listen(dir))
	var open []net.Conn
	for range maxConsoles {
		conn, err := net.Dial("unix", filepath.Join(dir, socketName))
		require.NoError(t, err)
		defer conn.Close()
		open = append(open, conn)
	}
	var errs strings.Builder
	failed, err := dial(t, dir).Exec(t.Context(), []string{"get test http | grep 5"}, io.Discard, &errs)
	require.NoError(t, err)
	assert.True(t, failed)
	assert.Equal(t, "200 consoles are open already, close one\n", errs.String())
	require.NoError(t, open[0].Close())
	require.EventuallyWithT(t, func(t *assert.CollectT) {
		c, err := Dial(dir)
		require.NoError(t, err)
		failed, err := c.Exec(context.Background(), nil, io.Discard, io.Discard)
		require.NoError(t, err)
		require.False(t, failed)
	}, time.Minute, time.Millisecond)
}

func TestReaderThatStopsBlocksNobody(t *testing.T) {
	u, dir := newUnit(t), stateDir(t)
	require.NoError(t, u.Listen(dir))
	conn, err := net.Dial("unix", filepath.Join(dir, socketName))
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, frame(frameHello, `{"protocol":1}`))
	require.NoError(t, err)
	go func() { // until the server's buffer and ours are full
		for {
			if _, err := io.WriteString(conn, frame(frameLine, "get test proxyworker 4")); err != nil {
				return
			}
		}
	}()
	for range 20 {
		failed, err := dial(t, dir).Exec(t.Context(), []string{"get test proxyworker 4", "diagnose sim fill http 1"}, io.Discard, io.Discard)
		require.NoError(t, err)
		assert.False(t, failed)
	}
}

func TestCloseEndsSessionsWithAWord(t *testing.T) {
	u, dir := newUnit(t), stateDir(t)
	require.NoError(t, u.Listen(dir))
	source, feed := io.Pipe()
	defer feed.Close()
	started := make(chan struct{})
	out := writerFunc(func(p []byte) (int, error) {
		if strings.Contains(string(p), "no idle connection") {
			close(started)
		}
		return len(p), nil
	})
	var errs strings.Builder
	var done sync.WaitGroup
	done.Go(func() {
		failed, err := dial(t, dir).ExecFrom(t.Context(), source, out, &errs)
		assert.NoError(t, err)
		assert.True(t, failed)
	})
	_, err := io.WriteString(feed, "get test proxyworker 22\n")
	require.NoError(t, err)
	<-started
	require.NoError(t, u.Close())
	done.Wait()
	assert.Equal(t, "utmsim is shutting down\n", errs.String())
	require.NoError(t, u.Close(), "twice")
	require.ErrorIs(t, u.Listen(dir), errClosing)
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestCancelledExec(t *testing.T) {
	u, dir := newUnit(t), stateDir(t)
	require.NoError(t, u.Listen(dir))
	source, feed := io.Pipe()
	defer feed.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	cancel(cause)
	failed, err := dial(t, dir).ExecFrom(ctx, source, io.Discard, io.Discard)
	require.ErrorIs(t, err, cause)
	assert.True(t, failed)
}

func TestLostConnection(t *testing.T) {
	dir := stateDir(t)
	l, err := net.Listen("unix", filepath.Join(dir, socketName))
	require.NoError(t, err)
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err == nil {
			conn.Close()
		}
	}()
	_, err = dial(t, dir).Exec(t.Context(), []string{"x"}, io.Discard, io.Discard)
	require.Error(t, err)
	assert.Contains(t, err.Error(), "utmsim")
}
