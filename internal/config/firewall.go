package config

import (
	"net/netip"
	"time"

	"utmsim/protocols"
)

// VIP is an entry of "config firewall vip": an address and port the proxy listens
// on and the server behind it.
type VIP struct {
	Name        string     `cli:"name" key:"string" max:"79" help:"Virtual IP name."`
	Comment     string     `cli:"comment" max:"255" pattern:"lines" help:"Comment."`
	Type        VIPType    `cli:"type" default:"static-nat" foreign:"load-balance server-load-balance dns-translation access-proxy" help:"Configure a static NAT or FQDN based VIP."`
	ExtIP       netip.Addr `cli:"extip" default:"0.0.0.0" help:"IP address on the external interface that you want to map to an address on the destination network."`
	MappedAddr  string     `cli:"mapped-addr" max:"253" pattern:"fqdn" help:"Name of the server, resolved with the servers of system dns (type fqdn)."`
	MappedIP    netip.Addr `cli:"mappedip" default:"0.0.0.0" help:"IP address on the destination network to which the external IP address is mapped."`
	PortForward bool       `cli:"portforward" default:"disable" help:"Enable/disable port forwarding."`
	Protocol    Transport  `cli:"protocol" default:"tcp" foreign:"udp sctp icmp" help:"Protocol to use when forwarding packets."`
	ExtPort     uint16     `cli:"extport" default:"0" range:"0-65535" help:"Incoming port number that you want to map to a port number on the destination network."`
	MappedPort  uint16     `cli:"mappedport" default:"0" range:"0-65535" help:"Port number on the destination network to which the external port number is mapped (0 = same as extport)."`
}

// beyond says what the appliance would do with this VIP that the simulator can't:
// without port forwarding every port of the address is mapped.
func (v *VIP) beyond() string {
	if !v.PortForward && v.ExtPort == 0 {
		return "mapping without portforward"
	}
	return ""
}

// External is the address and port that the VIP listens on.
func (v *VIP) External() netip.AddrPort { return netip.AddrPortFrom(v.ExtIP, v.ExtPort) }

// Port is the server's port.
func (v *VIP) Port() uint16 {
	if v.MappedPort == 0 {
		return v.ExtPort
	}
	return v.MappedPort
}

// AddrAll is the member of Policy.DstAddr that stands for every destination.
const AddrAll = "all"

// Policy is an entry of "config firewall policy". The first enabled policy that
// matches decides.
type Policy struct {
	ID         int          `cli:"policyid" key:"integer" range:"0-4294967294" help:"Policy ID."`
	Name       string       `cli:"name" max:"35" help:"Policy name."`
	DstAddr    []string     `cli:"dstaddr" max:"79" ref:"firewall vip" oneof:"all" elsewhere:"firewall address,firewall addrgrp,firewall vipgrp,firewall multicast-address" required:"yes" help:"Destination virtual IPs, or all."`
	Action     PolicyAction `cli:"action" default:"deny" foreign:"ipsec ssl-vpn" help:"Policy action."`
	Status     bool         `cli:"status" default:"enable" help:"Enable or disable this policy."`
	Schedule   Schedule     `cli:"schedule" default:"always" foreign:"*" help:"Schedule name."`
	Service    []string     `cli:"service" max:"79" oneof:"ALL HTTP" elsewhere:"firewall service custom,firewall service group" required:"yes" help:"Service names."`
	UTMStatus  bool         `cli:"utm-status" default:"disable" help:"Enable to add one or more security profiles (AV, IPS, etc.) to the firewall policy."`
	AVProfile  string       `cli:"av-profile" max:"35" ref:"antivirus profile" help:"Name of an existing Antivirus profile."`
	Options    string       `cli:"profile-protocol-options" max:"35" default:"default" ref:"firewall profile-protocol-options" required:"yes" help:"Name of an existing Protocol options profile."`
	LogTraffic LogTraffic   `cli:"logtraffic" default:"utm" help:"Enable or disable logging. Log all sessions or security profile sessions."`
}

// Serves says whether a session of protocol p falls under the policy's services.
func (p *Policy) Serves(proto protocols.Protocol) bool {
	for _, s := range p.Service {
		if s == "ALL" || s == proto.String() {
			return true
		}
	}
	return false
}

// Reaches says whether the VIP is among the policy's destinations.
func (p *Policy) Reaches(vip string) bool {
	for _, d := range p.DstAddr {
		if d == AddrAll || d == vip {
			return true
		}
	}
	return false
}

// ProtocolOptions is an entry of "config firewall profile-protocol-options".
type ProtocolOptions struct {
	Name    string      `cli:"name" key:"string" max:"35" help:"Name."`
	Comment string      `cli:"comment" max:"255" pattern:"lines" help:"Optional comments."`
	HTTP    HTTPOptions `cli:"http" help:"Configure HTTP protocol options."`
}

// Inspection are the options every protocol has.
type Inspection struct {
	Ports                     []uint16    `cli:"ports" range:"1-65535" required:"yes" help:"Ports to scan for content (1 - 65535)."`
	Status                    bool        `cli:"status" default:"enable" help:"Enable/disable the active status of scanning for this protocol."`
	Options                   HoldOptions `cli:"options" help:"One or more options that can be applied to the session."`
	OversizeLimit             int64       `cli:"oversize-limit" unit:"MB" default:"10" range:"1-1024" help:"Maximum in-memory file size that can be scanned (MB)."`                                         // bytes
	UncompressedOversizeLimit int64       `cli:"uncompressed-oversize-limit" unit:"MB" default:"10" range:"0-1024" help:"Maximum in-memory uncompressed file size that can be scanned (MB, 0 = no limit)."` // bytes
	UncompressedNestLimit     int         `cli:"uncompressed-nest-limit" default:"12" range:"1-100" help:"Maximum nested levels of compression that can be uncompressed and scanned."`
}

// Comforting is client comforting, which HTTP and FTP have: ComfortAmount bytes are
// released every ComfortInterval while the rest is held.
type Comforting struct {
	ComfortInterval time.Duration `cli:"comfort-interval" unit:"s" default:"10" range:"1-900" help:"Period of time between start, or last transmission, and the next client comfort transmission of data (sec)."`
	ComfortAmount   int           `cli:"comfort-amount" default:"1" range:"1-10240" help:"Amount of data to send in a transmission for client comforting (bytes)."`
}

// HTTPOptions is "config http" of the protocol options.
type HTTPOptions struct {
	Inspection `default.ports:"80" words.options:"clientcomfort oversize" foreign.options:"servercomfort chunkedbypass no-content-summary fragmail splice"`
	Comforting
	RetryCount          int                `cli:"retry-count" default:"0" range:"0-100" help:"Number of attempts to retry HTTP connection."`
	BlockPageStatusCode int                `cli:"block-page-status-code" default:"403" range:"100-599" help:"Code number returned for blocked HTTP pages."`
	RangeBlock          bool               `cli:"range-block" default:"disable" help:"Enable/disable blocking of partial downloads."`
	SwitchingProtocols  SwitchingProtocols `cli:"switching-protocols" default:"bypass" help:"Bypass from scanning, or block a connection that attempts to switch protocol."`
	KeepaliveTimeout    time.Duration      `cli:"keepalive-timeout" unit:"s" default:"60" range:"1-86400" help:"Seconds a connection may rest between two requests (not on the appliance)."`
	HeaderLimit         int                `cli:"header-limit" unit:"KB" default:"64" range:"1-1024" help:"Largest header of a request or response in KB (not on the appliance)."` // bytes
}

// Inspection are the options common to all protocols, of protocol p; nil for a
// protocol that has none yet.
func (o *ProtocolOptions) Inspection(p protocols.Protocol) *Inspection {
	if p == protocols.HTTP {
		return &o.HTTP.Inspection
	}
	return nil
}

// Comforting is the client comforting of protocol p; nil where there is none.
func (o *ProtocolOptions) Comforting(p protocols.Protocol) *Comforting {
	if p == protocols.HTTP {
		return &o.HTTP.Comforting
	}
	return nil
}

// WebProxy is "config web-proxy explicit": the forward proxy.
type WebProxy struct {
	Status        bool       `cli:"status" default:"disable" help:"Enable/disable the explicit Web proxy for HTTP and HTTPS session."`
	IncomingIP    netip.Addr `cli:"incoming-ip" default:"0.0.0.0" help:"Restrict the explicit HTTP proxy to only accept sessions from this IP address."`
	Port          uint16     `cli:"http-incoming-port" default:"8080" range:"1-65535" help:"Accept incoming HTTP requests on this port."`
	ConnectPorts  []uint16   `cli:"connect-ports" default:"443" range:"1-65535" required:"yes" help:"Ports that CONNECT may reach (not on the appliance)."`
	AllowLoopback bool       `cli:"allow-loopback" default:"disable" help:"Enable/disable targets on this host, loopback and link-local (not on the appliance)."`
	AVProfile     string     `cli:"av-profile" max:"35" ref:"antivirus profile" help:"Name of an existing Antivirus profile (not on the appliance)."`
	Options       string     `cli:"profile-protocol-options" max:"35" default:"default" ref:"firewall profile-protocol-options" required:"yes" help:"Name of an existing Protocol options profile (not on the appliance)."`
}
