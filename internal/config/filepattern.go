package config

// PatternTable is an entry of "config antivirus filepattern": a list of file patterns
// and types. The first entry that fits a file decides.
type PatternTable struct {
	ID      int           `cli:"id" key:"integer" range:"1-4294967295" help:"ID."`
	Name    string        `cli:"name" max:"63" help:"Name of table containing the file pattern list."`
	Comment string        `cli:"comment" max:"255" pattern:"lines" help:"Optional comments."`
	Entries []FilePattern `cli:"entries" help:"Configure file patterns used by file filters."`
}

// FilePattern is an entry of "config entries" of a list of file patterns.
type FilePattern struct {
	Pattern    string     `cli:"pattern" key:"string" max:"79" help:"File name pattern, or a name for a file type."`
	FilterType FilterType `cli:"filter-type" default:"pattern" help:"Filter by file name pattern or by file type."`
	FileType   FileType   `cli:"file-type" default:"unknown" foreign:".net activemime arj aspack base64 bat binhex bzip cod crx dmg fsg genscript hlp hta ignored iso jad javascript lzh mime msc msi petite prc registry sis upx uue" help:"File type (filter-type type)."`
	Action     FileAction `cli:"action" default:"block" foreign:"intercept" help:"Action to take with a file that fits."`
}

// FilterType is what a file pattern looks at.
type FilterType uint8

// The ways to filter files.
const (
	FilterByPattern FilterType = iota
	FilterByType
)

func (FilterType) choices() []Choice {
	return []Choice{{Word: "pattern", Help: "Filter by file name pattern."}, {Word: "type", Help: "Filter by file type."}}
}

// String is the setting's word.
func (e FilterType) String() string { return word(e.choices(), uint8(e)) }

// FileAction is what becomes of a file that a pattern fits.
type FileAction uint8

// The actions of a file pattern.
const (
	FileBlock FileAction = iota
	FileAllow
	FileExempt
)

func (FileAction) choices() []Choice {
	return []Choice{
		{Word: "block", Help: "Block the file."},
		{Word: "allow", Help: "Let the file pass this list; it is scanned."},
		{Word: "exempt", Help: "Deliver the file without scanning it."},
	}
}

// String is the setting's word.
func (e FileAction) String() string { return word(e.choices(), uint8(e)) }

// FileType is a type of files that is told by their contents.
type FileType uint8

// fileTypes are the types that can be told, with the appliance's words.
var fileTypes = []Choice{
	{Word: "unknown", Help: "None of the other types."},
	{Word: "7z", Help: "7-Zip archive."},
	{Word: "avi", Help: "AVI video."},
	{Word: "bmp", Help: "BMP picture."},
	{Word: "bzip2", Help: "bzip2 file."},
	{Word: "cab", Help: "Cabinet of Windows or InstallShield."},
	{Word: "chm", Help: "Compiled help of Windows."},
	{Word: "class", Help: "Java class."},
	{Word: "elf", Help: "Program or library of Unix."},
	{Word: "exe", Help: "Program or library of Windows."},
	{Word: "flac", Help: "FLAC audio."},
	{Word: "gif", Help: "GIF picture."},
	{Word: "gzip", Help: "gzip file."},
	{Word: "html", Help: "HTML page."},
	{Word: "jpeg", Help: "JPEG picture."},
	{Word: "mach-o", Help: "Program or library of macOS."},
	{Word: "mov", Help: "QuickTime video."},
	{Word: "mp3", Help: "MPEG audio."},
	{Word: "mpeg", Help: "MPEG video."},
	{Word: "msoffice", Help: "Microsoft Office file up to 2003, and other compound files."},
	{Word: "msofficex", Help: "Microsoft Office file from 2007 on."},
	{Word: "pdf", Help: "PDF document."},
	{Word: "png", Help: "PNG picture."},
	{Word: "rar", Help: "RAR archive."},
	{Word: "rm", Help: "RealMedia."},
	{Word: "tar", Help: "tar archive."},
	{Word: "tiff", Help: "TIFF picture."},
	{Word: "torrent", Help: "BitTorrent file."},
	{Word: "wav", Help: "WAV audio."},
	{Word: "wma", Help: "Windows Media audio or video."},
	{Word: "xar", Help: "xar archive."},
	{Word: "xz", Help: "xz file."},
	{Word: "zip", Help: "ZIP archive, and what is made of one."},
}

func (FileType) choices() []Choice { return fileTypes }

// String is the setting's word.
func (e FileType) String() string { return word(e.choices(), uint8(e)) }
