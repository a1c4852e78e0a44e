package httpproxy

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDestinationOf(t *testing.T) {
	for _, c := range []struct {
		line   string
		status int
		form   form
		host   string
		port   uint16
		path   string
	}{
		{"GET / HTTP/1.1", 0, originForm, "h.test", 81, "/"},
		{"GET //x HTTP/1.1", 0, originForm, "h.test", 81, "//x"},
		{"OPTIONS * HTTP/1.1", 0, asteriskForm, "h.test", 81, "*"},
		{"GET http://a.test HTTP/1.1", 0, absoluteForm, "a.test", 0, ""},
		{"GET http://a.test/x?y HTTP/1.1", 0, absoluteForm, "a.test", 0, "/x?y"},
		{"GET HTTP://A.test:8080?y=/ HTTP/1.1", 0, absoluteForm, "A.test", 8080, "?y=/"},
		{"GET http://[2001:db8::1]:81/ HTTP/1.1", 0, absoluteForm, "2001:db8::1", 81, "/"},
		{"CONNECT a.test:443 HTTP/1.1", 0, authorityForm, "a.test", 443, ""},
		{"CONNECT [::1]:443 HTTP/1.1", 0, authorityForm, "::1", 443, ""},
		{"CONNECT a.test HTTP/1.1", 400, 0, "", 0, ""},
		{"CONNECT a.test: HTTP/1.1", 400, 0, "", 0, ""},
		{"CONNECT http://a.test/ HTTP/1.1", 400, 0, "", 0, ""},
		{"CONNECT / HTTP/1.1", 400, 0, "", 0, ""},
		{"CONNECT u@a.test:443 HTTP/1.1", 400, 0, "", 0, ""},
		{"GET * HTTP/1.1", 400, 0, "", 0, ""},
		{"GET a.test:80 HTTP/1.1", 400, 0, "", 0, ""},
		{"GET a.test HTTP/1.1", 400, 0, "", 0, ""},
		{"GET http:/a.test/ HTTP/1.1", 400, 0, "", 0, ""},
		{"GET http:///x HTTP/1.1", 400, 0, "", 0, ""},
		{"GET http://u:p@a.test/ HTTP/1.1", 400, 0, "", 0, ""},
		{"GET http://a.test#/ HTTP/1.1", 400, 0, "", 0, ""},
		{"GET http://a.test/#f HTTP/1.1", 400, 0, "", 0, ""},
		{"GET /#f HTTP/1.1", 400, 0, "", 0, ""},
		{"GET http://a.test:0/ HTTP/1.1", 400, 0, "", 0, ""},
		{"GET http://a.test:65536/ HTTP/1.1", 400, 0, "", 0, ""},
		{"GET http://a.test:8x/ HTTP/1.1", 400, 0, "", 0, ""},
		{"GET http://a.te%73t/ HTTP/1.1", 400, 0, "", 0, ""},
		{"GET http://a.test\\@b.test/ HTTP/1.1", 400, 0, "", 0, ""},
		{"GET http://[::1/ HTTP/1.1", 400, 0, "", 0, ""},
		{"GET http://[1.2.3.4]/ HTTP/1.1", 400, 0, "", 0, ""},
		{"GET http://[fe80::1%25eth0]/ HTTP/1.1", 400, 0, "", 0, ""},
		{"GET 1http://a.test/ HTTP/1.1", 400, 0, "", 0, ""},
		{"GET https://a.test/ HTTP/1.1", 501, 0, "", 0, ""},
		{"GET ftp://a.test/ HTTP/1.1", 501, 0, "", 0, ""},
	} {
		h, err := parseAll(t, lines(c.line, "Host: h.test:81"), false)
		require.NoError(t, err, c.line)
		d, err := destinationOf(h)
		assert.Equal(t, c.status, status(t, err), c.line)
		if c.status != 0 {
			continue
		}
		assert.Equal(t, c.form, d.form, c.line)
		assert.Equal(t, c.host, string(h.text(d.host)), c.line)
		assert.Equal(t, c.port, d.port, c.line)
		if c.form != authorityForm {
			assert.Equal(t, c.path, string(h.text(d.path)), c.line)
		}
	}
}

func TestHostField(t *testing.T) {
	for in, want := range map[string]int{
		lines("GET / HTTP/1.1", "Host: a.test"):               0,
		lines("GET / HTTP/1.1", "Host: a_b-c.test:80"):        0,
		lines("GET / HTTP/1.1", "Host: 127.0.0.1:80"):         0,
		lines("GET / HTTP/1.1", "Host: [::1]"):                0,
		lines("GET / HTTP/1.0", "A: b"):                       0,
		lines("GET / HTTP/1.1", "A: b"):                       400,
		lines("GET / HTTP/1.1", "Host:"):                      400,
		lines("GET / HTTP/1.1", "Host: a", "Host: a"):         400,
		lines("GET / HTTP/1.0", "Host: a", "Host: b"):         400,
		lines("GET / HTTP/1.1", "Host: a, b"):                 400,
		lines("GET / HTTP/1.1", "Host: a b"):                  400,
		lines("GET / HTTP/1.1", "Host: a/b"):                  400,
		lines("GET / HTTP/1.1", "Host: u@a"):                  400,
		lines("GET / HTTP/1.1", "Host: a:"):                   400,
		lines("GET / HTTP/1.1", "Host: a:b"):                  400,
		lines("GET / HTTP/1.1", "Host: [::1"):                 400,
		lines("GET / HTTP/1.1", "Host: [::1]x"):               400,
		lines("GET http://a/ HTTP/1.1", "Host: b", "Host: c"): 400,
		lines("GET http://a/ HTTP/1.1", "A: b"):               400,
	} {
		h, err := parseAll(t, in, false)
		require.NoError(t, err)
		_, err = destinationOf(h)
		assert.Equal(t, want, status(t, err), "%q", in)
	}
}

func TestRetarget(t *testing.T) {
	for in, out := range map[string]string{
		lines("GET http://a.test/x?y HTTP/1.1", "A: b", "Host: a.test"): lines("GET /x?y HTTP/1.1", "A: b", "Host: a.test"),
		lines("GET http://a.test:81 HTTP/1.1", "Host: other", "A: b"):   lines("GET / HTTP/1.1", "Host: a.test:81", "A: b"),
		lines("GET http://a.test?q HTTP/1.1", "host:\ta.test", "A: b"):  lines("GET /?q HTTP/1.1", "host:\ta.test", "A: b"),
		lines("OPTIONS http://a.test HTTP/1.1", "Host: a.test"):         lines("OPTIONS * HTTP/1.1", "Host: a.test"),
		lines("GET http://a.test/ HTTP/1.0", "A: b"):                    lines("GET / HTTP/1.0", "Host: a.test", "A: b"),
		lines("GET http://[::1]:8/ HTTP/1.1", "Host: [::1]:8", "TE: x"): lines("GET / HTTP/1.1", "Host: [::1]:8", "TE: x"),
		lines("GET /http://a.test/ HTTP/1.1", "Host: b.test"):           lines("GET /http://a.test/ HTTP/1.1", "Host: b.test"),
	} {
		h, err := parseAll(t, in, false)
		require.NoError(t, err)
		d, err := destinationOf(h)
		require.NoError(t, err)
		var dr draft
		dr.begin(h)
		dr.retarget(d)
		assert.Equal(t, out, string(dr.apply(nil)))
	}
}
