package appliance_test

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
	"utmsim/scanner/samples"
)

// nntplibDay is the day of a reader with Python's own client, up to its version 3.12.
// It prints what it saw.
const nntplibDay = `
import datetime, json, nntplib, sys
latin = lambda lines: [l.decode("latin-1") for l in lines]
n = nntplib.NNTP(sys.argv[1], int(sys.argv[2]), timeout=120, readermode=True)
out = {"welcome": n.getwelcome(), "caps": n.getcapabilities()}
out["list"] = [list(g) for g in n.list()[1]]
out["descriptions"] = n.descriptions("*")[1]
long_ago = datetime.datetime(2000, 1, 1)
out["new"] = [[list(g) for g in n.newgroups(long_ago)[1]], sorted(n.newnews("lab.*", long_ago)[1])]
for group in ("lab.test", "lab.binaries"):
    resp, count, first, last, name = n.group(group)
    out[group] = [resp, count, first, last]
    out[group + " over"] = [[i, o] for i, o in n.over((first, last))[1]]
    out[group + " xhdr"] = n.xhdr("subject", "%d-%d" % (first, last))[1]
    out[group + " stat"] = [n.stat(i) for i in range(first, last + 1)]
    out[group + " heads"] = [latin(n.head(i)[1].lines) for i in range(first, last + 1)]
    out[group + " articles"] = [latin(n.article(i)[1].lines) for i in range(first, last + 1)]
    out[group + " bodies"] = [latin(n.body(i)[1].lines) for i in range(first, last + 1)]
    n.group(group)
    out[group + " next"] = [n.next(), n.next(), n.last()]
    out[group + " current"] = latin(n.article()[1].lines)
errors = []
for f in (lambda: n.group("no.such"), lambda: n.article("<no@such>"), lambda: n.body(99), lambda: n.login("alice", "wrong", False)):
    try:
        f()
    except nntplib.NNTPError as e:
        errors.append(str(e))
n.login("alice", "lab", False)
out["errors"] = errors
out["help"] = n.help()[1]
out["bye"] = n.quit()
print(json.dumps(out))
`

// nntplib finds a Python that still has nntplib.
func nntplib(t *testing.T) string {
	python := program(t, "/usr/bin/python3")
	if exec.Command(python, "-W", "ignore", "-c", "import nntplib").Run() != nil {
		t.Skip("this Python has no nntplib any more: it left with 3.13")
	}
	return python
}

// TestNNTPPython compares the day of Python's nntplib with and without the proxy.
func TestNNTPPython(t *testing.T) {
	python := nntplib(t)
	s := newRealTimeSite(t, "")
	day := func(address string) (saw map[string]any) {
		host, port, err := net.SplitHostPort(address)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal([]byte(run(t, python, "-W", "ignore", "-c", nntplibDay, host, port)), &saw))
		return saw
	}
	direct, proxied := day(s.Origins.Addr(lab.ServiceNNTP)), day(s.proxyOf("NNTP"))
	for _, kind := range []string{" articles", " bodies"} {
		plain, got := direct["lab.binaries"+kind].([]any), proxied["lab.binaries"+kind].([]any)
		require.Len(t, got, 5)
		assert.Equal(t, plain[:2], got[:2], "clean articles are the same byte by byte")
		for _, lines := range got[2:] {
			assert.Contains(t, lines, `It was infected with "EICAR_TEST_FILE".`)
		}
		delete(direct, "lab.binaries"+kind)
		delete(proxied, "lab.binaries"+kind)
	}
	assert.Equal(t, direct, proxied)
	s.nntpStat("Articles infected with viruses", 6)
	s.nntpStat("Articles clean", 4+6+2)
}

// TestNNTPPythonPosts: the same client posts and offers, clean and infected.
func TestNNTPPythonPosts(t *testing.T) {
	python := nntplib(t)
	s := newRealTimeSite(t, "")
	host, port, err := net.SplitHostPort(s.proxyOf("NNTP"))
	require.NoError(t, err)
	out := run(t, python, "-W", "ignore", "-c", `
import io, json, nntplib, sys
out = []
def article(id, body):
    return io.BytesIO(("Path: x\r\nFrom: x@client.test\r\nNewsgroups: lab.test\r\nSubject: s\r\nMessage-ID: %s\r\n\r\n%s\r\n" % (id, body)).encode())
n = None
for how in ("post", "ihave"):
    for body in (".\r\n..\r\ntext", sys.argv[3], "last"):
        n = n or nntplib.NNTP(sys.argv[1], int(sys.argv[2]), timeout=120)
        id = "<%d@python.test>" % len(out)
        try:
            out.append(n.post(article(id, body)) if how == "post" else n.ihave(id, article(id, body)))
        except nntplib.NNTPError as e:
            out.append(str(e))
            n.quit()
            n = None
n.quit()
print(json.dumps(out))
`, host, port, string(samples.EICAR()))
	var said []string
	require.NoError(t, json.Unmarshal([]byte(out), &said))
	require.Len(t, said, 6)
	for i, code := range []string{"240 ", "441 ", "240 ", "235 ", "437 ", "235 "} {
		assert.True(t, strings.HasPrefix(said[i], code), "%d: %s", i, said[i])
	}
	content, _ := s.has("<0@python.test>")
	assert.True(t, strings.HasSuffix(content, "\r\n\r\n.\r\n..\r\ntext\r\n"), "%q", content)
	assert.Len(t, s.Origins.NNTP().Articles(lab.GroupTest), 3+4)
}

// contents are the files of a folder and what is in them, by name.
func contents(t *testing.T, folder string) map[string]string {
	t.Helper()
	got := map[string]string{}
	require.NoError(t, filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		name, _ := filepath.Rel(folder, path)
		got[name] = string(content)
		return err
	}))
	return got
}

// alike compares what a client has stored with and without the proxy. As many files
// as infected say have a notice in them and are like the others around it.
func alike(t *testing.T, direct, proxied map[string]string, infected int) {
	t.Helper()
	require.Len(t, proxied, len(direct))
	replaced := 0
	for name, plain := range direct {
		got := proxied[name]
		if !strings.Contains(got, `It was infected with "EICAR_TEST_FILE".`) {
			assert.Equal(t, plain, got, name)
			continue
		}
		replaced++
		head, _, _ := strings.Cut(plain, "\n\n")
		assert.True(t, strings.HasPrefix(got, head), "the head stays:\n%s\n%s", plain, got)
	}
	assert.Equal(t, infected, replaced)
}

// TestSuck pulls the lab's groups with suck, which asks for many articles at once.
func TestSuck(t *testing.T) {
	suck := program(t, "suck")
	s := newRealTimeSite(t, "")
	pull := func(address string) map[string]string {
		host, port, err := net.SplitHostPort(address)
		require.NoError(t, err)
		folder := t.TempDir()
		for _, sub := range []string{"data", "tmp", "articles"} {
			require.NoError(t, os.Mkdir(filepath.Join(folder, sub), 0o700))
		}
		require.NoError(t, os.WriteFile(filepath.Join(folder, "data", "sucknewsrc"), []byte("lab.test 1\nlab.binaries 1\n"), 0o600))
		run(t, suck, host, "-N", port, "-M", "-m", "-K", "-H",
			"-dd", filepath.Join(folder, "data"), "-dt", filepath.Join(folder, "tmp"), "-dm", filepath.Join(folder, "articles"))
		return contents(t, filepath.Join(folder, "articles"))
	}
	direct, proxied := pull(s.Origins.Addr(lab.ServiceNNTP)), pull(s.proxyOf("NNTP"))
	require.Len(t, direct, 6)
	alike(t, direct, proxied, 3)
}

// TestRpost posts with suck's other half.
func TestRpost(t *testing.T) {
	program(t, "suck")
	rpost := program(t, "rpost")
	s := newRealTimeSite(t, "")
	host, port, err := net.SplitHostPort(s.proxyOf("NNTP"))
	require.NoError(t, err)
	post := func(id, body string) string {
		cmd, said := realClient(t, rpost, host, "-N", port, "-M")
		cmd.Dir, cmd.Stdout = t.TempDir(), said
		cmd.Stdin = strings.NewReader("From: x@client.test\nNewsgroups: lab.test\nSubject: s\nMessage-ID: " + id + "\n\n" + body + "\n")
		_ = cmd.Run() // its status says nothing about the article
		return said.String()
	}
	post("<clean@rpost.test>", "text\n.dot")
	content, times := s.has("<clean@rpost.test>")
	assert.Equal(t, 1, times)
	assert.Contains(t, content, "\r\n\r\ntext\r\n.dot\r\n")
	said := post("<bad@rpost.test>", string(samples.EICAR()))
	assert.Contains(t, said, "441 ")
	_, times = s.has("<bad@rpost.test>")
	assert.Zero(t, times)
}

// TestSlrnpull pulls the lab's groups, and posts what lies in its out box.
func TestSlrnpull(t *testing.T) {
	slrnpull := program(t, "slrnpull", "--version")
	s := newRealTimeSite(t, "")
	pull := func(address string, outbox map[string]string) (string, error) {
		folder := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(folder, "slrnpull.conf"), []byte("default 0 0 0\nlab.test\nlab.binaries\n"), 0o600))
		require.NoError(t, os.MkdirAll(filepath.Join(folder, "out.going"), 0o700))
		for name, article := range outbox {
			require.NoError(t, os.WriteFile(filepath.Join(folder, "out.going", name), []byte(article), 0o600))
		}
		_, err := attempt(t, slrnpull, "-d", folder, "-h", address)
		return folder, err
	}
	news := func(address string) map[string]string {
		folder, err := pull(address, nil)
		require.NoError(t, err)
		return contents(t, filepath.Join(folder, "news"))
	}
	direct, proxied := news(s.Origins.Addr(lab.ServiceNNTP)), news(s.proxyOf("NNTP"))
	numbered := regexp.MustCompile(`/\d+$`)
	for _, files := range []map[string]string{direct, proxied} {
		for name := range files {
			if !numbered.MatchString(name) {
				delete(files, name) // its own notes, with times in them
			}
		}
	}
	require.Len(t, direct, 8)
	alike(t, direct, proxied, 3)

	article := func(id, body string) string {
		return "From: x@client.test\nNewsgroups: lab.test\nSubject: s\nMessage-ID: " + id + "\n\n" + body + "\n"
	}
	folder, err := pull(s.proxyOf("NNTP"), map[string]string{"X1": article("<clean@slrn.test>", "text")})
	require.NoError(t, err)
	assert.Empty(t, contents(t, filepath.Join(folder, "out.going")))
	content, times := s.has("<clean@slrn.test>")
	assert.Equal(t, 1, times)
	assert.Contains(t, content, "\r\n\r\ntext\r\n")
	_, err = pull(s.proxyOf("NNTP"), map[string]string{"X1": article("<bad@slrn.test>", string(samples.EICAR()))})
	require.Error(t, err, "it hears of the refusal, and that it has to connect again")
	_, times = s.has("<bad@slrn.test>")
	assert.Zero(t, times)
}
