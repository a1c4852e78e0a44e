package proxy

import (
	"fmt"
	"io"

	"utmsim/protocols/wire"
)

// copy relays n bytes from one connection to the other through a chunk.
func (s *Session) copy(from, to *wire.Conn, n int64) (moved int64, err error) {
	c := wire.GetChunk()
	defer wire.PutChunk(c)
	for moved < n {
		k, err := from.Read(c[:min(n-moved, chunkSize)])
		if k > 0 {
			if _, werr := to.Stream().Write(c[:k]); werr != nil {
				return moved, werr
			}
			moved += int64(k)
			continue
		}
		if err == io.EOF {
			return moved, io.ErrUnexpectedEOF
		}
		return moved, brokenOff(err)
	}
	return moved, nil
}

// brokenOff marks an error of the side that bytes are moved from, so that it is
// not taken for one of the side they go to.
func brokenOff(err error) error { return fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, err) }
