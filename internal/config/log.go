package config

import (
	"net"
	"strconv"
)

// Syslog is "config log syslogd setting": the syslog server that the log is sent to
// (RFC 5424).
type Syslog struct {
	Status   bool           `cli:"status" default:"disable" help:"Enable/disable remote syslog logging."`
	Server   string         `cli:"server" max:"127" pattern:"fqdn" help:"Address of remote syslog server."`
	Mode     SyslogMode     `cli:"mode" default:"udp" help:"Remote syslog logging over UDP/Reliable TCP."`
	Port     uint16         `cli:"port" default:"514" range:"1-65535" help:"Server listen port."`
	Facility SyslogFacility `cli:"facility" default:"local7" help:"Remote syslog facility."`
}

// Address is host:port of the server; "" when nothing is to be sent.
func (s *Syslog) Address() string {
	if !s.Status || s.Server == "" {
		return ""
	}
	return net.JoinHostPort(s.Server, strconv.Itoa(int(s.Port)))
}

// DiskLog is "config log disk setting".
type DiskLog struct {
	Status  bool  `cli:"status" default:"enable" help:"Enable/disable local disk logging."`
	MaxSize int64 `cli:"max-log-file-size" unit:"MB" default:"20" range:"1-100" help:"Maximum log file size before rolling (MB)."` // bytes
}

// FileSize is the largest file in bytes; 0 when none is written.
func (d *DiskLog) FileSize() int64 {
	if !d.Status {
		return 0
	}
	return d.MaxSize
}

// MemoryLog is "config log memory setting".
type MemoryLog struct {
	Status bool `cli:"status" default:"enable" help:"Enable/disable logging to the FortiGate's memory."`
}

// MemoryLogSize is "config log memory global-setting".
type MemoryLogSize struct {
	MaxSize int64 `cli:"max-size" default:"1048576" range:"16384-1073741824" help:"Maximum amount of memory that can be used for memory logging in bytes."` // bytes
}

// MemoryLogBytes is how much of the log is kept in memory; 0 for none of it.
func (s *Snapshot) MemoryLogBytes() int64 {
	if !s.MemoryLog.Status {
		return 0
	}
	return s.MemoryLogSize.MaxSize
}

// SyslogMode is how messages reach the syslog server.
type SyslogMode uint8

// The modes.
const (
	SyslogUDP      SyslogMode = iota // a datagram each (RFC 5426)
	SyslogReliable                   // a stream with octet counting (RFC 6587 section 3.4.1)
)

func (SyslogMode) choices() []Choice {
	return []Choice{
		{Word: "udp", Help: "Enable syslogging over UDP."},
		{Word: "reliable", Help: "Enable reliable syslogging (RFC 6587) over TCP."},
	}
}

// String is the setting's word.
func (m SyslogMode) String() string { return word(m.choices(), uint8(m)) }

// SyslogFacility is the facility of messages, by its number in RFC 5424 section
// 6.2.1.
type SyslogFacility uint8

func (SyslogFacility) choices() []Choice {
	return []Choice{
		{Word: "kernel", Help: "Kernel messages."},
		{Word: "user", Help: "Random user-level messages."},
		{Word: "mail", Help: "Mail system."},
		{Word: "daemon", Help: "System daemons."},
		{Word: "auth", Help: "Security/authorization messages."},
		{Word: "syslog", Help: "Messages generated internally by syslog."},
		{Word: "lpr", Help: "Line printer subsystem."},
		{Word: "news", Help: "Network news subsystem."},
		{Word: "uucp", Help: "Network news subsystem."},
		{Word: "cron", Help: "Clock daemon."},
		{Word: "authpriv", Help: "Security/authorization messages (private)."},
		{Word: "ftp", Help: "FTP daemon."},
		{Word: "ntp", Help: "NTP daemon."},
		{Word: "audit", Help: "Log audit."},
		{Word: "alert", Help: "Log alert."},
		{Word: "clock", Help: "Clock daemon."},
		{Word: "local0", Help: "Reserved for local use."},
		{Word: "local1", Help: "Reserved for local use."},
		{Word: "local2", Help: "Reserved for local use."},
		{Word: "local3", Help: "Reserved for local use."},
		{Word: "local4", Help: "Reserved for local use."},
		{Word: "local5", Help: "Reserved for local use."},
		{Word: "local6", Help: "Reserved for local use."},
		{Word: "local7", Help: "Reserved for local use."},
	}
}

// String is the setting's word.
func (f SyslogFacility) String() string { return word(f.choices(), uint8(f)) }
