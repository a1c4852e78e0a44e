package console

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// vt is a terminal of the size that the tests need: it shows what a user would
// see. It knows the sequences that the line editor and the pager use and fails on
// any other.
type vt struct {
	t          testing.TB
	cols       int
	rows       [][]rune
	x, y       int
	bells      int
	pendingEsc string
}

func newVT(t testing.TB, cols int) *vt { return &vt{t: t, cols: cols, rows: [][]rune{nil}} }

func (v *vt) Write(p []byte) (int, error) {
	for _, r := range v.pendingEsc + string(p) {
		v.put(r)
	}
	return len(p), nil
}

func (v *vt) put(r rune) {
	if v.pendingEsc != "" {
		v.pendingEsc += string(r)
		if r >= '@' && r <= '~' && r != '[' {
			seq := v.pendingEsc[2:]
			v.pendingEsc = ""
			v.control(seq)
		}
		return
	}
	switch r {
	case 0x1b:
		v.pendingEsc = "\x1b"
	case '\r':
		v.x = 0
	case '\n':
		v.y++
	case '\a':
		v.bells++
	default:
		require.GreaterOrEqual(v.t, r, ' ', "a control character reached the terminal")
		if v.x == v.cols {
			v.x, v.y = 0, v.y+1
		}
		row := v.row()
		for len(*row) <= v.x {
			*row = append(*row, ' ')
		}
		(*row)[v.x] = r
		v.x++
	}
	v.row()
}

func (v *vt) row() *[]rune {
	for len(v.rows) <= v.y {
		v.rows = append(v.rows, nil)
	}
	return &v.rows[v.y]
}

func (v *vt) control(seq string) {
	n, err := strconv.Atoi(seq[:len(seq)-1])
	if err != nil {
		n = 1
	}
	switch seq[len(seq)-1] {
	case 'A':
		v.y -= n
	case 'B':
		v.y += n
	case 'C':
		v.x += n
	case 'D':
		v.x -= n
	case 'K':
		row := v.row()
		*row = (*row)[:min(v.x, len(*row))]
	case 'J':
		v.rows = [][]rune{nil}
	case 'H':
		v.x, v.y = 0, 0
	default:
		v.t.Errorf("unknown sequence %q", seq)
	}
	require.GreaterOrEqual(v.t, v.x, 0)
	require.GreaterOrEqual(v.t, v.y, 0)
}

// text is what stands on the terminal, without blanks at the ends of its lines.
func (v *vt) text() string {
	var lines []string
	for _, r := range v.rows {
		lines = append(lines, strings.TrimRight(string(r), " "))
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// last is the line that the cursor is in.
func (v *vt) last() string { return strings.TrimRight(string(*v.row()), " ") }

// desk is a user at a terminal.
type desk struct {
	t       testing.TB
	session *Session
	conn    net.Conn
	mu      sync.Mutex // guards the fields below
	raw     []byte
	*vt
	ended chan error
}

// sit runs f with a user at a new session, in a bubble where typing waits until
// the console has nothing left to do.
func sit(t *testing.T, u *unit, at Interactive, f func(d *desk)) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		at.Who = "test"
		cols := at.Cols
		if cols == 0 {
			cols = 80
		}
		d := &desk{t: t, conn: near, vt: newVT(t, cols), ended: make(chan error, 1)}
		d.session = u.NewSession(far, at)
		read := make(chan struct{})
		go func() {
			defer close(read)
			buf := make([]byte, 4096)
			for {
				n, err := near.Read(buf)
				d.mu.Lock()
				d.raw = append(d.raw, buf[:n]...)
				d.vt.Write(buf[:n])
				d.mu.Unlock()
				if err != nil {
					return
				}
			}
		}()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { d.ended <- d.session.Run(ctx) }()
		synctest.Wait()
		f(d)
		near.Close()
		<-read
		if d.ended != nil {
			require.NoError(t, ignorePipe(<-d.ended))
		}
	})
}

// ignorePipe leaves out the error that the test's own closing makes.
func ignorePipe(err error) error {
	if err != nil && strings.Contains(err.Error(), io.ErrClosedPipe.Error()) {
		return nil
	}
	return err
}

// press types keys and waits until the console has dealt with them.
func (d *desk) press(keys string) {
	_, err := d.conn.Write([]byte(keys))
	require.NoError(d.t, err)
	synctest.Wait()
}

// wait lets seconds of the bubble's clock go by.
func (d *desk) wait(seconds int) {
	time.Sleep(time.Duration(seconds) * time.Second)
	synctest.Wait()
}

// over waits for the end of the session.
func (d *desk) over() error {
	err := <-d.ended
	d.ended = nil
	return err
}

func TestSession(t *testing.T) {
	const (
		up, down, right, left = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D"
		home, end, del        = "\x1b[H", "\x1b[4~", "\x1b[3~"
	)
	for _, c := range []struct{ name, keys, want string }{
		{"a line", "get test http\r", "FGT # get test http\nProxy Worker 0 - http\n[0:H] HTTP Proxy Test Usage\n[0:H]\n[0:H] 2: Drop all connections\n[0:H] 22: Drop max idle connections\n[0:H] 222: Drop all idle connections\n[0:H] 4: Display connection stat\n[0:H] 44: Display info per connection\n[0:H] 444: Display connections per state\n[0:H] 4444: Display per-VDOM statistics\n[0:H] 44444: Display information about idle connections\n[0:H] 55: Display tcp info per connection\n\nFGT #"},
		{"an error", "emd\r", "FGT # emd\nUnknown action 0\n\nFGT #"},
		{"no line", "\r\r\n \r", "FGT #\nFGT #\nFGT #\nFGT #"},
		{"a line feed", "emd\n", "FGT # emd\nUnknown action 0\n\nFGT #"},
		{"both line ends", "emd\r\nemd\r\n", "FGT # emd\nUnknown action 0\n\nFGT # emd\nUnknown action 0\n\nFGT #"},
		{"arrows", "ed" + left + left + "x" + right + "y" + home + "a" + end + "b", "FGT # axeydb"},
		{"other arrows", "ed\x1bOD\x1bODx\x1bOCy\x1bOHa\x1b[Fb", "FGT # axeydb"},
		{"words", "one two three\x1bb\x1bbX\x1bfY\x1b[1;5DZ", "FGT # one Xtwo ZYthree"},
		{"erase", "abcd\x7f" + left + left + del + "\x08", "FGT # c"},
		{"to the end", "one two" + left + left + left + "\x0b", "FGT # one"},
		{"to the start", "one two" + left + left + left + "\x15", "FGT # two"},
		{"a word back", "one two\x17", "FGT # one"},
		{"a word back by Alt", "one two\x1b\x7f", "FGT # one"},
		{"home and end", "b\x01a\x05c", "FGT # abc"},
		{"interrupted", "get te\x03emd\r", "FGT # get te^C\nFGT # emd\nUnknown action 0\n\nFGT #"},
		{"interrupted in the middle", "emd x" + left + left + "\x03", "FGT # emd x^C\nFGT #"},
		{"cleared screen", "emd\rab\x0cc", "FGT # abc"},
		{"history", "emd\rxyz\r" + up + up + "\r" + up + up + up + up + down + "!", "FGT # emd\nUnknown action 0\n\nFGT # xyz\nUnknown action 0\n\nFGT # emd\nUnknown action 0\n\nFGT # xyz!"},
		{"history keeps what was begun", "emd\rbeg" + up + down + "un", "FGT # emd\nUnknown action 0\n\nFGT # begun"},
		{"Tab", "get te\tpro\t4", "FGT # get test proxyworker 4"},
		{"Tab goes round", "e\t\t\t", "FGT # execute"},
		{"Tab and on", "e\t\t\t\t shut\t", "FGT # exit  shut"},
		{"Tab before text", "x" + left + "sho\t", "FGT # show x"},
		{"Tab in config", "config system global\rset av-failopen-\ten\t", "FGT # config system global\n\nFGT (global) # set av-failopen-session enable"},
		{"Tab with nothing to say", "zz\t\ty", "FGT # zzy"},
		{"Tab after a bar", "show | g\t-i x", "FGT # show | grep -i x"},
		{"help", "e?x", "FGT # e?\nexecute    Execute static commands.\nexit       Exit the CLI.\n\nFGT # ex"},
		{"help in the middle", "get test http" + left + left + left + left + "?z", "FGT # get test http?\nhttp           HTTP proxy.\nsmtp           SMTP proxy.\npop3           POP3 proxy.\nimap           IMAP proxy.\nftpd           FTP proxy.\nnntp           NNTP proxy.\nproxyworker    Proxy worker.\n\nFGT # get test zhttp"},
		{"help for a number", "get test http ?", "FGT # get test http ?\n<Integer>    Test level.\n<Enter>\n\nFGT # get test http"},
		{"help in config", "conf sys glo\rset av-failopen ?", "FGT # conf sys glo\n\nFGT (global) # set av-failopen ?\npass        Bypass the antivirus system when memory is low. Antivirus scanning r\nesumes when the low memory condition is resolved.\noff         Stop accepting new AV sessions when entering conserve mode, but cont\ninue to process current active sessions.\none-shot    Bypass the antivirus system when memory is low.\nidledrop    Drop connections based on the clients that have the most connections\n open.\n\nFGT (global) # set av-failopen"},
		{"help on mandatory settings", "config firewall policy\redit 1\rset d?", "FGT # config firewall policy\n\nFGT (policy) # edit 1\nnew entry '1' added\n\nFGT (1) # set d?\n*dstaddr    Destination virtual IPs, or all.\n\nFGT (1) # set d"},
		{"help where nothing fits", "get test foo ?", "FGT # get test foo ?\n\ncommand parse error before 'foo'\nCommand fail. Return code -61\n\nFGT # get test foo"},
		{"a question mark in quotes", "set comment \"why?\" ?", "FGT # set comment \"why?\" ?\nUnknown action 0\n\nFGT # set comment \"why?\""},
		{"a question mark verbatim", "why\x16?", "FGT # why?"},
		{"quotes over lines", "conf ant prof\redit default\rset comment \"a\rb\"\rshow | grep -c .\r", "FGT # conf ant prof\n\nFGT (profile) # edit default\n\nFGT (default) # set comment \"a\n> b\"\n\nFGT (default) # show | grep -c .\n24\n\nFGT (default) #"},
		{"an interrupted quote", "show \"a\rb\x03emd\r", "FGT # show \"a\n> b^C\nFGT # emd\nUnknown action 0\n\nFGT #"},
		{"stray controls and sequences", "e\x00m\x1b[200~\x1b[99;99;99;99;99;99;99;99;99zd\x1b\r", "FGT # emd\nUnknown action 0\n\nFGT #"},
		{"broken text", "em\xffd\r", "FGT # emd\nthe line is not UTF-8 text and was not executed\nCommand fail. Return code -1\n\nFGT #"},
		{"a character cut short", "em\xe2\x82\rshow x\r", "FGT # em\nthe line is not UTF-8 text and was not executed\nCommand fail. Return code -1\n\nFGT # show x\n\ncommand parse error before 'x'\nCommand fail. Return code -61\n\nFGT #"},
		{"text", "käse€\x7f\x7f", "FGT # käs"},
		{"shutdown refused", "execute shutdown\rxn", "FGT # execute shutdown\nThis operation will shutdown the system !\nDo you want to continue? (y/n)n\n\nFGT #"},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := newUnit(t)
			sit(t, u, Interactive{}, func(d *desk) {
				d.press(c.keys)
				assert.Equal(t, c.want, d.text())
				assert.Zero(t, u.shutdowns)
			})
			// The same keys one byte at a time make the same picture.
			sit(t, newUnit(t), Interactive{}, func(d *desk) {
				for i := range len(c.keys) {
					d.press(c.keys[i : i+1])
				}
				assert.Equal(t, c.want, d.text())
			})
		})
	}
}

func TestSessionEnds(t *testing.T) {
	for _, c := range []struct{ name, keys string }{
		{"exit", "exit\r"}, {"quit", "qui\r"}, {"end of transmission", "\x04"}, {"end inside config", "config system global\rset hostname x\r\x04"},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := newUnit(t)
			sit(t, u, Interactive{}, func(d *desk) {
				d.press(c.keys)
				require.NoError(t, d.over())
			})
			assert.Equal(t, "FGT", u.store.Snapshot().Global.Hostname)
		})
	}
}

func TestSessionEndsWithItsTerminalAndItsContext(t *testing.T) {
	u := newUnit(t)
	sit(t, u, Interactive{}, func(d *desk) {
		d.press("config system global\rset hostname x\rend")
		d.conn.Close()
		require.NoError(t, d.over())
	})
	assert.Equal(t, "FGT", u.store.Snapshot().Global.Hostname, "a line without its end was executed")

	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan error, 1)
		s := u.NewSession(far, Interactive{})
		go func() { ended <- s.Run(ctx) }()
		go io.Copy(io.Discard, near)
		synctest.Wait()
		cancel(cause)
		require.ErrorIs(t, <-ended, cause)
		near.Close()
	})
}

func TestShutdownAsksFirst(t *testing.T) {
	u := newUnit(t)
	sit(t, u, Interactive{}, func(d *desk) {
		d.press("execute shutdown\r")
		assert.Zero(t, u.shutdowns)
		d.press("y")
		require.NoError(t, d.over())
		assert.Equal(t, "FGT # execute shutdown\nThis operation will shutdown the system !\nDo you want to continue? (y/n)y\nThe system is going down NOW !!", d.text())
	})
	assert.Equal(t, 1, u.shutdowns)
	require.Len(t, u.logs.FilterMessage("console command").All(), 1)
	assert.Equal(t, map[string]any{"who": "test", "line": "execute shutdown"}, u.logs.All()[0].ContextMap())
}

func TestPaging(t *testing.T) {
	u := newUnit(t)
	at := Interactive{Cols: 60, Rows: 6}
	sit(t, u, at, func(d *desk) {
		d.press("get test proxyworker\r") // 14 lines
		assert.Equal(t, "FGT # get test proxyworker\nProxy Worker 0\n\nProxy Worker Test Usage\n\n1: Dump memory usage\n--More--", d.text())
		d.press("x\x1b[B")
		assert.Equal(t, "--More--", d.last())
		d.press("\r")
		assert.Equal(t, "1: Dump memory usage\n2: Drop all connections\n--More--", tail(d.text(), 3))
		d.press("  ")
		assert.Equal(t, "4444: Display per-VDOM statistics\n44444: Display information about idle connections\n99: Restart proxy\n\nFGT #", tail(d.text(), 5))
	})
	for _, key := range []string{"q", "Q", "\x03"} {
		sit(t, u, at, func(d *desk) {
			d.press("get test proxyworker\r" + key + "emd\r")
			assert.Equal(t, "1: Dump memory usage\n\nFGT # emd\nUnknown action 0\n\nFGT #", tail(d.text(), 6), "key %q", key)
		})
	}
	sit(t, u, Interactive{Cols: 20, Rows: 3}, func(d *desk) { // lines of two rows on a page of two
		d.press("show | grep .\r")
		for range 80 {
			d.press("\r")
		}
		assert.Equal(t, "FGT #", d.last())
	})
	sit(t, u, at, func(d *desk) {
		d.press("get test proxyworker\r")
		d.session.Resize(40, 50)
		d.press(" ")
		assert.Equal(t, "FGT #", d.last())
	})
	_, ok := u.exec("config system console", "set output standard", "end")
	require.True(t, ok)
	sit(t, u, at, func(d *desk) {
		d.press("get test proxyworker\r")
		assert.Equal(t, "FGT #", d.last())
		assert.NotContains(t, d.text(), "More")
	})
}

func tail(text string, n int) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(len(lines)-n, 0):], "\n")
}

func TestNarrowTerminal(t *testing.T) {
	u := newUnit(t)
	sit(t, u, Interactive{Cols: 20, Rows: 10}, func(d *desk) {
		d.press("get test proxyworker")
		assert.Equal(t, "FGT # get test proxy\nworker", d.text())
		d.press(strings.Repeat("\x1b[D", 11) + "\x7f\x7f\x7f\x7f\x7fhttp ")
		assert.Equal(t, "FGT # get http proxy\nworker", d.text())
		d.press("\x01\x0b")
		assert.Equal(t, "FGT #", d.text())
		d.press("get tes\t?")
		assert.Contains(t, d.text(), "proxyworker    Proxy")
	})
}

func TestResizeRedraws(t *testing.T) {
	u := newUnit(t)
	sit(t, u, Interactive{Cols: 80, Rows: 10}, func(d *desk) {
		d.press("get test")
		d.session.Resize(30, 10)
		synctest.Wait()
		d.press(" http 4")
		assert.Equal(t, "FGT # get test http 4", d.last())
		assert.Equal(t, size{30, 10}, d.session.size)
		d.session.Resize(0, 0)
		d.session.Resize(1, 1_000_000)
		synctest.Wait()
		assert.Equal(t, size{minCols, maxRows}, d.session.size)
	})
}

func TestTypedLineIsBounded(t *testing.T) {
	u := newUnit(t)
	sit(t, u, Interactive{}, func(d *desk) {
		for range 5 {
			d.press(strings.Repeat("a", 1000))
		}
		d.press("\r")
		assert.Equal(t, "the line is longer than 4095 characters and was not executed\nCommand fail. Return code -1\n\nFGT #", tail(d.text(), 4))
		d.press("emd\r")
		assert.Equal(t, "FGT # emd\nUnknown action 0\n\nFGT #", tail(d.text(), 4))
	})
}

func TestBell(t *testing.T) {
	sit(t, newUnit(t), Interactive{}, func(d *desk) {
		d.press("zz\t")
		assert.Equal(t, 1, d.bells)
	})
}

func TestForeignTextCanNotDriveTheTerminal(t *testing.T) {
	u := newUnit(t, "config foreign object", "    set name \x1b]0;owned\x07", "end")
	sit(t, u, Interactive{}, func(d *desk) {
		d.press("show | grep owned\r")
		assert.Contains(t, d.text(), ".]0;owned.")
	})
	out, _ := u.exec("show | grep owned")
	assert.Equal(t, "    set name \x1b]0;owned\x07\n", out)
}

func TestHistoryIsBounded(t *testing.T) {
	var h history
	for i := range 250 {
		h.Add(strconv.Itoa(i))
		h.Add(strconv.Itoa(i))
		h.Add(" ")
	}
	assert.Equal(t, maxHistory, h.Len())
	assert.Equal(t, "249", h.At(0))
	assert.Equal(t, "150", h.At(maxHistory-1))
}
