package appliance_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
)

// Programs of others as clients. On a developer's machine a test whose program is
// missing is skipped with that reason; with UTMSIM_REAL=required it fails. With
// UTMSIM_REAL=skip all are skipped: under the race detector they would only be slow.

// program finds a real client; probe are arguments with which it must succeed.
func program(t *testing.T, name string, probe ...string) string {
	t.Helper()
	if os.Getenv("UTMSIM_REAL") == "skip" {
		t.Skip("UTMSIM_REAL=skip: no programs of others in this run")
	}
	path, err := exec.LookPath(name)
	if err == nil && len(probe) > 0 {
		err = exec.Command(path, probe...).Run()
	}
	if err != nil && os.Getenv("UTMSIM_REAL") == "required" {
		t.Fatalf("%s is required here: %v", name, err)
	}
	if err != nil {
		t.Skipf("%s is not installed: %v", name, err)
	}
	return path
}

// run runs a real client that has to succeed and returns what it prints.
func run(t *testing.T, path string, args ...string) string {
	t.Helper()
	cmd, said := realClient(t, path, args...)
	out, err := cmd.Output()
	require.NoError(t, err, "%s %v: %s%s", path, args, out, said)
	return string(out)
}

// attempt runs a real client and returns all it prints.
func attempt(t *testing.T, path string, args ...string) (string, error) {
	t.Helper()
	cmd, said := realClient(t, path, args...)
	cmd.Stdout = said
	err := cmd.Run()
	return said.String(), err
}

// realClient is a real client, five minutes to run, and what it says on standard error.
func realClient(t *testing.T, path string, args ...string) (*exec.Cmd, *strings.Builder) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	cmd, said := exec.CommandContext(ctx, path, args...), new(strings.Builder)
	cmd.Stderr = said
	return cmd, said
}

func TestCurl(t *testing.T) {
	curl := program(t, "curl")
	s := newRealTimeSite(t, "")
	origin := s.Origins.Addr(lab.ServiceHTTP)
	dir := t.TempDir()
	infected := filepath.Join(dir, "up.com")
	require.NoError(t, os.WriteFile(infected, lab.EICAR(), 0o600))
	for _, c := range []struct {
		name string
		args []string
		code string
	}{
		{"clean", []string{"http://" + s.vip + "/bytes/100000"}, "200"},
		{"forward", []string{"-x", "http://" + s.forward, "http://" + origin + "/bytes/100000"}, "200"},
		{"tunnel to a port that is not allowed", []string{"-p", "-x", "http://" + s.forward, "http://" + origin + "/"}, "000"},
		{"virus", []string{"http://" + s.vip + "/eicar.com"}, "403"},
		{"virus in a zip", []string{"http://" + s.vip + "/eicar.zip"}, "403"},
		{"virus in a coding", []string{"--compressed", "http://" + s.vip + "/eicar.gz"}, "403"},
		{"virus, forward", []string{"-x", "http://" + s.forward, "http://" + origin + "/eicar.com"}, "403"},
		{"upload", []string{"--data-binary", "@" + infected, "http://" + s.vip + "/upload"}, "403"},
		{"chunked upload", []string{"-H", "Transfer-Encoding: chunked", "--data-binary", "@" + infected, "http://" + s.vip + "/upload"}, "403"},
		{"form", []string{"-F", "f=@" + infected, "http://" + s.vip + "/upload"}, "403"},
		{"announced upload", []string{"-H", "Expect: 100-continue", "-T", infected, "http://" + s.vip + "/upload"}, "403"},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"-s", "-o", filepath.Join(dir, "out"), "-w", "%{http_code}"}, c.args...)
			out, _ := exec.Command(curl, args...).Output() // a refused tunnel is a failure for curl
			assert.Equal(t, c.code, string(out))
			if c.code == "403" {
				page, err := os.ReadFile(filepath.Join(dir, "out"))
				require.NoError(t, err)
				assert.Contains(t, string(page), "EICAR_TEST_FILE")
				assert.NotContains(t, string(page), string(lab.EICAR()))
			}
		})
	}
	assert.Zero(t, s.Origins.HTTP().Counts().Uploaded, "bytes of uploads that the origin saw")
}

func TestWget(t *testing.T) {
	wget := program(t, "wget")
	s := newRealTimeSite(t, "")
	file := filepath.Join(t.TempDir(), "out")
	run(t, wget, "-q", "-O", file, "http://"+s.vip+"/bytes/3000000?chunked=1")
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Len(t, got, 3_000_000)
	out, err := exec.Command(wget, "-nv", "-O", file, "http://"+s.vip+"/eicar.zip").CombinedOutput()
	assert.Error(t, err)
	assert.Contains(t, string(out), "403")
}

// pipelining sends requests without waiting for their answers, and reads these
// with the response parser of Python's library.
const pipelining = `
import http.client, socket, sys
host, port = sys.argv[1].split(":")
s = socket.create_connection((host, int(port)))
n = 40
s.sendall(b"".join(b"GET /bytes/%d HTTP/1.1\r\nHost: lab\r\n\r\n" % i for i in range(n)))
class Kept:
    def __init__(self, f): self.f = f
    def makefile(self, *a): return self
    def __getattr__(self, a): return getattr(self.f, a)
    def close(self): pass
f = Kept(s.makefile("rb"))
for i in range(n):
    r = http.client.HTTPResponse(f)
    r.begin()
    assert (r.status, len(r.read())) == (200, i), i
c = http.client.HTTPConnection(host, int(port))
for i in range(20):
    c.request("GET", "/bytes/%d" % i)
    r = c.getresponse()
    assert len(r.read()) == i
print("ok", n)
`

func TestPython(t *testing.T) {
	python := program(t, "/usr/bin/python3")
	s := newRealTimeSite(t, "")
	assert.Equal(t, "ok 40\n", run(t, python, "-c", pipelining, s.vip))
}

func TestChromiumLoadsAPageWithFiftyObjects(t *testing.T) {
	chromium := program(t, "chromium")
	s := newRealTimeSite(t, "")
	_, port, ok := strings.Cut(s.Origins.Addr(lab.ServiceHTTP), ":")
	require.True(t, ok)
	dom := run(t, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir="+t.TempDir(),
		"--proxy-server=http://"+s.forward, "--proxy-bypass-list=<-loopback>", "--virtual-time-budget=20000",
		"--dump-dom", fmt.Sprintf("http://www.lab.test:%s/page?n=50", port))
	assert.Equal(t, "50 of 50", regexp.MustCompile(`\d+ of \d+`).FindString(dom))
	assert.NoError(t, s.Engine().Report().Check())
}
