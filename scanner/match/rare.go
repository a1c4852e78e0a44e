package match

// rarest is the offset of the two neighbouring bytes of p that are least to be
// expected in content, the first above all, because the search jumps to it, and
// how rare they are.
func rarest(p []byte) (at, rare int) {
	best := -1
	for i := range len(p) - 1 {
		if r := 2*rarity(p[i]) + rarity(p[i+1]); r > best {
			best, at = r, i
		}
	}
	return at, best
}

// rarity guesses how seldom a byte is, 0 for the most frequent. Letters, digits,
// blanks and the marks of markup fill text; zero and 255 fill binaries; the few
// marks that neither prose nor markup nor scripts use much are the rarest.
func rarity(b byte) int {
	switch {
	case b == 0, b == 0xff, b == ' ', b >= 'a' && b <= 'z':
		return 0
	case b >= '0' && b <= '9', b == '\n', b == '\r', b == '\t', b == '<', b == '>', b == '/', b == '"', b == '.', b == ',':
		return 1
	case b >= 'A' && b <= 'Z', b == '=', b == '-', b == ':', b == ';', b == '(', b == ')', b == '_', b == '{', b == '}', b == '[', b == ']', b == '$', b == '\'':
		return 2
	case b == '^', b == '~', b == '`', b == '|', b == '@', b == '!':
		return 4
	default: // control bytes, high bytes, the other marks
		return 3
	}
}
