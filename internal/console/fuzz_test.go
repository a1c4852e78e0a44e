package console

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// recording is a terminal that types what it is given and keeps what it shows.
type recording struct {
	io.Reader
	bytes.Buffer
}

func (r *recording) Read(p []byte) (int, error)      { return r.Reader.Read(p) }
func (r *recording) SetReadDeadline(time.Time) error { return nil }

// FuzzSession types arbitrary bytes at a terminal. The session ends, nothing but
// text and the sequences of the line editor is shown, and the configuration is
// either as before or one that was committed as a whole: what show prints of it
// loads again into the same.
func FuzzSession(f *testing.F) {
	for _, seed := range []string{
		"get test proxyworker 4\r  q", "config system global\rset hostname x\rend\r", "conf sys glo\rset host\t a\rab\r",
		"config firewall policy\redit 1\rset dstaddr all\rset service ALL\rnext\rend\r", "show | grep -f x\r", "?\t\t\x16?\x03\x04",
		"\x1b[A\x1b[B\x1bOC\x1b[1;5D\x1b[200~\xff\xe2\x82", "set comment \"a\rb?\"\r", "execute shutdown\ry", "diagnose sim fill http 9 client ::1 idle 7\r",
		"config vdom\redit root\rconfig system console\rset output standard\rnext\r", "diagnose sys top 1\rmpq", "execute backup config flash \"a\rb\"\r",
		"execute factoryreset\ry", "config firewall vip\rpurge\ryend\r", "diagnose sys session filter src ::\rdiagnose sys session list\r", "config system admin\redit admin\rset password ENC x\rend\r", strings.Repeat("a", 5000) + "\r",
	} {
		f.Add([]byte(seed), uint8(80), uint8(24))
	}
	u := newUnit(f)
	f.Fuzz(func(t *testing.T, keys []byte, cols, rows uint8) {
		term := &recording{Reader: bytes.NewReader(keys)}
		s := u.NewSession(term, Interactive{Who: "fuzz", Cols: int(cols), Rows: int(rows)})
		if err := s.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		assert.NotContains(t, term.String(), "\x00")

		var before, after strings.Builder
		require.NoError(t, u.store.Write(&before, true))
		again := newStore(t, before.String())
		require.NoError(t, again.Write(&after, true))
		assert.Equal(t, before.String(), after.String())
		u.engine.Drain()
		u.engine.AutoMemory()
	})
}

// FuzzLines executes arbitrary lines and filters.
func FuzzLines(f *testing.F) {
	for _, seed := range []string{
		"show | grep -fi 'a\\|b'", "get test http 4 | grep -v '[^]a[:alpha:]-\\]*$'", "diagnose sim memory 90\nconfig system global\nset av-failopen off\nend",
		"show | grep '\\(a\\)\\{2\\}'", "config global\nconfig system dns\nabort\nend", "get sys st | grep -cv \"x", "\"get\" 'test' \\http", "show \xff",
	} {
		f.Add(seed)
	}
	u := newUnit(f)
	f.Fuzz(func(t *testing.T, text string) {
		var out strings.Builder
		u.Exec("fuzz", strings.Split(text, "\n"), &out)
		u.engine.Drain()
		u.engine.AutoMemory()
	})
}

func BenchmarkWorkerStat(b *testing.B) {
	u := newUnit(b)
	b.ReportAllocs()
	for b.Loop() {
		if !u.Exec("bench", []string{"get test proxyworker 4"}, io.Discard) {
			b.Fatal("level 4 failed")
		}
	}
}

func BenchmarkWorkerStatOverTheSocket(b *testing.B) {
	u, dir := newUnit(b), stateDir(b)
	require.NoError(b, u.Listen(dir))
	b.ReportAllocs()
	for b.Loop() {
		c, err := Dial(dir)
		require.NoError(b, err)
		if failed, err := c.Exec(b.Context(), []string{"get test proxyworker 4"}, io.Discard, io.Discard); failed || err != nil {
			b.Fatal("level 4 failed: ", err)
		}
	}
}
