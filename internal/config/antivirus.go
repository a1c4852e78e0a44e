package config

import (
	"slices"
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
	FTP     AVProtocol `cli:"ftp" help:"Configure FTP AntiVirus options."`
	NNTP    AVProtocol `cli:"nntp" help:"Configure NNTP AntiVirus options."`
}

// AVProtocol is what an antivirus profile says about one protocol.
type AVProtocol struct {
	Options      ScanOptions  `cli:"options" foreign:"avquery strict-file block pass" help:"Enable/disable AntiVirus scanning, monitoring."`
	ArchiveBlock ArchiveKinds `cli:"archive-block" foreign:"partiallycorrupted multipart mailbomb fileslimit timeout unhandled" help:"Select the archive types to block."`
	PatternTable int          `cli:"file-pat-table" default:"0" range:"0-4294967295" ref:"antivirus filepattern" help:"File pattern table ID, for option file-filter (0 = none)."`
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
	case protocols.FTP:
		return &a.FTP
	case protocols.NNTP:
		return &a.NNTP
	}
	return nil
}

// Engine is "config antivirus engine": what judges objects and how many at once.
type Engine struct {
	Engines        []ScanEngine    `cli:"engine" default:"builtin" required:"yes" help:"Scan engines, in the order in which they are asked; the first detection wins."`
	SignatureFiles []string        `cli:"signature-files" max:"1023" help:"Files with signatures for the engine builtin, in ClamAV's forms .hdb, .hsb and .ndb; read again at each commit."`
	ScanWorkers    int             `cli:"scan-workers" default:"0" range:"0-1024" help:"Scans that run at once (0 = as many as there are processors, four times as many when an engine is remote)."`
	ScanBacklog    int             `cli:"scan-backlog" default:"1024" range:"0-1000000" help:"Scans that may wait for a worker."`
	ScanTimeout    time.Duration   `cli:"scan-timeout" unit:"s" default:"30" range:"1-3600" help:"Seconds one scan may take."`
	ErrorAction    ErrorAction     `cli:"error-action" default:"block" help:"What becomes of an object whose scan failed."`
	TimeoutAction  ErrorAction     `cli:"timeout-action" default:"block" help:"What becomes of an object whose scan took too long."`
	ScanCache      int             `cli:"scan-cache" default:"0" range:"0-1000000" help:"Verdicts that are remembered by the SHA-256 of what was judged (0 = none)."`
	BypassAudit    bool            `cli:"bypass-audit" default:"disable" help:"Enable/disable scanning what failopen has let pass, when no scan needs the engines: the leak ledger then says which sessions carried a detection."`
	AuditMemory    int64           `cli:"bypass-audit-memory" unit:"MB" default:"64" range:"1-4096" help:"MB of bypassed sessions that may be held until they are scanned, beside the memory model; what has no room is not audited."` // bytes
	HealthInterval time.Duration   `cli:"health-interval" unit:"s" default:"10" range:"1-3600" help:"Seconds between two questions whether a remote engine answers."`
	Clamd          ClamdEngine     `cli:"clamd" help:"Configure the engine clamd."`
	ICAP           ICAPEngine      `cli:"icap" help:"Configure the engine icap."`
	Simulated      SimulatedEngine `cli:"simulated" help:"Configure the engine simulated, and faults of the others."`
}

// Uses says whether e is one of the engines.
func (c *Engine) Uses(e ScanEngine) bool { return slices.Contains(c.Engines, e) }

// Remote says whether scans mostly wait, for another process or a clock.
func (c *Engine) Remote() bool {
	return c.Uses(EngineClamd) || c.Uses(EngineICAP) || c.Uses(EngineSimulated) || len(c.Simulated.Wrap) > 0
}

// ClamdEngine is "config clamd" of the engines.
type ClamdEngine struct {
	Address        string        `cli:"address" max:"255" help:"Where clamd listens: host:port, or the path of its socket."`
	StreamMax      int64         `cli:"stream-max-length" unit:"MB" default:"25" range:"1-4096" help:"Largest object that clamd takes in MB, as StreamMaxLength in its configuration; for larger ones there is no verdict."` // bytes
	ConnectTimeout time.Duration `cli:"connect-timeout" unit:"s" default:"5" range:"1-60" help:"Seconds that connecting may take."`
}

// ICAPEngine is "config icap" of the engines.
type ICAPEngine struct {
	Address        string        `cli:"address" max:"255" help:"Where the ICAP server listens: host:port."`
	Reqmod         string        `cli:"reqmod-service" default:"avscan" max:"255" help:"Service for what clients send."`
	Respmod        string        `cli:"respmod-service" default:"avscan" max:"255" help:"Service for what clients get."`
	Preview        bool          `cli:"preview" default:"enable" help:"Enable/disable sending the beginning of an object first, where the server asks for it."`
	ConnectTimeout time.Duration `cli:"connect-timeout" unit:"s" default:"5" range:"1-60" help:"Seconds that connecting may take."`
}

// SimulatedEngine is "config simulated" of the engines. Times and faults count for the
// engine simulated and for those in Wrap, each for itself.
type SimulatedEngine struct {
	Wrap       []ScanEngine    `cli:"wrap" words:"builtin clamd icap" help:"Further engines that get the times and faults."`
	Seed       int             `cli:"seed" default:"1" range:"0-1000000000" help:"What chance begins with: the same seed does the same again."`
	Curve      ServiceCurve    `cli:"curve" default:"fixed" help:"How the times of scans are spread."`
	Latency    time.Duration   `cli:"latency" unit:"ms" default:"0" range:"0-3600000" help:"Milliseconds that a scan takes, on average."`
	Deviation  time.Duration   `cli:"deviation" unit:"ms" default:"0" range:"0-3600000" help:"Standard deviation of that time in milliseconds."`
	ErrorRate  int             `cli:"error-rate" default:"0" range:"0-100" help:"Scans that fail, in percent."`
	StallEvery time.Duration   `cli:"stall-every" unit:"s" default:"0" range:"0-86400" help:"Seconds from one stall to the next, as when a database is loaded (0 = never)."`
	StallFor   time.Duration   `cli:"stall-for" unit:"s" default:"5" range:"1-3600" help:"Seconds a stall lasts."`
	CrashEvery time.Duration   `cli:"crash-every" unit:"s" default:"0" range:"0-86400" help:"Seconds from one crash to the next (0 = never)."`
	CrashFor   time.Duration   `cli:"crash-for" unit:"s" default:"5" range:"1-3600" help:"Seconds until a crashed engine is back."`
	Rules      []SimulatedRule `cli:"rule" help:"Configure the verdicts of the engine simulated; the first rule that fits decides."`
}

// SimulatedRule is an entry of "config rule".
type SimulatedRule struct {
	ID      int         `cli:"id" key:"integer" range:"0-1000000" help:"Rule ID."`
	Match   RuleMatch   `cli:"match" default:"name" help:"What the rule looks at."`
	Pattern string      `cli:"pattern" default:"*" max:"255" help:"Pattern of the object's name, as in *.exe."`
	Size    int64       `cli:"size" unit:"KB" default:"1" range:"0-1048576" help:"Smallest size of the object in KB."` // bytes
	Every   int         `cli:"every" default:"10" range:"1-1000000" help:"Which scan is meant: every second, every tenth ..."`
	Share   int         `cli:"share" default:"10" range:"0-100" help:"Scans that are meant, in percent, by chance."`
	Verdict RuleVerdict `cli:"verdict" default:"virus" help:"What the engine says."`
	Name    string      `cli:"name" default:"Simulated" max:"63" help:"Name of the detection."`
}
