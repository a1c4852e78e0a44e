package proxy

// ReadAt reads what is held of the object's content, as an io.ReaderAt: all of it,
// or its beginning when the outcome is TooLarge. It serves until Release or Discard.
func (h *Hold) ReadAt(p []byte, off int64) (int, error) {
	h.toSpool()
	return h.spool.ReadAt(p, off)
}

// Size is how many bytes of content are held.
func (h *Hold) Size() int64 { return h.size }
