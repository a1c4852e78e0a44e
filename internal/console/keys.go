package console

import (
	"errors"
	"io"
	"unicode/utf8"
)

// Control characters, by the key that makes them.
const (
	ctrlA     = 0x01
	ctrlB     = 0x02
	ctrlC     = 0x03
	ctrlD     = 0x04
	ctrlE     = 0x05
	ctrlF     = 0x06
	ctrlH     = 0x08
	tab       = '\t'
	lineFeed  = '\n'
	ctrlK     = 0x0b
	ctrlL     = 0x0c
	enterKey  = '\r'
	ctrlN     = 0x0e
	ctrlP     = 0x10
	ctrlT     = 0x14
	ctrlU     = 0x15
	ctrlV     = 0x16
	ctrlW     = 0x17
	escape    = 0x1b
	backspace = 0x7f
)

// errInterrupt is what Ctrl-C makes of a line.
var errInterrupt = errors.New("interrupted")

// keyboard turns the bytes of a terminal into keys the line editor knows, one at
// each Read. Sequences that mean no key, stray control characters and bytes that
// are not UTF-8 go no further: the editor would wait for their end forever.
type keyboard struct {
	next func() (byte, error) // the next byte of the terminal, waiting for it

	full    bool // the line takes no more characters
	literal bool // the key that Read gave last was typed after Ctrl-V
	broken  bool // bytes that are not UTF-8 were left out of the line
	cr      bool // the last byte was a carriage return
}

// byte is the next byte; of the pair CR LF only the CR.
func (k *keyboard) byte() (byte, error) {
	for {
		b, err := k.next()
		if err != nil {
			return 0, err
		}
		if b == lineFeed && k.cr {
			k.cr = false
			continue
		}
		k.cr = b == enterKey
		return b, nil
	}
}

// endKey moves the cursor behind the line.
const endKey = "\x1b[F"

// maxKey is the longest key that Read gives, in bytes.
const maxKey = 6

// Read puts one key into p, which must have room for any.
func (k *keyboard) Read(p []byte) (int, error) {
	if len(p) < maxKey {
		return 0, io.ErrShortBuffer
	}
	k.literal = false
	for {
		b, err := k.byte()
		if err != nil {
			return 0, err
		}
		key, err := k.key(b)
		if errors.Is(err, errInterrupt) { // what follows is shown behind the line, wherever the cursor is
			return copy(p, endKey), err
		}
		if err != nil {
			return 0, err
		}
		if key != "" && !(k.full && key[0] >= ' ' && key[0] != backspace) {
			return copy(p, key), nil
		}
	}
}

// key is the key that begins with b; empty for none.
func (k *keyboard) key(b byte) (string, error) {
	switch b {
	case ctrlC:
		return "", errInterrupt
	case escape:
		return k.sequence()
	case ctrlV:
		return k.verbatim()
	case lineFeed:
		return string(rune(enterKey)), nil
	case ctrlA, ctrlB, ctrlD, ctrlE, ctrlF, ctrlH, tab, ctrlK, ctrlL, enterKey, ctrlN, ctrlP, ctrlT, ctrlU, ctrlW, backspace:
		return string(rune(b)), nil
	}
	if b < ' ' {
		return "", nil
	}
	return k.char(b)
}

// verbatim is the key after Ctrl-V: a character that is not to be taken as a
// command of the editor. Control characters have no place in a line.
func (k *keyboard) verbatim() (string, error) {
	b, err := k.byte()
	if err != nil {
		return "", err
	}
	if b < ' ' || b == backspace {
		return k.key(b)
	}
	k.literal = true
	return k.char(b)
}

// char is the character that begins with b.
func (k *keyboard) char(b byte) (string, error) {
	char := []byte{b}
	for !utf8.FullRune(char) {
		b, err := k.byte()
		if err != nil {
			return "", err
		}
		if utf8.RuneStart(b) { // the character was cut short, a new key begins
			k.broken = true
			return k.key(b)
		}
		char = append(char, b)
	}
	switch r, _ := utf8.DecodeRune(char); {
	case r == utf8.RuneError:
		k.broken = true
		return "", nil
	case r >= 0x80 && r < 0xa0: // the upper control characters
		return "", nil
	}
	return string(char), nil
}

// maxSequence is the longest escape sequence that is followed to its end, in
// bytes.
const maxSequence = 16

// sequences are the escape sequences of keys that terminals agree on, behind ESC,
// and what the line editor calls them.
var sequences = map[string]string{
	"[A": "\x1b[A", "[B": "\x1b[B", "[C": "\x1b[C", "[D": "\x1b[D",
	"OA": "\x1b[A", "OB": "\x1b[B", "OC": "\x1b[C", "OD": "\x1b[D",
	"[H": "\x1b[H", "OH": "\x1b[H", "[1~": "\x1b[H", "[7~": "\x1b[H",
	"[F": endKey, "OF": endKey, "[4~": endKey, "[8~": endKey,
	"[3~":   "\x1b[3~",
	"[1;3C": "\x1b[1;3C", "[1;5C": "\x1b[1;3C", "f": "\x1b[1;3C", // a word to the right
	"[1;3D": "\x1b[1;3D", "[1;5D": "\x1b[1;3D", "b": "\x1b[1;3D", // a word to the left
	"\x7f": "\x17", // Alt-Backspace
}

// sequence is the key whose escape sequence begins; none for one that is unknown.
func (k *keyboard) sequence() (string, error) {
	b, err := k.byte()
	if err != nil {
		return "", err
	}
	seq := []byte{b}
	switch {
	case b < ' ' || b >= 0x80: // ESC by itself
		return k.key(b)
	case b == '[' || b == 'O':
		for {
			if b, err = k.byte(); err != nil {
				return "", err
			}
			if b < ' ' {
				return k.key(b)
			}
			if len(seq) < maxSequence {
				seq = append(seq, b)
			}
			if b >= '@' && b <= '~' || b >= 0x80 {
				break
			}
		}
	}
	return sequences[string(seq)], nil
}
