package mail

import (
	"bytes"
	"io"
	"strings"
)

// maxAddresses is how much is looked at of a field, and of all of a head, for the
// addresses in it.
const (
	maxAddresses = 1 << 10
	maxTopHead   = 16 << 10
)

// Addresses is what the fields From and To of a message say, unfolded; raw is the
// message, size its length. What can't be read is empty.
func Addresses(raw io.ReaderAt, size int64) (from, to string) {
	top := make([]byte, min(size, maxTopHead))
	n, _ := raw.ReadAt(top, 0) // less is less to look at
	return named(top[:n], "from"), named(top[:n], "to")
}

// named is the value of the first field with that name in the head at the beginning of
// top.
func named(top []byte, want string) string {
	var value []byte
	found := false
	for len(top) > 0 {
		var line []byte
		line, top, _ = bytes.Cut(top, []byte("\n"))
		line = bytes.TrimRight(line, "\r")
		name, rest := field(line)
		switch {
		case len(line) == 0, found && !continues(line):
			top = nil
		case found:
			value = append(append(value, ' '), bytes.TrimSpace(line)...)
		case !continues(line) && is(name, want):
			found, value = true, append(value, bytes.TrimSpace(rest)...)
		}
	}
	return strings.ToValidUTF8(string(value[:min(len(value), maxAddresses)]), "")
}
