package proxy

import (
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"time"

	"utmsim/failopen"
	"utmsim/internal/bannedword"
	"utmsim/internal/config"
	"utmsim/internal/filefilter"
	"utmsim/protocols"
	"utmsim/scanner"
	"utmsim/sessiontable"
)

// settings are what the whole engine takes from one snapshot of the
// configuration. They are immutable.
type settings struct {
	snap            *config.Snapshot
	vdoms           []*vdomState // of the configuration, root first
	failopen        failopen.Settings
	thresholds      failopen.Thresholds
	limits          sessiontable.Limits
	drop            sessiontable.DropRule
	refuse          config.Refuse
	connectTimeout  int64 // ns
	exchangeTimeout int64 // ns
}

// connectLimit is how long a connect may take.
func (s *settings) connectLimit() time.Duration { return time.Duration(s.connectTimeout) }

// newSettings reads a snapshot, whose VDOMs are those given.
func newSettings(snap *config.Snapshot, vdoms []*vdomState) *settings {
	sim, global := &snap.Simulator, &snap.Global
	set := &settings{
		snap: snap, vdoms: vdoms,
		failopen: failopen.Settings{
			Session:         global.AVFailopenSession,
			Policy:          global.AVFailopen,
			FirstRefusal:    sim.Enter == config.EnterFirstRefusal,
			AnyChangeClears: sim.LatchClear == config.LatchAnyChange,
		},
		thresholds:      failopen.ClassicThresholds(),
		drop:            sessiontable.DropRule{Idle: sim.IdleThreshold, Any: sim.IdleDrop == config.IdleDropAny},
		refuse:          sim.Refuse,
		connectTimeout:  int64(sim.ConnectTimeout),
		exchangeTimeout: int64(sim.ExchangeTimeout),
		limits: sessiontable.Limits{
			Pool:        snap.Resource.Proxy,
			PerProtocol: sim.Pool == config.PoolPerProtocol,
			VDOM:        vdomLimits(snap, vdoms),
		},
	}
	if sim.Persona == config.Persona56 {
		set.thresholds = failopen.Thresholds{Red: global.MemoryRed, Green: global.MemoryGreen, Extreme: global.MemoryExtreme}
	}
	for _, p := range protocols.All {
		set.limits.Proto[p] = sim.Limit(p)
	}
	return set
}

// vdomLimits are the limits of the VDOMs by index.
func vdomLimits(snap *config.Snapshot, vdoms []*vdomState) (limits []int) {
	for _, v := range vdoms {
		n := snap.VDOMLimit(v.name)
		for n > 0 && int(v.index) >= len(limits) {
			limits = append(limits, 0)
		}
		if n > 0 {
			limits[v.index] = n
		}
	}
	return limits
}

// route is what becomes of the sessions of one listener: the policy that matched,
// with its profiles resolved. It is immutable; a session keeps the one it began
// with.
type route struct {
	proto         protocols.Protocol
	driver        Driver
	policy        int // id of the firewall policy; 0 for the explicit proxy
	vdom          *vdomState
	options       *config.ProtocolOptions
	av            *config.AVProfile
	messages      *config.Messages
	kept          config.Kept // in the quarantine
	web           *config.WebProfile
	target        *target          // nil: the client names the server
	inspect       bool             // goes through a driver and takes an entry
	scan          bool             // objects are scanned
	judges        bool             // or looked at in another way
	files         *filefilter.List // nil: files are not told by name and type
	words         *bannedword.List // nil: no words are looked for
	wordThreshold int
	monitor       bool // detections are logged and not blocked
	log           config.LogTraffic
	archives      config.ArchiveKinds
	urls          *urlRules // nil: URLs are not judged
	limits        scanner.Limits
	oversize      int64 // bytes
	oversizeBlock bool
	comfortEvery  int64 // ns, 0: no comforting
	comfortAmount int64 // bytes
	rest          int64 // ns
	loopback      bool  // an explicit client may be connected to this host
	dataPorts     portRange
	serverData    config.DataMode
	connectPorts  []uint16 // that CONNECT may reach
	retries       int
	spam          *spamRules // nil: mails are not filtered
}

// target is the server a VIP stands for: an address, or a name and a port.
type target struct {
	host string
	addr netip.AddrPort
}

// newRoute resolves profiles for protocol p. The configuration has checked that
// they exist.
func newRoute(dom *config.Domain, p protocols.Protocol, vdom *vdomState, options, av string) *route {
	rt := &route{proto: p, vdom: vdom, options: dom.Options(options), av: dom.AVProfile(av)}
	in := rt.options.Inspection(p)
	rt.inspect = in.Status
	rt.oversize, rt.oversizeBlock = in.OversizeLimit, in.Options.Has(config.OversizeBlock)
	rt.limits = scanner.Limits{Uncompressed: in.UncompressedOversizeLimit, Nest: in.UncompressedNestLimit}
	if c := rt.options.Comforting(p); c != nil && in.Options.Has(config.ClientComfort) {
		rt.comfortEvery, rt.comfortAmount = int64(c.ComfortInterval), int64(c.ComfortAmount)
	}
	if d := rt.options.Dialogue(p); d != nil {
		rt.rest = int64(d.IdleTimeout)
	}
	if d := rt.options.DataConnections(p); d != nil {
		rt.dataPorts, rt.serverData = portRange{d.DataPortLow, d.DataPortHigh}, d.ServerDataMode
	}
	if p == protocols.HTTP {
		rt.rest, rt.retries = int64(rt.options.HTTP.KeepaliveTimeout), rt.options.HTTP.RetryCount
	}
	if rt.av != nil {
		prot := rt.av.Protocol(p)
		rt.scan = prot.Options&(config.AVScan|config.AVMonitor) != 0
		rt.monitor = prot.Options.Has(config.AVMonitor) && !prot.Options.Has(config.AVScan)
		rt.archives = prot.ArchiveBlock
	}
	rt.judges = rt.scan
	return rt
}

// blocks tells whether something with the verdict v is not delivered.
func (rt *route) blocks(v scanner.Verdict) bool {
	return v.Class.Detection() && !rt.monitor || rt.blocksArchive(v.Findings) ||
		v.Class == scanner.FileBlocked || v.Class == scanner.BannedWord
}

// blocksArchive tells whether an archive with these findings is blocked.
func (rt *route) blocksArchive(found scanner.ClassSet) bool {
	return found.Has(scanner.Encrypted) && rt.archives.Has(config.ArchiveEncrypted) ||
		found.Has(scanner.Corrupt) && rt.archives.Has(config.ArchiveCorrupted) ||
		found.Has(scanner.Nested) && rt.archives.Has(config.ArchiveNested) ||
		found.Has(scanner.Oversize) && rt.archives.Has(config.ArchiveOversize)
}

// doorway is a listener that the configuration asks for.
type doorway struct {
	addr  netip.AddrPort
	proto protocols.Protocol
	owner string // the setting that asks for it, for error messages
	route *route
}

// doorways are the listeners that the objects of a VDOM ask for.
func doorways(dom *config.Domain, vdom *vdomState) (out []doorway, err error) {
	lists, err := compileURLLists(dom)
	if err != nil {
		return nil, err
	}
	if err := checkSpamTables(dom); err != nil {
		return nil, err
	}
	for i := range dom.VIPs {
		d, err := vipDoorway(dom, &dom.VIPs[i], vdom)
		if err != nil {
			return nil, err
		}
		if d != nil {
			out = append(out, *d)
		}
	}
	out = append(out, explicitDoorways(dom, vdom)...)
	for i := range out {
		if d := &out[i]; d.proto == protocols.HTTP {
			d.route.urls = newURLRules(dom, d.route.web, lists)
		}
	}
	if vdom.name != config.RootVDOM {
		for i := range out {
			out[i].owner += " of VDOM " + vdom.name
		}
	}
	return out, nil
}

// allDoorways are the listeners of a configuration with these VDOMs. All listen on
// this host, so that no two can have the same address.
func allDoorways(snap *config.Snapshot, vdoms []*vdomState) ([]doorway, error) {
	var out []doorway
	for _, v := range vdoms {
		dom := snap.VDOM(v.name)
		filters, err := compileFilters(dom)
		if err != nil {
			return nil, err
		}
		own, err := doorways(dom, v)
		if err != nil {
			return nil, err
		}
		for _, d := range own {
			filters.equip(d.route)
		}
		out = append(out, own...)
	}
	taken := make(map[netip.AddrPort]string, len(out))
	for _, d := range out {
		if other, ok := taken[d.addr]; ok {
			return nil, fmt.Errorf("%s and %s both listen on %s", other, d.owner, d.addr)
		}
		taken[d.addr] = d.owner
	}
	return out, nil
}

// statelessVDOMs stand for the VDOMs of a configuration that is only looked at.
func statelessVDOMs(snap *config.Snapshot) (list []*vdomState) {
	for name := range snap.Domains() {
		list = append(list, &vdomState{name: name})
	}
	return list
}

// explicitDoorways are the listeners of the proxies whose clients name the server.
func explicitDoorways(dom *config.Domain, vdom *vdomState) (out []doorway) {
	if w := &dom.WebProxy; w.Status {
		d := doorway{addr: netip.AddrPortFrom(w.IncomingIP, w.Port), proto: protocols.HTTP, owner: "web-proxy explicit"}
		d.route = newRoute(dom, protocols.HTTP, vdom, w.Options, w.AVProfile)
		d.route.loopback, d.route.connectPorts = w.AllowLoopback, w.ConnectPorts
		d.route.web = dom.WebProfile(w.WebProfile)
		out = append(out, d)
	}
	if f := &dom.FTPProxy; f.Status {
		d := doorway{addr: netip.AddrPortFrom(f.IncomingIP, f.Port), proto: protocols.FTP, owner: "ftp-proxy explicit"}
		d.route = newRoute(dom, protocols.FTP, vdom, f.Options, f.AVProfile)
		d.route.loopback, d.route.serverData = f.AllowLoopback, f.ServerDataMode
		d.route.web = dom.WebProfile(f.WebProfile)
		out = append(out, d)
	}
	for _, d := range out {
		d.route.inspect = true // without a driver nobody would know where to connect
		d.route.log = config.LogAll
	}
	return out
}

// FilesNeeded is how many descriptors a full table takes: two a session and the
// reserve. With most it is the most it can ever take, which is when every session
// that can have data connections has them at one time: two more for each.
func FilesNeeded(snap *config.Snapshot) (need, most int) {
	n := snap.Resource.Proxy
	need = 2*n + reserveFD
	most = need
	doors, err := allDoorways(snap, statelessVDOMs(snap))
	if err != nil {
		return need, most // the engine will say so
	}
	if slices.ContainsFunc(doors, func(d doorway) bool { return d.proto == protocols.FTP }) {
		if limit := snap.Simulator.FTPLimit; limit > 0 {
			n = min(n, limit)
		}
		most += 2 * n
	}
	return need, most
}

// portRange are the ports for data connections; from 0 to 0 is any.
type portRange struct{ low, high uint16 }

func (r portRange) size() int { return int(r.high) - int(r.low) + 1 }

// at is the nth port, counted around.
func (r portRange) at(n int) uint16 { return r.low + uint16(n%r.size()) }

// Doorways tells where an engine with this configuration listens, and for what,
// a line each.
func Doorways(snap *config.Snapshot) ([]string, error) {
	doors, err := allDoorways(snap, statelessVDOMs(snap))
	if err != nil {
		return nil, err
	}
	lines := make([]string, 0, len(doors))
	for _, d := range doors {
		how := "inspected"
		if !d.route.inspect {
			how = "not inspected"
		}
		lines = append(lines, fmt.Sprintf("listens on %s for %s (%s, %s)", d.addr, d.owner, d.proto, how))
	}
	return lines, nil
}

// vipDoorway is the listener of a VIP; nil when no policy lets anybody through.
func vipDoorway(dom *config.Domain, v *config.VIP, vdom *vdomState) (*doorway, error) {
	if v.ExtPort == 0 || !v.PortForward {
		return nil, nil
	}
	for i := range dom.Policies {
		pol := &dom.Policies[i]
		if !pol.Status || !pol.Reaches(v.Name) {
			continue
		}
		p, ok := serviceOf(dom, pol, v)
		if !ok {
			continue
		}
		if pol.Action != config.ActionAccept {
			return nil, nil
		}
		d := &doorway{addr: v.External(), proto: p, owner: fmt.Sprintf("firewall vip %q", v.Name)}
		d.route = newRoute(dom, p, vdom, pol.Options, pol.AVProfile)
		d.route.policy, d.route.log = pol.ID, pol.LogTraffic
		d.route.web = dom.WebProfile(pol.WebProfile)
		d.route.inspect = d.route.inspect && pol.UTMStatus
		var err error
		if d.route.spam, err = newSpamRules(dom, pol.Spam, p); err != nil {
			return nil, err
		}
		d.route.target = &target{addr: netip.AddrPortFrom(v.MappedIP, v.Port())}
		if v.Type == config.VIPFQDN {
			d.route.target = &target{host: v.MappedAddr, addr: netip.AddrPortFrom(netip.Addr{}, v.Port())}
		}
		return d, nil
	}
	return nil, nil
}

// serviceOf is the protocol that a policy lets through to a VIP: the one service
// it names, or with several (or ALL) the one whose ports have the server's port
// among them.
func serviceOf(dom *config.Domain, pol *config.Policy, v *config.VIP) (protocols.Protocol, bool) {
	opt := dom.Options(pol.Options)
	var only []protocols.Protocol
	for _, p := range protocols.All {
		in := opt.Inspection(p)
		if in == nil || !pol.Serves(p) {
			continue
		}
		if slices.Contains(in.Ports, v.Port()) || slices.Contains(in.Ports, v.ExtPort) {
			return p, true
		}
		only = append(only, p)
	}
	if len(only) == 1 {
		return only[0], true
	}
	return 0, false
}

// remoteWorkers is how many scans of remote engines run at once by processor: they
// mostly wait.
const remoteWorkers = 4

// scanSettings reads how objects are judged.
func scanSettings(c *config.Engine, sc scanner.Scanner) *ScanSettings {
	set := &ScanSettings{
		Scanner: sc, Workers: c.ScanWorkers, Backlog: c.ScanBacklog, Timeout: c.ScanTimeout,
		OnError: c.ErrorAction, OnTimeout: c.TimeoutAction,
	}
	if c.BypassAudit {
		set.AuditMemory = c.AuditMemory
	}
	if set.Workers == 0 {
		set.Workers = runtime.NumCPU()
		if c.Remote() {
			set.Workers *= remoteWorkers
		}
	}
	return set
}
