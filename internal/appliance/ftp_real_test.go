package appliance_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/scanner/samples"
)

// vsftpdConfig serves anonymous from a folder. Its PASV names an address of the
// documentation, where nobody is.
const vsftpdConfig = `listen=YES
listen_address=127.0.0.1
listen_port=%d
background=NO
anonymous_enable=YES
anon_root=%s
no_anon_password=NO
write_enable=YES
anon_upload_enable=YES
anon_mkdir_write_enable=YES
anon_other_write_enable=YES
anon_umask=022
allow_writeable_chroot=YES
run_as_launching_user=YES
secure_chroot_dir=%s
seccomp_sandbox=NO
xferlog_enable=NO
pasv_address=192.0.2.1
delete_failed_uploads=NO
`

// startVsftpd runs Debian's vsftpd on a free port and returns its address and the
// folder it serves. It ends with the test.
func startVsftpd(t *testing.T) (address, root string) {
	t.Helper()
	vsftpd := program(t, "vsftpd")
	dir := t.TempDir()
	root = filepath.Join(dir, "root")
	require.NoError(t, os.MkdirAll(filepath.Join(root, "incoming"), 0o755))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "empty"), 0o755))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address = ln.Addr().String()
	require.NoError(t, ln.Close())
	config := filepath.Join(dir, "vsftpd.conf")
	text := fmt.Sprintf(vsftpdConfig, ln.Addr().(*net.TCPAddr).Port, root, filepath.Join(dir, "empty"))
	require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
	said := new(strings.Builder)
	cmd := exec.Command(vsftpd, config)
	cmd.Stdout, cmd.Stderr = said, said
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log("vsftpd: " + said.String())
		}
	})
	eventually(t, func() bool {
		c, err := net.Dial("tcp", address)
		return err == nil && c.Close() == nil
	}, "vsftpd listens")
	return address, root
}

// TestFTPVsftpd: curl and lftp do what they do with a real server, through the proxy,
// and nothing of a virus passes or stays there.
func TestFTPVsftpd(t *testing.T) {
	curl, lftp := program(t, "curl"), program(t, "lftp", "--version")
	server, root := startVsftpd(t)
	s := newRealTimeSite(t, "")
	want := tree(t, filepath.Join(root, "pub"))
	virus := map[string][]byte{"eicar.com": samples.EICAR(), "eicar.zip": samples.Zip(samples.File{Name: "x.com", Data: samples.EICAR()})}
	local := t.TempDir()
	for name, content := range virus {
		require.NoError(t, os.WriteFile(filepath.Join(root, name), content, 0o644))
		require.NoError(t, os.WriteFile(filepath.Join(local, name), content, 0o644))
	}
	for _, c := range []struct {
		name, ext string
		settings  []string
	}{
		{"splice", "127.0.0.1", []string{"set options splice bypass-rest-command"}},
		{"held", "127.0.0.2", []string{noFTPSplice}},
		{"active", "127.0.0.3", []string{"set options splice", "set server-data-mode active"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			address := s.ftpVIP(c.name, c.ext, server, c.settings...)
			down := t.TempDir()
			host, port, err := net.SplitHostPort(address)
			require.NoError(t, err)
			script := "set net:max-retries 1; set ftp:ssl-allow no; open -p " + port + " " + host +
				"; mirror -P 3 pub " + down + "/tree; mirror -R -P 3 " + down + "/tree incoming/" + c.name +
				"; set ftp:passive-mode off; get pub/b/large -o " + down + "/large; bye"
			run(t, lftp, "--norc", "-c", script)
			assert.Equal(t, want, files(t, filepath.Join(down, "tree")))
			assert.Equal(t, want, files(t, filepath.Join(root, "incoming", c.name)))
			got, err := os.ReadFile(filepath.Join(down, "large"))
			require.NoError(t, err)
			assert.Equal(t, want["b/large"], string(got))

			url := "ftp://" + address
			for name := range virus {
				out := filepath.Join(down, name)
				said, err := attempt(t, curl, "-sv", "-o", out, url+"/"+name)
				assert.Error(t, err, said)
				assert.NoFileExists(t, out)
				said, err = attempt(t, curl, "-sv", "-T", filepath.Join(local, name), url+"/incoming/"+c.name+name)
				assert.Error(t, err, said)
				assert.Contains(t, said, "550 Transfer failed")
				s.eventually(func() bool {
					_, err := os.Stat(filepath.Join(root, "incoming", c.name+name))
					return os.IsNotExist(err)
				}, "%s is not with the server", name)
			}
		})
	}
	s.ftpStat("Files infected with viruses", 6)
	s.ftpStat("Upload files infected with viruses", 6)
}
