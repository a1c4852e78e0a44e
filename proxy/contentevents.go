package proxy

import (
	"cmp"
	"fmt"
	"hash/crc32"
	"io"

	"go.uber.org/zap"

	"utmsim/internal/filefilter"
	"utmsim/internal/stats"
	"utmsim/scanner"
)

// about is what every event about a session's content says.
func (s *Session) about() []zap.Field {
	return s.aboutUnder(s.antivirusName())
}

// antivirusName is the name of the antivirus profile, empty where there is none.
func (s *Session) antivirusName() string {
	if s.policy.av == nil {
		return ""
	}
	return s.policy.av.Name
}

// aboutUnder is the same about what another profile has decided.
func (s *Session) aboutUnder(profile string) []zap.Field {
	return []zap.Field{zap.Uint64("session", s.id), zap.Stringer("protocol", s.entry.Proto), zap.String("vdom", s.vdom.name),
		zap.Int("policy", s.policy.policy), zap.String("profile", profile),
		zap.Stringer("client", s.peer), zap.Stringer("server", serverAddr(s.target))}
}

// about is what every event about an object says.
func (h *Hold) about() []zap.Field {
	direction := "incoming"
	if h.in.Dir == stats.Up {
		direction = "outgoing"
	}
	return append(h.s.aboutUnder(h.profile()), zap.String("direction", direction), zap.String("file", h.file()),
		zap.String("url", h.in.Object.URL), zap.Int64("size", h.known()), zap.Stringer("outcome", h.Outcome),
		zap.String("quarskip", h.quarskip()))
}

// known is the object's size as far as it is known: what has been read of it, and
// what its source says is still to come.
func (h *Hold) known() int64 {
	if c, ok := h.in.Source.(CountedSource); ok && !h.ended {
		return h.size + c.Left()
	}
	return h.size
}

// profile is the name of the profile that decides about the object.
func (h *Hold) profile() string {
	if web := h.s.policy.web; web != nil && h.Verdict.Class == scanner.BannedWord {
		return web.Name
	}
	return h.s.antivirusName()
}

// file is the name of the object, or of the part of it that is meant: a mail has none,
// what was found in it has.
func (h *Hold) file() string {
	if c := h.Verdict.Class; (c == scanner.FileBlocked || c == scanner.FileExempt) && h.Verdict.Part != "" {
		return h.Verdict.Part
	}
	return cmp.Or(h.in.Object.Name, h.BadName)
}

// detected logs a detection.
func (e *Engine) detected(h *Hold) {
	e.log.Warn("content detected", append(h.about(), zap.Stringer("class", h.Verdict.Class), zap.String("name", h.Verdict.Name),
		zap.String("part", h.Verdict.Part), zap.String("checksum", h.checksum()))...)
}

// auditDetected logs what was found in a session that has passed unscanned.
func (e *Engine) auditDetected(j *auditJob, found *auditResult) {
	profile, v := "", &found.verdict
	if j.route.av != nil {
		profile = j.route.av.Name
	}
	e.log.Warn("detected after bypass", zap.Uint64("session", j.session), zap.Stringer("protocol", j.route.proto), zap.String("vdom", j.vdom.name),
		zap.Int("policy", j.route.policy), zap.String("profile", profile), zap.Stringer("client", j.client), zap.Stringer("server", serverAddr(j.server)),
		zap.String("file", found.file), zap.String("url", found.url), zap.Int64("size", j.size()),
		zap.Stringer("outcome", Unscanned), zap.Stringer("class", v.Class), zap.String("name", v.Name), zap.String("part", v.Part))
}

// KnownDetected logs that a URL is not asked for, because of what was detected there
// before.
func (s *Session) KnownDetected(url, file string, v scanner.Verdict) {
	s.eng.log.Warn("content detected", append(s.about(), zap.String("direction", "incoming"), zap.String("file", file), zap.String("url", url),
		zap.Stringer("outcome", Detected), zap.Stringer("class", v.Class), zap.String("name", v.Name), zap.Bool("known", true))...)
}

// fileBlocked logs a file that is blocked for its name or type.
func (e *Engine) fileBlocked(h *Hold) {
	fields := append(h.about(), zap.String("filter", h.Verdict.Name))
	if h.fileType != filefilter.None {
		fields = append(fields, zap.Stringer("type", h.fileType))
	}
	if h.size > 0 {
		fields = append(fields, zap.String("checksum", h.checksum()))
	}
	e.log.Warn("file blocked", fields...)
}

// fileExempt logs a file that is not scanned for its name or type.
func (e *Engine) fileExempt(h *Hold) {
	e.log.Info("file exempt", append(h.about(), zap.String("filter", h.Verdict.Name))...)
}

// bannedWord logs an object that is blocked for its words.
func (e *Engine) bannedWord(h *Hold) {
	e.log.Warn("banned word", append(h.about(), zap.String("words", h.Verdict.Name), zap.Int("score", h.score))...)
}

// checksum is the CRC-32 of the object's content as far as it is held, in hex: the
// appliance's form of it.
func (h *Hold) checksum() string {
	sum := crc32.NewIEEE()
	if _, err := io.Copy(sum, io.NewSectionReader(h, 0, h.size)); err != nil {
		return "" // the content was given on already
	}
	return fmt.Sprintf("%08x", sum.Sum32())
}

// tooLarge logs an object above the oversize limit.
func (e *Engine) tooLarge(h *Hold) {
	if e.events.allow(eventOversize, h.s.entry.Proto) {
		e.log.Warn("oversize", h.about()...)
	}
}

// scanFailed logs an object without a verdict.
func (e *Engine) scanFailed(h *Hold, err error) {
	if e.events.allow(eventScanFailed, h.s.entry.Proto) {
		e.log.Warn("scan failed", append(h.about(), zap.Error(err))...)
	}
}
