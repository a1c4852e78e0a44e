package config

import (
	"time"

	"utmsim/protocols"
)

// ProtocolOptions is an entry of "config firewall profile-protocol-options".
type ProtocolOptions struct {
	Name    string      `cli:"name" key:"string" max:"35" help:"Name."`
	Comment string      `cli:"comment" max:"255" pattern:"lines" help:"Optional comments."`
	HTTP    HTTPOptions `cli:"http" help:"Configure HTTP protocol options."`
	SMTP    SMTPOptions `cli:"smtp" help:"Configure SMTP protocol options."`
	POP3    POP3Options `cli:"pop3" help:"Configure POP3 protocol options."`
	IMAP    IMAPOptions `cli:"imap" help:"Configure IMAP protocol options."`
	FTP     FTPOptions  `cli:"ftp" help:"Configure FTP protocol options."`
	NNTP    NNTPOptions `cli:"nntp" help:"Configure NNTP protocol options."`
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

// Dialogue are the options of the protocols whose two ends talk in lines: all but
// HTTP. Lines of mails and articles are content and have no limit.
type Dialogue struct {
	TLS         TLSMode       `cli:"tls" default:"strip" help:"Hide offers to encrypt or compress the session, or let it go on uninspected (not on the appliance)."`
	IdleTimeout time.Duration `cli:"idle-timeout" unit:"s" default:"600" range:"1-86400" help:"Seconds a session may rest between two commands (not on the appliance)."`
	LineLimit   int           `cli:"line-limit" unit:"KB" default:"16" range:"1-256" help:"Longest line of a command or reply in KB (not on the appliance)."` // bytes
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

// SMTPOptions is "config smtp" of the protocol options. A server waits at least 5
// minutes for a command (RFC 5321 section 4.5.3.2.7).
type SMTPOptions struct {
	Inspection `default.ports:"25" words.options:"fragmail oversize splice" foreign.options:"no-content-summary"`
	Dialogue   `default.idle-timeout:"300"`
}

// POP3Options is "config pop3" of the protocol options. An autologout timer lasts
// at least 10 minutes (RFC 1939 section 3).
type POP3Options struct {
	Inspection `default.ports:"110" words.options:"fragmail oversize" foreign.options:"no-content-summary"`
	Dialogue   `default.idle-timeout:"600"`
}

// IMAPOptions is "config imap" of the protocol options. An autologout timer lasts at
// least 30 minutes (RFC 9051 section 5.4).
type IMAPOptions struct {
	Inspection   `default.ports:"143" words.options:"fragmail oversize" foreign.options:"no-content-summary"`
	Dialogue     `default.idle-timeout:"1800" default.line-limit:"64"`
	PartialBlock bool `cli:"partial-block" default:"disable" help:"Enable/disable blocking of pieces of messages that a client fetches one by one (not on the appliance)."`
}

// DataConnections are the options of data connections, which FTP has.
type DataConnections struct {
	ServerDataMode DataMode `cli:"server-data-mode" default:"client" help:"How data connections with the server are made (not on the appliance for virtual IPs)."`
	DataPortLow    uint16   `cli:"data-port-low" default:"0" range:"0-65535" help:"First port that data connections are waited for on (0 = any; not on the appliance)."`
	DataPortHigh   uint16   `cli:"data-port-high" default:"0" range:"0-65535" help:"Last port that data connections are waited for on (0 = any; not on the appliance)."`
}

// FTPOptions is "config ftp" of the protocol options. What REST and MODE lead to
// can't be inspected: the commands pass only where the options say so.
type FTPOptions struct {
	Inspection `default.ports:"21" words.options:"clientcomfort oversize splice bypass-rest-command bypass-mode-command" foreign.options:"no-content-summary"`
	Comforting
	Dialogue `default.idle-timeout:"900"`
	DataConnections
}

// NNTPOptions is "config nntp" of the protocol options. An inactivity timer lasts at
// least 3 minutes (RFC 3977 section 3.1).
type NNTPOptions struct {
	Inspection `default.ports:"119" words.options:"oversize splice" foreign.options:"no-content-summary"`
	Dialogue   `default.idle-timeout:"600"`
}

// Inspection are the options common to all protocols, of protocol p; nil for a
// protocol that has none yet.
func (o *ProtocolOptions) Inspection(p protocols.Protocol) *Inspection {
	switch p {
	case protocols.HTTP:
		return &o.HTTP.Inspection
	case protocols.SMTP:
		return &o.SMTP.Inspection
	case protocols.POP3:
		return &o.POP3.Inspection
	case protocols.IMAP:
		return &o.IMAP.Inspection
	case protocols.FTP:
		return &o.FTP.Inspection
	case protocols.NNTP:
		return &o.NNTP.Inspection
	}
	return nil
}

// Comforting is the client comforting of protocol p; nil where there is none.
func (o *ProtocolOptions) Comforting(p protocols.Protocol) *Comforting {
	switch p {
	case protocols.HTTP:
		return &o.HTTP.Comforting
	case protocols.FTP:
		return &o.FTP.Comforting
	}
	return nil
}

// Dialogue are the options of the dialogue of protocol p; nil for HTTP and for a
// protocol that has none yet.
func (o *ProtocolOptions) Dialogue(p protocols.Protocol) *Dialogue {
	switch p {
	case protocols.SMTP:
		return &o.SMTP.Dialogue
	case protocols.POP3:
		return &o.POP3.Dialogue
	case protocols.IMAP:
		return &o.IMAP.Dialogue
	case protocols.FTP:
		return &o.FTP.Dialogue
	case protocols.NNTP:
		return &o.NNTP.Dialogue
	}
	return nil
}

// DataConnections are the options of the data connections of protocol p; nil where
// there are none.
func (o *ProtocolOptions) DataConnections(p protocols.Protocol) *DataConnections {
	if p == protocols.FTP {
		return &o.FTP.DataConnections
	}
	return nil
}
