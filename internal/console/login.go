package console

import (
	"errors"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/crypto/ssh"

	"utmsim/internal/config"
	"utmsim/internal/replacemsg"
)

// failDelay is how long a failed login takes at least, so that guessing does.
const failDelay = time.Second

// maxTries is how many ways of logging in one connection may try: a client offers
// several keys before it asks for a password.
const maxTries = 10

var (
	errLogin  = errors.New("login failed")
	errLocked = errors.New("too many failed logins, try again later")
)

// Where a login notes the account's profile, and the VDOMs it is kept to.
const (
	profileKey = "accprofile"
	vdomsKey   = "vdom"
)

// nobody is a password that no account has: it is checked for those that don't
// exist, so that they take as long.
const nobody config.Password = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlz$cVzDYoN2cZq1b0mX3j6sJ0aXGm0tL1q9mZrVJw2c1rE"

// config is the SSH side of one connection. Accounts are looked up when a client
// logs in.
func (k *sshConn) config(hostKey ssh.Signer) *ssh.ServerConfig {
	global := &k.snapshot().Global
	c := &ssh.ServerConfig{
		ServerVersion: "SSH-2.0-utmsim",
		MaxAuthTries:  maxTries,
		NoClientAuth:  true, // for accounts without a password
		NoClientAuthCallback: func(m ssh.ConnMetadata) (*ssh.Permissions, error) {
			if a := k.snapshot().Admin(m.User()); a != nil && a.Password == "" && k.mayBeEmpty() && !k.locked() {
				return k.pass(a, "none")
			}
			return nil, errLogin
		},
		PublicKeyCallback: func(m ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if a := k.snapshot().Admin(m.User()); a != nil && a.Accepts(key) && !k.locked() {
				return k.pass(a, "public key")
			}
			return nil, errLogin
		},
		AuthLogCallback: func(m ssh.ConnMetadata, method string, err error) {
			if err == nil && method != "password" { // which has seen to it itself
				k.server.failures.forgive(k.peer.Addr())
			}
		},
	}
	if global.SSHPassword {
		c.PasswordCallback = k.password
	}
	if text := k.snapshot().Messages.Text(replacemsg.PreLogin); text != "" && global.PreLoginBanner {
		c.BannerCallback = func(ssh.ConnMetadata) string { return strings.ReplaceAll(text, "\n", "\r\n") + "\r\n" }
	}
	c.AddHostKey(hostKey)
	return c
}

func (k *sshConn) pass(a *config.Admin, method string) (*ssh.Permissions, error) {
	return &ssh.Permissions{Extensions: map[string]string{profileKey: a.Profile, vdomsKey: strings.Join(a.KeptTo(), " "), "method": method}}, nil
}

// mayBeEmpty tells whether the client is on this machine, so that it may log in
// with an empty password.
func (k *sshConn) mayBeEmpty() bool { return k.peer.Addr().IsLoopback() }

func (k *sshConn) locked() bool { return k.server.failures.locked(k.peer.Addr(), time.Now()) }

// password is a login with a password. A failed one is answered late.
func (k *sshConn) password(m ssh.ConnMetadata, typed []byte) (*ssh.Permissions, error) {
	began := time.Now()
	if k.locked() {
		k.delay(began)
		k.end(errLocked)
		k.net.Close()
		return nil, errLocked
	}
	a := k.snapshot().Admin(m.User())
	if k.matches(a, string(typed)) && !k.locked() {
		k.server.failures.forgive(k.peer.Addr())
		return k.pass(a, "password")
	}
	global := &k.snapshot().Global
	out := k.server.failures.fail(k.peer.Addr(), time.Now(), global.LockoutThreshold, global.LockoutDuration)
	log := k.server.console.opts.Log
	log.Warn("administrator login failed", zap.String("user", strings.Map(visible, m.User())), zap.Stringer("from", k.peer))
	if out {
		log.Warn("source locked out", zap.Stringer("from", k.peer), zap.Duration("for", global.LockoutDuration))
	}
	k.delay(began)
	return nil, errLogin
}

// matches checks a password, after those who came before.
func (k *sshConn) matches(a *config.Admin, typed string) bool {
	select {
	case k.server.hashing <- struct{}{}:
		defer func() { <-k.server.hashing }()
	case <-k.life.Done():
		return false
	}
	switch {
	case a == nil:
		nobody.Matches(typed)
		return false
	case a.Password == "":
		return typed == "" && k.mayBeEmpty()
	}
	return a.Password.Matches(typed)
}

// delay waits until failDelay is over since began, or the console ends.
func (k *sshConn) delay(began time.Time) { wait(k.life, failDelay-time.Since(began)) }
