package proxy

import (
	"errors"
	"syscall"

	"utmsim/internal/stats"
	"utmsim/protocols"
	"utmsim/scanner"
)

// conclude turns what the scanner said into an outcome and counts it.
func (h *Hold) conclude(v scanner.Verdict, err error) {
	counters := h.s.verdicts(h.in.Dir)
	if err != nil {
		h.failed(err)
		return
	}
	h.Verdict = v
	switch {
	case v.Class.Detection():
		count(counters, v.Class)
		if !h.s.policy.monitor {
			h.Outcome = Detected
		}
		h.s.eng.detected(h)
	case h.s.policy.blocksArchive(v.Findings):
		counters.FileBlocked()
		h.Outcome = Detected
		h.s.eng.detected(h)
	case v.Class == scanner.FileBlocked, v.Class == scanner.FileExempt:
		h.filtered(v)
	case v.Class == scanner.BannedWord:
		counters.BannedWord()
		h.Outcome = Detected
		h.s.eng.bannedWord(h)
	case h.in.Fragment:
		h.Outcome, h.leak = Unscanned, stats.LeakUninspectable
	case !h.s.policy.scan:
		h.Outcome, h.leak = Unscanned, stats.LeakPolicy
	case v.Class == scanner.Clean:
		counters.Clean()
	case v.Class == scanner.Oversize:
		counters.Oversize(false)
		h.Outcome, h.leak = Unscanned, stats.LeakOversize
		h.s.eng.tooLarge(h)
	default:
		counters.Clean()
		h.Outcome, h.leak = Unscanned, stats.LeakUninspectable
	}
}

// failed decides about an object without a verdict.
func (h *Hold) failed(err error) {
	set := h.s.eng.scans.set.Load()
	if errors.Is(err, errBacklog) {
		h.Outcome = Backlog
		h.s.backlogDrop(h.in.Dir)
		return
	}
	action, leak := set.OnError, stats.LeakScanError
	if isTimeout(err) {
		action, leak = set.OnTimeout, stats.LeakScanTimeout
	}
	if errors.Is(err, scanner.ErrLost) {
		h.s.transport.Fail(stats.ScanReset, syscall.ECONNRESET)
	}
	h.Outcome, h.leak = errorOutcome(action), leak
	h.s.verdicts(h.in.Dir).ScanError(scanErrorCode(err))
	h.s.eng.scanFailed(h, err)
}

// scanErrorCode is the opaque number printed as "Last Server Scan errors".
func scanErrorCode(err error) int64 {
	if isTimeout(err) {
		return scanCodeTimeout
	}
	return scanCodeFailed
}

// Codes of our own; the appliance's are not public. The documented sample shows 102.
const (
	scanCodeFailed  = 102
	scanCodeTimeout = 110
)

// backlogDrop counts an object for which there was no place in the backlog.
func (s *Session) backlogDrop(dir stats.Direction) {
	if s.entry.Proto != protocols.HTTP {
		s.verdicts(dir).ScanError(scanCodeFailed)
		return
	}
	if dir == stats.Up {
		s.vdom.stats.HTTP.Stat.RequestBacklogDrop.Inc()
		return
	}
	s.vdom.stats.HTTP.Stat.ResponseBacklogDrop.Inc()
}
