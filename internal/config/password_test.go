package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
)

func TestPasswordsAreHashed(t *testing.T) {
	s := newSession(t, NewStore())
	var logged []Change
	s.e.store.OnCommit(func(c Commit) error { logged = append(logged, c.Changes...); return nil })
	s.ok("config system admin", "edit admin", `set password "open sesame"`, "end")

	hash := s.e.store.Snapshot().Admin("admin").Password
	assert.True(t, hash.Matches("open sesame"))
	for _, wrong := range []string{"", "open sesam", "open sesame ", string(hash), strings.Repeat("x", maxPassword+1)} {
		assert.False(t, hash.Matches(wrong), wrong)
	}
	text := written(t, s.e.store, true)
	assert.NotContains(t, text, "sesame")
	assert.Contains(t, text, "set password ENC $argon2id$v=19$m=19456,t=2,p=1$")
	assert.Equal(t, []Change{{Path: "system admin", Key: "admin", Setting: "password", Old: "", New: "*"}}, logged)
	reload(t, s.e.store)

	again := newSession(t, NewStore())
	again.ok("config system admin", "edit admin", `set password "open sesame"`, "end")
	assert.NotEqual(t, hash, again.e.store.Snapshot().Admin("admin").Password, "the salt")
	again.ok("config system admin", "edit admin", "unset password", "end")
	assert.True(t, again.e.store.Snapshot().Admin("admin").Password.Matches(""))
	assert.False(t, again.e.store.Snapshot().Admin("admin").Password.Matches("x"))
}

func TestHashes(t *testing.T) {
	made, err := bcrypt.GenerateFromPassword([]byte("lab"), bcrypt.MinCost)
	require.NoError(t, err)
	assert.True(t, Password(made).Matches("lab"))
	assert.False(t, Password(made).Matches("bal"))
	assert.True(t, Password(made).Usable())
	for _, strange := range []Password{
		"SH2MCKr6kt9rLQKbn/YTlncOnR6OtcJ1YL/h8hw2wWicjSRf8bbkRSL961Atu8=", "$2b$04$short", "$argon2id$v=19$m=1,t=1,p=1$c2FsdHNhbHQ$a2V5",
		"$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHRzYWx0$a2V5a2V5a2V5a2V5a2V5a2V5", "$argon2id$v=19$m=19456,t=2,p=1$!$!", "$argon2id$v=19$m=8,t=0,p=1$$",
	} {
		assert.False(t, strange.Usable(), strange)
		assert.False(t, strange.Matches("x"), strange)
		assert.False(t, strange.Matches(""), strange)
	}
}

// TestForeignHash: the hash of a real unit is kept, and the report says that it
// opens nothing.
func TestForeignHash(t *testing.T) {
	s, report := loaded(t, "config system admin\nedit remote\nset accprofile super_admin\nset password ENC AK1xyz/+=\nnext\nend\n")
	require.Len(t, report.Skipped, 1)
	assert.Equal(t, "test.conf:4: the hash in 'set password' of system admin is not simulated", report.Summary()[0])
	assert.Contains(t, written(t, s, false), "        set password ENC AK1xyz/+=\n")
}

// TestNoPasswordNeedsLoopback: what opens the console to others is refused in any
// order.
func TestNoPasswordNeedsLoopback(t *testing.T) {
	const open = "config system global\nset admin-ssh-port 22\nset admin-ssh-address ::\nend\n"
	_, err := NewStore().Load("f", strings.NewReader(open))
	assert.ErrorContains(t, err, "f: system admin \"admin\" password: Administrator 'admin' has no password")
	const closed = "config system admin\nedit admin\nset password ENC x\nnext\nend\n"
	for _, text := range []string{open + closed, closed + open, strings.Replace(open, "::", "::1", 1), strings.Replace(open, "22", "0", 1)} {
		_, err := NewStore().Load("f", strings.NewReader(text))
		assert.NoError(t, err)
	}
	_, err = NewStore().Load("f", strings.NewReader(closed+open+"config system admin\nedit two\nset accprofile prof_admin\nend\n"))
	assert.ErrorContains(t, err, "'two' has no password")
}

func TestView(t *testing.T) {
	store := NewStore()
	s := newSession(t, store)
	s.e = store.View("viewer")
	before := written(t, store, true)
	for _, line := range []string{"set hostname x", "unset hostname", "select hostname x"} {
		s.ok("config system global")
		err := s.run(line)
		require.NotNil(t, err, line)
		assert.Equal(t, -37, err.Code, line)
		s.ok("show", "get", "end")
	}
	for _, line := range []string{"edit new", "delete default", "purge", "rename default to x", "clone default to x", "edit"} {
		s.ok("config antivirus profile")
		err := s.run(line)
		require.NotNil(t, err, line)
		assert.Equal(t, -37, err.Code, line)
		s.ok("end")
	}
	s.ok("config antivirus profile", "edit default", "config http", "get", "end", "next", "abort")
	assert.Equal(t, before, written(t, store, true))
}

func TestQuestion(t *testing.T) {
	s := newSession(t, NewStore())
	ask := func(line string) string {
		words, err := Tokenize(line)
		require.NoError(t, err)
		return s.e.Question(words)
	}
	assert.Empty(t, ask("purge"), "there is no table")
	s.ok("config firewall vip")
	assert.NotEmpty(t, ask("purge"))
	assert.NotEmpty(t, ask("pur"))
	assert.Empty(t, ask("purge all"))
	assert.Empty(t, ask("end"))
	assert.Empty(t, ask(`"purge"`))
	assert.Empty(t, ask(""))
}

// FuzzPassword reads any hash: one that is accepted costs no more than it may, and
// none breaks the configuration.
func FuzzPassword(f *testing.F) {
	for _, s := range []string{
		string(nobodys), "$argon2id$v=19$m=262144,t=1,p=8$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5a2V5", "$2b$14$QXJwNGZSOC0tLS0tLS0tLOYPx1Yc7eL9LdmtcFdoUD9f1xW0mGWzi", "x", "'", "\\",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if h, ok := parseArgon(text); ok {
			assert.LessOrEqual(t, uint64(h.memory)*uint64(h.passes), uint64(maxArgonCost))
		}
		words, err := parsePassword([]Word{{Text: encWord}, {Text: text}})
		if err != nil || len(words) == 0 {
			return
		}
		s := newSession(t, NewStore())
		for _, line := range []string{"config system admin", "edit admin", "set password ENC " + typed(words[0]), "end"} {
			tokens, err := Tokenize(line)
			require.NoError(t, err)
			_, err = s.e.Execute(tokens)
			require.NoError(t, err)
		}
		assert.Equal(t, Password(text), s.e.store.Snapshot().Admin("admin").Password)
		reload(t, s.e.store)
	})
}

const nobodys = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlz$cVzDYoN2cZq1b0mX3j6sJ0aXGm0tL1q9mZrVJw2c1rE"
