package config

import "utmsim/protocols"

// Snapshot is the configuration at one moment. It and everything it points to is
// immutable: readers share it without locks and hold it as long as they like.
//
// It is also the declaration of the configuration language. A struct field is an
// object with settings, a slice of structs is a table in the order that decides
// ("firewall policy": first match). The tags are explained in schema.go.
type Snapshot struct {
	Global          Global            `cli:"system global" sort:"name" help:"Configure global attributes."`
	Admins          []Admin           `cli:"system admin" help:"Configure admin users."`
	Console         Console           `cli:"system console" help:"Configure console."`
	DNS             DNS               `cli:"system dns" help:"Configure DNS."`
	Resource        ResourceLimits    `cli:"system resource-limits" help:"Configure resource limits."`
	PreLogin        Banner            `cli:"system replacemsg admin pre_admin-disclaimer-text" help:"What SSH shows before a login (with pre-login-banner)."`
	PostLogin       Banner            `cli:"system replacemsg admin post_admin-disclaimer-text" help:"What a console shows after a login (with post-login-banner)."`
	VDOMProperties  []VDOMProperty    `cli:"system vdom-property" help:"Configure VDOM property."`
	Simulator       Simulator         `cli:"system simulator" help:"Switches and models of the simulator (not on the appliance)."`
	ProtocolOptions []ProtocolOptions `cli:"firewall profile-protocol-options" help:"Configure protocol options."`
	AVProfiles      []AVProfile       `cli:"antivirus profile" help:"Configure AntiVirus profiles."`
	Engine          Engine            `cli:"antivirus engine" help:"Scan engines and their limits (not on the appliance)."`
	VIPs            []VIP             `cli:"firewall vip" help:"Configure virtual IP for IPv4."`
	Policies        []Policy          `cli:"firewall policy" help:"Configure IPv4 policies."`
	WebProxy        WebProxy          `cli:"web-proxy explicit" help:"Configure explicit Web proxy settings."`
	FTPProxy        FTPProxy          `cli:"ftp-proxy explicit" help:"Configure explicit FTP proxy settings."`
	MemoryLog       MemoryLog         `cli:"log memory setting" help:"Settings for memory buffer."`
	MemoryLogSize   MemoryLogSize     `cli:"log memory global-setting" help:"Global settings for memory logging."`
	DiskLog         DiskLog           `cli:"log disk setting" help:"Settings for local disk logging."`
	Syslog          Syslog            `cli:"log syslogd setting" help:"Global settings for remote syslog server."`
}

// AVProfile finds an antivirus profile by name; nil when there is none.
func (s *Snapshot) AVProfile(name string) *AVProfile {
	for i := range s.AVProfiles {
		if s.AVProfiles[i].Name == name {
			return &s.AVProfiles[i]
		}
	}
	return nil
}

// Options finds protocol options by name; nil when there are none.
func (s *Snapshot) Options(name string) *ProtocolOptions {
	for i := range s.ProtocolOptions {
		if s.ProtocolOptions[i].Name == name {
			return &s.ProtocolOptions[i]
		}
	}
	return nil
}

// VIP finds a virtual IP by name; nil when there is none.
func (s *Snapshot) VIP(name string) *VIP {
	for i := range s.VIPs {
		if s.VIPs[i].Name == name {
			return &s.VIPs[i]
		}
	}
	return nil
}

// VDOMLimit is the most entries a VDOM may take in the session table; 0 is no limit
// of its own.
func (s *Snapshot) VDOMLimit(vdom string) int {
	for _, v := range s.VDOMProperties {
		if v.Name == vdom {
			return v.Proxy
		}
	}
	return 0
}

// Limit is the most entries a protocol may take in the session table; 0 is no limit
// of its own.
func (s *Simulator) Limit(p protocols.Protocol) int {
	switch p {
	case protocols.HTTP:
		return s.HTTPLimit
	case protocols.SMTP:
		return s.SMTPLimit
	case protocols.POP3:
		return s.POP3Limit
	case protocols.IMAP:
		return s.IMAPLimit
	case protocols.FTP:
		return s.FTPLimit
	case protocols.NNTP:
		return s.NNTPLimit
	}
	return 0
}
