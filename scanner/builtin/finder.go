package builtin

// signatureSize is the length of the signatures that a finder looks for.
const signatureSize = 4

// finder looks for signatures in content, forwards. It keeps the part it read
// last, so that many finds close together cost one read.
type finder struct {
	scan *scan
	c    *content
	buf  *[chunkSize]byte
	at   int64 // of buf in the content
	n    int   // bytes of buf that are content
}

func (s *scan) newFinder(c *content) *finder {
	buf, ok := s.engine.chunks.Get().(*[chunkSize]byte)
	if !ok {
		buf = new([chunkSize]byte)
	}
	return &finder{scan: s, c: c, buf: buf}
}

func (f *finder) release() { f.scan.engine.chunks.Put(f.buf) }

// find is the first place at or behind from where index, which looks for
// signatureSize bytes, finds them; -1 when there is none.
func (f *finder) find(from int64, index func([]byte) int) int64 {
	for f.scan.alive() && from < f.c.size {
		p := f.from(from)
		if at := index(p); at >= 0 {
			return from + int64(at)
		}
		if len(p) == 0 || from+int64(len(p)) == f.c.size {
			return -1
		}
		from = max(from+int64(len(p)-signatureSize+1), from+1)
	}
	return -1
}

// from is the content at off as far as it is in the buffer, which is filled
// again when it holds too little.
func (f *finder) from(off int64) []byte {
	if off >= f.at && off+signatureSize <= f.at+int64(f.n) {
		return f.buf[off-f.at : f.n]
	}
	f.at, f.n = off, int(min(chunkSize, f.c.size-off))
	if !f.scan.spend(int64(f.n)) || !f.scan.readAt(f.c, f.buf[:f.n], off) {
		f.n = 0
	}
	return f.buf[:f.n]
}
