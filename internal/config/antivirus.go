package config

import (
	"time"

	"utmsim/protocols"
)

// AVProfile is an entry of "config antivirus profile".
type AVProfile struct {
	Name    string     `cli:"name" key:"string" max:"35" help:"Profile name."`
	Comment string     `cli:"comment" max:"255" pattern:"lines" help:"Comment."`
	HTTP    AVProtocol `cli:"http" help:"Configure HTTP AntiVirus options."`
	SMTP    AVProtocol `cli:"smtp" help:"Configure SMTP AntiVirus options."`
	POP3    AVProtocol `cli:"pop3" help:"Configure POP3 AntiVirus options."`
	IMAP    AVProtocol `cli:"imap" help:"Configure IMAP AntiVirus options."`
	NNTP    AVProtocol `cli:"nntp" help:"Configure NNTP AntiVirus options."`
}

// AVProtocol is what an antivirus profile says about one protocol.
type AVProtocol struct {
	Options      ScanOptions  `cli:"options" foreign:"avquery quarantine file-filter strict-file block pass" help:"Enable/disable AntiVirus scanning, monitoring."`
	ArchiveBlock ArchiveKinds `cli:"archive-block" foreign:"partiallycorrupted multipart mailbomb fileslimit timeout unhandled" help:"Select the archive types to block."`
}

// Protocol is what the profile says about protocol p; nil for a protocol that has
// no object yet.
func (a *AVProfile) Protocol(p protocols.Protocol) *AVProtocol {
	switch p {
	case protocols.HTTP:
		return &a.HTTP
	case protocols.SMTP:
		return &a.SMTP
	case protocols.POP3:
		return &a.POP3
	case protocols.IMAP:
		return &a.IMAP
	case protocols.NNTP:
		return &a.NNTP
	}
	return nil
}

// Engine is "config antivirus engine": what judges objects and how many at once.
type Engine struct {
	Engines       []ScanEngine  `cli:"engine" default:"builtin" required:"yes" help:"Scan engines, in the order in which they are asked."`
	ScanWorkers   int           `cli:"scan-workers" default:"0" range:"0-1024" help:"Scans that run at once (0 = automatic)."`
	ScanBacklog   int           `cli:"scan-backlog" default:"1024" range:"0-1000000" help:"Scans that may wait for a worker."`
	ScanTimeout   time.Duration `cli:"scan-timeout" unit:"s" default:"30" range:"1-3600" help:"Seconds one scan may take."`
	ErrorAction   ErrorAction   `cli:"error-action" default:"block" help:"What becomes of an object whose scan failed."`
	TimeoutAction ErrorAction   `cli:"timeout-action" default:"block" help:"What becomes of an object whose scan took too long."`
}
