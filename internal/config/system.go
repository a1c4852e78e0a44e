package config

import (
	"net/netip"
	"time"

	"utmsim/failopen"
)

// Global is "config system global".
type Global struct {
	SSHAddress        netip.Addr      `cli:"admin-ssh-address" default:"127.0.0.1" help:"Address that the SSH console listens on; 0.0.0.0 or :: is every one (not on the appliance)."`
	SSHPort           uint16          `cli:"admin-ssh-port" default:"0" range:"0-65535" help:"Administrative access port for SSH (0 = no SSH console; the appliance's default is 22)."`
	SSHPassword       bool            `cli:"admin-ssh-password" default:"enable" help:"Enable/disable password authentication for SSH admin access."`
	SSHGrace          time.Duration   `cli:"admin-ssh-grace-time" unit:"s" default:"120" range:"10-3600" help:"Maximum time in seconds permitted between making an SSH connection to the FortiGate unit and authenticating."`
	LockoutThreshold  int             `cli:"admin-lockout-threshold" default:"3" range:"1-10" help:"Number of failed login attempts before an administrator account is locked out for the admin-lockout-duration."`
	LockoutDuration   time.Duration   `cli:"admin-lockout-duration" unit:"s" default:"60" range:"1-2147483" help:"Amount of time in seconds that an administrator account is locked out after reaching the admin-lockout-threshold for repeated failed login attempts."`
	AdminTimeout      time.Duration   `cli:"admintimeout" unit:"min" default:"5" range:"1-480" help:"Number of minutes before an idle administrator session times out."`
	PreLoginBanner    bool            `cli:"pre-login-banner" default:"disable" help:"Enable/disable displaying the administrator access disclaimer message on the login page before an administrator logs in."`
	PostLoginBanner   bool            `cli:"post-login-banner" default:"disable" help:"Enable/disable displaying the administrator access disclaimer message after an administrator successfully logs in."`
	Timezone          Timezone        `cli:"timezone" default:"local" foreign:"*" help:"Number corresponding to your time zone, whose dates and times logs and the console show."`
	VDOMAdmin         bool            `cli:"vdom-admin" default:"disable" help:"Enable/disable support for multiple virtual domains (VDOMs)."`
	Hostname          string          `cli:"hostname" default:"FGT" max:"35" required:"yes" pattern:"hostname" help:"FortiGate unit's hostname."`
	AVFailopen        failopen.Policy `cli:"av-failopen" default:"pass" only52:"idledrop" help:"Set the action to take if the FortiGate is running low on memory or the proxy connection limit has been reached."`
	AVFailopenSession bool            `cli:"av-failopen-session" default:"disable" help:"When enabled and a proxy for a protocol runs out of room in its session table, that protocol goes into failopen mode and enacts the action specified by av-failopen."`
	MemoryRed         int             `cli:"memory-use-threshold-red" default:"88" range:"70-97" help:"Threshold at which memory usage forces the FortiGate to enter conserve mode (% of total RAM)."`
	MemoryGreen       int             `cli:"memory-use-threshold-green" default:"82" range:"70-97" help:"Threshold at which memory usage forces the FortiGate to exit conserve mode (% of total RAM)."`
	MemoryExtreme     int             `cli:"memory-use-threshold-extreme" default:"95" range:"70-97" help:"Threshold at which memory usage is considered extreme: new sessions are dropped (% of total RAM)."`
}

// Console is "config system console".
type Console struct {
	Output ConsoleOutput `cli:"output" default:"more" help:"Console output mode."`
}

// DNS is "config system dns": the servers that names of origins are asked from.
type DNS struct {
	Primary    netip.Addr    `cli:"primary" default:"0.0.0.0" help:"Primary DNS server IP address."` // unspecified: none
	Secondary  netip.Addr    `cli:"secondary" default:"0.0.0.0" help:"Secondary DNS server IP address."`
	Port       uint16        `cli:"port" default:"53" range:"1-65535" help:"Port of the DNS servers (not on the appliance)."`
	Timeout    time.Duration `cli:"timeout" unit:"s" default:"2" range:"1-10" help:"DNS query timeout interval in seconds."`
	Retry      int           `cli:"retry" default:"2" range:"0-5" help:"Number of times to retry."`
	CacheLimit int           `cli:"dns-cache-limit" default:"5000" range:"0-1000000" help:"Maximum number of records in the DNS cache."`
	CacheTTL   time.Duration `cli:"dns-cache-ttl" unit:"s" default:"1800" range:"0-86400" help:"Longest time in seconds that the DNS cache retains a record."`
}

// Servers are the servers to ask, in order of preference; none when none is set.
func (d *DNS) Servers() []netip.AddrPort {
	var list []netip.AddrPort
	for _, a := range []netip.Addr{d.Primary, d.Secondary} {
		if a.IsValid() && !a.IsUnspecified() {
			list = append(list, netip.AddrPortFrom(a, d.Port))
		}
	}
	return list
}

// ResourceLimits is "config system resource-limits".
type ResourceLimits struct {
	Proxy int `cli:"proxy" default:"8032" range:"1-1000000" help:"Maximum number of concurrent proxied sessions: the size of the session table."`
}

// VDOMProperty is an entry of "config system vdom-property".
type VDOMProperty struct {
	Name  string `cli:"name" key:"string" max:"11" ref:"vdom" oneof:"root" help:"VDOM name."`
	Proxy int    `cli:"proxy" default:"0" range:"0-1000000" guarantee:"yes" help:"Maximum number of concurrent proxied sessions of the VDOM (0 = no limit of its own)."`
}

// Simulator is "config system simulator": the disputed readings of the appliance's
// documentation as switches, and what the lab's models need.
type Simulator struct {
	Persona         Persona       `cli:"persona" default:"5.2" help:"Release whose conserve mode, commands and values are simulated."`
	Pool            Pool          `cli:"pool" default:"shared" help:"Whether the protocols share one session table."`
	MaxConcurrent   MaxConcurrent `cli:"max-concurrent" default:"peak" help:"What the line Max Concurrent Connections shows."`
	Enter           Enter         `cli:"enter" default:"zero-free" help:"When a protocol enters session failopen."`
	LatchClear      LatchClear    `cli:"latch-clear" default:"documented" help:"What clears the latch of one-shot."`
	IdleDrop        IdleDrop      `cli:"idledrop" default:"idle" help:"Which sessions idledrop may take."`
	IdleThreshold   time.Duration `cli:"idle-threshold" unit:"s" default:"30" range:"0-86400" help:"Seconds at rest after which a session is idle."`
	Refuse          Refuse        `cli:"refuse" default:"reset" help:"What a refused or dropped client sees."`
	HTTPLimit       int           `cli:"http-limit" default:"0" range:"0-1000000" help:"Most entries HTTP may take in the session table (0 = no limit of its own)."`
	SMTPLimit       int           `cli:"smtp-limit" default:"0" range:"0-1000000" help:"Most entries SMTP may take in the session table (0 = no limit of its own)."`
	POP3Limit       int           `cli:"pop3-limit" default:"0" range:"0-1000000" help:"Most entries POP3 may take in the session table (0 = no limit of its own)."`
	IMAPLimit       int           `cli:"imap-limit" default:"0" range:"0-1000000" help:"Most entries IMAP may take in the session table (0 = no limit of its own)."`
	FTPLimit        int           `cli:"ftp-limit" default:"0" range:"0-1000000" help:"Most entries FTP may take in the session table (0 = no limit of its own)."`
	NNTPLimit       int           `cli:"nntp-limit" default:"0" range:"0-1000000" help:"Most entries NNTP may take in the session table (0 = no limit of its own)."`
	MemoryTotal     int64         `cli:"memory-total" unit:"MB" default:"1024" range:"64-1048576" help:"Memory of the simulated unit in MB."`
	MemoryBase      int64         `cli:"memory-base" unit:"MB" default:"256" range:"0-1048576" help:"Memory in use without any session, in MB."`
	MemorySession   int64         `cli:"memory-session" unit:"KB" default:"64" range:"0-1048576" help:"Memory that one entry of the session table takes, in KB."`
	ConnectTimeout  time.Duration `cli:"connect-timeout" unit:"s" default:"10" range:"1-300" help:"Seconds that connecting a server may take."`
	ExchangeTimeout time.Duration `cli:"exchange-timeout" unit:"s" default:"60" range:"1-3600" help:"Seconds without a byte after which a running exchange is given up."`
	ShutdownGrace   time.Duration `cli:"shutdown-grace" unit:"s" default:"10" range:"0-3600" help:"Seconds that running exchanges may take to end at shutdown."`
}
