package samples

import (
	"bytes"
	"hash/crc32"
	"math/bits"
	"slices"
)

// Bzip2 is data compressed as bzip2 does it, in blocks of 50,000 bytes, with codes of
// nearly equal length: it is smaller for what repeats itself, and no more is needed.
func Bzip2(data []byte) []byte {
	w := bitWriter{}
	w.bytes("BZh9")
	sum := uint32(0)
	for len(data) > 0 {
		n := min(len(data), 50_000)
		block := bzip2CRC(data[:n])
		sum = bits.RotateLeft32(sum, 1) ^ block
		w.bytes("\x31\x41\x59\x26\x53\x59")
		w.put(uint64(block), 32)
		w.block(runs(data[:n]))
		data = data[n:]
	}
	w.bytes("\x17\x72\x45\x38\x50\x90")
	w.put(uint64(sum), 32)
	return w.done()
}

// bitWriter writes bits, the highest first.
type bitWriter struct {
	out  bytes.Buffer
	acc  uint64
	have uint
}

func (w *bitWriter) put(v uint64, n uint) {
	for n > 0 {
		n--
		w.acc = w.acc<<1 | v>>n&1
		if w.have++; w.have == 8 {
			w.out.WriteByte(byte(w.acc))
			w.have, w.acc = 0, 0
		}
	}
}

func (w *bitWriter) bytes(s string) {
	for i := range len(s) {
		w.put(uint64(s[i]), 8)
	}
}

func (w *bitWriter) done() []byte {
	if w.have > 0 {
		w.put(0, 8-w.have)
	}
	return w.out.Bytes()
}

// bzip2CRC is the checksum of a block: CRC-32 with the highest bit first.
func bzip2CRC(data []byte) uint32 {
	turned := make([]byte, len(data))
	for i, b := range data {
		turned[i] = bits.Reverse8(b)
	}
	return bits.Reverse32(crc32.ChecksumIEEE(turned))
}

// runs is the first step: behind four equal bytes stands how many more there are.
func runs(data []byte) (out []byte) {
	for i := 0; i < len(data); {
		n := 1
		for n < 259 && i+n < len(data) && data[i+n] == data[i] {
			n++
		}
		out = append(out, bytes.Repeat(data[i:i+1], min(n, 4))...)
		if n >= 4 {
			out = append(out, byte(n-4))
		}
		i += n
	}
	return out
}

// block writes one block.
func (w *bitWriter) block(data []byte) {
	last, origin := rotated(data)
	w.put(0, 1) // not randomised
	w.put(uint64(origin), 24)
	symbols, used := fronted(last)
	w.used(used)
	count := len(used) + 2
	w.put(2, 3) // tables, both the same
	selectors := (len(symbols) + 49) / 50
	w.put(uint64(selectors), 15)
	w.put(0, uint(selectors))
	short, length := codeLengths(count)
	for range 2 {
		w.lengths(count, short, length)
	}
	for _, s := range symbols {
		if s < short {
			w.put(uint64(s), length-1)
			continue
		}
		w.put(uint64(s+short), length)
	}
}

// rotated is the last column of the sorted rotations of data, and the row that is
// data itself.
func rotated(data []byte) (last []byte, origin int) {
	rows := make([]int, len(data))
	for i := range rows {
		rows[i] = i
	}
	twice := append(slices.Clone(data), data...)
	slices.SortFunc(rows, func(a, b int) int { return bytes.Compare(twice[a:a+len(data)], twice[b:b+len(data)]) })
	for i, row := range rows {
		last = append(last, twice[row+len(data)-1])
		if row == 0 {
			origin = i
		}
	}
	return last, origin
}

// fronted replaces each byte by its place among those used, the one used last in
// front, and runs of the first place by their length in two symbols.
func fronted(data []byte) (symbols []int, used []byte) {
	used = slices.Compact(slices.Sorted(slices.Values(data)))
	front := slices.Clone(used)
	zeros := 0
	flush := func() {
		for ; zeros > 0; zeros = (zeros - 1) / 2 {
			symbols = append(symbols, (zeros-1)%2)
		}
	}
	for _, b := range data {
		at := bytes.IndexByte(front, b)
		if at == 0 {
			zeros++
			continue
		}
		flush()
		copy(front[1:], front[:at])
		front[0] = b
		symbols = append(symbols, at+1)
	}
	flush()
	return append(symbols, len(used)+1), used
}

// used writes which bytes there are.
func (w *bitWriter) used(list []byte) {
	var rows [16]uint64
	ranges := uint64(0)
	for _, b := range list {
		rows[b>>4] |= 1 << (15 - b&15)
		ranges |= 1 << (15 - b>>4)
	}
	w.put(ranges, 16)
	for _, row := range rows {
		if row != 0 {
			w.put(row, 16)
		}
	}
}

// codeLengths is a complete code for n symbols: the first so many have one bit less
// than length, the others length.
func codeLengths(n int) (short int, length uint) {
	length = uint(bits.Len(uint(n - 1)))
	return 1<<length - n, length
}

// lengths writes a table of code lengths, each as the difference from the one
// before.
func (w *bitWriter) lengths(count, short int, length uint) {
	at := length
	if short > 0 {
		at--
	}
	w.put(uint64(at), 5)
	for i := range count {
		if i == short && at != length {
			w.put(0b10, 2) // one more
			at = length
		}
		w.put(0, 1)
	}
}
