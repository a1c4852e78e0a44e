package proxy

import (
	"errors"
	"fmt"

	"go.uber.org/zap"

	"utmsim/failopen"
	"utmsim/internal/config"
	"utmsim/internal/quarantine"
	"utmsim/internal/stats"
	"utmsim/scanner"
)

// What the log says about an object and the quarantine; the words are the appliance's.
const (
	keptIt       = "No-skip"
	keptOff      = "Quarantine-disabled"
	keptNot      = "File-was-not-quarantined"
	keptOversize = "No-quarantine-for-oversized-files"
)

// keptPart is something of an object that went into the quarantine.
type keptPart struct {
	part, virus string // what it was called, and what was found
	name        string // in the quarantine
}

// keepBad puts those of the parts into the quarantine that are blocked. It is called
// while they can be read.
func (h *Hold) keepBad(parts []scanner.Object, verdicts []scanner.Verdict) {
	if h.s.policy.kept == (config.Kept{}) {
		return
	}
	var bad []int
	for i, v := range verdicts {
		if h.Blocks(v) {
			bad = append(bad, i)
		}
	}
	if h.in.Nesting != nil {
		bad = h.in.Nesting.Innermost(bad)
	}
	for _, i := range bad {
		h.keepOne(&parts[i], verdicts[i])
	}
}

// keepOne puts one object into the quarantine, unless the options or the circumstances
// are against it.
func (h *Hold) keepOne(obj *scanner.Object, v scanner.Verdict) {
	status, wanted := h.s.policy.statusOf(v)
	if h.keptWhy = keptNot; !wanted || h.s.eng.Memory().Level != failopen.Normal {
		return
	}
	item := quarantine.Item{
		Name: obj.Name, Service: h.s.Protocol().Word(), Status: status, Description: fmt.Sprintf("File is %s: %s", status, v.Name),
		Size: obj.Size, Body: obj.Body,
	}
	if obj.Flat != nil {
		item.Body = flatReader(obj.Flat)
	}
	name, err := h.s.eng.opts.Quarantine.Keep(item)
	if err != nil {
		h.notKept(obj.Name, err)
		return
	}
	h.kept = append(h.kept, keptPart{part: obj.Name, virus: v.Name, name: name})
}

// notKept notes why something is not in the quarantine. That it is too large or that
// the quarantine is off is nothing to be told.
func (h *Hold) notKept(file string, err error) {
	switch {
	case errors.Is(err, quarantine.ErrOff):
		h.keptWhy = keptOff
	case errors.Is(err, quarantine.ErrTooLarge):
		h.keptWhy = keptOversize
	case h.s.eng.events.allow(eventQuarantine, h.s.entry.Proto):
		h.s.eng.log.Warn("not quarantined", append(h.s.about(), zap.String("file", file), zap.Error(err))...)
	}
}

// keptOf is what of a route's blocked objects is kept.
func (e *Engine) keptOf(snap *config.Snapshot, rt *route) config.Kept {
	if e.opts.Quarantine == nil || rt.av == nil || !rt.av.Protocol(rt.proto).Options.Has(config.AVQuarantine) {
		return config.Kept{}
	}
	return snap.Quarantine.Of(rt.proto)
}

// statusOf is what the quarantine calls something with the verdict v, and whether it is
// to be kept.
func (rt *route) statusOf(v scanner.Verdict) (string, bool) {
	switch {
	case v.Class == scanner.Suspicious:
		return "heuristic", rt.kept.Heuristic
	case v.Class.Detection():
		return "infected", rt.kept.Infected
	}
	return "blocked", rt.kept.Blocked
}

// Quarantined is the name in the quarantine of what is bad, the first of several.
func (h *Hold) Quarantined() string {
	if len(h.kept) == 0 {
		return ""
	}
	return h.kept[0].name
}

// quarantinedAs is the name that a part was given, that of the first where it isn't
// known.
func (h *Hold) quarantinedAs(part string, v scanner.Verdict) string {
	for _, k := range h.kept {
		if k.part == part && k.virus == v.Name {
			return k.name
		}
	}
	return h.Quarantined()
}

// quarskip is the log's word about the quarantine.
func (h *Hold) quarskip() string {
	switch {
	case len(h.kept) > 0:
		return keptIt
	case h.keptWhy != "":
		return h.keptWhy
	case h.s.policy.kept == (config.Kept{}):
		return keptOff
	case h.Outcome == TooLarge || h.leak == stats.LeakOversize && h.Outcome == Unscanned:
		return keptOversize
	}
	return keptNot
}
