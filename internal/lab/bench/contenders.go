package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"utmsim/internal/lab/freeport"
)

// direct is the load without a proxy, the limit the others are compared with.
func direct() Contender {
	return Contender{Name: "direct", Title: "none (limit)", Start: func(_ context.Context, _ *Site, origin string) (*Process, error) {
		return &Process{Address: origin}, nil
	}}
}

// relay is the plainest proxy in Go (see Protocol.Relay).
func relay() Contender {
	return Contender{Name: "relay", Title: "plain Go relay, two io.Copy", Start: func(_ context.Context, at *Site, origin string) (*Process, error) {
		return at.startSelf("relay", at.Protocol.Name, origin)
	}}
}

// haproxy is Debian's HAProxy with a configuration for one protocol.
func haproxy(mode string, config func(listen, origin string, sessions int) string) Contender {
	return Contender{Name: "haproxy", Title: "HAProxy " + mode, Start: func(ctx context.Context, at *Site, origin string) (*Process, error) {
		program, err := exec.LookPath("haproxy")
		if err != nil {
			return nil, Missing("haproxy is not installed")
		}
		return at.startConfigured(ctx, origin, configured{
			program: program,
			config:  func(listen string) string { return config(listen, origin, sessionLimit()) },
			arguments: func(file string) []string {
				return []string{"-db", "-f", file} // in the foreground, one process
			},
		})
	}}
}

// sessionLimit is how many sessions a proxy can hold within the limit on open
// files: two descriptors each, and a reserve for listeners, pipes and the
// program itself. (Left to itself HAProxy keeps a fifth of them for pipes.) 0 is
// no known limit.
func sessionLimit() int {
	const reserve = 400
	limit := openFiles()
	if limit <= 2*reserve {
		return 0
	}
	return (limit - reserve) / 2
}

// haproxyHTTP keeps connections open on both sides and splices, with as many
// threads as the comparison's machine has processors.
func haproxyHTTP(listen, origin string, sessions int) string {
	maxconn := ""
	if sessions > 0 {
		maxconn = fmt.Sprintf("    maxconn %d\n", sessions)
	}
	return `global
    nbthread 2
    maxpipes 64
` + maxconn + `defaults
    mode http
    option http-keep-alive
    option splice-auto
    timeout connect 10s
    timeout client 300s
    timeout server 300s
    timeout http-request 300s
    timeout http-keep-alive 300s
frontend clients
` + maxconn + `    bind ` + listen + `
    default_backend origin
backend origin
    server origin ` + origin + `
`
}

// haproxyTCP passes bytes on without looking at them.
func haproxyTCP(listen, origin string, sessions int) string {
	maxconn := ""
	if sessions > 0 {
		maxconn = fmt.Sprintf("    maxconn %d\n", sessions)
	}
	return `global
    nbthread 2
    maxpipes 64
` + maxconn + `defaults
    mode tcp
    option splice-auto
    timeout connect 10s
    timeout client 300s
    timeout server 300s
frontend clients
` + maxconn + `    bind ` + listen + `
    default_backend origin
backend origin
    server origin ` + origin + `
`
}

// configured is a program that reads a configuration file and listens where it
// says.
type configured struct {
	program   string
	config    func(listen string) string
	arguments func(file string) []string
}

// portAttempts is how often a program that ends at once is started again: its
// port was free a moment ago, and may since be somebody else's.
const portAttempts = 5

// startConfigured writes the configuration, starts the program and waits until
// an answer of the origin comes through it.
func (s *Site) startConfigured(ctx context.Context, origin string, c configured) (p *Process, err error) {
	for range portAttempts {
		p, err = s.attempt(ctx, origin, c)
		if err == nil || !errors.Is(err, errEndedAtOnce) {
			return p, err
		}
	}
	return nil, err
}

func (s *Site) attempt(ctx context.Context, origin string, c configured) (*Process, error) {
	port, err := freeport.Pick()
	if err != nil {
		return nil, err
	}
	listen := fmt.Sprintf("127.0.0.1:%d", port)
	file := filepath.Join(s.Folder, fmt.Sprintf("%s-%d.conf", filepath.Base(c.program), port))
	if err := os.WriteFile(file, []byte(c.config(listen)), 0o600); err != nil {
		return nil, fmt.Errorf("writing a configuration: %w", err)
	}
	p, err := s.start(nil, c.program, c.arguments(file)...)
	if err != nil {
		return nil, err
	}
	p.Address = listen
	if err := p.await(ctx, Subject{Address: listen, scripts: s.scripts}.probe); err != nil {
		return nil, fmt.Errorf("starting %s: %w", filepath.Base(c.program), err)
	}
	return p, nil
}
