package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	readyTime = 15 * time.Second // a process has to accept connections
	endTime   = 5 * time.Second  // a process has to end when asked, before it is killed
	pollTime  = 20 * time.Millisecond
	logTail   = 600 // bytes of a failed process's output that an error quotes
)

// Site is where a run takes place: its temporary folder and its programs.
type Site struct {
	Protocol Protocol
	Folder   string // removed after the run
	Self     string // this program, which is also origin and relay (see Child)
	Utmsim   string // a built utmsim; empty builds one
	Module   string // the folder of the module utmsim is built from
	scripts  *scripts
	started  int
}

// Process is a running contender or origin. No process of its own (PID 0) is
// also one: direct.
type Process struct {
	Address string
	PID     int
	command *exec.Cmd
	stdin   io.Closer
	ended   chan struct{} // closed when the process has ended
	output  string        // file with what it said
}

// start runs a program. Its output goes to a file in the site's folder; a
// non-nil stdout receives that instead.
func (s *Site) start(stdout io.Writer, program string, arguments ...string) (*Process, error) {
	s.started++
	p := &Process{
		command: exec.Command(program, arguments...),
		ended:   make(chan struct{}),
		output:  filepath.Join(s.Folder, fmt.Sprintf("%s-%d.log", filepath.Base(program), s.started)),
	}
	file, err := os.Create(p.output)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", program, err)
	}
	defer func() { _ = file.Close() }() // the process has a copy
	p.command.Stdout, p.command.Stderr = file, file
	if stdout != nil {
		p.command.Stdout = stdout
	}
	stdin, err := p.command.StdinPipe()
	if err == nil {
		err = p.command.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", program, err)
	}
	p.stdin, p.PID = stdin, p.command.Process.Pid
	go func() {
		defer close(p.ended)
		_ = p.command.Wait() // how it ended is seen in its output
	}()
	return p, nil
}

// startSelf runs this program as origin or relay and reads the address it
// chose.
func (s *Site) startSelf(arguments ...string) (*Process, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", strings.Join(arguments, " "), err)
	}
	defer func() { _ = read.Close() }()
	p, err := s.start(write, s.Self, append([]string{ChildWord}, arguments...)...)
	_ = write.Close() // the process has a copy; without it, or with it ended, reading ends
	if err != nil {
		return nil, err
	}
	address, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", strings.Join(arguments, " "), errors.Join(p.failure(), p.End()))
	}
	p.Address = strings.TrimSpace(address)
	return p, nil
}

// errEndedAtOnce is a program that ended before it accepted connections.
var errEndedAtOnce = errors.New("it ended at once")

// await returns when probe succeeds. When that takes too long, or the process
// ends before, it ends the process and quotes its output.
func (p *Process) await(ctx context.Context, probe func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	tick := time.NewTicker(pollTime)
	defer tick.Stop()
	for {
		err := probe(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.ended:
			return fmt.Errorf("%w: %w", errEndedAtOnce, p.failure())
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("waiting until it accepts connections: %w: %w", err, p.failure()), p.End())
		}
	}
}

// failure quotes the end of what the process said.
func (p *Process) failure() error {
	text, err := os.ReadFile(p.output)
	if err != nil {
		return err
	}
	said := strings.Join(strings.Fields(string(text[max(0, len(text)-logTail):])), " ")
	if said == "" {
		said = "nothing"
	}
	return fmt.Errorf("it said: %s", said)
}

// End asks the process to end, kills it if it doesn't, and waits. It is safe on
// a process that has ended and on none.
func (p *Process) End() error {
	if p.command == nil {
		return nil
	}
	_ = p.stdin.Close()
	_ = p.command.Process.Signal(syscall.SIGTERM) // where there are no signals, the time-out below kills
	timer := time.NewTimer(endTime)
	defer timer.Stop()
	select {
	case <-p.ended:
		return nil
	case <-timer.C:
	}
	if err := p.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("killing process %d: %w", p.PID, err)
	}
	<-p.ended
	return nil
}
