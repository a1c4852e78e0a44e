package lab

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// MaxMailSize is the largest mail the lab takes, in bytes.
	MaxMailSize = 100 << 20

	maxAccountSize  = 512 << 20 // bytes in all folders of one account
	maxAccountMails = 50_000
	maxFolders      = 200
)

// Inbox is the folder that mail is delivered into.
const Inbox = "INBOX"

// What a mailbox can't do; each protocol has its own words for it.
var (
	errMailboxFull = errors.New("the mailbox is full")
	errNoFolder    = errors.New("there is no such folder")
	errFolderTaken = errors.New("there already is such a folder")
	errInboxStays  = errors.New("the inbox can't be deleted")
	errFolderLimit = errors.New("there are too many folders")
)

// Mailboxes is the mail of the lab's users, shared by the SMTP, POP3 and IMAP
// origins: what one of them stores the others serve. Contents are kept byte for
// byte as they came. Mailboxes may be used by many goroutines at once.
type Mailboxes struct {
	mu           sync.Mutex // guards the fields below and everything reached through them
	accounts     map[string]*account
	lastValidity uint32
	arrived      MailCounts
}

// MailCounts is what has been stored since the start, without the mails alice
// starts with.
type MailCounts struct {
	Mails int64 // delivered, appended and copied; one for each folder
	Bytes int64
}

// Mail is one mail in a folder.
type Mail struct {
	UID      uint32 // counted from 1 in its folder, never used again
	Envelope Envelope
	Received time.Time
	Flags    []string // as IMAP writes them
	Content  []byte   // not to be changed
}

// Envelope is what SMTP said about a mail; empty when it came by APPEND.
type Envelope struct {
	From          string
	To            []Recipient // all that were accepted for this mail
	Body          string      // BODY= of RFC 6152 and RFC 3030
	UTF8          bool        // SMTPUTF8
	ID            string      // ENVID= of RFC 3461, decoded
	Return        string      // RET= of RFC 3461
	Authenticated string      // the user who logged in, "" for none
}

// Recipient is one RCPT with its parameters of RFC 3461.
type Recipient struct {
	Address  string
	Notify   []string
	Original string // ORCPT= decoded, without its type
}

type account struct {
	folders map[string]*folder
	mails   int
	size    int64
}

type folder struct {
	name       string
	validity   uint32
	nextUID    uint32
	mails      []*storedMail // by UID
	subscribed bool
	deleted    bool
	version    uint64        // grows with every change of the folder or of a flag in it
	changed    chan struct{} // closed at the next change
}

type storedMail struct {
	Mail
	version uint64 // of the folder when the flags were last changed
}

// NewMailboxes returns the mailboxes as a fresh lab has them.
func NewMailboxes() *Mailboxes {
	m := &Mailboxes{accounts: make(map[string]*account)}
	// A client that kept state from an earlier lab must see that UIDs have begun anew.
	m.lastValidity = uint32(time.Now().Unix())
	for _, user := range []string{UserAlice, UserBob, Postmaster} {
		m.accounts[user] = &account{folders: make(map[string]*folder)}
		m.addFolderLocked(m.accounts[user], Inbox).subscribed = true
	}
	for _, mail := range firstMails() {
		alice := m.accounts[UserAlice]
		m.addLocked(alice, alice.folders[Inbox], mail)
	}
	return m
}

// Mails returns what is in a folder of a user now, oldest first; nil if there is
// no such folder.
func (m *Mailboxes) Mails(user, folder string) []Mail {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, err := m.folderLocked(user, folder)
	if err != nil {
		return nil
	}
	mails := make([]Mail, 0, len(f.mails))
	for _, stored := range f.mails {
		mail := stored.Mail
		mail.Flags = slices.Clone(mail.Flags)
		mails = append(mails, mail)
	}
	return mails
}

// Deliver stores content in a user's inbox as if it had come by SMTP, without a copy
// of it.
func (m *Mailboxes) Deliver(user string, content []byte) error {
	_, _, err := m.add(user, Inbox, Mail{Received: time.Now(), Content: content})
	return err
}

// Counts returns what has been stored so far.
func (m *Mailboxes) Counts() MailCounts {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.arrived
}

// deliver stores a mail in the inboxes of users, in all of them or in none.
func (m *Mailboxes) deliver(users []string, mail Mail) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, user := range users {
		if m.accounts[user].full(1, len(mail.Content)) {
			return errMailboxFull
		}
	}
	for _, user := range users {
		a := m.accounts[user]
		m.addLocked(a, a.folders[Inbox], mail)
		m.countLocked(mail)
	}
	return nil
}

// add stores mails in one folder, all or none, and returns the UIDs they got
// there.
func (m *Mailboxes) add(user, name string, mails ...Mail) (validity uint32, uids []uint32, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, err := m.folderLocked(user, name)
	if err != nil {
		return 0, nil, err
	}
	a, size := m.accounts[user], 0
	for _, mail := range mails {
		size += len(mail.Content)
	}
	if a.full(len(mails), size) {
		return 0, nil, errMailboxFull
	}
	for _, mail := range mails {
		m.countLocked(mail)
		uids = append(uids, m.addLocked(a, f, mail))
	}
	return f.validity, uids, nil
}

// remove takes mails out of a folder and returns those that were there.
func (m *Mailboxes) remove(user string, f *folder, chosen func(*storedMail) bool) []uint32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.accounts[user]
	var gone []uint32
	f.mails = slices.DeleteFunc(f.mails, func(mail *storedMail) bool {
		if !chosen(mail) {
			return false
		}
		a.mails--
		a.size -= int64(len(mail.Content))
		gone = append(gone, mail.UID)
		return true
	})
	if len(gone) > 0 {
		f.changeLocked()
	}
	return gone
}

func (m *Mailboxes) countLocked(mail Mail) {
	m.arrived.Mails++
	m.arrived.Bytes += int64(len(mail.Content))
}

func (m *Mailboxes) addLocked(a *account, f *folder, mail Mail) uint32 {
	mail.UID = f.nextUID
	mail.Flags = slices.Clone(mail.Flags)
	f.nextUID++
	f.changeLocked()
	f.mails = append(f.mails, &storedMail{Mail: mail, version: f.version})
	a.mails++
	a.size += int64(len(mail.Content))
	return mail.UID
}

// folderLocked finds a folder; the inbox in any case (RFC 9051 section 5.1).
func (m *Mailboxes) folderLocked(user, name string) (*folder, error) {
	a := m.accounts[user]
	if a == nil || a.folders[folderName(name)] == nil {
		return nil, errNoFolder
	}
	return a.folders[folderName(name)], nil
}

func folderName(name string) string {
	if strings.EqualFold(name, Inbox) {
		return Inbox
	}
	return name
}

// addFolderLocked gives every folder a validity of its own, also one that takes
// the name of a folder that was deleted.
func (m *Mailboxes) addFolderLocked(a *account, name string) *folder {
	m.lastValidity++
	f := &folder{name: name, validity: m.lastValidity, nextUID: 1, changed: make(chan struct{})}
	a.folders[name] = f
	return f
}

// full reports whether there is no room for so many mails of so many bytes.
func (a *account) full(mails, size int) bool {
	return a.mails+mails > maxAccountMails || a.size+int64(size) > maxAccountSize
}

func (f *folder) changeLocked() {
	f.version++
	close(f.changed)
	f.changed = make(chan struct{})
}
