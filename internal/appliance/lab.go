package appliance

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"

	"utmsim/internal/lab"
	"utmsim/proxy"
)

// LabPorts are the ports of the lab's proxies on loopback, without offset.
const (
	labHTTP     = 8080
	labExplicit = 3128
	labSMTP     = 2525
	labPOP3     = 1110
	labIMAP     = 1143
	labFTP      = 2121
	labSSH      = 2222
	labNNTP     = 1119
)

// Proxy is one row of the lab's table of endpoints.
type Proxy struct {
	Name    string // what it proxies
	Address string // where it listens
	Origin  string // what is behind it
}

// Lab is the appliance with honest origin servers behind it.
type Lab struct {
	*Appliance
	Origins *lab.Lab
	Proxies []Proxy
}

// StartLab starts the origins and the appliance in front of them, everything on
// loopback with offset added to every port. The configurations in opts are read
// on top of the lab's own.
func StartLab(offset int, opts Options) (*Lab, error) {
	if offset < 0 || offset > maxOffset {
		return nil, fmt.Errorf("--offset %d: want 0 to %d, so that every port stays below 65536", offset, maxOffset)
	}
	origins, err := lab.Start(labEndpoints(offset, opts.AnyPort))
	if err != nil {
		return nil, fmt.Errorf("%w (another lab may be running: try --offset 1000)", err)
	}
	origins.Stock(Samples())
	text, err := labConfig(origins, offset)
	if err == nil {
		own := Source{File: "lab", Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
		opts.Config = append([]Source{own}, opts.Config...)
		var a *Appliance
		if a, err = Start(opts); err == nil {
			return &Lab{Appliance: a, Origins: origins, Proxies: labProxies(a.engine, origins, offset)}, nil
		}
	}
	origins.Close()
	return nil, err
}

// maxOffset keeps the highest port of the lab, that of its HTTP origin, below
// 65536.
const maxOffset = 65535 - 18080

// labEndpoints is where the origins listen.
func labEndpoints(offset int, anyPort bool) []lab.Endpoint {
	table := lab.Endpoints(offset)
	for i := range table {
		if host, _, err := net.SplitHostPort(table[i].Address); err == nil && anyPort {
			table[i].Address = net.JoinHostPort(host, "0")
		}
	}
	return table
}

func labProxies(engine *proxy.Engine, origins *lab.Lab, offset int) []Proxy {
	list := []Proxy{
		{"HTTP, reverse (VIP)", labAddress(engine, labHTTP+offset), origins.Addr(lab.ServiceHTTP)},
		{"HTTP, forward proxy", labAddress(engine, labExplicit+offset), "the origins, and names under lab.test"},
	}
	for _, v := range labVIPs()[1:] {
		list = append(list, Proxy{string(v.service), labAddress(engine, v.port+offset), origins.Addr(v.service)})
	}
	return list
}

// labVIP is a proxy of the lab in front of one origin. The name of the service is
// the word of the configuration.
type labVIP struct {
	service lab.Service
	port    int // of the proxy, without offset
}

// labVIPs are in the order of the protocols, HTTP first.
func labVIPs() []labVIP {
	return []labVIP{
		{lab.ServiceHTTP, labHTTP}, {lab.ServiceSMTP, labSMTP}, {lab.ServicePOP3, labPOP3},
		{lab.ServiceIMAP, labIMAP}, {lab.ServiceFTP, labFTP}, {lab.ServiceNNTP, labNNTP},
	}
}

// labAddress is where the listener configured for a port of loopback accepts.
func labAddress(engine *proxy.Engine, port int) string {
	asked := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))
	if at, err := engine.Addr(asked); err == nil {
		return at.String()
	}
	return asked.String() // the configuration read on top has moved or closed it
}

// labConfig is the lab's configuration, in the language of the console.
func labConfig(origins *lab.Lab, offset int) (string, error) {
	var vips, policies strings.Builder
	for i, v := range labVIPs() {
		at, err := netip.ParseAddrPort(origins.Addr(v.service))
		if err != nil {
			return "", fmt.Errorf("address of the %s origin: %w", v.service, err)
		}
		name := "lab-" + strings.ToLower(string(v.service))
		fmt.Fprintf(&vips, labVIPEntry, name, v.port+offset, at.Addr(), at.Port())
		fmt.Fprintf(&policies, labPolicyEntry, i+1, name, name, v.service)
	}
	dns, err := netip.ParseAddrPort(origins.Addr(lab.ServiceDNS))
	if err != nil {
		return "", fmt.Errorf("address of the lab's DNS: %w", err)
	}
	web := fmt.Sprintf(labWeb, dns.Addr(), dns.Port(), lab.RatingApex)
	return labSpam + web + fmt.Sprintf(labObjects, dns.Addr(), dns.Port(), vips.String(), policies.String(), labExplicit+offset, labSSH+offset), nil
}

const (
	labVIPEntry = `    edit "%s"
        set extip 127.0.0.1
        set extport %d
        set mappedip %s
        set mappedport %d
        set portforward enable
    next
`
	labPolicyEntry = `    edit %d
        set name "%s"
        set dstaddr "%s"
        set action accept
        set service "%s"
        set utm-status enable
        set av-profile "default"
        set logtraffic all
    next
`
	// labWeb is a web filter profile that no policy uses; docs/webfilter.md turns it on.
	labWeb = `config webfilter rating
    set server %s
    set port %d
    set zone "%s"
end
config webfilter urlfilter
    edit 1
        set name "lab-urls"
        config entries
            edit 1
                set url "games.lab.test"
                set action block
            next
            edit 2
                set url "*.lab.test/bytes/*"
                set type wildcard
                set action monitor
            next
        end
    next
end
config webfilter profile
    edit "lab-web"
        set comment "Not used by any policy until you say so."
        config web
            set urlfilter-table 1
        end
        config ftgd-wf
            config filters
                edit 1
                    set category 26
                    set action block
                next
                edit 2
                    set category 36
                    set action monitor
                next
            end
        end
    next
end
`
	labObjects = `config system dns
    set primary %s
    set port %d
end
config firewall vip
%send
config firewall policy
%send
config web-proxy explicit
    set status enable
    set incoming-ip 127.0.0.1
    set http-incoming-port %d
    set allow-loopback enable
    set av-profile "default"
end
config system global
    set admin-ssh-port %d
end
`
)

// Stop ends the appliance and then its origins.
func (l *Lab) Stop() error {
	err := l.Appliance.Stop()
	if cerr := l.Origins.Close(); err == nil {
		err = cerr
	}
	return err
}

// labSpam is a spam filter that no policy of the lab uses: "set spamfilter-profile lab"
// switches it on.
const labSpam = `config spamfilter dnsbl
    edit 1
        set name "rules of RFC 5782"
        config entries
            edit 1
                set server "` + lab.ListApex + `"
                set action reject
            next
        end
    next
    edit 2
        set name "every client of the lab"
        config entries
            edit 1
                set server "` + lab.LoopbackApex + `"
            next
        end
    next
end
config spamfilter bword
    edit 1
        set name "lab"
        config entries
            edit 1
                set pattern "lottery"
            next
        end
    next
end
config spamfilter profile
    edit "lab"
        set comment "Lists of the lab, and the word lottery."
        set spam-filtering enable
        set options bannedword spamrbl
        set spam-bword-table 1
        set spam-rbl-table 1
        config smtp
            set action tag
        end
        config pop3
            set hdrip enable
        end
        config imap
            set hdrip enable
        end
    next
end
`
