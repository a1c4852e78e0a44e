package appliance_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
)

// doors are the two ways through the proxy.
func (s *site) doors() map[string]string {
	return map[string]string{"reverse": s.vip, "forward": s.forward}
}

// direct is a client of the origin itself, for comparison.
func (s *site) direct() *client {
	s.t.Helper()
	c, err := s.connect(alice, s.origin())
	require.NoError(s.t, err)
	s.made.Add(-1) // not one of the proxy's
	s.keep(c)
	return c
}

func TestCleanObjectsArriveByteForByte(t *testing.T) {
	s := newRealTimeSite(t, "")
	sizes := []int64{0, 1, 1 << 10, 64 << 10, 1 << 20, 12 << 20, 100 << 20}
	for door, addr := range s.doors() {
		c := s.dialTo(alice, addr) // one session carries them all
		for _, size := range sizes {
			if size > 12<<20 && testing.Short() {
				continue
			}
			for _, query := range []string{"", "?chunked=1"} {
				path := fmt.Sprintf("/bytes/%d%s", size, query)
				c.ask(path)
				res, err := http.ReadResponse(c.r, nil)
				require.NoError(t, err, "%s %s", door, path)
				assert.Equal(t, 200, res.StatusCode)
				same(t, lab.NewContent(size), res.Body)
			}
		}
	}
	f := s.figures()
	assert.Equal(t, 2, f.setupOK)
	require.NoError(t, s.Engine().Report().Check())
}

// TestEncodedObjectsArriveByteForByte compares what comes through the proxy with what
// the origin sends, heads included.
func TestEncodedObjectsArriveByteForByte(t *testing.T) {
	s := newRealTimeSite(t, "")
	direct := s.direct()
	for door, addr := range s.doors() {
		c := s.dialTo(alice, addr)
		for _, coding := range []string{"gzip", "br", "zstd", "deflate"} {
			for _, size := range []int64{0, 1, 1 << 10, 64 << 10, 1 << 20, 12 << 20} {
				path := fmt.Sprintf("/%s/%d", coding, size)
				direct.ask(path)
				want, wantBody, err := direct.answer("GET")
				require.NoError(t, err)
				c.ask(path)
				got, gotBody, err := c.answer("GET")
				require.NoError(t, err, "%s %s", door, path)
				want.Header.Del("Date")
				got.Header.Del("Date")
				assert.Equal(t, want.Header, got.Header, "%s %s", door, path)
				assert.Equal(t, want.TransferEncoding, got.TransferEncoding)
				assert.Equal(t, coding, got.Header.Get("Content-Encoding"))
				assert.True(t, bytes.Equal(wantBody, gotBody), "%s %s: %d bytes, want %d", door, path, len(gotBody), len(wantBody))
			}
		}
	}
	leaks := s.exec("diagnose sim leak")
	assert.NotContains(t, leaks, "uninspectable")
	assert.NotContains(t, leaks, "scan error")
}

func TestInfectedDownloadsAreBlocked(t *testing.T) {
	s := newRealTimeSite(t, "")
	paths := []string{"/eicar.com", "/eicar.com?chunked=1", "/eicar.zip", "/eicar.zip?chunked=1"}
	for _, extension := range []string{"gz", "deflate", "br", "zst"} {
		paths = append(paths, "/eicar."+extension, "/eicar."+extension+"?chunked=1")
	}
	blockedPages := 0
	for door, addr := range s.doors() {
		c := s.dialTo(alice, addr)
		for _, path := range paths {
			c.ask(path)
			res, body, err := c.answer("GET")
			require.NoError(t, err, "%s %s", door, path)
			assert.True(t, isBlockPage(res, body), "%s %s: %s %q", door, path, res.Status, body)
			assert.Empty(t, res.Header.Get("Content-Encoding"))
			blockedPages++
		}
		c.home()
	}
	assert.Contains(t, s.exec("get test http 4"), fmt.Sprintf("Web responses infected with viruses     %d\n", blockedPages))
	assert.Len(t, s.log("content detected"), blockedPages)
}

// parcel is one way to wrap the EICAR file for an upload.
type parcel struct {
	name   string
	fields string // of the head
	body   []byte
}

func parcels(t testing.TB) []parcel {
	var zipped, packed, form bytes.Buffer
	z := zip.NewWriter(&zipped)
	f, err := z.Create("innocent.txt")
	require.NoError(t, err)
	_, err = f.Write(lab.EICAR())
	require.NoError(t, err)
	require.NoError(t, z.Close())
	g := gzip.NewWriter(&packed)
	_, err = g.Write(lab.EICAR())
	require.NoError(t, err)
	require.NoError(t, g.Close())
	m := multipart.NewWriter(&form)
	require.NoError(t, m.WriteField("comment", "harmless"))
	p, err := m.CreateFormFile("file", "eicar.com")
	require.NoError(t, err)
	_, err = p.Write(lab.EICAR())
	require.NoError(t, err)
	require.NoError(t, m.Close())
	return []parcel{
		{"raw", "", lab.EICAR()},
		{"zip", "Content-Type: application/zip\r\n", zipped.Bytes()},
		{"gzip file", "Content-Type: application/gzip\r\n", packed.Bytes()},
		{"gzip coding", "Content-Encoding: gzip\r\n", packed.Bytes()},
		{"multipart", "Content-Type: " + m.FormDataContentType() + "\r\n", form.Bytes()},
	}
}

// chunks frames a body in chunks of n bytes.
func chunks(body []byte, n int) string {
	var b strings.Builder
	for len(body) > 0 {
		piece := body[:min(n, len(body))]
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(piece), piece)
		body = body[len(piece):]
	}
	return b.String() + "0\r\n\r\n"
}

// TestInfectedUploadsReachNobody uploads the EICAR file in every wrapping and framing.
// The origin counts every byte that it receives.
func TestInfectedUploadsReachNobody(t *testing.T) {
	s := newRealTimeSite(t, "")
	before := s.Origins.HTTP().Counts()
	for door, addr := range s.doors() {
		for _, p := range parcels(t) {
			for framing, message := range map[string]string{
				"counted":     fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(p.body), p.body),
				"chunked":     "Transfer-Encoding: chunked\r\n\r\n" + chunks(p.body, len(p.body)),
				"tiny chunks": "Transfer-Encoding: chunked\r\n\r\n" + chunks(p.body, 7),
			} {
				for _, method := range []string{"POST", "PUT"} {
					c := s.dialTo(alice, addr)
					c.send(c.head(method, "/upload") + p.fields + message)
					res, body, err := c.answer(method)
					require.NoError(t, err)
					assert.True(t, isBlockPage(res, body), "%s %s %s %s: %s %q", door, method, p.name, framing, res.Status, body)
					c.Close()
				}
			}
		}
	}
	assert.Equal(t, before, s.Origins.HTTP().Counts(), "neither a connection nor a byte reached the origin")
	f := s.conserved()
	assert.Equal(t, int(s.made.Load()), f.setupOK)
}

// TestInfectedAnnouncedUploads wait for the server's 100 first: the origin gets the
// head and nothing else.
func TestInfectedAnnouncedUploads(t *testing.T) {
	s := newRealTimeSite(t, "")
	for _, p := range parcels(t) {
		c := s.dial(alice)
		c.send(c.head("POST", "/upload") + p.fields + fmt.Sprintf("Expect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(p.body)))
		res, err := http.ReadResponse(c.r, nil)
		require.NoError(t, err)
		require.Equal(t, 100, res.StatusCode)
		c.send(string(p.body))
		res, body, err := c.answer("POST")
		require.NoError(t, err)
		assert.True(t, isBlockPage(res, body), "%s: %s %q", p.name, res.Status, body)
		c.Close()
	}
	assert.Zero(t, s.uploaded())
	s.conserved()
}

// TestCleanUploadsArriveByteForByte is the other side of the coin.
func TestCleanUploadsArriveByteForByte(t *testing.T) {
	s := newRealTimeSite(t, "")
	sum := int64(0)
	for door, addr := range s.doors() {
		c := s.dialTo(alice, addr)
		for _, size := range []int64{0, 1, 1 << 10, 64 << 10, 1 << 20, 12 << 20} {
			body := content(size)
			want := fmt.Sprintf("size %d\nsha256 %x\n", size, sha256.Sum256(body))
			for framing, message := range map[string]string{
				"counted": fmt.Sprintf("Content-Length: %d\r\n\r\n%s", size, body),
				"chunked": "Transfer-Encoding: chunked\r\n\r\n" + chunks(body, 50_000),
			} {
				_, err := io.WriteString(c, c.head("POST", "/upload")+message)
				require.NoError(t, err)
				res, got, err := c.answer("POST")
				require.NoError(t, err)
				assert.Equal(t, "200 OK "+want, res.Status+" "+string(got), "%s %s %d", door, framing, size)
				sum += size
			}
		}
	}
	assert.Equal(t, sum, s.uploaded())
}
