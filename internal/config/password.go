package config

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// Password is the hash of an account's password: empty for an account without
// one, else as in "set password ENC HASH". Passwords are hashed where they are
// entered, with argon2id; bcrypt hashes made elsewhere are understood too. Any
// other hash is kept and matches nothing.
type Password string

// Bounds of a password and of what argon2id may cost. The default cost is the
// second choice of RFC 9106 scaled to what a login may take from traffic: 19 MiB
// for some tens of milliseconds.
const (
	maxPassword = 64 // bytes

	argonMemory   = 19 << 10 // KiB
	argonPasses   = 2
	argonLanes    = 1
	argonSalt     = 16 // bytes
	argonKey      = 32 // bytes
	maxArgonCost  = 64 << 10 * 4
	maxArgonLanes = 8
	maxBcryptCost = 14
)

// encWord stands before a password that is a hash already.
const encWord = "ENC"

// hashPassword hashes a password with a salt of its own.
func hashPassword(plain string) Password {
	if plain == "" {
		return ""
	}
	salt := make([]byte, argonSalt)
	rand.Read(salt) // never fails: it ends the program instead
	key := argon2.IDKey([]byte(plain), salt, argonPasses, argonMemory, argonLanes, argonKey)
	b64 := base64.RawStdEncoding.EncodeToString
	return Password(fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, argonMemory, argonPasses, argonLanes, b64(salt), b64(key)))
}

// Matches tells whether plain is the password. It takes as long as hashing; an
// empty password is matched by an empty one alone, at once.
func (p Password) Matches(plain string) bool {
	switch {
	case p == "" || plain == "" || len(plain) > maxPassword:
		return p == "" && plain == ""
	case p.isBcrypt():
		return bcrypt.CompareHashAndPassword([]byte(p), []byte(plain)) == nil
	}
	h, ok := parseArgon(string(p))
	if !ok {
		return false
	}
	key := argon2.IDKey([]byte(plain), h.salt, h.passes, h.memory, h.lanes, uint32(len(h.key)))
	return subtle.ConstantTimeCompare(key, h.key) == 1
}

// Usable tells whether any password can match: one of the hashes we know, or none
// at all.
func (p Password) Usable() bool {
	_, argon := parseArgon(string(p))
	return p == "" || argon || p.isBcrypt()
}

func (p Password) isBcrypt() bool {
	cost, err := bcrypt.Cost([]byte(p))
	return err == nil && cost <= maxBcryptCost && len(p) == 60
}

// argonHash is an argon2id hash taken apart.
type argonHash struct {
	memory, passes uint32
	lanes          uint8
	salt, key      []byte
}

// parseArgon reads a hash as hashPassword writes it, with other costs too. What
// would cost more than a console may is not accepted.
func parseArgon(text string) (h argonHash, ok bool) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, false
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.lanes); n != 3 || err != nil {
		return h, false
	}
	var err1, err2 error
	h.salt, err1 = base64.RawStdEncoding.DecodeString(parts[4])
	h.key, err2 = base64.RawStdEncoding.DecodeString(parts[5])
	again := fmt.Sprintf("m=%d,t=%d,p=%d", h.memory, h.passes, h.lanes)
	switch {
	case err1 != nil || err2 != nil || again != parts[3]:
	case h.passes < 1 || h.lanes < 1 || h.lanes > maxArgonLanes || h.memory < 8*uint32(h.lanes):
	case uint64(h.memory)*uint64(h.passes) > maxArgonCost || len(h.salt) < 8 || len(h.salt) > 64:
	case len(h.key) < 16 || len(h.key) > 64 || bytes.Equal(h.key, make([]byte, len(h.key))):
	default:
		return h, true
	}
	return h, false
}

// parsePassword reads the words of a set line: a password, or ENC and its hash.
func parsePassword(words []Word) ([]string, *CLIError) {
	if len(words) == 2 && words[0].Text == encWord && !words[0].Quoted {
		const longest = 512
		text := words[1].Text
		if len(text) > longest {
			return nil, tooLong(text, longest)
		}
		if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f || r == utf8.RuneError }) {
			return nil, rejected("password", text)
		}
		return kept(text), nil
	}
	switch {
	case len(words) > 1:
		return nil, unknownWord(words[1].Text)
	case len(words[0].Text) > maxPassword:
		err := tooLong(words[0].Text, maxPassword)
		err.Lines[1] = "value parse error before '*'"
		return nil, err
	}
	return kept(string(hashPassword(words[0].Text))), nil
}

// kept is a value of one word, nil when that is empty.
func kept(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// masked stands for a password where it must not be shown.
const masked = "*"

// lookAtHash reports a password that nobody can log in with, since how it was
// hashed is not known.
func (l *loader) lookAtHash(st *statement, n *node, name string) {
	s, i, _ := n.def.find(name)
	if s.kind != kindPassword {
		return
	}
	for _, hash := range n.words(i) {
		if !Password(hash).Usable() {
			l.skip(st.line, "the hash in 'set "+s.name+"' of "+l.path())
		}
	}
}
