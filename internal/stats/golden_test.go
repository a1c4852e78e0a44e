package stats

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/protocols"
)

const kb = 1024

// sampleStart and sampleNow are as far apart as the documented sample has run.
var (
	sampleStart = time.Date(2015, 3, 1, 0, 0, 0, 0, time.UTC)
	sampleNow   = sampleStart.Add(29*time.Hour + 6*time.Minute + 27*time.Second + 369365*time.Microsecond)
)

// sample is a worker and a virtual domain that counted what the documented
// sample shows. The first figure of poll is not among it.
func sample() (*Worker, *VDOM) {
	w := NewWorker(0, sampleStart)
	w.Stat.InScan.Add(2*time.Minute + 8*time.Second + 198*time.Microsecond)
	w.Stat.AcceptorRead.Add(6386)
	w.Stat.AcceptorWrite.Add(19621)
	w.Accounting.PollRounds.Add(649809)
	w.Accounting.PollMost.Observe(42)
	w.Accounting.Cmdb.Add(85)
	w.Accounting.Scan.Add(19266)
	w.Accounting.Acceptor.Add(25975)

	v := NewVDOM("root")
	sampleHTTP(v)
	for _, c := range []struct {
		p                    protocols.Protocol
		sessions, scan, c, s int64
	}{
		{protocols.HTTP, 8316, 23786, 278876, 368557},
		{protocols.SMTP, 12, 12, 275, 279},
		{protocols.POP3, 30, 3, 5690, 5836},
	} {
		a := v.Session(c.p)
		a.SetupOK.Add(c.sessions)
		a.ConnInp.Add(c.sessions)
		a.Scan.Add(c.scan)
		a.Clt.Add(c.c)
		a.Srv.Add(c.s)
	}
	return w, v
}

func sampleHTTP(v *VDOM) {
	s := &v.HTTP.Stat
	s.BytesSent.Add(667012*kb + 1023)
	s.BytesReceived.Add(680347 * kb)
	s.Read.Add(134)
	s.Retry.Add(40)
	s.ScanReset.Add(2)
	s.URLFilterWait.Add(3)
	s.LastError.Set(104)
	s.ResponsesClean.Add(17950)
	s.ResponsesScanErrors.Add(23)
	s.ResponsesDetected.Add(16)
	s.ResponsesOversizePass.Add(16)
	s.LastScanError.Set(102)
	s.URLRatingAllow.Add(10025)
	s.PostsClean.Add(512)
	v.HTTP.Accounting.URLFilter.Add(16553)
	v.HTTP.Accounting.URLFilterAnswers.Add(21491)
	v.HTTP.Accounting.URLFilterMost.Observe(20)
}

func sampleReport() *Report {
	w, v := sample()
	r := Sum(sampleNow, w, v)
	r.Pool = 8032
	for p := range r.Common {
		r.Common[p].Limit = 8032
	}
	r.Common[protocols.HTTP] = Common{Current: 8, Limit: 8032, Peak: 76}
	return r
}

var blanks = regexp.MustCompile(` +`)

// cutUndocumented takes out the blocks that the documented sample leaves out to
// be short: Common and Stat of every protocol but HTTP.
func cutUndocumented(text string) string {
	for _, p := range protocols.All[1:] {
		block := regexp.MustCompile(`(?s)` + p.String() + ` (Common|Stat)\n.*?\n\n`)
		text = block.ReplaceAllString(text, "")
	}
	return text
}

func TestLevel4EqualsTheDocumentedSample(t *testing.T) {
	golden, err := os.ReadFile("../../testdata/golden/proxyworker-4.txt")
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, sampleReport().Level4(&out))
	got := blanks.ReplaceAllString(cutUndocumented(out.String()), " ")
	assert.Equal(t, string(golden), got)
}

func TestTheDocumentedSampleBreaksNoInvariant(t *testing.T) {
	require.NoError(t, sampleReport().Check())
}

func TestLevel4HasEveryBlockOfEveryProtocolInOrder(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, sampleReport().Level4(&out))
	var want, got []string
	for _, kind := range []string{"Common", "Stat", "Accounting"} {
		if kind != "Common" {
			want = append(want, "Worker "+kind)
		}
		for _, p := range protocols.All {
			want = append(want, p.String()+" "+kind)
		}
	}
	title := regexp.MustCompile(`^\S+ (Common|Stat|Accounting)$`)
	for line := range strings.Lines(out.String()) {
		if line = strings.TrimSuffix(line, "\n"); title.MatchString(line) {
			got = append(got, line)
		}
	}
	assert.Equal(t, want, got)
}

func TestProtocolLevel4HasCommonWithoutPeakAndStat(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, sampleReport().ProtocolLevel4(&out, protocols.HTTP))
	text := blanks.ReplaceAllString(out.String(), " ")
	assert.True(t, strings.HasPrefix(text, "HTTP Common\nCurrent Connections 8/8032\n\nHTTP Stat\nBytes sent 667012 (kb)\n"), text)
	assert.True(t, strings.HasSuffix(text, "Web response backlog drop 0\n"), text)
	assert.NotContains(t, text, "Max Concurrent")
	assert.NotContains(t, text, "Worker")
	assert.NotContains(t, text, "Accounting")
}

func TestLevel4444IsOneVirtualDomain(t *testing.T) {
	_, v := sample()
	other := NewVDOM("branch")
	other.Verdicts(protocols.HTTP, Down).Virus()
	r := SumVDOM(sampleNow, other)
	r.Common[protocols.POP3] = Common{Current: 1, Limit: 50, Peak: 2}
	require.NoError(t, r.Check())
	var out bytes.Buffer
	require.NoError(t, r.Level4444(&out))
	text := blanks.ReplaceAllString(out.String(), " ")
	assert.True(t, strings.HasPrefix(text, "VDOM branch\nHTTP Common\nCurrent Connections 0/0\n"), text)
	assert.Contains(t, text, "POP3 Common\nCurrent Connections 1/50\nMax Concurrent Connections 2\n")
	assert.Contains(t, text, "Web responses infected with viruses 1\n")
	assert.Contains(t, text, "\nHTTP Accounting\nsetup_ok=0 ")
	assert.NotContains(t, text, "Worker")
	assert.Zero(t, v.HTTP.Stat.ResponsesViruses.Load())
}

func TestLinesAreAligned(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, sampleReport().Level4(&out))
	assert.Contains(t, out.String(), "\nWeb responses infected with viruses     0\n")
	assert.Contains(t, out.String(), "\nCurrent Connections                     8/8032\n")
	for line := range strings.Lines(out.String()) {
		if !strings.Contains(line, "=") && len(line) > labelWidth {
			assert.NotEqual(t, byte(' '), line[labelWidth], line)
			assert.Equal(t, byte(' '), line[labelWidth-1], line)
		}
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct {
		unit  Unit
		value int64
		want  string
	}{
		{Plain, 17, "17"},
		{Kilobytes, 1023, "0 (kb)"},
		{Kilobytes, 1024, "1 (kb)"},
		{HourClock, 0, "00:00:00:000000"},
		{HourClock, int64(123*time.Hour + 4*time.Minute + 5*time.Second + 6*time.Microsecond), "123:04:05:000006"},
		{MinuteClock, 0, "0:00:000000"},
		{MinuteClock, int64(75*time.Minute + 9*time.Second + time.Millisecond + 999*time.Nanosecond), "75:09:001000"},
	} {
		assert.Equal(t, c.want, (&Line{Unit: c.unit, Value: c.value}).Text())
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestRenderingReportsAFailedWrite(t *testing.T) {
	assert.ErrorIs(t, sampleReport().Level4(brokenWriter{}), os.ErrClosed)
}

func BenchmarkLevel4(b *testing.B) {
	w, v := sample()
	b.ReportAllocs()
	for b.Loop() {
		var out bytes.Buffer
		if err := Sum(sampleNow, w, v).Level4(&out); err != nil {
			b.Fatal(err)
		}
	}
}
