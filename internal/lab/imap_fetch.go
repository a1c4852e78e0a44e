package lab

import (
	"bufio"
	"bytes"
	"io"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-message/textproto"
)

// Fetch writes what is asked for. Giving a body without PEEK marks the mail as
// seen and tells so in the same response.
func (s *imapSession) Fetch(w *imapserver.FetchWriter, set imap.NumSet, options *imap.FetchOptions) error {
	s.origin.gate.commands.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	_, byUID := set.(imap.UIDSet)
	for _, chosen := range s.chosenLocked(set) {
		withFlags := options.Flags
		if marksSeen(options) && !s.readOnly && !hasFlag(chosen.mail.Flags, imap.FlagSeen) {
			state, there := s.origin.boxes.setFlags(s.selected, chosen.mail.UID, func(old []string) []string {
				return withFlag(old, imap.FlagSeen)
			})
			if there {
				chosen.mail.mailState, s.view[chosen.number-1].mailState = state, state
				withFlags = true
			}
		}
		response := w.CreateMessage(chosen.number)
		if options.UID || byUID {
			response.WriteUID(imap.UID(chosen.mail.UID))
		}
		if withFlags {
			response.WriteFlags(imapFlags(chosen.mail.Flags))
		}
		if err := s.writeItems(response, chosen.mail.Mail, options); err != nil {
			return err
		}
		if err := response.Close(); err != nil {
			return err
		}
	}
	return nil
}

func marksSeen(options *imap.FetchOptions) bool {
	return slices.ContainsFunc(options.BodySection, func(section *imap.FetchItemBodySection) bool { return !section.Peek }) ||
		slices.ContainsFunc(options.BinarySection, func(section *imap.FetchItemBinarySection) bool { return !section.Peek })
}

func (s *imapSession) writeItems(w *imapserver.FetchResponseWriter, mail Mail, options *imap.FetchOptions) error {
	if options.InternalDate {
		w.WriteInternalDate(mail.Received)
	}
	if options.RFC822Size {
		w.WriteRFC822Size(int64(len(mail.Content)))
	}
	if options.Envelope {
		head, _ := textproto.ReadHeader(bufio.NewReader(bytes.NewReader(mail.Content))) // of a malformed one what could be read
		w.WriteEnvelope(imapserver.ExtractEnvelope(head))
	}
	if options.BodyStructure != nil {
		w.WriteBodyStructure(structureOf(mail.Content))
	}
	for _, section := range options.BodySection {
		content := bodySection(mail.Content, section)
		if err := s.writeLiteral(w.WriteBodySection(section, int64(len(content))), content); err != nil {
			return err
		}
	}
	for _, section := range options.BinarySection {
		clampPartial(section.Partial)
		content := imapserver.ExtractBinarySection(bytes.NewReader(mail.Content), section)
		if err := s.writeLiteral(w.WriteBinarySection(section, int64(len(content))), content); err != nil {
			return err
		}
	}
	for _, section := range options.BinarySectionSize {
		w.WriteBinarySectionSize(section, imapserver.ExtractBinarySectionSize(bytes.NewReader(mail.Content), section))
	}
	return nil
}

func (s *imapSession) writeLiteral(out io.WriteCloser, content []byte) error {
	s.origin.fetched.Add(1)
	s.origin.fetchedBytes.Add(int64(len(content)))
	if _, err := out.Write(content); err != nil {
		return err
	}
	return out.Close()
}

// bodySection cuts a section out of a mail. What concerns the mail as a whole is
// cut here, so that every byte is the one stored; the library finds the parts.
func bodySection(content []byte, section *imap.FetchItemBodySection) []byte {
	clampPartial(section.Partial)
	if len(section.Part) > 0 {
		return imapserver.ExtractBodySection(bytes.NewReader(content), section)
	}
	switch section.Specifier {
	case imap.PartSpecifierHeader:
		content = headerSection(content, section)
	case imap.PartSpecifierText:
		content = content[headEnd(content):]
	}
	if section.Partial == nil {
		return content
	}
	from := min(section.Partial.Offset, int64(len(content)))
	return content[from:min(from+section.Partial.Size, int64(len(content)))]
}

// headerSection is HEADER, HEADER.FIELDS or HEADER.FIELDS.NOT, with the empty
// line at its end.
func headerSection(content []byte, section *imap.FetchItemBodySection) []byte {
	head := content[:headEnd(content)]
	if len(section.HeaderFields) == 0 && len(section.HeaderFieldsNot) == 0 {
		return head
	}
	among := func(names []string, name string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
	}
	var out []byte
	for _, f := range fieldsOf(content) {
		if f.name == "" {
			continue
		}
		if len(section.HeaderFields) > 0 == among(section.HeaderFields, f.name) && !among(section.HeaderFieldsNot, f.name) {
			out = append(out, f.raw...)
		}
	}
	return append(out, "\r\n"...)
}

// clampPartial keeps offset and size where their sum is still a number; no mail
// is that large.
func clampPartial(partial *imap.SectionPartial) {
	if partial != nil {
		partial.Offset = min(partial.Offset, 2*MaxMailSize)
		partial.Size = min(partial.Size, 2*MaxMailSize)
	}
}

// structureOf describes a mail. The library can't write a multipart without
// parts nor a type it couldn't read; such a mail is shown as the plain text that
// RFC 2045 section 5.2 makes of it.
func structureOf(content []byte) imap.BodyStructure {
	if structure := imapserver.ExtractBodyStructure(bytes.NewReader(content)); writable(structure) {
		return structure
	}
	body := content[headEnd(content):]
	return &imap.BodyStructureSinglePart{
		Type: "text", Subtype: "plain", Params: map[string]string{"charset": "us-ascii"}, Size: uint32(len(body)),
		Text:     &imap.BodyStructureText{NumLines: int64(bytes.Count(body, []byte("\n")))},
		Extended: &imap.BodyStructureSinglePartExt{},
	}
}

func writable(structure imap.BodyStructure) bool {
	switch part := structure.(type) {
	case *imap.BodyStructureMultiPart:
		return len(part.Children) > 0 && !slices.ContainsFunc(part.Children, func(child imap.BodyStructure) bool { return !writable(child) })
	case *imap.BodyStructureSinglePart:
		return part.Type != "" && part.Subtype != "" && (part.MessageRFC822 == nil || writable(part.MessageRFC822.BodyStructure))
	}
	return false
}
