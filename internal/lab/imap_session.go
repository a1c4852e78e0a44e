package lab

import (
	"errors"
	"slices"
	"sync"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
)

// imapSession is one connection; it implements imapserver.Session, with
// NAMESPACE and MOVE. The library calls it from one goroutine, but for Idle,
// which may still run when the connection is already being ended.
type imapSession struct {
	origin *IMAP
	user   string // logged in; "" before

	// mu guards the fields below. It is held while updates are written: two writers
	// of one connection would disagree about the sequence numbers.
	mu       sync.Mutex
	selected *folder // nil for none
	readOnly bool
	version  uint64     // of the folder when view was last brought up to date
	view     []seenMail // what the client has been told, in order: number 1 first
	ended    bool
}

// seenMail is a mail as the client knows it. Its content stays with the session
// until the client has been told that it is gone (RFC 2180 section 4.1.2).
type seenMail struct {
	mailState
	gone bool // expunged, but not yet told
}

// Close ends the session.
func (s *imapSession) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	return nil
}

// Login checks a password of LOGIN and AUTHENTICATE PLAIN.
func (s *imapSession) Login(name, password string) error {
	s.origin.gate.commands.Add(1)
	user, right := authenticate(name, password)
	if !right {
		return imapserver.ErrAuthFailed
	}
	s.user = user
	s.origin.logins.Add(1)
	return nil
}

// Select opens a folder and begins a new view of it.
func (s *imapSession) Select(name string, options *imap.SelectOptions) (*imap.SelectData, error) {
	s.origin.gate.commands.Add(1)
	f, err := s.origin.boxes.open(s.user, name)
	if err != nil {
		return nil, imapError(err)
	}
	state := s.origin.boxes.state(f, 0)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.selected, s.readOnly, s.version = f, options.ReadOnly, state.version
	s.view = nil
	data := &imap.SelectData{
		Flags:       systemFlags(),
		NumMessages: uint32(len(state.mails)),
		UIDNext:     imap.UID(state.nextUID),
		UIDValidity: state.validity,
	}
	if !options.ReadOnly {
		data.PermanentFlags = append(systemFlags(), imap.FlagWildcard)
	}
	for i, mail := range state.mails {
		s.view = append(s.view, seenMail{mailState: mail})
		if data.FirstUnseenSeqNum == 0 && !hasFlag(mail.Flags, imap.FlagSeen) {
			data.FirstUnseenSeqNum = uint32(i + 1)
		}
	}
	return data, nil
}

func systemFlags() []imap.Flag {
	return []imap.Flag{imap.FlagSeen, imap.FlagAnswered, imap.FlagFlagged, imap.FlagDeleted, imap.FlagDraft}
}

// Unselect closes the folder without expunging.
func (s *imapSession) Unselect() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.selected, s.view = nil, nil
	return nil
}

// Poll tells the client what has changed; the library calls it at the end of
// every command.
func (s *imapSession) Poll(w *imapserver.UpdateWriter, allowExpunge bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.updateLocked(w, allowExpunge)
}

// Idle tells the client of changes as they happen, until stop.
func (s *imapSession) Idle(w *imapserver.UpdateWriter, stop <-chan struct{}) error {
	if !s.origin.gate.custody.admit(w, func() {}) { // the connection closed, stop follows
		return nil
	}
	defer s.origin.gate.custody.leave(w)
	s.origin.gate.commands.Add(1)
	for {
		changed, err := s.update(w)
		if err != nil {
			return err
		}
		select {
		case <-changed:
		case <-stop:
			return nil
		}
	}
}

// update tells the client what has changed and returns what the next change
// will close. Without a folder there never is one.
func (s *imapSession) update(w *imapserver.UpdateWriter) (<-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.selected == nil || s.ended {
		return nil, nil
	}
	changed := s.origin.boxes.state(s.selected, s.version).changed
	return changed, s.updateLocked(w, true)
}

// updateLocked brings the client's view up to date: first what is gone, from the
// last to the first, then changed flags, then what is new.
func (s *imapSession) updateLocked(w *imapserver.UpdateWriter, allowExpunge bool) error {
	if s.selected == nil || s.ended {
		return nil
	}
	state := s.origin.boxes.state(s.selected, s.version)
	var fresh []mailState
	if state.version != s.version {
		s.version = state.version
		fresh = s.compareLocked(state.mails)
	}
	if allowExpunge {
		for i := len(s.view) - 1; i >= 0; i-- {
			if !s.view[i].gone {
				continue
			}
			if err := w.WriteExpunge(uint32(i + 1)); err != nil {
				return err
			}
			s.view = slices.Delete(s.view, i, i+1)
		}
	}
	return s.tellLocked(w, state.mails, fresh)
}

// compareLocked marks what is gone from the folder and returns what has come.
func (s *imapSession) compareLocked(now []mailState) (fresh []mailState) {
	at := 0
	for i := range s.view {
		for at < len(now) && now[at].UID < s.view[i].UID {
			at++
		}
		s.view[i].gone = at == len(now) || now[at].UID != s.view[i].UID
	}
	last := uint32(0)
	if len(s.view) > 0 {
		last = s.view[len(s.view)-1].UID
	}
	for _, mail := range now {
		if mail.UID > last {
			fresh = append(fresh, mail)
		}
	}
	return fresh
}

// tellLocked writes the flags that have changed and the new number of mails.
func (s *imapSession) tellLocked(w *imapserver.UpdateWriter, now, fresh []mailState) error {
	at := 0
	for i := range s.view {
		for at < len(now) && now[at].UID < s.view[i].UID {
			at++
		}
		if at == len(now) {
			break
		}
		if now[at].UID != s.view[i].UID || now[at].version == s.view[i].version {
			continue
		}
		s.view[i].mailState = now[at]
		if err := w.WriteMessageFlags(uint32(i+1), imap.UID(now[at].UID), imapFlags(now[at].Flags)); err != nil {
			return err
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	for _, mail := range fresh {
		s.view = append(s.view, seenMail{mailState: mail})
	}
	return w.WriteNumMessages(uint32(len(s.view)))
}

// imapError puts what the mailboxes can't do into IMAP's words (RFC 5530).
func imapError(err error) error {
	code := imap.ResponseCodeServerBug
	switch {
	case errors.Is(err, errNoFolder):
		code = imap.ResponseCodeNonExistent
	case errors.Is(err, errFolderTaken):
		code = imap.ResponseCodeAlreadyExists
	case errors.Is(err, errMailboxFull):
		code = imap.ResponseCodeOverQuota
	case errors.Is(err, errInboxStays):
		code = imap.ResponseCodeCannot
	case errors.Is(err, errFolderLimit):
		code = imap.ResponseCodeLimit
	}
	return &imap.Error{Type: imap.StatusResponseTypeNo, Code: code, Text: err.Error()}
}
