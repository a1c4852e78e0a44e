package mail

import (
	"bytes"

	"golang.org/x/sys/cpu"
)

const (
	lineBlock = 32   // characters that are decoded at once
	lineOver  = 8    // bytes that are written over behind the content
	longLine  = 1024 // characters of a line that is looked for
)

// decodeLines decodes lines from the front of in that are as long as the first, end
// with CR LF and hold nothing but digits in whole groups. It returns how many
// characters it took and how many bytes of out are their content.
func decodeLines(out, in []byte) (taken, made int) {
	if !cpu.X86.HasAVX2 {
		return 0, 0
	}
	width := bytes.IndexByte(in[:min(len(in), longLine)], '\r')
	if width < lineBlock || width%4 != 0 {
		return 0, 0
	}
	content := width / 4 * 3
	lines := min(len(in)/(width+2), (len(out)-lineOver)/content)
	if lines <= 0 {
		return 0, 0
	}
	n := decodeLinesAVX2(&out[0], &in[0], width, lines)
	return n * (width + 2), n * content
}

//go:noescape
func decodeLinesAVX2(out, in *byte, width, lines int) int
