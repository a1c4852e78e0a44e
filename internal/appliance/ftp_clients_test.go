package appliance_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
	"utmsim/scanner/samples"
)

// ftplibDay is the day of a user with Python's own client, first passive, then
// active. It prints what it saw; names and numbers that differ from day to day are
// left out.
const ftplibDay = `
import ftplib, hashlib, io, json, sys
host, port, day = sys.argv[1], int(sys.argv[2]), sys.argv[3]
user = sys.argv[4] if len(sys.argv) > 4 else "alice"
out = []
def see(name, *what): out.append([name, *what])
def attempt(name, f, *a):
    try: see(name, "ok", f(*a))
    except ftplib.all_errors as e: see(name, type(e).__name__, str(e))
for pasv in (True, False):
    f = ftplib.FTP(timeout=120)
    f.connect(host, port)
    f.login(user, "lab")
    f.set_pasv(pasv)
    see("pwd", f.pwd())
    see("feat", f.sendcmd("FEAT"))
    see("nlst", f.nlst())
    lines = []; f.retrlines("LIST", lines.append)
    see("list", sorted(l.split()[-1] for l in lines))
    see("mlsd", sorted(n for n, facts in f.mlsd("/")))
    def get(name, rest=None):
        b = io.BytesIO(); f.retrbinary("RETR " + name, b.write, rest=rest)
        return [len(b.getvalue()), hashlib.sha256(b.getvalue()).hexdigest()]
    see("readme", get("readme.txt"))
    see("resumed", get("readme.txt", 50))
    lines = []; f.retrlines("RETR readme.txt", lines.append)
    see("text", lines)
    name = "incoming/%s-%d" % (day, pasv)
    content = b"\x00\x01line\r\nanother\n" * 20000
    see("stor", f.storbinary("STOR " + name, io.BytesIO(content)))
    see("appe", f.storbinary("APPE " + name, io.BytesIO(b"more")))
    see("size", f.size(name) - len(content))
    see("same", get(name) == [len(content) + 4, hashlib.sha256(content + b"more").hexdigest()])
    f.storbinary("STOR " + name, io.BytesIO(content[100000:]), rest=100000)
    see("continued", get(name) == [len(content), hashlib.sha256(content).hexdigest()])
    f.storlines("STOR " + name + ".txt", io.BytesIO(b"a\nb\r\n"))
    see("lines", get(name + ".txt"))
    see("stou", f.storbinary("STOU", io.BytesIO(b"unique"))[:3])
    see("rename", f.rename(name + ".txt", name + ".new"))
    see("delete", f.delete(name + ".new"), f.delete(name))
    see("mkd", f.mkd(name)); see("cwd", f.cwd(name)); see("cdup", f.cwd(".."))
    see("rmd", f.rmd("/" + name)); f.cwd("/")
    attempt("missing", get, "nothing")
    attempt("not writable", f.storbinary, "STOR /x", io.BytesIO(b"x"))
    attempt("unknown", f.sendcmd, "XYZZY")
    conn = f.transfercmd("RETR big.bin")
    see("some", len(conn.recv(1000)) > 0)
    see("abort", f.abort()[:3]); conn.close(); see("aborted", f.getmultiline()[:3])
    see("after", get("readme.txt"))
    conn = f.transfercmd("STOR " + name)
    conn.sendall(content)
    see("abort up", f.abort()[:3]); conn.close(); see("aborted up", f.getmultiline()[:3])
    attempt("not stored", f.size, name)
    see("quit", f.quit())
print(json.dumps(out))
`

// noFTPSplice holds uploads back and lets parts of files pass.
const noFTPSplice = "set options bypass-rest-command bypass-mode-command"

// TestFTPPython compares the day of Python's ftplib with and without the proxy, in
// every combination of address families and ways.
func TestFTPPython(t *testing.T) {
	python := program(t, "/usr/bin/python3", "-c", "import ftplib")
	s := newRealTimeSite(t, "config firewall profile-protocol-options\nedit default\nconfig ftp\nset oversize-limit 1\nend\nend\n")
	day := func(t *testing.T, address, name string, user ...string) (saw []any) {
		host, port, err := net.SplitHostPort(address)
		require.NoError(t, err)
		args := append([]string{"-c", ftplibDay, host, port, name}, user...)
		text := run(t, python, args...)
		require.NoError(t, json.Unmarshal([]byte(strings.ReplaceAll(text, name+"-", "day-")), &saw))
		return saw
	}
	origin, origin6 := s.Origins.Addr(lab.ServiceFTP), ""
	for _, e := range s.Origins.Endpoints() {
		if e.Service == lab.ServiceFTP && e.Address[0] == '[' {
			origin6 = e.Address
		}
	}
	direct := day(t, origin, "direct")
	require.NotEmpty(t, direct)
	compare := func(name, address string, user ...string) {
		t.Run(name, func(t *testing.T) { assert.Equal(t, direct, day(t, address, name, user...)) })
	}
	compare("vip", s.proxyOf("FTP"))
	compare("held", s.ftpVIP("held", "127.0.0.1", origin, noFTPSplice))
	compare("passive", s.ftpVIP("passive", "127.0.0.2", origin, "set options splice bypass-rest-command", "set server-data-mode passive"))
	compare("active", s.ftpVIP("active", "127.0.0.3", origin, "set options splice bypass-rest-command", "set server-data-mode active"))
	if origin6 == "" {
		t.Log("this machine has no ::1")
	} else {
		compare("v6", s.ftpVIP("v6", "::1", origin6, noFTPSplice))
		compare("v6-to-v4", s.ftpVIP("v6", "::1", origin, noFTPSplice))
		compare("v4-to-v6", s.ftpVIP("v4", "127.0.0.4", origin6, noFTPSplice))
	}
	s.exec("config firewall policy", "purge", "end", "config firewall vip", "purge", "end")
	explicit := s.ftpExplicit("allow-loopback enable")
	compare("explicit", explicit, "alice@"+origin)
	_, port, _ := net.SplitHostPort(origin)
	compare("explicit-name", explicit, "alice@www.lab.test:"+port)
	s.eventually(func() bool { return s.Engine().Sessions() == 0 }, "sessions over")
	s.invariants()
}

// TestFTPCurl: curl fetches and stores through the proxy, in each of its ways, and
// nothing of a virus passes.
func TestFTPCurl(t *testing.T) {
	curl := program(t, "curl", "--version")
	s := newRealTimeSite(t, "")
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, content, 0o600))
		return path
	}
	clean := write("clean", contentOf(t, 300_000))
	base64Mail := "From: a@lab.test\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString(samples.EICAR())
	infected := map[string]string{
		"plain.com": write("plain.com", samples.EICAR()), "a.zip": write("a.zip", samples.Zip(samples.File{Name: "x.com", Data: samples.EICAR()})),
		"mail.eml": write("mail.eml", []byte(base64Mail)),
	}
	origin, proxied := "ftp://alice:lab@"+s.Origins.Addr(lab.ServiceFTP), "ftp://alice:lab@"+s.proxyOf("FTP")
	for name, path := range infected { // as another would have put it there
		run(t, curl, "-sS", "-T", path, origin+"/incoming/there-"+name)
	}
	big := filepath.Join(dir, "big")
	run(t, curl, "-sS", "-o", big, proxied+"/big.bin")
	file, err := os.Open(big)
	require.NoError(t, err)
	same(t, lab.NewContent(lab.BigFileSize), file)
	require.NoError(t, errors.Join(file.Close(), os.Remove(big)))
	for mode, args := range map[string][]string{
		"epsv": nil, "pasv": {"--disable-epsv"}, "eprt": {"-P", "-"}, "port": {"-P", "127.0.0.1", "--disable-eprt"},
	} {
		t.Run(mode, func(t *testing.T) {
			get := func(base, path string, more ...string) string {
				return run(t, curl, append(append([]string{"-sS"}, args...), append(more, base+path)...)...)
			}
			for _, path := range []string{"/", "/readme.txt", "/incoming/"} {
				assert.Equal(t, get(origin, path), get(proxied, path), path)
			}
			assert.Equal(t, get(origin, "/big.bin", "-r", "1000-2000"), get(proxied, "/big.bin", "-r", "1000-2000"))
			assert.Equal(t, get(origin, "/readme.txt", "-B"), get(proxied, "/readme.txt", "-B"), "TYPE A")
			get(proxied, "/incoming/"+mode, "-T", clean)
			stored, _ := s.Origins.FTP().File("/incoming/" + mode)
			assert.Equal(t, contentOf(t, 300_000), stored)
			get(proxied, "/incoming/"+mode, "-a", "-T", clean)
			stored, _ = s.Origins.FTP().File("/incoming/" + mode)
			assert.Len(t, stored, 600_000, "appended")
			for name, path := range infected {
				said, err := attempt(t, curl, append(args, "-v", "-T", path, proxied+"/incoming/"+mode+"-"+name)...)
				assert.Error(t, err)
				assert.Contains(t, said, "550 Transfer failed", name)
				_, there := s.Origins.FTP().File("/incoming/" + mode + "-" + name)
				assert.False(t, there, "%s is with the server", name)
				said, err = attempt(t, curl, append(args, "-v", "-o", filepath.Join(dir, "out"), proxied+"/incoming/there-"+name)...)
				assert.Error(t, err, name)
				assert.NoFileExists(t, filepath.Join(dir, "out"), "%s\n%s", name, said)
			}
		})
	}
	s.ftpStat("Files infected with viruses", 12)
	s.ftpStat("Upload files infected with viruses", 12)
}

// TestFTPLftp: lftp mirrors a tree up and down through the proxy, with many
// connections, and takes up again a download that was cut.
func TestFTPLftp(t *testing.T) {
	lftp := program(t, "lftp", "--version")
	s := newRealTimeSite(t, "")
	up, down := t.TempDir(), t.TempDir()
	want := tree(t, up)
	script := func(lines ...string) string {
		host, port, _ := net.SplitHostPort(s.proxyOf("FTP"))
		head := []string{"set net:max-retries 1", "set net:timeout 120", "set ftp:ssl-allow no", "open -u alice,lab -p " + port + " " + host}
		return strings.Join(append(head, append(lines, "bye")...), "; ")
	}
	run(t, lftp, "--norc", "-c", script("mirror -R -P 4 "+up+" incoming/tree", "mirror -P 4 incoming/tree "+down))
	assert.Equal(t, want, files(t, down))
	part := filepath.Join(down, "part")
	content := contentOf(t, 300_000)
	require.NoError(t, os.WriteFile(part, content[:100_000], 0o600))
	run(t, lftp, "--norc", "-c", script("put "+filepath.Join(up, "b/large")+" -o incoming/large", "get -c incoming/large -o "+part, "set ftp:passive-mode off", "cat readme.txt"))
	got, err := os.ReadFile(part)
	require.NoError(t, err)
	assert.Equal(t, content, got)
	said, err := attempt(t, lftp, "--norc", "-c", script("get eicar.zip -o "+filepath.Join(down, "eicar.zip")))
	assert.Error(t, err)
	assert.Contains(t, said, "EICAR_TEST_FILE")
}

// tree makes a folder with files and returns their contents by path.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{
		"empty": "", "text": "a\nb\r\n\x00\xff", "a/b/c": "deep", "b/large": string(contentOf(t, 300_000)), "with blanks ä": "x", "-dash": "y",
	}
	for path, content := range all {
		at := filepath.Join(dir, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(at), 0o755))
		require.NoError(t, os.WriteFile(at, []byte(content), 0o644))
	}
	return all
}

// files are the contents of the files in a folder by path.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[name] = string(b)
		return err
	}))
	return all
}

// contentOf is generated content in one piece.
func contentOf(t *testing.T, size int64) []byte {
	t.Helper()
	b, err := io.ReadAll(lab.NewContent(size))
	require.NoError(t, err)
	return b
}
