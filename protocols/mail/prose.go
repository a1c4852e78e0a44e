package mail

import "bytes"

// Most text is prose: words with blanks between them, in which nothing is encoded. What
// follows lets scrape pass over it faster than line by line.

// proseAhead is how much is searched for marks at once, in bytes: a mark that stands near
// must not cost a search of all that follows for one of the other kind.
const proseAhead = 4 << 10

// skip takes lines that line would say nothing about, as far as they can be seen. Lines
// must end with LF.
//
// A run of lines that looks like base64 has minRun characters and no blank between them.
// So a blank between two words in the minRun bytes behind the beginning of a line shows
// that none begins before the next line.
func (s *scraper) skip(l *lines, what scrapeFor) {
	if s.open || s.chars > 0 || l.pos >= l.to || l.src.m.err != nil {
		return
	}
	b := l.window(l.pos, false)
	if l.pos >= s.proseTo {
		s.proseTo = l.pos + int64(prose(b[:min(len(b), proseAhead)], what))
	}
	b = b[:min(int64(len(b)), s.proseTo-l.pos)]
	if what == scrapeBlocks {
		l.pos += int64(bytes.LastIndexByte(b, '\n') + 1)
		return
	}
	at := 0
	for len(b)-at > minRun {
		blank := lastBetweenWords(b[at : at+minRun])
		if blank < 0 {
			break
		}
		end := bytes.IndexByte(b[at+blank:], '\n')
		if end < 0 {
			break
		}
		at += blank + end + 1
	}
	l.pos += int64(at)
}

// prose is how many bytes of b, which begins with a line, come before the next line
// that may begin a block, or be quoted-printable where that is looked for.
func prose(b []byte, what scrapeFor) int {
	const begin, control = "\nbegin", "\n="
	n := -1
	switch {
	case bytes.HasPrefix(b, []byte(begin[1:])):
		return 0
	case what == scrapeAll:
		n = bytes.IndexByte(b, '=')
	case bytes.HasPrefix(b, []byte(control[1:])):
		return 0
	default:
		n = bytes.Index(b, []byte(control)) + 1
		if n == 0 {
			n = -1
		}
	}
	if n < 0 {
		n = len(b)
	}
	if i := bytes.Index(b[:n], []byte(begin)); i >= 0 {
		n = i + 1
	}
	return n
}

// lastBetweenWords is the last blank in b with something else than blanks and line ends
// on both sides, -1 when there is none.
func lastBetweenWords(b []byte) int {
	for i := len(b) - 2; i > 0; i-- {
		if (b[i] == ' ' || b[i] == '\t') && base64Values[b[i-1]] != b64Blank && base64Values[b[i+1]] != b64Blank {
			return i
		}
	}
	return -1
}
