package lab

import (
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
)

// Create makes a folder.
func (s *imapSession) Create(name string, _ *imap.CreateOptions) error {
	return s.folderCommand(s.origin.boxes.createFolder(s.user, strings.TrimSuffix(name, folderDelimiter)))
}

// Delete removes a folder with its mails.
func (s *imapSession) Delete(name string) error {
	return s.folderCommand(s.origin.boxes.deleteFolder(s.user, name))
}

// Rename renames a folder and those below it.
func (s *imapSession) Rename(name, newName string, _ *imap.RenameOptions) error {
	return s.folderCommand(s.origin.boxes.renameFolder(s.user, name, strings.TrimSuffix(newName, folderDelimiter)))
}

// Subscribe marks a folder.
func (s *imapSession) Subscribe(name string) error {
	return s.folderCommand(s.origin.boxes.subscribe(s.user, name, true))
}

// Unsubscribe takes the mark off.
func (s *imapSession) Unsubscribe(name string) error {
	return s.folderCommand(s.origin.boxes.subscribe(s.user, name, false))
}

func (s *imapSession) folderCommand(err error) error {
	s.origin.gate.commands.Add(1)
	if err != nil {
		return imapError(err)
	}
	return nil
}

// List writes the folders that match.
func (s *imapSession) List(w *imapserver.ListWriter, ref string, patterns []string, options *imap.ListOptions) error {
	s.origin.gate.commands.Add(1)
	if len(patterns) == 0 { // asks for the delimiter (RFC 3501 section 6.3.8)
		return w.WriteList(&imap.ListData{Attrs: []imap.MailboxAttr{imap.MailboxAttrNoSelect}, Delim: rune(folderDelimiter[0])})
	}
	states := s.origin.boxes.states(s.user)
	for _, state := range states {
		matches := slices.ContainsFunc(patterns, func(pattern string) bool { return matchesFolder(state.name, ref, pattern) })
		if !matches || (options.SelectSubscribed && !state.subscribed) || options.SelectSpecialUse {
			continue
		}
		data := &imap.ListData{Mailbox: state.name, Delim: rune(folderDelimiter[0])}
		if state.subscribed && (options.SelectSubscribed || options.ReturnSubscribed) {
			data.Attrs = append(data.Attrs, imap.MailboxAttrSubscribed)
		}
		data.Attrs = append(data.Attrs, childAttr(state.name, states))
		if options.ReturnStatus != nil {
			data.Status = folderStatus(state, options.ReturnStatus)
		}
		if err := w.WriteList(data); err != nil {
			return err
		}
	}
	return nil
}

// matchesFolder is the library's match, with the inbox in any case.
func matchesFolder(name, ref, pattern string) bool {
	if name == Inbox {
		ref, pattern = strings.ToUpper(ref), strings.ToUpper(pattern)
	}
	return imapserver.MatchList(name, rune(folderDelimiter[0]), ref, pattern)
}

func childAttr(name string, all []folderState) imap.MailboxAttr {
	for _, other := range all {
		if strings.HasPrefix(other.name, name+folderDelimiter) {
			return imap.MailboxAttrHasChildren
		}
	}
	return imap.MailboxAttrHasNoChildren
}

// Status describes a folder without selecting it.
func (s *imapSession) Status(name string, options *imap.StatusOptions) (*imap.StatusData, error) {
	s.origin.gate.commands.Add(1)
	f, err := s.origin.boxes.open(s.user, name)
	if err != nil {
		return nil, imapError(err)
	}
	return folderStatus(s.origin.boxes.state(f, 0), options), nil
}

func folderStatus(state folderState, options *imap.StatusOptions) *imap.StatusData {
	var unseen, deleted, recent uint32
	var size int64
	for _, mail := range state.mails {
		if !hasFlag(mail.Flags, imap.FlagSeen) {
			unseen++
		}
		if hasFlag(mail.Flags, imap.FlagDeleted) {
			deleted++
		}
		size += int64(len(mail.Content))
	}
	count := uint32(len(state.mails))
	data := &imap.StatusData{
		Mailbox: state.name, UIDNext: imap.UID(state.nextUID), UIDValidity: state.validity,
		NumMessages: &count, NumRecent: &recent, NumUnseen: &unseen, NumDeleted: &deleted, Size: &size,
	}
	if options.AppendLimit {
		limit := uint32(MaxMailSize)
		data.AppendLimit = &limit
	}
	return data
}

// Namespace says that every folder is the user's own (RFC 2342).
func (s *imapSession) Namespace() (*imap.NamespaceData, error) {
	s.origin.gate.commands.Add(1)
	return &imap.NamespaceData{Personal: []imap.NamespaceDescriptor{{Delim: rune(folderDelimiter[0])}}}, nil
}

// AppendLimit is the largest literal of APPEND (RFC 7889).
func (s *imapSession) AppendLimit() uint32 { return MaxMailSize }

// Append stores a mail. Of a literal that breaks off nothing is stored.
func (s *imapSession) Append(name string, r imap.LiteralReader, options *imap.AppendOptions) (*imap.AppendData, error) {
	s.origin.gate.commands.Add(1)
	content, err := io.ReadAll(r)
	if err == nil && int64(len(content)) < r.Size() {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		s.origin.broken.Add(1)
		s.origin.brokenBytes.Add(int64(len(content)))
		return nil, err
	}
	mail := Mail{Received: options.Time, Content: content}
	for _, flag := range options.Flags {
		mail.Flags = withFlag(mail.Flags, flag)
	}
	if mail.Received.IsZero() {
		mail.Received = time.Now()
	}
	validity, uids, err := s.origin.boxes.add(s.user, name, mail)
	if err != nil {
		return nil, tryCreate(err)
	}
	s.origin.appended.Add(1)
	s.origin.appendedBytes.Add(int64(len(content)))
	return &imap.AppendData{UID: imap.UID(uids[0]), UIDValidity: validity}, nil
}

// tryCreate is what APPEND, COPY and MOVE say of a folder that isn't there
// (RFC 3501 section 6.3.11).
func tryCreate(err error) error {
	if errors.Is(err, errNoFolder) {
		return &imap.Error{Type: imap.StatusResponseTypeNo, Code: imap.ResponseCodeTryCreate, Text: err.Error()}
	}
	return imapError(err)
}
