package builtin

import "bytes"

// format is a kind of container, told by its first bytes. Zip is not among them:
// its programs look for it at the end of a file, so that it may begin anywhere.
type format uint8

const (
	formatNone format = iota
	formatGzip
	formatZstd
	formatBzip2
	formatTar
	formatXz
	format7z
	formatRar
	formatSplitZip // the first part of an archive in several files, which is not opened
)

// headSize is how many bytes sniff wants to see.
const headSize = 512

var magics = [...]struct {
	magic  string
	format format
}{
	{"\x1f\x8b\x08", formatGzip},
	{"\x28\xb5\x2f\xfd", formatZstd},
	{xzMagic, formatXz},
	{sevenMagic, format7z},
	{rarMagic, formatRar},
	{"PK\x07\x08PK\x03\x04", formatSplitZip},
}

// sniff tells the format of content that begins with head.
func sniff(head []byte) format {
	for i := range magics {
		m := magics[i].magic
		if len(head) >= len(m) && string(head[:len(m)]) == m {
			return magics[i].format
		}
	}
	switch {
	case isBzip2(head):
		return formatBzip2
	case isSkippableFrame(head):
		return formatZstd
	case isTarHeader(head), isTarLike(head):
		return formatTar
	}
	return formatNone
}

// embeds says that archives of the format are found behind other content as well.
func (f format) embeds() bool { return f == format7z || f == formatRar }

// isSkippableFrame: zstd content may begin with one (RFC 8878 section 3.1.2).
func isSkippableFrame(head []byte) bool {
	return len(head) >= 4 && head[0]&0xf0 == 0x50 && head[1] == 0x2a && head[2] == 0x4d && head[3] == 0x18
}

// isBzip2 checks the level and the first block's magic too: "BZh" alone may be
// text.
func isBzip2(head []byte) bool {
	if len(head) < 10 || string(head[:3]) != "BZh" || head[3] < '1' || head[3] > '9' {
		return false
	}
	block := string(head[4:10])
	return block == "\x31\x41\x59\x26\x53\x59" || block == "\x17\x72\x45\x38\x50\x90"
}

// tarBlock is the size that everything in a tar archive is a multiple of, in bytes.
const tarBlock = 512

// isTarLike: an archive that tar reads though its first header is damaged, or may read
// because there are only zeros in its place.
func isTarLike(head []byte) bool {
	const magic, magicAt = "ustar", 257
	return len(head) >= tarBlock && (string(head[magicAt:magicAt+len(magic)]) == magic || isZero(head[:tarBlock]))
}

func isZero(block []byte) bool {
	for _, b := range block {
		if b != 0 {
			return false
		}
	}
	return true
}

// isTarHeader checks the sum of a tar header, which every variant of the format
// has, and not the word "ustar", which the oldest lacks (POSIX pax, "ustar
// Interchange Format").
func isTarHeader(head []byte) bool {
	const sumAt, sumLen = 148, 8
	if len(head) < tarBlock || head[0] == 0 {
		return false
	}
	want, digits := 0, 0
	for _, b := range head[sumAt : sumAt+sumLen] {
		switch {
		case b >= '0' && b <= '7':
			want = want<<3 | int(b-'0')
			digits++
		case b != ' ' && b != 0:
			return false
		}
	}
	if digits == 0 {
		return false
	}
	unsigned, signed := sumLen*int(' '), sumLen*int(' ')
	for i, b := range head[:tarBlock] {
		if i < sumAt || i >= sumAt+sumLen {
			unsigned += int(b)
			signed += int(int8(b))
		}
	}
	return want == unsigned || want == signed
}

// zipMagic begins the header of every member of a zip archive.
var zipMagic = []byte("PK\x03\x04")

func indexZip(p []byte) int { return bytes.Index(p, zipMagic) }

const (
	sevenMagic = "7z\xbc\xaf\x27\x1c"
	rarMagic   = "Rar!\x1a\x07"
)

// embeddedMagics begin archives that programs find behind other content, as behind the
// program of one that extracts itself. The first is zipMagic.
var embeddedMagics = [][]byte{zipMagic, []byte(sevenMagic), []byte(rarMagic)}
