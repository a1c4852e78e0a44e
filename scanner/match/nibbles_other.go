//go:build !amd64

package match

var hasNibbles = false

// spot is never called.
func (f *nibbles) spot(p []byte, n int) (at int, found uint32) { return n, 0 }
