package bench

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// utmsim is the program of this project under a configuration for one protocol.
func utmsim(name, title string, scans bool, config func(at *Site, listen, origin string) string) Contender {
	return Contender{Name: name, Title: title, Scans: scans, Start: func(ctx context.Context, at *Site, origin string) (*Process, error) {
		program, err := at.buildUtmsim(ctx)
		if err != nil {
			return nil, err
		}
		return at.startConfigured(ctx, origin, configured{
			program: program,
			config:  func(listen string) string { return config(at, listen, origin) },
			arguments: func(file string) []string {
				return []string{"serve", "-c", file, "--state", file + ".state"}
			},
		})
	}}
}

// before is the same contender with an older program.
func (c Contender) before(program string) Contender {
	older := c
	older.Name, older.Title = c.Name+"-before", c.Title+", before"
	older.Start = func(ctx context.Context, at *Site, origin string) (*Process, error) {
		newer := at.Utmsim
		defer func() { at.Utmsim = newer }()
		at.Utmsim = program
		return c.Start(ctx, at, origin)
	}
	return older
}

// buildUtmsim builds the program once a run, unless it was given.
func (s *Site) buildUtmsim(ctx context.Context) (string, error) {
	if s.Utmsim != "" {
		return s.Utmsim, nil
	}
	binary := filepath.Join(s.Folder, "utmsim")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/utmsim")
	build.Dir = s.Module
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		first := strings.Join(strings.Fields(string(said[:min(len(said), logTail)])), " ")
		return "", Missing(fmt.Sprintf("utmsim does not build: %s: %s", err, first))
	}
	s.Utmsim = binary
	return binary, nil
}

// utmsimConfig is one VIP in front of the origin, scanned or bypassed. The table
// holds what the machine can, and the simulated memory more than that, so that
// failopen and conserve mode stay out of the comparison. options are lines of the
// protocol's options besides the limit, below which objects are held and scanned.
func utmsimConfig(protocol string, scanned bool, options ...string) func(at *Site, listen, origin string) string {
	status := "disable"
	if scanned {
		status = "enable"
	}
	return func(at *Site, listen, origin string) string {
		table := sessionLimit()
		if table == 0 {
			table = 100_000
		}
		options := append([]string{"set oversize-limit " + strconv.Itoa(at.Protocol.Sizes.LimitMB)}, options...)
		extIP, extPort, _ := net.SplitHostPort(listen) // both come from listeners
		mappedIP, mappedPort, _ := net.SplitHostPort(origin)
		return `config system resource-limits
    set proxy ` + strconv.Itoa(table) + `
end
config system simulator
    set memory-total 65536
end
config firewall profile-protocol-options
    edit "default"
        config ` + protocol + `
            ` + strings.Join(options, "\n            ") + `
        end
    next
end
config firewall vip
    edit "bench"
        set extip ` + extIP + `
        set mappedip ` + mappedIP + `
        set portforward enable
        set extport ` + extPort + `
        set mappedport ` + mappedPort + `
    next
end
config firewall policy
    edit 1
        set dstaddr "bench"
        set action accept
        set schedule "always"
        set service "` + strings.ToUpper(protocol) + `"
        set utm-status ` + status + `
        set av-profile "default"
        set profile-protocol-options "default"
    next
end
`
	}
}
