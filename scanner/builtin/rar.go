package builtin

import (
	"errors"
	"fmt"
	"io"

	"github.com/nwaples/rardecode/v2"

	"utmsim/scanner"
)

// rar scans the files of a rar archive.
func (s *scan) rar(in *input, l *layer) (how opened) {
	how = openedInside
	r, err := rardecode.NewReader(in.buf, rardecode.MaxDictionarySize(maxDictionary))
	window := int64(0) // bytes of the largest one the decoder may have made
	for err == nil && s.countMember() {
		var h *rardecode.FileHeader
		if h, err = next(r); err != nil {
			break
		}
		child := l.child(h.Name)
		switch {
		case h.IsDir || h.UnPackedSize == 0 && !h.UnKnownSize:
			continue
		case h.Encrypted:
			s.note(scanner.Encrypted, child, "rar member encrypted")
			how = openedBadly
			continue
		}
		if window = max(window, min(h.UnPackedSize, maxDictionary)); !s.spendDictionary(window) {
			return openedBadly
		}
		if _, damage := s.stream(guarded{r}, child); damage != nil && in.err == nil {
			s.refuseRar(damage, child)
			how = openedBadly
		}
	}
	if err != nil && err != io.EOF && in.err == nil {
		s.refuseRar(err, l)
		how = openedBadly
	}
	return how
}

// refuseRar notes why a rar archive, or a member, could not be read.
func (s *scan) refuseRar(err error, l *layer) {
	switch {
	case errors.Is(err, rardecode.ErrArchiveEncrypted), errors.Is(err, rardecode.ErrArchivedFileEncrypted),
		errors.Is(err, rardecode.ErrBadPassword):
		s.noteIf(scanner.Encrypted, l, "rar archive encrypted")
	case errors.Is(err, rardecode.ErrMultiVolume), errors.Is(err, rardecode.ErrFileNameRequired):
		s.noteIf(scanner.Unhandled, l, "part of a split rar archive")
	case errors.Is(err, rardecode.ErrUnsupportedDecoder), errors.Is(err, rardecode.ErrUnknownDecoder),
		errors.Is(err, rardecode.ErrUnknownVersion), errors.Is(err, rardecode.ErrMultipleDecoders):
		s.noteIf(scanner.Unhandled, l, "rar method not supported")
	case errors.Is(err, rardecode.ErrDictionaryTooLarge):
		s.noteIf(scanner.Oversize, l, "rar dictionary above the limit")
	default:
		s.noteIf(scanner.Corrupt, l, "rar archive damaged")
	}
}

// noteIf notes an archive verdict unless the scan has stopped, which is then why
// an archive could not be read.
func (s *scan) noteIf(c scanner.Class, l *layer, reason string) {
	if s.stop == nil {
		s.note(c, l, reason)
	}
}

// errPanicked stands for a decoder that could not cope with its input.
var errPanicked = errors.New("decoder failed")

// survive turns a panic of a decoder that others wrote into an error: what they
// can't cope with is damaged.
func survive(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: %v", errPanicked, p)
	}
}

// guarded is a reader whose panics are errors.
type guarded struct{ r io.Reader }

func (g guarded) Read(p []byte) (n int, err error) {
	defer survive(&err)
	return g.r.Read(p)
}

func next(r *rardecode.Reader) (h *rardecode.FileHeader, err error) {
	defer survive(&err)
	return r.Next()
}
