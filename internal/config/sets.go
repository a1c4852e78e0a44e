package config

// HoldOptions is the set "options" of the protocol options.
type HoldOptions uint32

// The members of HoldOptions.
const (
	ClientComfort HoldOptions = 1 << iota // feed the client a little while an object is held
	Fragmail                              // parts of a split mail, which can't be scanned, pass
	OversizeBlock                         // objects over the oversize limit are blocked, not passed
	Splice                                // what is detected is refused instead of replaced; uploads are sent on while they are held
	BypassREST                            // parts of files, which can't be scanned, pass
	BypassMODE                            // and so do files in other forms than a stream of bytes
)

func (HoldOptions) choices() []Choice {
	return []Choice{
		{Word: "clientcomfort", Help: "Prevent client timeout."},
		{Word: "fragmail", Help: "Pass fragmented email."},
		{Word: "oversize", Help: "Block oversized file/email."},
		{Word: "splice", Help: "Enable splice mode."},
		{Word: "bypass-rest-command", Help: "Bypass REST command."},
		{Word: "bypass-mode-command", Help: "Bypass MODE command."},
	}
}

// Has says whether all of x are set.
func (s HoldOptions) Has(x HoldOptions) bool { return s&x == x }

// ScanOptions is the set "options" of an antivirus profile's protocol.
type ScanOptions uint32

// The members of ScanOptions.
const (
	AVScan       ScanOptions = 1 << iota // scan, and block what is detected
	AVMonitor                            // scan and log only
	AVQuarantine                         // keep what is blocked
	AVFileFilter                         // decide by name and type, as the table of patterns says
)

func (ScanOptions) choices() []Choice {
	return []Choice{
		{Word: "scan", Help: "Enable AntiVirus scanning."},
		{Word: "avmonitor", Help: "Log detected viruses without blocking them."},
		{Word: "quarantine", Help: "Keep blocked files in the quarantine (see config antivirus quarantine)."},
		{Word: "file-filter", Help: "Filter files by the patterns and types of file-pat-table."},
	}
}

// Has says whether all of x are set.
func (s ScanOptions) Has(x ScanOptions) bool { return s&x == x }

// ArchiveKinds is the set "archive-block" of an antivirus profile's protocol.
type ArchiveKinds uint32

// The members of ArchiveKinds.
const (
	ArchiveEncrypted ArchiveKinds = 1 << iota // can't be opened without a password
	ArchiveCorrupted                          // can't be read to its end
	ArchiveNested                             // nested deeper than uncompressed-nest-limit
	ArchiveOversize                           // larger than uncompressed-oversize-limit when unpacked
)

func (ArchiveKinds) choices() []Choice {
	return []Choice{
		{Word: "encrypted", Help: "Block encrypted archives."},
		{Word: "corrupted", Help: "Block corrupted archives."},
		{Word: "nested", Help: "Block nested archives that exceed uncompressed-nest-limit."},
		{Word: "oversize", Help: "Block archives that exceed uncompressed-oversize-limit."},
	}
}

// Has says whether all of x are set.
func (s ArchiveKinds) Has(x ArchiveKinds) bool { return s&x == x }
