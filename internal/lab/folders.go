package lab

import (
	"slices"
	"strings"
)

// folderState is a folder at one moment.
type folderState struct {
	name       string
	validity   uint32
	nextUID    uint32
	subscribed bool
	deleted    bool
	version    uint64
	mails      []mailState
	changed    <-chan struct{} // closed at the next change
}

// mailState is a mail at one moment.
type mailState struct {
	Mail
	version uint64
}

// open returns a user's folder to work with; it stays the same one when it is
// renamed.
func (m *Mailboxes) open(user, name string) (*folder, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.folderLocked(user, name)
}

// state returns a folder as it is now. With known, the version seen last, the
// mails are left out when nothing has changed since.
func (m *Mailboxes) state(f *folder, known uint64) folderState {
	m.mu.Lock()
	defer m.mu.Unlock()
	return f.stateLocked(f.version != known)
}

// states returns all folders of a user by name.
func (m *Mailboxes) states(user string) []folderState {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []folderState
	for _, f := range m.accounts[user].folders {
		all = append(all, f.stateLocked(true))
	}
	slices.SortFunc(all, func(a, b folderState) int { return strings.Compare(a.name, b.name) })
	return all
}

func (f *folder) stateLocked(withMails bool) folderState {
	state := folderState{
		name: f.name, validity: f.validity, nextUID: f.nextUID, subscribed: f.subscribed,
		deleted: f.deleted, version: f.version, changed: f.changed,
	}
	if !withMails {
		return state
	}
	state.mails = make([]mailState, 0, len(f.mails))
	for _, mail := range f.mails {
		state.mails = append(state.mails, mailState{mail.Mail, mail.version})
	}
	return state
}

// setFlags replaces the flags of one mail by what change makes of them and
// returns the mail as it then is. Flags are never changed in place: whoever has
// a mailState keeps what it says.
func (m *Mailboxes) setFlags(f *folder, uid uint32, change func(flags []string) []string) (mailState, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, found := slices.BinarySearchFunc(f.mails, uid, func(mail *storedMail, uid uint32) int {
		return int(int64(mail.UID) - int64(uid))
	})
	if !found {
		return mailState{}, false
	}
	mail := f.mails[at]
	if flags := change(slices.Clone(mail.Flags)); !slices.Equal(flags, mail.Flags) {
		f.changeLocked()
		mail.Flags, mail.version = flags, f.version
	}
	return mailState{mail.Mail, mail.version}, true
}

func (m *Mailboxes) createFolder(user, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.accounts[user]
	if a.folders[folderName(name)] != nil {
		return errFolderTaken
	}
	if len(a.folders) >= maxFolders {
		return errFolderLimit
	}
	m.addFolderLocked(a, name)
	return nil
}

func (m *Mailboxes) deleteFolder(user, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, err := m.folderLocked(user, name)
	if err != nil {
		return err
	}
	if f.name == Inbox {
		return errInboxStays
	}
	a := m.accounts[user]
	a.mails -= len(f.mails)
	for _, mail := range f.mails {
		a.size -= int64(len(mail.Content))
	}
	delete(a.folders, f.name)
	f.deleted, f.mails = true, nil
	f.changeLocked()
	return nil
}

// renameFolder renames a folder and those below it. Renaming the inbox moves
// its mails into the new folder and leaves it empty (RFC 9051 section 6.3.6).
func (m *Mailboxes) renameFolder(user, from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.accounts[user]
	f, err := m.folderLocked(user, from)
	if err != nil {
		return err
	}
	if a.folders[folderName(to)] != nil {
		return errFolderTaken
	}
	if f.name == Inbox {
		m.moveInboxLocked(a, to)
		return nil
	}
	return a.renameTreeLocked(f.name, to)
}

// renameTreeLocked renames a folder and those below it, all or none.
func (a *account) renameTreeLocked(from, to string) error {
	moved := make(map[string]*folder)
	for name, f := range a.folders {
		if name == from || strings.HasPrefix(name, from+folderDelimiter) {
			moved[to+strings.TrimPrefix(name, from)] = f
		}
	}
	for name := range moved {
		if taken := a.folders[name]; taken != nil && !strings.HasPrefix(name+folderDelimiter, from+folderDelimiter) {
			return errFolderTaken
		}
	}
	for _, f := range moved {
		delete(a.folders, f.name)
	}
	for name, f := range moved {
		f.name = name
		a.folders[name] = f
	}
	return nil
}

func (m *Mailboxes) moveInboxLocked(a *account, to string) {
	inbox, target := a.folders[Inbox], m.addFolderLocked(a, to)
	for _, mail := range inbox.mails {
		a.mails--
		a.size -= int64(len(mail.Content))
		m.addLocked(a, target, mail.Mail)
	}
	inbox.mails = nil
	inbox.changeLocked()
}

func (m *Mailboxes) subscribe(user, name string, subscribed bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, err := m.folderLocked(user, name)
	if err != nil {
		return err
	}
	f.subscribed = subscribed
	return nil
}

// folderDelimiter separates the levels of folder names.
const folderDelimiter = "/"
