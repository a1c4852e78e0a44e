package lab

import (
	"crypto/subtle"
	"strings"
)

// The lab's mail domain, its users and the password that all of them share.
// Whoever else is written to at MailDomain lives in the mailbox of Postmaster.
const (
	MailDomain = "lab.test"
	UserAlice  = "alice"
	UserBob    = "bob"
	Postmaster = "postmaster"
	Password   = "lab"
)

// Sink is the address whose mail is accepted, counted and thrown away, for
// loads that would fill a mailbox.
const Sink = "sink@" + MailDomain

// userNamed returns the account that a login name means, with or without the
// domain, and whether there is one.
func userNamed(login string) (string, bool) {
	name, domain, hasDomain := strings.Cut(strings.ToLower(login), "@")
	if hasDomain && domain != MailDomain {
		return "", false
	}
	switch name {
	case UserAlice, UserBob, Postmaster:
		return name, true
	}
	return "", false
}

// authenticate returns the account of a login, if the password is right.
func authenticate(login, password string) (string, bool) {
	user, known := userNamed(login)
	right := subtle.ConstantTimeCompare([]byte(password), []byte(Password)) == 1
	return user, known && right
}

// recipient returns the account that receives the mail of an address and
// whether the lab accepts mail for it at all.
func recipient(address string) (user string, local bool) {
	at := strings.LastIndexByte(address, '@')
	if at < 0 || !strings.EqualFold(address[at+1:], MailDomain) {
		return "", false
	}
	if user, known := userNamed(address[:at]); known {
		return user, true
	}
	return Postmaster, true
}
