package proxy

import "sort"

// insertion is text that goes to the receiver before the content's byte at; none when
// it is empty. An object that gets one lies in the spool as a whole.
type insertion struct {
	at   int64
	text string
}

// Inserted is how many bytes longer the content is on release than it was held.
func (h *Hold) Inserted() int {
	if h.Spam == nil {
		return 0
	}
	return len(h.Spam.mark.text)
}

// sendSpool sends what lies in the spool and the receiver has not got, and the text to
// be inserted.
func (h *Hold) sendSpool() error {
	to := h.in.To
	if h.Inserted() == 0 {
		return h.spool.writeTo(to, h.given, h.spool.raw)
	}
	at := h.spool.rawAt(h.Spam.mark.at)
	if err := h.spool.writeTo(to, h.given, at); err != nil {
		return err
	}
	if _, err := to.WriteString(h.Spam.mark.text); err != nil {
		return err
	}
	return h.spool.writeTo(to, at, h.spool.raw)
}

// rawAt is where the content's byte off stands among the held bytes. The first one has
// what frames it before it.
func (sp *spool) rawAt(off int64) int64 {
	if off == 0 || len(sp.runs) == 0 {
		return 0
	}
	i := sort.Search(len(sp.runs), func(i int) bool { return sp.runs[i].content+sp.runs[i].n >= off })
	r := sp.runs[i]
	return r.raw + off - r.content
}
