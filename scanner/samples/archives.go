package samples

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"unicode/utf16"

	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

var le = binary.LittleEndian

// dictionary is a small one, in bytes: it takes time to make a large one.
const dictionary = 64 << 10

// Xz is data compressed as xz does it.
func Xz(data []byte) []byte {
	return compressed(data, func(w io.Writer) io.WriteCloser {
		z, err := xz.WriterConfig{DictCap: dictionary}.NewWriter(w)
		must(err)
		return z
	})
}

// SevenZip is an archive of files in one stream packed with LZMA.
func SevenZip(files ...File) []byte {
	var all, packed bytes.Buffer
	for _, f := range files {
		all.Write(f.Data)
	}
	w, err := lzma.WriterConfig{DictCap: dictionary, Size: int64(all.Len()), SizeInHeader: true}.NewWriter(&packed)
	must(err)
	must2(w.Write(all.Bytes()))
	must(w.Close())
	const head = 13 // properties and size, which the archive's header has
	stream := packed.Bytes()[head:]
	coder := append([]byte{0x23, 3, 1, 1, 5}, packed.Bytes()[:5]...)
	return sevenZip(stream, coder, all.Len(), files)
}

// StoredSevenZip is an archive of files that are not compressed.
func StoredSevenZip(files ...File) []byte {
	var all bytes.Buffer
	for _, f := range files {
		all.Write(f.Data)
	}
	return sevenZip(all.Bytes(), []byte{0x01, 0}, all.Len(), files)
}

// LockedSevenZip is an archive of files that its header calls encrypted. What stands
// in their place can't be decrypted with any password.
func LockedSevenZip(files ...File) []byte {
	size := 0
	for _, f := range files {
		size += len(f.Data)
	}
	noise := make([]byte, (size+15)/16*16)
	for i := range noise {
		noise[i] = byte(i*i ^ i>>3)
	}
	return sevenZip(noise, []byte{0x24, 6, 0xf1, 7, 1, 2, 19, 0}, size, files)
}

// sevenZip is an archive whose files are in one stream.
func sevenZip(stream, coder []byte, size int, files []File) []byte {
	h := []byte{1, 4, 6, 0, 1, 9}
	h = append(sevenNumber(h, len(stream)), 0)
	h = append(h, 7, 0x0b, 1, 0, 1)
	h = append(append(h, coder...), 0x0c)
	h = append(sevenNumber(h, size), 0)
	h = sevenNumber(append(h, 8, 0x0d), len(files))
	if len(files) > 1 {
		h = append(h, 9)
	}
	for _, f := range files[:len(files)-1] {
		h = sevenNumber(h, len(f.Data))
	}
	h = append(h, 0x0a, 1)
	for _, f := range files {
		h = le.AppendUint32(h, crc32.ChecksumIEEE(f.Data))
	}
	names := []byte{0}
	for _, f := range files {
		for _, u := range utf16.Encode([]rune(f.Name + "\x00")) {
			names = le.AppendUint16(names, u)
		}
	}
	h = append(h, 0, 0)
	h = append(sevenNumber(append(h, 5), len(files)), 0x11)
	h = append(append(sevenNumber(h, len(names)), names...), 0, 0)

	start := le.AppendUint64(nil, uint64(len(stream)))
	start = le.AppendUint64(start, uint64(len(h)))
	start = le.AppendUint32(start, crc32.ChecksumIEEE(h))
	out := le.AppendUint32([]byte("7z\xbc\xaf\x27\x1c\x00\x04"), crc32.ChecksumIEEE(start))
	return append(append(append(out, start...), stream...), h...)
}

// sevenNumber appends a number as 7z headers have it.
func sevenNumber(b []byte, n int) []byte {
	if n < 0x80 {
		return append(b, byte(n))
	}
	return le.AppendUint64(append(b, 0xff), uint64(n))
}

// Rar is an archive of files in the format of RAR 5, not compressed: nobody but
// the maker of the format may compress.
func Rar(files ...File) []byte { return rar5(0, files) }

// LockedRar is an archive of files that its headers call encrypted.
func LockedRar(files ...File) []byte { return rar5(1, files) }

// rar5 writes headers as "RAR 5.0 archive format" has them.
func rar5(locked byte, files []File) []byte {
	out := append([]byte("Rar!\x1a\x07\x01\x00"), rarBlock([]byte{1, 0, 0})...)
	for _, f := range files {
		var extra []byte
		if locked == 1 {
			// type 1, version 0, no flags, 2^4 rounds, salt and vector
			extra = append([]byte{1, 0, 0, 4}, make([]byte, 32)...)
			extra = append([]byte{byte(len(extra))}, extra...)
		}
		h := []byte{2, 2 | locked}
		if locked == 1 {
			h = binary.AppendUvarint(h, uint64(len(extra)))
		}
		h = binary.AppendUvarint(h, uint64(len(f.Data)))
		h = binary.AppendUvarint(append(h, 4), uint64(len(f.Data)))
		h = le.AppendUint32(append(h, 0), crc32.ChecksumIEEE(f.Data))
		h = binary.AppendUvarint(append(h, 0, 1), uint64(len(f.Name)))
		h = append(append(h, f.Name...), extra...)
		out = append(append(out, rarBlock(h)...), f.Data...)
	}
	return append(out, rarBlock([]byte{5, 0, 0})...)
}

func rarBlock(header []byte) []byte {
	h := append(binary.AppendUvarint(nil, uint64(len(header))), header...)
	return append(le.AppendUint32(nil, crc32.ChecksumIEEE(h)), h...)
}

// OldRar is an archive of files in the format before RAR 5, not compressed.
func OldRar(files ...File) []byte {
	out := append([]byte("Rar!\x1a\x07\x00"), oldRarBlock(0x73, 0, make([]byte, 6))...)
	for _, f := range files {
		h := le.AppendUint32(nil, uint32(len(f.Data)))
		h = append(le.AppendUint32(h, uint32(len(f.Data))), 3) // made on Unix
		h = le.AppendUint32(h, crc32.ChecksumIEEE(f.Data))
		h = append(le.AppendUint32(h, 0x52000000), 20, 0x30) // time, version, stored
		h = le.AppendUint16(h, uint16(len(f.Name)))
		h = append(le.AppendUint32(h, 0o100644), f.Name...)
		out = append(append(out, oldRarBlock(0x74, 0x8000, h)...), f.Data...)
	}
	return append(out, oldRarBlock(0x7b, 0x4000, nil)...)
}

func oldRarBlock(kind byte, flags uint16, rest []byte) []byte {
	h := le.AppendUint16([]byte{kind}, flags)
	h = append(le.AppendUint16(h, uint16(7+len(rest))), rest...)
	return append(le.AppendUint16(nil, uint16(crc32.ChecksumIEEE(h))), h...)
}

// LockedZip is an archive of one file, encrypted the old way of zip (APPNOTE
// section 6.1) with a password.
func LockedZip(password string, f File) []byte {
	c := newZipCipher(password)
	sum := crc32.ChecksumIEEE(f.Data)
	head := append(bytes.Repeat([]byte{0x5a}, 11), byte(sum>>24))
	var out bytes.Buffer
	local := append([]byte("PK\x03\x04\x14\x00\x01\x00\x00\x00\x00\x00\x00\x00"), zipSizes(sum, f)...)
	local = append(local, byte(len(f.Name)), 0, 0, 0)
	out.Write(append(local, f.Name...))
	out.Write(c.encrypt(append(head, f.Data...)))
	offset := out.Len()
	item := append([]byte("PK\x01\x02\x14\x00\x14\x00\x01\x00\x00\x00\x00\x00\x00\x00"), zipSizes(sum, f)...)
	item = append(item, byte(len(f.Name)), 0)
	item = append(append(item, make([]byte, 16)...), f.Name...)
	out.Write(item)
	end := append([]byte("PK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00"), le.AppendUint32(nil, uint32(len(item)))...)
	out.Write(append(le.AppendUint32(end, uint32(offset)), 0, 0))
	return out.Bytes()
}

// zipSizes are checksum and sizes of an encrypted member.
func zipSizes(sum uint32, f File) []byte {
	b := le.AppendUint32(nil, sum)
	return le.AppendUint32(le.AppendUint32(b, uint32(len(f.Data)+12)), uint32(len(f.Data)))
}

// zipCipher is the cipher of old zip archives.
type zipCipher [3]uint32

func newZipCipher(password string) *zipCipher {
	c := &zipCipher{0x12345678, 0x23456789, 0x34567890}
	for i := range len(password) {
		c.update(password[i])
	}
	return c
}

func (c *zipCipher) update(b byte) {
	c[0] = crc32Step(c[0], b)
	c[1] = (c[1]+c[0]&0xff)*134775813 + 1
	c[2] = crc32Step(c[2], byte(c[1]>>24))
}

func crc32Step(crc uint32, b byte) uint32 { return crc32.IEEETable[byte(crc)^b] ^ crc>>8 }

func (c *zipCipher) encrypt(data []byte) []byte {
	out := make([]byte, len(data))
	for i, b := range data {
		t := uint16(c[2]) | 2
		out[i] = b ^ byte(t*(t^1)>>8)
		c.update(b)
	}
	return out
}

// CorruptZip is an archive whose one member is damaged in the middle.
func CorruptZip(f File) []byte {
	data := Zip(f)
	at := 30 + len(f.Name)
	end := bytes.Index(data, []byte("PK\x01\x02"))
	for i := at + (end-at)/4; i < at+(end-at)/2; i++ {
		data[i] ^= 0xff
	}
	return data
}
