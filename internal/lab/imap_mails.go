package lab

import (
	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
)

// numbered is a mail of the view with its sequence number.
type numbered struct {
	number uint32
	mail   seenMail
}

// chosenLocked returns the mails of the view that a set names.
func (s *imapSession) chosenLocked(set imap.NumSet) []numbered {
	var found []numbered
	contains := s.matcherLocked(set)
	for i, mail := range s.view {
		if contains(uint32(i+1), mail.UID) {
			found = append(found, numbered{uint32(i + 1), mail})
		}
	}
	return found
}

// matcherLocked reads a set against the view: * is the last mail in it.
func (s *imapSession) matcherLocked(set imap.NumSet) func(number, uid uint32) bool {
	var ranges [][2]uint32
	switch set := set.(type) {
	case imap.SeqSet:
		for _, r := range set {
			ranges = append(ranges, [2]uint32{r.Start, r.Stop})
		}
		last := uint32(len(s.view))
		return func(number, _ uint32) bool { return inRanges(ranges, number, last) }
	case imap.UIDSet:
		for _, r := range set {
			ranges = append(ranges, [2]uint32{uint32(r.Start), uint32(r.Stop)})
		}
		last := uint32(0)
		if len(s.view) > 0 {
			last = s.view[len(s.view)-1].UID
		}
		return func(_, uid uint32) bool { return inRanges(ranges, uid, last) }
	}
	return func(uint32, uint32) bool { return false }
}

// inRanges reports whether n is in one of the ranges. 0 stands for last, and a
// range may be written backwards (RFC 9051 section 9, seq-range).
func inRanges(ranges [][2]uint32, n, last uint32) bool {
	for _, r := range ranges {
		low, high := r[0], r[1]
		if low == 0 {
			low = last
		}
		if high == 0 {
			high = last
		}
		if min(low, high) <= n && n <= max(low, high) {
			return true
		}
	}
	return false
}

// errReadOnly answers what would change a folder opened with EXAMINE.
func errReadOnly() error {
	return &imap.Error{Type: imap.StatusResponseTypeNo, Text: "the folder is open read-only"}
}

// Store changes flags.
func (s *imapSession) Store(w *imapserver.FetchWriter, set imap.NumSet, flags *imap.StoreFlags, _ *imap.StoreOptions) error {
	s.origin.gate.commands.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readOnly {
		return errReadOnly()
	}
	for _, chosen := range s.chosenLocked(set) {
		state, there := s.origin.boxes.setFlags(s.selected, chosen.mail.UID, func(old []string) []string {
			return storeFlags(old, flags)
		})
		if !there {
			continue
		}
		s.view[chosen.number-1].mailState = state
		if flags.Silent {
			continue
		}
		response := w.CreateMessage(chosen.number)
		response.WriteUID(imap.UID(state.UID))
		response.WriteFlags(imapFlags(state.Flags))
		if err := response.Close(); err != nil {
			return err
		}
	}
	return nil
}

func storeFlags(old []string, store *imap.StoreFlags) []string {
	if store.Op == imap.StoreFlagsSet {
		old = nil
	}
	for _, flag := range store.Flags {
		if store.Op == imap.StoreFlagsDel {
			old = withoutFlag(old, flag)
		} else {
			old = withFlag(old, flag)
		}
	}
	return old
}

// Expunge removes what is marked as deleted, of uids only when given. Telling
// the client is left to the Poll that follows, except that after CLOSE nothing
// is told.
func (s *imapSession) Expunge(_ *imapserver.ExpungeWriter, uids *imap.UIDSet) error {
	s.origin.gate.commands.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readOnly {
		if uids == nil { // CLOSE of a folder opened with EXAMINE removes nothing, without an error
			return nil
		}
		return errReadOnly()
	}
	named := func(uint32, uint32) bool { return true }
	if uids != nil {
		named = s.matcherLocked(*uids)
	}
	if s.selected == nil {
		return imapError(errNoFolder)
	}
	s.origin.boxes.remove(s.user, s.selected, func(mail *storedMail) bool {
		return hasFlag(mail.Flags, imap.FlagDeleted) && named(0, mail.UID)
	})
	return nil
}

// Copy puts mails into another folder.
func (s *imapSession) Copy(set imap.NumSet, name string) (*imap.CopyData, error) {
	s.origin.gate.commands.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.copyLocked(s.chosenLocked(set), name)
}

func (s *imapSession) copyLocked(mails []numbered, name string) (*imap.CopyData, error) {
	if _, err := s.origin.boxes.open(s.user, name); err != nil {
		return nil, tryCreate(err)
	}
	if len(mails) == 0 {
		return nil, nil // no UIDs to tell (RFC 4315 section 3)
	}
	var copies []Mail
	data := &imap.CopyData{}
	for _, chosen := range mails {
		copies = append(copies, chosen.mail.Mail)
		data.SourceUIDs.AddNum(imap.UID(chosen.mail.UID))
	}
	validity, uids, err := s.origin.boxes.add(s.user, name, copies...)
	if err != nil {
		return nil, tryCreate(err)
	}
	data.UIDValidity = validity
	for _, uid := range uids {
		data.DestUIDs.AddNum(imap.UID(uid))
	}
	return data, nil
}

// Move is copy and expunge (RFC 6851); the Poll that follows tells what is gone.
func (s *imapSession) Move(w *imapserver.MoveWriter, set imap.NumSet, name string) error {
	s.origin.gate.commands.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readOnly {
		return errReadOnly()
	}
	chosen := s.chosenLocked(set)
	data, err := s.copyLocked(chosen, name)
	if err != nil || data == nil {
		return err
	}
	if err := w.WriteCopyData(data); err != nil {
		return err
	}
	moved := make(map[uint32]bool)
	for _, c := range chosen {
		moved[c.mail.UID] = true
	}
	s.origin.boxes.remove(s.user, s.selected, func(mail *storedMail) bool { return moved[mail.UID] })
	return nil
}
