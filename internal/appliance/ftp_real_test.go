package appliance_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/scanner/samples"
)

// vsftpdConfig serves anonymous from a folder. Its PASV names an address of the
// documentation, where nobody is.
const vsftpdConfig = `listen=NO
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

// startVsftpd has Debian's vsftpd serve whoever connects to a port, a process for
// each, as inetd does: it can't choose a port itself. It returns the address and the
// folder, and ends with the test.
func startVsftpd(t *testing.T) (address, root string) {
	t.Helper()
	vsftpd := program(t, "vsftpd")
	dir := t.TempDir()
	root = filepath.Join(dir, "root")
	require.NoError(t, os.MkdirAll(filepath.Join(root, "incoming"), 0o755))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "empty"), 0o755))
	config := filepath.Join(dir, "vsftpd.conf")
	text := fmt.Sprintf(vsftpdConfig, root, filepath.Join(dir, "empty"))
	require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() { serveVsftpd(ctx, t, exec.CommandContext(ctx, vsftpd, config), conn.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() {
		cancel()
		ln.Close()
		all.Wait()
	})
	return ln.Addr().String(), root
}

func serveVsftpd(ctx context.Context, t *testing.T, cmd *exec.Cmd, conn *net.TCPConn) {
	file, err := conn.File()
	conn.Close()
	if err != nil {
		t.Error("vsftpd:", err)
		return
	}
	defer file.Close()
	said := new(strings.Builder)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = file, file, said
	if err := cmd.Run(); err != nil && ctx.Err() == nil && said.Len() > 0 {
		t.Error("vsftpd:", err, said)
	}
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
