package icap_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"utmsim/internal/lab"
	"utmsim/scanner"
	"utmsim/scanner/icap"
	"utmsim/scanner/samples"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server starts the lab's ICAP server.
func server(t testing.TB, s *lab.ICAP) (*lab.ICAP, string) {
	at, err := s.Listen("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, at
}

func engine(t testing.TB, at string, change ...func(*icap.Options)) *icap.Engine {
	o := icap.Options{Address: at, Reqmod: "avscan", Respmod: "avscan"}
	for _, f := range change {
		f(&o)
	}
	e := icap.New(o)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

func object(data []byte) *scanner.Object {
	return &scanner.Object{Body: bytes.NewReader(data), Size: int64(len(data)), ContentType: "text/plain", URL: "http://www.lab.test/a%20b"}
}

func plain(n int) []byte { return bytes.Repeat([]byte("plain text. "), n/12+1)[:n] }

var infected = scanner.Verdict{Class: scanner.Virus, Name: "EICAR_LAB_ICAP", Engine: "icap"}

// TestVerdicts has objects of all sizes around the preview judged, both ways, by
// servers with and without previews and 204.
func TestVerdicts(t *testing.T) {
	for name, s := range map[string]func() *lab.ICAP{
		"preview":    lab.NewICAP,
		"empty":      func() *lab.ICAP { s := lab.NewICAP(); s.Preview = 1; return s },
		"no preview": func() *lab.ICAP { s := lab.NewICAP(); s.Preview = -1; return s },
		"no 204":     func() *lab.ICAP { s := lab.NewICAP(); s.No204 = true; return s },
		"one":        func() *lab.ICAP { s := lab.NewICAP(); s.MaxSessions = 1; return s },
	} {
		t.Run(name, func(t *testing.T) {
			s, at := server(t, s())
			e := engine(t, at)
			n := int64(0)
			for _, kind := range []scanner.Kind{scanner.WebResponse, scanner.WebRequest, scanner.Post, scanner.Mail, scanner.File} {
				for _, size := range []int{0, 1, 1023, 1024, 1025, 20_000, 3 << 20} {
					o := object(plain(size))
					o.Kind = kind
					v, err := e.Scan(t.Context(), o)
					require.NoError(t, err)
					assert.Equal(t, scanner.Verdict{}, v, "%d bytes", size)
					o = object(append(plain(size), samples.EICAR()...))
					o.Kind = kind
					v, err = e.Scan(t.Context(), o)
					require.NoError(t, err)
					assert.Equal(t, infected, v, "%d bytes", size)
					n += 2
				}
			}
			c := s.Counts()
			assert.Equal(t, n, c.Scanned)
			assert.Equal(t, n/2, c.Infected)
			assert.EqualValues(t, 1, c.Sessions, "one connection for all")
			assert.Equal(t, n+2, c.Commands, "and the options of both services once")
		})
	}
}

func TestEverythingAtOnce(t *testing.T) {
	s, at := server(t, lab.NewICAP())
	e := engine(t, at, func(o *icap.Options) { o.NoPreview = true })
	v, err := e.Scan(t.Context(), object(append(samples.EICAR(), plain(100_000)...)))
	require.NoError(t, err)
	assert.Equal(t, infected, v)
	assert.Zero(t, s.Counts().Previews)
}

func TestCodingsAreTakenOff(t *testing.T) {
	_, at := server(t, lab.NewICAP())
	e := engine(t, at)
	for coding, pack := range map[string]func([]byte) []byte{
		"gzip": samples.Gzip, "deflate": samples.Zlib, "br": samples.Brotli, "zstd": samples.Zstd,
	} {
		for want, data := range map[scanner.Verdict][]byte{infected: append(plain(5000), samples.EICAR()...), {}: plain(5000)} {
			o := object(pack(data))
			o.Encodings = []string{coding}
			v, err := e.Scan(t.Context(), o)
			require.NoError(t, err)
			assert.Equal(t, want, v, coding)
		}
	}
	o := object(samples.EICAR())
	o.Encodings = []string{"gzip"}
	v, err := e.Scan(t.Context(), o)
	require.NoError(t, err)
	assert.Equal(t, infected, v, "as it travels, because it is not gzip")
	o = object(samples.Gzip(plain(5000)))
	o.Encodings, o.Limits.Uncompressed = []string{"gzip"}, 4000
	v, err = e.Scan(t.Context(), o)
	require.NoError(t, err)
	assert.Equal(t, scanner.Oversize, v.Class)
	assert.True(t, v.Findings.Has(scanner.Oversize))
}

// TestChangedContentIsRefusedContent: whatever a server changes, it is not clean.
func TestChangedContentIsRefusedContent(t *testing.T) {
	s, at := server(t, lab.NewICAP())
	s.Behave(lab.ICAPChanging)
	e := engine(t, at)
	for _, kind := range []scanner.Kind{scanner.WebResponse, scanner.Post} {
		for _, size := range []int{0, 10, 100_000} {
			o := object(plain(size))
			o.Kind = kind
			v, err := e.Scan(t.Context(), o)
			require.NoError(t, err)
			assert.Equal(t, scanner.Suspicious, v.Class)
		}
	}
}

// TestNothingWrongIsClean: a server that fails in any way gives an error, and its
// engine works again as soon as the server does.
func TestNothingWrongIsClean(t *testing.T) {
	for name, mood := range map[string]lab.ICAPMood{
		"failing": lab.ICAPFailing, "nonsense": lab.ICAPNonsense, "hanging up": lab.ICAPHangup, "cut": lab.ICAPCut,
	} {
		t.Run(name, func(t *testing.T) {
			s, at := server(t, lab.NewICAP())
			e := engine(t, at)
			for range 2 {
				for _, size := range []int{10, 100_000} {
					s.Behave(mood)
					v, err := e.Scan(t.Context(), object(plain(size)))
					require.Error(t, err)
					assert.Equal(t, scanner.Verdict{}, v)
					var timeout interface{ Timeout() bool }
					assert.NotErrorAs(t, err, &timeout)
					s.Behave(lab.ICAPHonest)
					_, err = e.Scan(t.Context(), object(plain(size)))
					require.NoError(t, err)
				}
			}
		})
	}
}

func TestSilenceEndsWithTheContext(t *testing.T) {
	s, at := server(t, lab.NewICAP())
	e := engine(t, at)
	s.Behave(lab.ICAPSilent)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, err := e.Scan(ctx, object(plain(100_000)))
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	_, err = e.Scan(ctx, object(plain(10)))
	assert.ErrorIs(t, err, context.Canceled)
}

// TestMaxConnections: however many scans there are, the server sees no more
// connections than it takes.
func TestMaxConnections(t *testing.T) {
	s := lab.NewICAP()
	s.MaxSessions = 3
	s, at := server(t, s)
	e := engine(t, at)
	_, err := e.Ping(t.Context())
	require.NoError(t, err)
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			_, err := e.Scan(t.Context(), object(plain(i*500)))
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	assert.Zero(t, s.Counts().Refused)
	assert.LessOrEqual(t, s.Counts().Sessions, int64(4))
}

// TestRestartedServer: connections that the server has closed in the meantime are
// noticed, and no scan fails for it.
func TestRestartedServer(t *testing.T) {
	first, at := server(t, lab.NewICAP())
	e := engine(t, at)
	for range 3 {
		_, err := e.Scan(t.Context(), object(plain(50_000)))
		require.NoError(t, err)
	}
	require.NoError(t, first.Close())
	_, err := e.Scan(t.Context(), object(plain(50_000)))
	require.Error(t, err)
	_, err = e.Ping(t.Context())
	require.Error(t, err)
	second := lab.NewICAP()
	_, err = second.Listen(at)
	require.NoError(t, err)
	defer second.Close()
	v, err := e.Scan(t.Context(), object(samples.EICAR()))
	require.NoError(t, err)
	assert.Equal(t, infected, v)
	version, err := e.Ping(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "lab-1 lab-1", version)
}

func TestStaleConnection(t *testing.T) {
	first, at := server(t, lab.NewICAP())
	e := engine(t, at)
	_, err := e.Scan(t.Context(), object(plain(50_000)))
	require.NoError(t, err)
	require.NoError(t, first.Close())
	second := lab.NewICAP()
	_, err = second.Listen(at)
	require.NoError(t, err)
	defer second.Close()
	v, err := e.Scan(t.Context(), object(append(plain(200_000), samples.EICAR()...)))
	require.NoError(t, err)
	assert.Equal(t, infected, v)
	assert.EqualValues(t, 200_068, second.Counts().Bytes)
}

func TestUnknownService(t *testing.T) {
	_, at := server(t, lab.NewICAP())
	e := engine(t, at, func(o *icap.Options) { o.Respmod = "elsewhere" })
	_, err := e.Scan(t.Context(), object(plain(10)))
	assert.ErrorContains(t, err, "answers 404 to OPTIONS icap://")
}

// scripted is a server that answers each connection with a text of its own, after
// having read something.
func scripted(t testing.TB, answer string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 64<<10)
			_, _ = c.Read(buf)
			_, _ = io.WriteString(c, answer)
			_ = c.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, c) // a close with something unread would be a reset
			_ = c.Close()
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	return l.Addr().String()
}

func TestOddAnswers(t *testing.T) {
	options := "ICAP/1.0 200 OK\r\nMethods: RESPMOD\r\nISTag: \"x\"\r\nEncapsulated: null-body=0\r\n\r\n"
	for name, c := range map[string]struct {
		answer string
		want   scanner.Class
		err    string
	}{
		"clean":             {options + "ICAP/1.0 204 No Content\r\n\r\n", scanner.Clean, ""},
		"nothing":           {"", 0, "no answer"},
		"cut header":        {"ICAP/1.0 200 OK\r\nMeth", 0, "reading from the ICAP server"},
		"other protocol":    {"SSH-2.0-OpenSSH_9.2\r\n\r\n", 0, `answers "SSH-2.0-OpenSSH_9.2"`},
		"no methods":        {"ICAP/1.0 200 OK\r\n\r\n", 0, "does not offer RESPMOD"},
		"wrong number":      {"ICAP/1.0 200 OK\r\nPreview: -3\r\n\r\n", 0, "sends Preview"},
		"no colon":          {"ICAP/1.0 200 OK\r\nPreview\r\n\r\n", 0, "sends the header line"},
		"options closing":   {"ICAP/1.0 200 OK\r\nMethods: RESPMOD\r\nConnection: close\r\n\r\n", 0, "closes the connection behind its options"},
		"nothing behind":    {options, 0, "no answer"},
		"continue for ever": {options + "ICAP/1.0 100 Continue\r\n\r\n", 0, "asks for more than there is"},
		"partial":           {options + "ICAP/1.0 206 Partial\r\nEncapsulated: null-body=0\r\n\r\n", 0, "answers 206"},
		"busy":              {options + "ICAP/1.0 503 Overloaded\r\n\r\n", 0, "answers 503"},
		"virus id":          {options + "ICAP/1.0 200 OK\r\nX-Virus-ID: Worm.Test\r\nEncapsulated: res-hdr=0, null-body=19\r\n\r\nHTTP/1.1 403 No\r\n\r\n", scanner.Worm, ""},
		"violations":        {options + "ICAP/1.0 200 OK\r\nX-Violations-Found: 1\r\n\tfile\r\n\tname\r\nEncapsulated: null-body=0\r\n\r\n", scanner.Virus, ""},
		"page":              {options + "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, null-body=19\r\n\r\nHTTP/1.1 403 No\r\n\r\n", scanner.Suspicious, ""},
		"emptied":           {options + "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, null-body=19\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", scanner.Suspicious, ""},
		"cut body":          {options + "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=19\r\n\r\nHTTP/1.1 200 OK\r\n\r\n5\r\nab", 0, "unexpected EOF"},
		"bad chunk":         {options + "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=19\r\n\r\nHTTP/1.1 200 OK\r\n\r\nxyz\r\n", 0, "chunk size"},
		"long chunk":        {options + "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=19\r\n\r\nHTTP/1.1 200 OK\r\n\r\n2\r\nabc\r\n0\r\n\r\n", 0, "longer than it says"},
		"bad sections":      {options + "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=9, res-body=2\r\n\r\n", 0, "sends Encapsulated"},
		"no end of header":  {options + "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0\r\n\r\n", 0, "does not say where a header ends"},
		"endless line":      {"ICAP/1.0 200 " + string(plain(100_000)), 0, "too long"},
	} {
		t.Run(name, func(t *testing.T) {
			e := engine(t, scripted(t, c.answer))
			v, err := e.Scan(t.Context(), object(plain(3)))
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				assert.Equal(t, scanner.Verdict{}, v)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.want, v.Class, fmt.Sprint(v))
		})
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add("ICAP/1.0 204 No Content\r\n\r\n")
	f.Add("ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=19\r\n\r\nHTTP/1.1 200 OK\r\n\r\n5\r\nabcde\r\n0\r\n\r\n")
	f.Fuzz(func(t *testing.T, answer string) {
		e := engine(t, scripted(t, "ICAP/1.0 200 OK\r\nMethods: RESPMOD\r\n\r\n"+answer))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		v, err := e.Scan(ctx, object(plain(3)))
		if err != nil {
			assert.Equal(t, scanner.Verdict{}, v)
		}
	})
}
