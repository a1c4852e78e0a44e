package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"time"
	"utmsim/internal/lab/freeport"
)

// unit is an appliance with origins and load around it.
type unit struct {
	site     *Site
	proxies  map[string]string // address by protocol
	ssh      string            // address of the console
	running  []*Process        // in the order in which they were started
	carriers []namedCarrier
	console  carrier // for the harness itself
}

type namedCarrier struct {
	name string
	carrier
}

// startUnit starts origins of HTTP and SMTP and utmsim before them, and opens the
// console over SSH and over the control socket. What it returns with an error is to
// be ended too.
func (s *Site) startUnit(ctx context.Context) (*unit, error) {
	u := &unit{site: s, proxies: make(map[string]string)}
	origins := make(map[string]string)
	for _, name := range []string{"http", "smtp"} {
		p, err := s.startSelf(originArguments(protocolNamed(name))...)
		if err != nil {
			return u, err
		}
		u.running = append(u.running, p)
		origins[name] = p.Address
	}
	program, err := s.buildUtmsim(ctx)
	if err != nil {
		return u, err
	}
	s.scripts = newScripts(s.Protocol)
	var state string
	at, err := freeUnitPorts()
	if err != nil {
		return u, err
	}
	p, err := s.startConfigured(ctx, origins["http"], configured{
		program: program,
		config: func(listen string) string {
			at.http = listen
			return at.config(origins)
		},
		arguments: func(file string) []string {
			state = file + ".state"
			return []string{"serve", "-c", file, "--state", state}
		},
	})
	if err != nil {
		return u, err
	}
	u.running = append(u.running, p)
	u.proxies["http"], u.proxies["smtp"], u.ssh = at.http, at.smtp, at.ssh
	// The console opens last, behind the proxies that were waited for so far.
	if err := p.await(ctx, func(ctx context.Context) error {
		return exec.CommandContext(ctx, program, "exec", "--state", state, "get system console").Run()
	}); err != nil {
		return u, fmt.Errorf("waiting for the console: %w", err)
	}
	return u, u.open(program, state, at.ssh)
}

func (u *unit) open(program, state, sshAddress string) error {
	lines, err := openExec(program, state)
	if err != nil {
		return err
	}
	u.console = lines
	u.carriers = append(u.carriers, namedCarrier{"control socket", lines})
	terminal, err := openSSH(sshAddress)
	if err != nil {
		return err
	}
	u.carriers = append(u.carriers, namedCarrier{"SSH", terminal})
	return nil
}

// load starts clients in a process of their own.
func (u *unit) load(protocol, kind string, clients int) error {
	p, err := u.site.startSelf(loadArguments(protocolNamed(protocol), u.proxies[protocol], kind, clients)...)
	if err != nil {
		return err
	}
	u.running = append(u.running, p)
	return nil
}

// end ends all, the load first.
func (u *unit) end() error {
	var errs []error
	for _, c := range u.carriers {
		errs = append(errs, c.Close())
	}
	for _, p := range slices.Backward(u.running) {
		errs = append(errs, p.End())
	}
	return errors.Join(errs...)
}

var (
	entriesShown = regexp.MustCompile(`entries=(\d+) limit=(\d+)`)
	cleanShown   = regexp.MustCompile(`(?m)^(?:Web responses|Emails) clean +(\d+)$`)
)

// entries are those of the session table, and how many it can have.
func (u *unit) entries() (now, limit int, err error) {
	text, err := u.console.ask("diagnose sys session stat")
	if err != nil {
		return 0, 0, err
	}
	m := entriesShown.FindStringSubmatch(text)
	if m == nil {
		return 0, 0, fmt.Errorf("reading the size of the session table: %q", text)
	}
	return number(m[1]), number(m[2]), nil
}

// clean is how many objects have been scanned and found clean, of all protocols.
func (u *unit) clean() (sum int, err error) {
	text, err := u.console.ask("get test proxyworker 4")
	for _, m := range cleanShown.FindAllStringSubmatch(text, -1) {
		sum += number(m[1])
	}
	return sum, err
}

// await asks until ready says yes.
func (u *unit) await(ctx context.Context, ready func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	tick := time.NewTicker(pollTime)
	defer tick.Stop()
	for {
		if ok, err := ready(); ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// number reads digits that a pattern has found.
func number(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}

// protocolNamed is one of those that there are.
func protocolNamed(name string) Protocol {
	all := Protocols()
	return all[slices.IndexFunc(all, func(p Protocol) bool { return p.Name == name })]
}

// unitPorts is where the unit listens.
type unitPorts struct{ http, smtp, ssh string }

// freeUnitPorts are ports that were free a moment ago; that of HTTP is chosen later.
func freeUnitPorts() (at unitPorts, err error) {
	smtp, err := freeport.Pick()
	if err != nil {
		return at, err
	}
	ssh, err := freeport.Pick()
	return unitPorts{smtp: loopback(smtp), ssh: loopback(ssh)}, err
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// config is the table of the documentation's size, failopen as it is documented, and
// two virtual IPs that are scanned.
func (at unitPorts) config(origins map[string]string) string {
	_, sshPort, _ := net.SplitHostPort(at.ssh) // it comes from a listener
	text := `config system global
    set admin-ssh-port ` + sshPort + `
    set av-failopen-session enable
    set av-failopen pass
end
config system console
    set output standard
end
`
	for i, v := range []struct{ name, service, listen string }{{"http", "HTTP", at.http}, {"smtp", "SMTP", at.smtp}} {
		extIP, extPort, _ := net.SplitHostPort(v.listen)
		mappedIP, mappedPort, _ := net.SplitHostPort(origins[v.name])
		text += fmt.Sprintf(`config firewall vip
    edit "%s"
        set extip %s
        set mappedip %s
        set portforward enable
        set extport %s
        set mappedport %s
    next
end
config firewall policy
    edit %d
        set dstaddr "%s"
        set action accept
        set schedule "always"
        set service "%s"
        set utm-status enable
        set av-profile "default"
        set profile-protocol-options "default"
    next
end
`, v.name, extIP, mappedIP, extPort, mappedPort, i+1, v.name, v.service)
	}
	return text
}
