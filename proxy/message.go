package proxy

import (
	"utmsim/internal/config"
	"utmsim/internal/replacemsg"
	"utmsim/scanner"
)

// Cause is why the object is blocked.
func (h *Hold) Cause() replacemsg.Cause {
	switch h.Outcome {
	case TooLarge:
		return replacemsg.TooLarge
	case Detected:
		return causeOf(h.Verdict)
	}
	return replacemsg.NoVerdict
}

// causeOf is why something with the verdict v is blocked.
func causeOf(v scanner.Verdict) replacemsg.Cause {
	switch {
	case v.Class.Detection():
		return replacemsg.Infected
	case v.Class == scanner.FileBlocked:
		return replacemsg.File
	case v.Class == scanner.BannedWord:
		return replacemsg.Words
	}
	return replacemsg.Archive
}

// About is what a message can say about the object. nameless is what it is called where
// nothing that is bad in it has a name.
func (h *Hold) About(nameless string) *replacemsg.Values {
	return h.values(h.BadName, nameless, h.Verdict)
}

func (h *Hold) values(file, nameless string, v scanner.Verdict) *replacemsg.Values {
	about := &replacemsg.Values{File: file, Nameless: nameless, Reason: v.Class.String(), Quarantined: h.quarantinedAs(file, v)}
	if v.Class.Detection() {
		about.Virus = v.Name
	}
	if h.in.Addresses != nil {
		about.Addresses = func() (from, to string) { return h.in.Addresses(h, h.size) }
	}
	return about
}

// Say is the message about the object, as it is said in a place. It has to be asked for before
// the object is discarded.
func (h *Hold) Say(place replacemsg.Place, nameless string) string {
	return h.s.Message(place.For(h.Cause()), h.About(nameless))
}

// SayWhole is Say for a message that stands in the place of all of the object, and so
// does not name what is bad in it.
func (h *Hold) SayWhole(place replacemsg.Place, nameless string) string {
	return h.s.Message(place.For(h.Cause()), h.values("", nameless, h.Verdict))
}

// Notice tells what stands in the place of a part.
func (h *Hold) Notice(place replacemsg.Place, nameless string) func(file string, v scanner.Verdict) string {
	return func(file string, v scanner.Verdict) string {
		return h.s.Message(place.For(causeOf(v)), h.values(file, nameless, v))
	}
}

// Message is a replacement message, as it was configured when the session began, in the
// form that its kind has. v is what is known about the case; protocol and addresses of
// the ends are filled in.
func (s *Session) Message(k replacemsg.Kind, v *replacemsg.Values) string {
	v.Protocol = s.Protocol().Word()
	v.Source = s.peer.Addr().Unmap().String()
	if s.target.IsValid() {
		v.Dest = s.target.Addr().Unmap().String()
	}
	text := s.policy.messages[k].Buffer
	switch {
	case k.Declared().Form == replacemsg.Reply:
		if line := replacemsg.RenderReply(text, v); line != "" {
			return line
		}
		return replacemsg.RenderReply(k.Declared().Text, v) // a reply says something
	case s.IsHTML(k):
		return replacemsg.RenderHTML(text, v)
	}
	return replacemsg.RenderText(text, v)
}

// IsHTML tells whether the message is HTML, or plain text.
func (s *Session) IsHTML(k replacemsg.Kind) bool {
	return s.policy.messages[k].Format == config.FormatHTML
}
