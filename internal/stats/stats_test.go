package stats

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"utmsim/protocols"
)

// moved is every line of a virtual domain that is not zero, by block and label.
func moved(v *VDOM) map[string]int64 {
	r := SumVDOM(time.Time{}, v)
	lines := map[string]int64{}
	for p := range protocols.Count {
		for _, b := range []Block{r.Stat[p], r.Accounting[p]} {
			for _, l := range b.Lines {
				if l.Value != 0 {
					lines[b.Title+": "+l.Label] = l.Value
				}
			}
		}
	}
	return lines
}

func TestVerdictsMoveTheirLines(t *testing.T) {
	type group struct {
		p              protocols.Protocol
		dir            Direction
		noun, oversize string
		whole          bool // has lines for worms, file exempt and detected
		lastScan       bool
	}
	groups := []group{
		{protocols.HTTP, Down, "Web responses", "Web requests", true, true},
		{protocols.HTTP, Up, "POST requests", "POST requests", false, true},
		{protocols.SMTP, Up, "Emails", "Emails", true, true},
		{protocols.SMTP, Down, "Emails", "Emails", true, true},
		{protocols.POP3, Down, "Emails", "Emails", true, true},
		{protocols.IMAP, Down, "Emails", "Emails", true, true},
		{protocols.IMAP, Up, "Emails", "Emails", true, true},
		{protocols.FTP, Down, "Files", "Files", true, false},
		{protocols.FTP, Up, "Upload files", "Upload files", true, false},
		{protocols.NNTP, Down, "Articles", "Articles", true, false},
		{protocols.NNTP, Up, "Articles", "Articles", true, false},
	}
	for _, g := range groups {
		either := func(a, b string) string {
			if g.whole {
				return a
			}
			return b
		}
		for _, c := range []struct {
			name     string
			do       func(*Verdicts)
			line     string
			detected bool
		}{
			{"clean", (*Verdicts).Clean, g.noun + " clean", false},
			{"error", func(v *Verdicts) { v.ScanError(7) }, g.noun + " scan errors", false},
			{"virus", (*Verdicts).Virus, g.noun + " infected with viruses", true},
			{"worm", (*Verdicts).Worm, g.noun + either(" infected with worms", " infected with viruses"), true},
			{"susp", (*Verdicts).Suspicious, g.noun + " infected with susp", true},
			{"file blocked", (*Verdicts).FileBlocked, g.noun + " file blocked", true},
			{"file exempt", (*Verdicts).FileExempt, either(g.noun, "Web requests") + " file exempt", false},
			{"banned word", (*Verdicts).BannedWord, g.noun + " bannedword detected", true},
			{"oversize pass", func(v *Verdicts) { v.Oversize(false) }, g.oversize + " oversize pass", true},
			{"oversize block", func(v *Verdicts) { v.Oversize(true) }, g.oversize + " oversize block", true},
		} {
			t.Run(fmt.Sprint(g.p, g.dir, c.name), func(t *testing.T) {
				v := NewVDOM("root")
				c.do(v.Verdicts(g.p, g.dir))
				title := g.p.String() + " Stat: "
				want := map[string]int64{title + c.line: 1}
				if c.detected && g.whole {
					want[title+g.noun+" detected"] = 1
				}
				if c.name == "error" && g.lastScan {
					want[title+"Last Server Scan errors"] = 7
				}
				assert.Equal(t, want, moved(v))
				assert.NoError(t, SumVDOM(time.Time{}, v).Check())
			})
		}
	}
}

func TestFailMovesItsCountAndLastError(t *testing.T) {
	labels := map[ErrorKind]string{
		Alloc: "alloc", Accept: "accept", Bind: "bind", Connect: "connect", Socket: "socket", Read: "read",
		Write: "write", Retry: "retry", Poll: "poll", ScanReset: "scan reset", URLFilterWait: "urlfilter wait",
	}
	for kind, label := range labels {
		for _, p := range protocols.All {
			if kind == URLFilterWait && p != protocols.HTTP {
				continue
			}
			v := NewVDOM("root")
			v.Transport(p).Fail(kind, syscall.EPIPE)
			title := p.String() + " Stat: "
			assert.Equal(t, map[string]int64{title + "Error Count (" + label + ")": 1, title + "Last Error": 32}, moved(v))
		}
	}
	for kind, label := range labels {
		w := NewWorker(0, time.Time{})
		w.Fail(kind, io.EOF)
		r := Sum(time.Time{}, w)
		require.NoError(t, r.Check())
		if n, ok := r.Worker.Get("Error Count (" + label + ")"); ok {
			assert.EqualValues(t, 1, n, label)
		} else {
			assert.EqualValues(t, 1, w.Stat.Poll.Load(), label)
		}
	}
}

func TestOnlyHTTPPrintsURLFilterWait(t *testing.T) {
	r := SumVDOM(time.Time{}, NewVDOM("root"))
	for _, p := range protocols.All {
		_, ok := r.Stat[p].Get("Error Count (urlfilter wait)")
		assert.Equal(t, p == protocols.HTTP, ok, p)
	}
}

func TestSessionAndBytesPointAtTheirLines(t *testing.T) {
	for _, p := range protocols.All {
		v := NewVDOM("root")
		s := v.Session(p)
		for i, c := range []*Counter{s.SetupOK, s.SetupFail, s.ConnOK, s.ConnInp, s.Scan, s.Clt, s.Srv} {
			c.Add(int64(i + 1))
		}
		sent, received := v.Bytes(p)
		sent.Add(100)
		received.Add(200)
		want := map[string]int64{}
		for i, label := range []string{"setup_ok", "setup_fail", "conn_ok", "conn_inp", "scan", "clt", "srv"} {
			want[p.String()+" Accounting: "+label] = int64(i + 1)
		}
		want[p.String()+" Stat: Bytes sent"] = 100
		want[p.String()+" Stat: Bytes received"] = 200
		assert.Equal(t, want, moved(v))
	}
}

func TestRequestFileBlocked(t *testing.T) {
	v := NewVDOM("root")
	v.HTTP.Stat.RequestFileBlocked()
	assert.Equal(t, map[string]int64{
		"HTTP Stat: Web requests detected": 1, "HTTP Stat: Web requests file blocked": 1,
	}, moved(v))
}

type timeout struct{}

func (timeout) Error() string { return "too slow" }
func (timeout) Timeout() bool { return true }

func TestErrno(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{syscall.ECONNRESET, 104},
		{syscall.ECONNREFUSED, 111},
		{syscall.EADDRINUSE, 98},
		{syscall.EMFILE, 24},
		{&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, 104},
		{fmt.Errorf("dialing: %w", errors.Join(io.EOF, syscall.EPIPE)), 32},
		{syscall.ETIMEDOUT, 110},
		{os.ErrDeadlineExceeded, 110},
		{context.DeadlineExceeded, 110},
		{fmt.Errorf("waiting: %w", timeout{}), 110},
		{&net.DNSError{IsTimeout: true}, 110},
		{&net.DNSError{IsNotFound: true}, 5},
		{io.EOF, 5},
		{nil, 5},
		{syscall.Errno(0), 5},
	} {
		assert.Equal(t, c.want, Errno(c.err), "%v", c.err)
	}
}

func TestLastOfSeveralVirtualDomainsIsTheNewest(t *testing.T) {
	a, b, c := NewVDOM("a"), NewVDOM("b"), NewVDOM("c")
	b.HTTP.Stat.LastError.p.Store(&stamped{32, sampleStart})
	a.HTTP.Stat.LastError.p.Store(&stamped{104, sampleStart.Add(1)})
	for _, order := range [][]*VDOM{{a, b, c}, {b, a, c}, {c, b, a}} {
		r := Sum(time.Time{}, nil, order...)
		last, _ := r.Stat[protocols.HTTP].Get("Last Error")
		assert.EqualValues(t, 104, last)
	}
}

func TestSumAddsCountersAndTakesTheLargestMax(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 5).Draw(t, "vdoms")
		vdoms := make([]*VDOM, n)
		var clean, most, leaked int64
		for i := range vdoms {
			vdoms[i] = NewVDOM(fmt.Sprint(i))
			x := rapid.Int64Range(0, 1<<40).Draw(t, "clean")
			m := rapid.Int64Range(0, 1<<40).Draw(t, "most")
			vdoms[i].NNTP.Stat.Articles.Clean.Add(x)
			vdoms[i].HTTP.Accounting.URLFilterMost.Observe(m)
			vdoms[i].Ledger(protocols.FTP).Leak(LeakOversize).Bytes.Add(x)
			clean, most, leaked = clean+x, max(most, m), leaked+x
		}
		r := Sum(time.Time{}, nil, vdoms...)
		gotClean, _ := r.Stat[protocols.NNTP].Get("Articles clean")
		gotMost, _ := r.Accounting[protocols.HTTP].Get("urlfilter/most")
		if gotClean != clean || gotMost != most || r.Ledger[protocols.FTP].Leaks[LeakOversize].Bytes != leaked {
			t.Fatalf("clean %d want %d, most %d want %d, leaked %d", gotClean, clean, gotMost, most, leaked)
		}
	})
}

func TestPollIsTheSumOfEvents(t *testing.T) {
	w, v := NewWorker(3, time.Time{}), NewVDOM("root")
	w.ConfigEvent()
	w.ScanEvent()
	w.AcceptorEvent()
	v.HTTP.Accounting.URLFilter.Inc()
	w.Round(1)
	for _, p := range protocols.All {
		v.Session(p).Clt.Inc()
		v.Session(p).Srv.Inc()
	}
	v.FTP.Accounting.DataListen.Inc()
	v.FTP.Accounting.DataClt.Inc()
	v.FTP.Accounting.DataSrv.Inc()
	w.Round(15)
	w.Round(0)
	r := Sum(time.Time{}, w, v)
	require.NoError(t, r.Check())
	assert.Equal(t, 3, r.Index)
	for label, want := range map[string]int64{"poll": 19, "poll/rounds": 5, "poll/most": 15, "cmdb": 1, "scan": 1, "acceptor": 1} {
		got, ok := r.WorkerAccounting.Get(label)
		assert.True(t, ok)
		assert.Equal(t, want, got, label)
	}
}

func TestResetReturnsEverythingToZero(t *testing.T) {
	w, v := sample()
	v.Transport(protocols.SMTP).Fail(URLFilterWait, io.EOF)
	l := v.Ledger(protocols.POP3)
	l.Refused.Inc()
	l.Dropped.Inc()
	l.Bypassed.Sessions.Inc()
	l.Leak(LeakOneShot).Bytes.Add(9)
	w.Reset(sampleNow)
	v.Reset()
	r := Sum(sampleNow, w, v)
	assert.Empty(t, moved(v))
	assert.Zero(t, v.SMTP.Stat.URLFilterWait.Load())
	assert.Zero(t, r.Ledger)
	for _, b := range []Block{r.Worker, r.WorkerAccounting} {
		for _, line := range b.Lines {
			assert.Zero(t, line.Value, line.Label)
		}
	}
	running, _ := Sum(sampleNow.Add(time.Second), w, v).Worker.Get("Running time (HH:MM:SS:usec)")
	assert.EqualValues(t, time.Second, running)
}

func TestLedgerNamesEveryReason(t *testing.T) {
	seen := map[string]bool{}
	for r := range LeakReasons {
		seen[LeakReason(r).String()] = true
	}
	assert.Len(t, seen, LeakReasons)
	assert.NotContains(t, seen, "")
}

// TestInvariantsAfterHammering counts from many goroutines while reports are
// taken, and checks what is left at rest.
func TestInvariantsAfterHammering(t *testing.T) {
	w, v := NewWorker(0, time.Time{}), NewVDOM("root")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 500 {
				p := protocols.All[i%protocols.Count]
				s := v.Session(p)
				s.SetupOK.Inc()
				s.ConnInp.Inc()
				s.Clt.Inc()
				w.Round(1)
				v.Verdicts(p, Down).Virus()
				v.Verdicts(p, Up).Oversize(i%2 == 0)
				v.Transport(p).Fail(Read, syscall.ECONNRESET)
				v.HTTP.Accounting.URLFilterMost.Observe(int64(i))
			}
		})
	}
	for range 20 {
		Sum(time.Time{}, w, v)
	}
	wg.Wait()
	r := Sum(time.Time{}, w, v)
	require.NoError(t, r.Check())
	poll, _ := r.WorkerAccounting.Get("poll")
	assert.EqualValues(t, 4000, poll)
	assert.EqualValues(t, 499, v.HTTP.Accounting.URLFilterMost.Load())
}

func TestADeclarationWithoutLabelIsRefused(t *testing.T) {
	assert.PanicsWithValue(t, "stats: X: field A has no label", func() { bind("X", &struct{ A Counter }{}) })
	assert.PanicsWithValue(t, "stats: X: field A can't be printed", func() {
		bind("X", &struct {
			A int `line:"a"`
		}{})
	})
	assert.PanicsWithValue(t, `stats: X: field A: unknown word "mb"`, func() {
		bind("X", &struct {
			A Counter `line:"a,mb"`
		}{})
	})
}

func TestLabelsAreUniqueInTheirBlock(t *testing.T) {
	r := sampleReport()
	blocks := append(r.Stat[:], r.Accounting[:]...)
	for _, b := range append(blocks, r.Worker, r.WorkerAccounting) {
		seen := map[string]bool{}
		for _, l := range b.Lines {
			assert.False(t, seen[l.Label], "%s: %s", b.Title, l.Label)
			seen[l.Label] = true
		}
	}
}

func BenchmarkCounter(b *testing.B) {
	v := NewVDOM("root")
	c := v.Session(protocols.HTTP).Clt
	for b.Loop() {
		c.Inc()
	}
}

// BenchmarkBlocksApart has two goroutines count in the blocks of two protocols.
func BenchmarkBlocksApart(b *testing.B) {
	v := NewVDOM("root")
	var next Counter
	b.RunParallel(func(pb *testing.PB) {
		next.Inc()
		c := v.Session(protocols.All[next.Load()%int64(protocols.Count)]).Clt
		for pb.Next() {
			c.Inc()
		}
	})
}

func BenchmarkVerdict(b *testing.B) {
	v := NewVDOM("root")
	b.ReportAllocs()
	for b.Loop() {
		v.Verdicts(protocols.HTTP, Down).Virus()
	}
}
