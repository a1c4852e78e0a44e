package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/stats"
	"utmsim/internal/transcript"
	"utmsim/protocols"
	"utmsim/protocols/wire"
	"utmsim/proxy"
	"utmsim/scanner"
	"utmsim/scanner/samples"
)

// pieceDriver takes objects whose pieces are lines, the last one a dot, and tells
// the client what became of each. prepare changes the inspection.
type pieceDriver struct {
	prepare func(*proxy.Inspection)
	said    func(*proxy.Hold) string
}

func (d pieceDriver) Open(ctx context.Context, s *proxy.Session) error { return s.Connect(ctx) }
func (d pieceDriver) Farewell(error) []byte                            { return nil }

func (d pieceDriver) Exchange(ctx context.Context, s *proxy.Session, side wire.Side) error {
	if side == wire.Server || s.Server() == nil {
		return io.EOF
	}
	in := &proxy.Inspection{
		Object: scanner.Object{Kind: scanner.Mail}, Source: &linePieces{conn: s.Client()},
		Dir: stats.Up, Head: []byte("head\n"), To: s.Server(),
	}
	d.prepare(in)
	hold, err := s.Inspect(ctx, in)
	if err != nil {
		return err
	}
	answer := hold.Outcome.String()
	if d.said != nil {
		answer += " " + d.said(hold)
	}
	if hold.Blocked() {
		hold.Discard()
		s.CloseServer()
	} else if err := hold.Release(); err != nil {
		return err
	}
	_, err = s.Client().WriteString(answer + "\n")
	return err
}

// linePieces delivers a line at a time, the dot as framing.
type linePieces struct {
	conn *wire.Conn
	done bool
}

func (l *linePieces) Buffered() bool {
	return l.done || bytes.IndexByte(l.conn.Buffered(), '\n') >= 0
}

func (l *linePieces) Next() ([]byte, bool, error) {
	if l.done {
		return nil, false, io.EOF
	}
	line, err := l.conn.ReadLine(1 << 20)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	l.done = string(line) == ".\n"
	return line, !l.done, err
}

// pieces is a session with the driver.
type pieces struct {
	*transcript.Rig
	t              *testing.T
	client, server *net.TCPConn
	answers        *bufio.Reader
}

func newPieces(t *testing.T, d pieceDriver, more string) *pieces {
	p := &pieces{Rig: transcript.NewRig(t, protocols.SMTP, d, more), t: t}
	p.client = p.Dial()
	p.server = p.Accept()
	p.answers = bufio.NewReader(p.client)
	return p
}

func (p *pieces) say(text string) {
	p.t.Helper()
	_, err := p.client.Write([]byte(text))
	require.NoError(p.t, err)
}

func (p *pieces) serverGets(want string) {
	p.t.Helper()
	got := make([]byte, len(want))
	_, err := io.ReadFull(p.server, got)
	require.NoError(p.t, err)
	require.Equal(p.t, want, string(got))
}

func (p *pieces) serverGetsNoMore() {
	p.t.Helper()
	rest, err := io.ReadAll(p.server)
	require.NoError(p.t, err)
	require.Empty(p.t, string(rest))
}

func (p *pieces) answer(want string) {
	p.t.Helper()
	got, err := p.answers.ReadString('\n')
	require.NoError(p.t, err)
	require.Equal(p.t, want+"\n", got)
}

func (p *pieces) counter(label string) int64 {
	n, ok := p.Engine.Report().Stat[protocols.SMTP].Get(label)
	require.True(p.t, ok, label)
	return n
}

func (p *pieces) leaked(why stats.LeakReason) int64 {
	return p.Engine.Report().Ledger[protocols.SMTP].Leaks[why].Bytes
}

func spliced(in *proxy.Inspection) { in.Splice = true }

func TestSpliceHoldsBackTheLastPiece(t *testing.T) {
	p := newPieces(t, pieceDriver{prepare: spliced}, "")
	p.say("one\ntwo\nthree\n")
	p.serverGets("head\none\ntwo\n")
	p.say("four\n")
	p.serverGets("three\n")
	p.say(".\n")
	p.serverGets("four\n.\n")
	p.answer("clean")
	assert.EqualValues(t, 1, p.counter("Emails clean"))
	p.client.Close()
	p.serverGetsNoMore()
}

func TestSpliceNeverSendsTheEndOfWhatIsBlocked(t *testing.T) {
	said := func(h *proxy.Hold) string { return fmt.Sprint(h.Comforted) }
	p := newPieces(t, pieceDriver{prepare: spliced, said: said}, "")
	p.say("one\ntwo\n")
	p.serverGets("head\none\n")
	p.say(string(samples.EICAR()) + "\n.\n")
	p.answer("detected true")
	rest, err := io.ReadAll(p.server)
	require.NoError(t, err)
	assert.NotContains(t, string(rest), ".\n")
	p.client.Close()

	p = newPieces(t, pieceDriver{prepare: spliced, said: said}, "")
	p.say(string(samples.EICAR()) + "\n.\n")
	p.answer("detected false")
	p.serverGetsNoMore()
	p.client.Close()
}

func TestSpliceOverTheLimit(t *testing.T) {
	limit := "config firewall profile-protocol-options\nedit default\nconfig smtp\nset oversize-limit 1\nset options %s\nend\nnext\nend\n"
	big := strings.Repeat(strings.Repeat("x", 1023)+"\n", 1025)
	p := newPieces(t, pieceDriver{prepare: spliced}, fmt.Sprintf(limit, "splice"))
	go p.client.Write([]byte(big + "rest\n.\n"))
	p.serverGets("head\n" + big + "rest\n.\n")
	p.answer("unscanned")
	assert.EqualValues(t, len(big)+len("rest\n.\n"), p.leaked(stats.LeakOversize))
	p.client.Close()

	p = newPieces(t, pieceDriver{prepare: spliced}, fmt.Sprintf(limit, "splice oversize"))
	go p.client.Write([]byte(big))
	_, err := io.Copy(io.Discard, p.server)
	require.NoError(t, err)
	p.answer("oversize")
	p.client.Close()
}

// inHalves splits an object in two and says what the verdicts on them were.
func inHalves(every bool, found scanner.Verdict) pieceDriver {
	return pieceDriver{
		prepare: func(in *proxy.Inspection) {
			in.Every = every
			in.Split = func(whole *scanner.Object) []scanner.Object {
				in.Found = found
				half := whole.Size / 2
				return []scanner.Object{
					{Size: half, Body: io.NewSectionReader(whole.Body, 0, half)},
					{Size: whole.Size - half, Body: io.NewSectionReader(whole.Body, half, whole.Size-half)},
				}
			}
		},
		said: func(h *proxy.Hold) string {
			text := ""
			for _, v := range h.Parts {
				text += fmt.Sprintf("%s:%v ", v.Class, h.Blocks(v))
			}
			return text
		},
	}
}

func TestEveryPartIsJudged(t *testing.T) {
	bad := string(samples.EICAR()) + "\n"
	p := newPieces(t, inHalves(false, scanner.Verdict{}), "")
	p.say(bad + bad + ".\n")
	p.answer("detected virus:true ")
	p.client.Close()

	p = newPieces(t, inHalves(true, scanner.Verdict{}), "")
	p.say(bad + bad + ".\n")
	p.answer("detected virus:true virus:true ")
	assert.EqualValues(t, 1, p.counter("Emails detected"), "the object counts once")
	p.client.Close()

	p = newPieces(t, inHalves(true, scanner.Verdict{}), "")
	p.say(strings.Repeat("a", len(bad)-1) + "\n" + bad + ".\n")
	p.answer("detected clean:false virus:true ")
	p.client.Close()
}

func TestWhatSplittingFinds(t *testing.T) {
	large := scanner.Verdict{Class: scanner.Oversize, Findings: scanner.SetOf(scanner.Oversize)}
	p := newPieces(t, inHalves(true, large), "")
	p.say("a\nb\n.\n")
	p.answer("unscanned clean:false clean:false ")
	assert.EqualValues(t, 1, p.counter("Emails oversize pass"))
	assert.EqualValues(t, len("a\nb\n.\n"), p.leaked(stats.LeakOversize))
	p.client.Close()

	p = newPieces(t, inHalves(true, large), "")
	p.say(string(samples.EICAR()) + "\n" + string(samples.EICAR()) + "\n.\n")
	p.answer("detected virus:true virus:true ")
	assert.EqualValues(t, 1, p.counter("Emails infected with viruses"))
	p.client.Close()

	block := "config antivirus profile\nedit default\nconfig smtp\nset archive-block oversize\nend\nnext\nend\n"
	p = newPieces(t, inHalves(true, large), block)
	p.say("a\nb\n.\n")
	p.answer("detected clean:false clean:false ")
	assert.EqualValues(t, 1, p.counter("Emails file blocked"))
	p.client.Close()
}

func TestFragmentsHaveNoVerdict(t *testing.T) {
	d := inHalves(true, scanner.Verdict{})
	whole := d.prepare
	d.prepare = func(in *proxy.Inspection) { whole(in); in.Fragment = true }
	p := newPieces(t, d, "")
	p.say("a\nb\n.\n")
	p.answer("unscanned clean:false clean:false ")
	assert.Zero(t, p.counter("Emails clean"))
	assert.EqualValues(t, len("a\nb\n.\n"), p.leaked(stats.LeakUninspectable))
	p.client.Close()
}

func TestJudgeCountsNoObject(t *testing.T) {
	d := pieceDriver{prepare: func(*proxy.Inspection) {}, said: func(h *proxy.Hold) string {
		bad := samples.EICAR()
		v, err := h.Judge(context.Background(), []scanner.Object{{Size: int64(len(bad)), Flat: bad}, {Size: 1, Flat: []byte("x")}})
		return fmt.Sprint(v[0].Class, " ", v[1].Class, " ", err)
	}}
	p := newPieces(t, d, "")
	p.say("a\n.\n")
	p.answer("clean virus clean <nil>")
	assert.EqualValues(t, 1, p.counter("Emails clean"))
	assert.Zero(t, p.counter("Emails detected"))
	p.client.Close()
}
