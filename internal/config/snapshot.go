package config

import "utmsim/protocols"

// Snapshot is the configuration at one moment. It and everything it points to is
// immutable: readers share it without locks and hold it as long as they like.
//
// It is also the declaration of the configuration language. A struct field is an
// object with settings, a slice of structs is a table in the order that decides
// ("firewall policy": first match). The tags are explained in schema.go. The fields
// of the embedded Domain are root's, of a unit without VDOMs all there is.
type Snapshot struct {
	Global         Global         `cli:"system global" sort:"name" help:"Configure global attributes."`
	Admins         []Admin        `cli:"system admin" help:"Configure admin users."`
	Console        Console        `cli:"system console" help:"Configure console."`
	DNS            DNS            `cli:"system dns" help:"Configure DNS."`
	Resource       ResourceLimits `cli:"system resource-limits" help:"Configure resource limits."`
	Messages       Messages       `cli:"system replacemsg"`
	VDOMProperties []VDOMProperty `cli:"system vdom-property" help:"Configure VDOM property."`
	Simulator      Simulator      `cli:"system simulator" help:"Switches and models of the simulator (not on the appliance)."`
	Domain                        // the objects of root
	VDOMs          []VDOM         `cli:"vdom" help:"Configure virtual domain."` // the others, in the order they were made
	Engine         Engine         `cli:"antivirus engine" help:"Scan engines and their limits (not on the appliance)."`
	Rating         Rating         `cli:"webfilter rating" help:"Where the categories of web sites are asked for (not on the appliance)."`
	Quarantine     Quarantine     `cli:"antivirus quarantine" help:"Configure quarantine options."`
	MemoryLog      MemoryLog      `cli:"log memory setting" help:"Settings for memory buffer."`
	MemoryLogSize  MemoryLogSize  `cli:"log memory global-setting" help:"Global settings for memory logging."`
	DiskLog        DiskLog        `cli:"log disk setting" help:"Settings for local disk logging."`
	Syslog         Syslog         `cli:"log syslogd setting" help:"Global settings for remote syslog server."`
}

// Domain holds the objects that each VDOM has for itself. A further one is a field
// here; what the whole unit shares is a field of Snapshot.
type Domain struct {
	ProtocolOptions []ProtocolOptions `cli:"firewall profile-protocol-options" help:"Configure protocol options."`
	PatternTables   []PatternTable    `cli:"antivirus filepattern" help:"Configure file patterns used by file filters."`
	AVProfiles      []AVProfile       `cli:"antivirus profile" help:"Configure AntiVirus profiles."`
	WordTables      []WordTable       `cli:"webfilter content" help:"Configure Web filter banned word table."`
	URLFilters      []URLFilter       `cli:"webfilter urlfilter" help:"Configure URL filter lists."`
	WebProfiles     []WebProfile      `cli:"webfilter profile" help:"Configure Web filter profiles."`
	SpamProfiles    []SpamProfile     `cli:"spamfilter profile" help:"Configure AntiSpam profiles."`
	SpamOptions     SpamGeneral       `cli:"spamfilter options" help:"Configure AntiSpam options."`
	MailWords       []BannedWords     `cli:"spamfilter bword" help:"Configure AntiSpam banned word list."`
	SenderLists     []SenderList      `cli:"spamfilter bwl" help:"Configure anti-spam black/white list."`
	DNSBL           []BlockLists      `cli:"spamfilter dnsbl" help:"Configure AntiSpam DNSBL/ORBL."`
	VIPs            []VIP             `cli:"firewall vip" help:"Configure virtual IP for IPv4."`
	Policies        []Policy          `cli:"firewall policy" help:"Configure IPv4 policies."`
	WebProxy        WebProxy          `cli:"web-proxy explicit" help:"Configure explicit Web proxy settings."`
	FTPProxy        FTPProxy          `cli:"ftp-proxy explicit" help:"Configure explicit FTP proxy settings."`
}

// AVProfile finds an antivirus profile by name; nil when there is none.
func (d *Domain) AVProfile(name string) *AVProfile {
	for i := range d.AVProfiles {
		if d.AVProfiles[i].Name == name {
			return &d.AVProfiles[i]
		}
	}
	return nil
}

// Options finds protocol options by name; nil when there are none.
func (d *Domain) Options(name string) *ProtocolOptions {
	for i := range d.ProtocolOptions {
		if d.ProtocolOptions[i].Name == name {
			return &d.ProtocolOptions[i]
		}
	}
	return nil
}

// VIP finds a virtual IP by name; nil when there is none.
func (d *Domain) VIP(name string) *VIP {
	for i := range d.VIPs {
		if d.VIPs[i].Name == name {
			return &d.VIPs[i]
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
