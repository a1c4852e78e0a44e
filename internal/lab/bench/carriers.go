package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// carrier is a way to the console over which lines are asked one after the other.
type carrier interface {
	// ask enters a line and returns what it prints.
	ask(line string) (string, error)
	io.Closer
}

// sshTerminal is a session with a terminal: a line is answered when the next prompt
// has come.
type sshTerminal struct {
	client  *ssh.Client
	session *ssh.Session
	in      io.Writer
	out     io.Reader
	buf     []byte
}

// waitingPrompt is how a console waits for the next line, an empty line before it.
const waitingPrompt = "\n\r\nFGT # "

const loginTime = 30 * time.Second // a console that needs longer is out of order

func openSSH(address string) (*sshTerminal, error) {
	client, err := ssh.Dial("tcp", address, &ssh.ClientConfig{
		User: "admin", Auth: []ssh.AuthMethod{ssh.Password("")}, Timeout: loginTime,
		HostKeyCallback: ssh.InsecureIgnoreHostKey(), // it has been made a moment ago, on loopback
	})
	if err != nil {
		return nil, fmt.Errorf("opening the console over SSH: %w", err)
	}
	t := &sshTerminal{client: client, buf: make([]byte, 64<<10)}
	if err := t.begin(); err != nil {
		return nil, errors.Join(fmt.Errorf("opening a terminal over SSH: %w", err), client.Close())
	}
	return t, nil
}

func (t *sshTerminal) begin() (err error) {
	if t.session, err = t.client.NewSession(); err != nil {
		return err
	}
	if t.in, err = t.session.StdinPipe(); err != nil {
		return err
	}
	if t.out, err = t.session.StdoutPipe(); err != nil {
		return err
	}
	if err = t.session.RequestPty("xterm", 50, 200, nil); err != nil {
		return err
	}
	if err = t.session.Shell(); err != nil {
		return err
	}
	_, err = t.ask("get system console") // the first prompt has no empty line before it
	return err
}

func (t *sshTerminal) ask(line string) (string, error) {
	if _, err := io.WriteString(t.in, line+"\r"); err != nil {
		return "", err
	}
	var got []byte
	for !bytes.HasSuffix(got, []byte(waitingPrompt)) {
		n, err := t.out.Read(t.buf)
		if err != nil {
			return "", fmt.Errorf("waiting for the answer to %q: %w", line, err)
		}
		got = append(got, t.buf[:n]...)
	}
	return string(got), nil
}

func (t *sshTerminal) Close() error { return t.client.Close() }

// execLines is "utmsim exec" over the control socket, fed with lines. It prints no
// prompts, so that each line is followed by one whose answer is known.
type execLines struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
}

const (
	markLine   = "get system console"
	markAnswer = "output              : standard\n"
)

func openExec(program, state string) (*execLines, error) {
	e := &execLines{command: exec.Command(program, "exec", "--state", state)}
	in, err := e.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := e.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	e.in, e.out = in, bufio.NewReader(out)
	if err := e.command.Start(); err != nil {
		return nil, fmt.Errorf("starting %s exec: %w", program, err)
	}
	return e, nil
}

func (e *execLines) ask(line string) (string, error) {
	if _, err := io.WriteString(e.in, line+"\n"+markLine+"\n"); err != nil {
		return "", err
	}
	var got strings.Builder
	for {
		text, err := e.out.ReadString('\n')
		if err != nil {
			return "", fmt.Errorf("waiting for the answer to %q: %w", line, err)
		}
		if text == markAnswer {
			return got.String(), nil
		}
		got.WriteString(text)
	}
}

func (e *execLines) Close() error { return errors.Join(e.in.Close(), e.command.Wait()) }
