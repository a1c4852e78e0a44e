package config

import (
	"net/netip"

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
	Service    []string     `cli:"service" max:"79" oneof:"ALL HTTP SMTP POP3 IMAP FTP NNTP" elsewhere:"firewall service custom,firewall service group" required:"yes" help:"Service names."`
	UTMStatus  bool         `cli:"utm-status" default:"disable" help:"Enable to add one or more security profiles (AV, IPS, etc.) to the firewall policy."`
	AVProfile  string       `cli:"av-profile" max:"35" ref:"antivirus profile" help:"Name of an existing Antivirus profile."`
	WebProfile string       `cli:"webfilter-profile" max:"35" ref:"webfilter profile" help:"Name of an existing Web filter profile."`
	Spam       string       `cli:"spamfilter-profile" max:"35" ref:"spamfilter profile" help:"Name of an existing Spam filter profile."`
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

// WebProxy is "config web-proxy explicit": the forward proxy.
type WebProxy struct {
	Status        bool       `cli:"status" default:"disable" help:"Enable/disable the explicit Web proxy for HTTP and HTTPS session."`
	IncomingIP    netip.Addr `cli:"incoming-ip" default:"0.0.0.0" help:"Restrict the explicit HTTP proxy to only accept sessions from this IP address."`
	Port          uint16     `cli:"http-incoming-port" default:"8080" range:"1-65535" help:"Accept incoming HTTP requests on this port."`
	ConnectPorts  []uint16   `cli:"connect-ports" default:"443" range:"1-65535" required:"yes" help:"Ports that CONNECT may reach (not on the appliance)."`
	AllowLoopback bool       `cli:"allow-loopback" default:"disable" help:"Enable/disable targets on this host, loopback and link-local (not on the appliance)."`
	AVProfile     string     `cli:"av-profile" max:"35" ref:"antivirus profile" help:"Name of an existing Antivirus profile (not on the appliance)."`
	WebProfile    string     `cli:"webfilter-profile" max:"35" ref:"webfilter profile" help:"Name of an existing Web filter profile (not on the appliance)."`
	Options       string     `cli:"profile-protocol-options" max:"35" default:"default" ref:"firewall profile-protocol-options" required:"yes" help:"Name of an existing Protocol options profile (not on the appliance)."`
}

// FTPProxy is "config ftp-proxy explicit": the proxy whose clients name the server
// when they log in, as user@host or user@host:port.
type FTPProxy struct {
	Status         bool       `cli:"status" default:"disable" help:"Enable/disable the explicit FTP proxy."`
	IncomingIP     netip.Addr `cli:"incoming-ip" default:"0.0.0.0" help:"Accept incoming FTP requests from this IP address. An interface must have this IP address."`
	Port           uint16     `cli:"incoming-port" default:"21" range:"1-65535" help:"Accept incoming FTP requests on this port."`
	ServerDataMode DataMode   `cli:"server-data-mode" default:"client" help:"Determine mode of data session on FTP server side."`
	AllowLoopback  bool       `cli:"allow-loopback" default:"disable" help:"Enable/disable servers on this host, loopback and link-local (not on the appliance)."`
	AVProfile      string     `cli:"av-profile" max:"35" ref:"antivirus profile" help:"Name of an existing Antivirus profile (not on the appliance)."`
	WebProfile     string     `cli:"webfilter-profile" max:"35" ref:"webfilter profile" help:"Name of an existing Web filter profile (not on the appliance)."`
	Options        string     `cli:"profile-protocol-options" max:"35" default:"default" ref:"firewall profile-protocol-options" required:"yes" help:"Name of an existing Protocol options profile (not on the appliance)."`
}
