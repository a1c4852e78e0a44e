package config

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// fault is what is wrong with a configuration as a whole and where.
type fault struct {
	place
	setting string
	err     *CLIError
	veto    error // where err is what somebody else said: that
}

func (p place) fault(setting, format string, args ...any) *fault {
	return &fault{place: p, setting: setting, err: discarded(fmt.Sprintf(format, args...))}
}

// validate finds the first thing wrong with a tree whose single values are right:
// references to nothing, mandatory settings without a value, and what the objects
// themselves check. snap is the tree's Go side.
func validate(root *node, snap *Snapshot) *fault {
	dir := newDirectory(root)
	var found *fault
	root.visit(func(at place, n *node) {
		if found == nil {
			found = n.validateSettings(at, dir, snap.Simulator.Persona)
		}
	})
	if found != nil {
		return found
	}
	for _, check := range []func(*Snapshot) *fault{checkGlobal, checkSimulator, checkAdmins, checkEngine, checkSyslog} {
		if f := check(snap); f != nil {
			return f
		}
	}
	for name, d := range snap.Domains() {
		if f := validateDomain(d); f != nil {
			if name != RootVDOM {
				f.vdom = name
			}
			return f
		}
	}
	return nil
}

// validateDomain checks what the objects of one VDOM say about each other.
func validateDomain(d *Domain) *fault {
	for _, check := range []func(*Domain) *fault{checkSpamFilter, checkVIPs, checkDataPorts} {
		if f := check(d); f != nil {
			return f
		}
	}
	return nil
}

func (n *node) validateSettings(at place, dir *directory, persona Persona) *fault {
	if k := n.def.key; k != nil && !dir.has(k, at.vdom, n.key) {
		return &fault{place: at, err: noEntry(n.key)}
	}
	for i, s := range n.def.settings {
		words := n.words(i)
		if s.required && len(words) == 0 {
			return at.fault(s.name, "Attribute '%s' MUST be set.", s.name)
		}
		for _, w := range words {
			if !dir.has(s, at.vdom, w) {
				return &fault{place: at, setting: s.name, err: noEntry(w)}
			}
			if persona != Persona52 && slices.Contains(s.only52, w) {
				return at.fault(s.name, "%s %s belongs to persona 5.2", s.name, w)
			}
		}
	}
	return nil
}

func checkGlobal(s *Snapshot) *fault {
	at := place{path: "system global"}
	if n := len(s.VDOMs); n > 0 && !s.Global.VDOMAdmin {
		return at.fault("vdom-admin", "vdom-admin can't be disabled while there are VDOMs besides root: %s", s.VDOMs[n-1].Name)
	}
	if g := s.Global; g.MemoryGreen >= g.MemoryRed {
		return at.fault("memory-use-threshold-green", "memory-use-threshold-green (%d) must be lower than memory-use-threshold-red (%d)", g.MemoryGreen, g.MemoryRed)
	} else if g.MemoryRed >= g.MemoryExtreme {
		return at.fault("memory-use-threshold-red", "memory-use-threshold-red (%d) must be lower than memory-use-threshold-extreme (%d)", g.MemoryRed, g.MemoryExtreme)
	}
	return nil
}

func checkSimulator(s *Snapshot) *fault {
	if m := s.Simulator; m.MemoryBase >= m.MemoryTotal {
		return place{path: "system simulator"}.fault("memory-base", "memory-base (%d) must be lower than memory-total (%d)", m.MemoryBase>>20, m.MemoryTotal>>20)
	}
	return nil
}

// checkEngine: engines elsewhere need an address, and a verdict that depends on names
// can't be remembered by content.
func checkEngine(s *Snapshot) *fault {
	c := &s.Engine
	for _, e := range []struct {
		sub     string
		used    bool
		address string
		sockets bool
	}{
		{"clamd ", c.Uses(EngineClamd), c.Clamd.Address, true},
		{"icap ", c.Uses(EngineICAP), c.ICAP.Address, false},
	} {
		at := place{path: "antivirus engine", sub: e.sub}
		path := strings.HasPrefix(e.address, "/")
		_, _, err := net.SplitHostPort(e.address)
		switch {
		case e.used && e.address == "":
			return at.fault("address", "Attribute 'address' MUST be set.")
		case e.address != "" && err != nil && !(path && e.sockets):
			return at.fault("address", "address '%s' is not host:port", e.address)
		}
	}
	seen := map[ScanEngine]bool{}
	for _, e := range c.Engines {
		if seen[e] {
			return place{path: "antivirus engine"}.fault("engine", "engine %s is named twice", e)
		}
		seen[e] = true
	}
	if c.ScanCache > 0 && c.Uses(EngineSimulated) {
		return place{path: "antivirus engine"}.fault("scan-cache", "scan-cache can't be used with engine simulated, whose verdicts are not about content")
	}
	return nil
}

func checkVIPs(d *Domain) *fault {
	taken := make(map[netip.AddrPort]string)
	for i := range d.VIPs {
		v := &d.VIPs[i]
		at := place{path: "firewall vip", key: v.Name}
		switch {
		case !v.PortForward:
			return at.fault("portforward", "portforward must be enabled: the proxy listens on single ports")
		case v.ExtPort == 0:
			return at.fault("extport", "Attribute 'extport' MUST be set.")
		case v.Type == VIPStaticNAT && v.MappedIP.IsUnspecified():
			return at.fault("mappedip", "Attribute 'mappedip' MUST be set.")
		case v.Type == VIPFQDN && v.MappedAddr == "":
			return at.fault("mapped-addr", "Attribute 'mapped-addr' MUST be set.")
		case taken[v.External()] != "":
			return at.fault("extport", "extip and extport are the same as those of '%s'", taken[v.External()])
		}
		taken[v.External()] = v.Name
	}
	return checkExplicit(d, taken)
}

// checkExplicit looks for explicit proxies in the place of VIPs, or of each other.
func checkExplicit(d *Domain, taken map[netip.AddrPort]string) *fault {
	w, f := d.WebProxy, d.FTPProxy
	if name := taken[netip.AddrPortFrom(w.IncomingIP, w.Port)]; w.Status && name != "" {
		return place{path: "web-proxy explicit"}.fault("http-incoming-port", "port %s is the extport of '%s'", strconv.Itoa(int(w.Port)), name)
	}
	at := place{path: "ftp-proxy explicit"}
	if name := taken[netip.AddrPortFrom(f.IncomingIP, f.Port)]; f.Status && name != "" {
		return at.fault("incoming-port", "port %s is the extport of '%s'", strconv.Itoa(int(f.Port)), name)
	}
	if f.Status && w.Status && f.Port == w.Port && f.IncomingIP == w.IncomingIP {
		return at.fault("incoming-port", "port %s is that of the explicit web proxy", strconv.Itoa(int(f.Port)))
	}
	return nil
}

func checkDataPorts(d *Domain) *fault {
	for i := range d.ProtocolOptions {
		o := &d.ProtocolOptions[i]
		if c := o.FTP.DataConnections; c.DataPortLow > c.DataPortHigh || c.DataPortLow == 0 && c.DataPortHigh != 0 {
			return place{path: "firewall profile-protocol-options", key: o.Name}.fault("data-port-low",
				"data-port-low (%d) and data-port-high (%d) are no range", c.DataPortLow, c.DataPortHigh)
		}
	}
	return nil
}

func checkSyslog(s *Snapshot) *fault {
	if s.Syslog.Status && s.Syslog.Server == "" {
		return place{path: "log syslogd setting"}.fault("server", "Attribute 'server' MUST be set.")
	}
	return nil
}
