package builtin

// sevenFolder is a stream of a 7z archive as far as its cost goes.
type sevenFolder struct {
	coders     []sevenCoder
	outs       int
	packed     int   // streams that it is made from
	size       int64 // unpacked
	dictionary int64
	summed     bool  // its checksum is known
	refused    error // why it is not unpacked
}

type sevenCoder struct {
	id    string
	props []byte
}

// Methods of coders (Methods.txt of 7-Zip).
const (
	sevenCopy    = "\x00"
	sevenDelta   = "\x03"
	sevenARM64   = "\x0a"
	sevenLZMA2   = "\x21"
	sevenLZMA    = "\x03\x01\x01"
	sevenPPMd    = "\x03\x04\x01"
	sevenBCJ     = "\x03\x03\x01\x03"
	sevenBCJ2    = "\x03\x03\x01\x1b"
	sevenPPC     = "\x03\x03\x02\x05"
	sevenARM     = "\x03\x03\x05\x01"
	sevenSPARC   = "\x03\x03\x08\x05"
	sevenDeflate = "\x04\x01\x08"
	sevenBzip2   = "\x04\x02\x02"
	sevenBrotli  = "\x04\xf7\x11\x02"
	sevenLZ4     = "\x04\xf7\x11\x04"
	sevenAES     = "\x06\xf1\x07\x01"
)

// What a coder's memory can be besides a number of bytes.
const (
	memoryLocked  = -1 // it decrypts
	memoryUnknown = -2 // it is not known, or takes what can't be bounded here (zstd)
	// memoryOther is what the decoders that have no dictionary of a size of their own
	// take at most, in bytes.
	memoryOther = 8 << 20
)

// add adds a coder to a folder and what it costs.
func (f *sevenFolder) add(c sevenCoder) {
	f.coders = append(f.coders, c)
	cost := c.dictionary()
	switch {
	case cost == memoryLocked:
		f.refused = errLocked
	case cost < 0 && f.refused == nil:
		f.refused = errMethod
	case cost > maxDictionary && f.refused == nil:
		f.refused = errDictionary
	default:
		f.dictionary = min(f.dictionary+cost, maxDictionary)
	}
}

// dictionary is how much memory the decoder takes, in bytes, or memoryLocked or
// memoryUnknown.
func (c *sevenCoder) dictionary() int64 {
	switch c.id {
	case sevenAES:
		return memoryLocked
	case sevenLZMA, sevenPPMd:
		if len(c.props) != 5 {
			return memoryUnknown
		}
		return int64(le.Uint32(c.props[1:]))
	case sevenLZMA2:
		if len(c.props) != 1 || c.props[0] > 40 {
			return memoryUnknown
		}
		return lzma2Dictionary(c.props[0])
	case sevenDeflate, sevenBzip2, sevenBrotli, sevenLZ4:
		return memoryOther
	case sevenCopy, sevenDelta, sevenBCJ, sevenBCJ2, sevenPPC, sevenARM, sevenSPARC, sevenARM64:
		return 0
	}
	return memoryUnknown
}
