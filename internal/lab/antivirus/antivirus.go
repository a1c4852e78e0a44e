// Package antivirus runs Debian's clamd and c-icap as child processes with a database
// that knows the EICAR test file and nothing else, so that engines can be tried
// against the real thing. Everything they write stays in one folder.
//
// It installs nothing, and knows nothing about what asks the programs.
package antivirus

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"utmsim/internal/lab"
	"utmsim/internal/lab/freeport"
)

// patience is how long a program may take until it answers.
const patience = 30 * time.Second

// Detection is the name that clamd gives to the EICAR test file.
const Detection = "Lab.Eicar.UNOFFICIAL"

// process is a program that can be killed and started again in the same place.
type process struct {
	path string
	args []string
	dir  string
	up   func() error // whether it answers

	mu      sync.Mutex // guards the fields below
	cmd     *exec.Cmd
	done    chan struct{} // closed when cmd has ended
	outcome error
}

// Start starts the program and returns when it answers.
func (p *process) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		return errors.New("it runs already")
	}
	log, err := os.OpenFile(filepath.Join(p.dir, filepath.Base(p.path)+".out"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(p.path, p.args...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, p.dir
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	p.cmd, p.done = cmd, make(chan struct{})
	go func() {
		p.outcome = cmd.Wait()
		close(p.done)
	}()
	return p.wait()
}

// wait waits until the program answers.
func (p *process) wait() error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; {
		err := p.up()
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			p.cmd = nil
			return fmt.Errorf("%s has ended: %w\n%s", p.path, p.outcome, p.said())
		case <-tick.C:
		}
		if time.Now().After(end) {
			p.killLocked()
			return fmt.Errorf("%s does not answer: %w\n%s", p.path, err, p.said())
		}
	}
}

// said is what the program has written.
func (p *process) said() string {
	var all strings.Builder
	for _, pattern := range []string{"*.out", "*.log"} {
		files, _ := filepath.Glob(filepath.Join(p.dir, pattern)) // the pattern is in order
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err == nil {
				all.Write(b)
			}
		}
	}
	return all.String()
}

// Kill ends the program at once, with its children, and waits for the end.
func (p *process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killLocked()
}

func (p *process) killLocked() {
	if p.cmd == nil {
		return
	}
	killGroup(p.cmd)
	<-p.done
	p.cmd = nil
}

// Clamd is a clamd that listens on a Unix socket and on a TCP port.
type Clamd struct {
	process
	Socket string // path
	TCP    string // host:port
	port   int
}

// NewClamd writes what clamd needs into dir; Start starts it. The error wraps
// exec.ErrNotFound when clamd is not installed.
func NewClamd(dir string) (*Clamd, error) {
	path, err := find("clamd")
	if err != nil {
		return nil, err
	}
	c := &Clamd{Socket: filepath.Join(dir, "clamd.sock")}
	if c.port, err = freeport.Pick(); err != nil {
		return nil, err
	}
	c.TCP = net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port))
	c.path, c.args, c.dir, c.up = path, []string{"-c", filepath.Join(dir, "clamd.conf")}, dir, c.ping
	db := filepath.Join(dir, "db")
	conf := fmt.Sprintf("DatabaseDirectory %s\nTCPSocket %d\nTCPAddr 127.0.0.1\nLocalSocket %s\nForeground yes\nPidFile %s\nLogFile %s\n"+
		"StreamMaxLength 25M\nSelfCheck 0\nConcurrentDatabaseReload yes\nMaxThreads 8\n%s",
		db, c.port, c.Socket, filepath.Join(dir, "clamd.pid"), filepath.Join(dir, "clamd.log"), asRoot("User root\n"))
	return c, errors.Join(
		os.MkdirAll(db, 0o700),
		os.WriteFile(filepath.Join(db, "lab.ndb"), []byte("Lab.Eicar:0:*:"+hex.EncodeToString(lab.EICAR())+"\n"), 0o600),
		os.WriteFile(filepath.Join(dir, "clamd.conf"), []byte(conf), 0o600),
	)
}

// ping asks both sockets.
func (c *Clamd) ping() error {
	for network, at := range map[string]string{"unix": c.Socket, "tcp": c.TCP} {
		if err := ask(network, at, "zPING\x00", "PONG\x00"); err != nil {
			return err
		}
	}
	return nil
}

// CICAP is a c-icap server whose service avscan asks a clamd.
type CICAP struct {
	process
	Address string // host:port
}

const (
	magicFile = "/etc/c-icap/c-icap.magic"
	allTypes  = "TEXT DATA EXECUTABLE ARCHIVE GRAPHICS STREAM DOCUMENT"
)

// NewCICAP writes what c-icap needs into dir; Start starts it, which needs clamd to
// answer: a c-icap that finds none lets everything pass for good. The error wraps
// exec.ErrNotFound or os.ErrNotExist when c-icap or its module is not installed.
func NewCICAP(dir string, clamd *Clamd) (*CICAP, error) {
	path, err := find("c-icap")
	if err != nil {
		return nil, err
	}
	lib, err := moduleFolder()
	if err != nil {
		return nil, err
	}
	port, err := freeport.Pick()
	if err != nil {
		return nil, err
	}
	c := &CICAP{Address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	file := filepath.Join(dir, "c-icap.conf")
	c.path, c.args, c.dir = path, []string{"-N", "-D", "-f", file}, dir
	c.up = func() error {
		return ask("tcp", c.Address, "OPTIONS icap://"+c.Address+"/avscan ICAP/1.0\r\nHost: "+c.Address+"\r\n\r\n", "ICAP/1.0 200")
	}
	conf := fmt.Sprintf("PidFile %[1]s/c-icap.pid\nCommandsSocket %[1]s/c-icap.ctl\nPort 127.0.0.1:%[2]d\nTimeout 300\nKeepAliveTimeout 600\n"+
		"MaxKeepAliveRequests -1\nStartServers 2\nMaxServers 4\nMinSpareThreads 4\nMaxSpareThreads 16\nThreadsPerChild 8\n%[3]s"+
		"TmpDir %[1]s\nModulesDir %[4]s\nServicesDir %[4]s\nLoadMagicFile %[5]s\nServerLog %[1]s/server.log\nAccessLog %[1]s/access.log\nDebugLevel 1\n"+
		"Service antivirus_module virus_scan.so\nServiceAlias avscan virus_scan?allow204=on&sizelimit=off&mode=simple\n"+
		"virus_scan.ScanFileTypes %[6]s\nvirus_scan.SendPercentData 0\nvirus_scan.MaxObjectSize 25M\nvirus_scan.DefaultEngine clamd\n"+
		"Module common clamd_mod.so\nclamd_mod.ClamdSocket %[7]s\n",
		dir, port, asRoot("User root\nGroup root\n"), lib, magicFile, allTypes, clamd.Socket)
	return c, os.WriteFile(file, []byte(conf), 0o600)
}

// moduleFolder is where c-icap's modules are.
func moduleFolder() (string, error) {
	found, err := filepath.Glob("/usr/lib/*/c_icap/virus_scan.so")
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("looking for c-icap's virus_scan: %w", os.ErrNotExist)
	}
	return filepath.Dir(found[0]), nil
}

// find looks for a program where daemons are, too.
func find(name string) (string, error) {
	path, err := exec.LookPath(name)
	for _, dir := range []string{"/usr/sbin", "/usr/bin", "/sbin"} {
		if err == nil {
			break
		}
		path, err = exec.LookPath(filepath.Join(dir, name))
	}
	if err != nil {
		return "", fmt.Errorf("looking for %s: %w: %w", name, exec.ErrNotFound, err)
	}
	return path, nil
}

// asRoot is a text for configurations of programs that root starts.
func asRoot(text string) string {
	if os.Getuid() == 0 {
		return text
	}
	return ""
}

// ask sends a text and wants an answer that begins like this.
func ask(network, at, text, want string) error {
	c, err := net.DialTimeout(network, at, time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return err
	}
	if _, err := io.WriteString(c, text); err != nil {
		return err
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		return fmt.Errorf("%s answers %q: %w", at, got, errors.Join(err))
	}
	return nil
}
