package filefilter

import (
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// Type is a kind of files, told by their contents.
type Type uint8

// The types. None is no type at all; Unknown is that of a file that is none of the
// others.
const (
	None Type = iota
	Unknown
	SevenZip
	AVI
	BMP
	Bzip2
	Cab
	CHM
	Class
	ELF
	EXE
	FLAC
	GIF
	Gzip
	HTML
	JPEG
	MachO
	MOV
	MP3
	MPEG
	MSOffice
	MSOfficeX
	PDF
	PNG
	RAR
	RM
	Tar
	TIFF
	Torrent
	WAV
	WMA
	XAR
	XZ
	Zip
	types
)

// known are the types with their words and with the media types of their contents. A
// content whose own media type is not here is of the type of what it is made from: a
// program for Java is a zip file.
var known = [types]struct {
	word  string
	media string
}{
	None:      {"none", ""},
	Unknown:   {"unknown", ""},
	SevenZip:  {"7z", "application/x-7z-compressed"},
	AVI:       {"avi", "video/x-msvideo"},
	BMP:       {"bmp", "image/bmp"},
	Bzip2:     {"bzip2", "application/x-bzip2"},
	Cab:       {"cab", "application/vnd.ms-cab-compressed application/x-installshield"},
	CHM:       {"chm", "application/vnd.ms-htmlhelp"},
	Class:     {"class", "application/x-java-applet"},
	ELF:       {"elf", "application/x-elf"},
	EXE:       {"exe", "application/vnd.microsoft.portable-executable"},
	FLAC:      {"flac", "audio/flac"},
	GIF:       {"gif", "image/gif"},
	Gzip:      {"gzip", "application/gzip"},
	HTML:      {"html", "text/html application/xhtml+xml"},
	JPEG:      {"jpeg", "image/jpeg"},
	MachO:     {"mach-o", "application/x-mach-binary"},
	MOV:       {"mov", "video/quicktime"},
	MP3:       {"mp3", "audio/mpeg"},
	MPEG:      {"mpeg", "video/mpeg"},
	MSOffice:  {"msoffice", "application/x-ole-storage"},
	MSOfficeX: {"msofficex", "application/vnd.openxmlformats-officedocument.wordprocessingml.document application/vnd.openxmlformats-officedocument.presentationml.presentation application/vnd.openxmlformats-officedocument.spreadsheetml.sheet application/vnd.ms-visio.drawing.main+xml"},
	PDF:       {"pdf", "application/pdf"},
	PNG:       {"png", "image/png"},
	RAR:       {"rar", "application/vnd.rar"},
	RM:        {"rm", "application/vnd.rn-realmedia-vbr"},
	Tar:       {"tar", "application/x-tar"},
	TIFF:      {"tiff", "image/tiff"},
	Torrent:   {"torrent", "application/x-bittorrent"},
	WAV:       {"wav", "audio/wav"},
	WMA:       {"wma", "video/x-ms-asf"},
	XAR:       {"xar", "application/x-xar"},
	XZ:        {"xz", "application/x-xz"},
	Zip:       {"zip", "application/zip"},
}

// String is the type's word.
func (t Type) String() string {
	if t >= types {
		return "none"
	}
	return known[t].word
}

// Named finds a type by its word.
func Named(word string) (t Type, ok bool) {
	for t = Unknown; t < types; t++ {
		if known[t].word == word {
			return t, true
		}
	}
	return None, false
}

// Text tells that contents of the type are text that may stand in a mail without
// being a file.
func (t Type) Text() bool { return t == HTML || t == Unknown }

// HeadLength is how much of a content Detect looks at, in bytes.
const HeadLength = 3072

// Detect is the type of the content that begins with head.
func Detect(head []byte) Type {
	for m := mimetype.Detect(head[:min(len(head), HeadLength)]); m != nil; m = m.Parent() {
		media, _, _ := strings.Cut(m.String(), ";")
		for t := range types {
			for _, name := range strings.Fields(known[t].media) {
				if media == name {
					return t
				}
			}
		}
	}
	return Unknown
}
