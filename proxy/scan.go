package proxy

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"utmsim/internal/config"
	"utmsim/scanner"
)

// ScanSettings say who judges objects and what happens when nobody can.
type ScanSettings struct {
	Scanner   scanner.Scanner
	Workers   int           // scans at once
	Backlog   int           // scans that may wait for one of these
	Timeout   time.Duration // for one scan, waiting not included
	OnError   config.ErrorAction
	OnTimeout config.ErrorAction
	// AuditMemory is how many bytes of bypassed sessions may be held to be scanned; 0:
	// they are not audited.
	AuditMemory int64
}

// scans hands objects to the scanner: so many at once, so many waiting.
type scans struct {
	eng *Engine
	set atomic.Pointer[ScanSettings]

	mu      sync.Mutex // guards the fields below
	running int
	waiting []*scanTicket // in order of arrival
}

// scanTicket is a place in the backlog; ready is closed when the scan may run.
type scanTicket struct{ ready chan struct{} }

var errBacklog = errors.New("too many scans are waiting")

// acquire takes a scan slot, or waits for one in the backlog.
func (sc *scans) acquire(ctx context.Context) error {
	set := sc.set.Load()
	sc.mu.Lock()
	if sc.running < set.Workers && len(sc.waiting) == 0 {
		sc.running++
		last := sc.running == set.Workers
		sc.mu.Unlock()
		if last {
			sc.eng.audits.giveWay()
		}
		return nil
	}
	if len(sc.waiting) >= set.Backlog {
		sc.mu.Unlock()
		return errBacklog
	}
	t := &scanTicket{ready: make(chan struct{})}
	sc.waiting = append(sc.waiting, t)
	sc.mu.Unlock()
	select {
	case <-t.ready:
		return nil
	case <-ctx.Done():
		sc.forget(t)
		return context.Cause(ctx)
	}
}

// forget gives up a place in the backlog, or the slot it has turned into.
func (sc *scans) forget(t *scanTicket) {
	sc.mu.Lock()
	for i, w := range sc.waiting {
		if w == t {
			sc.waiting = append(sc.waiting[:i], sc.waiting[i+1:]...)
			sc.mu.Unlock()
			return
		}
	}
	sc.mu.Unlock()
	sc.release()
}

// release gives a slot back, and wakes as many as there is room for now.
func (sc *scans) release() {
	sc.mu.Lock()
	sc.running--
	sc.fillLocked()
	sc.mu.Unlock()
	sc.eng.audits.kick()
}

// idle tells that a slot is free and nobody waits for one.
func (sc *scans) idle() bool {
	set := sc.set.Load()
	sc.mu.Lock()
	defer sc.mu.Unlock()
	return sc.running < set.Workers && len(sc.waiting) == 0
}

// configure changes the settings; with more slots than before some that wait
// may go on.
func (sc *scans) configure(set *ScanSettings) {
	sc.mu.Lock()
	sc.set.Store(set)
	sc.fillLocked()
	sc.mu.Unlock()
	sc.eng.audits.configure(set.AuditMemory)
}

// fillLocked lets those that wait have the free slots, in order.
func (sc *scans) fillLocked() {
	set := sc.set.Load()
	for sc.running < set.Workers && len(sc.waiting) > 0 {
		sc.running++
		close(sc.waiting[0].ready)
		sc.waiting = sc.waiting[1:]
	}
}

// load is how many scans run and wait now.
func (sc *scans) load() (running, waiting int) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	return sc.running, len(sc.waiting)
}

// judge fills in the outcome of a complete hold. Its error is the session's end.
func (sc *scans) judge(ctx context.Context, s *Session, h *Hold) error {
	if h.size == 0 {
		if s.policy.scan {
			s.verdicts(h.in.Dir).Clean()
		}
		return nil
	}
	s.shown.scanning.Store(true)
	defer s.shown.scanning.Store(false)
	var verdict scanner.Verdict
	var err error
	if h.comfortAt > 0 {
		verdict, err = sc.scanWithComfort(ctx, s, h)
	} else {
		verdict, err = sc.scan(ctx, s, h)
	}
	if err != nil && ctx.Err() != nil {
		return s.causeOr(context.Cause(ctx))
	}
	h.conclude(verdict, err)
	return nil
}

// scanWithComfort scans while the receiver is kept patient.
func (sc *scans) scanWithComfort(ctx context.Context, s *Session, h *Hold) (scanner.Verdict, error) {
	type answer struct {
		v   scanner.Verdict
		err error
	}
	h.toSpool()
	done := make(chan answer, 1)
	go func() {
		v, err := sc.scan(ctx, s, h)
		done <- answer{v, err}
	}()
	for {
		timer := time.NewTimer(time.Duration(max(0, h.comfortAt-s.eng.now())))
		select {
		case a := <-done:
			timer.Stop()
			return a.v, a.err
		case <-timer.C:
		}
		if err := h.comfort(); err != nil {
			s.ctx.cancel(err)
			a := <-done
			return a.v, err
		}
	}
}

// scan waits for a slot and has every part of the object judged. The first
// detection decides; else the first verdict that isn't clean.
func (sc *scans) scan(ctx context.Context, s *Session, h *Hold) (v scanner.Verdict, err error) {
	if err := sc.acquire(ctx); err != nil {
		return scanner.Verdict{}, err
	}
	defer sc.release()
	defer sc.survive(s, &err)
	set := sc.set.Load()
	whole, gathered := h.object()
	defer gathered.done()
	ctx = h.limit.begin(ctx, set.Timeout)
	defer h.limit.end()
	began := s.eng.now()
	defer func() { sc.eng.worker.Stat.InScan.Add(time.Duration(s.eng.now() - began)) }()
	if h.in.Split == nil {
		if v, err = sc.one(ctx, s, set, whole); err == nil && h.Blocks(v) {
			h.keepBad([]scanner.Object{*whole}, []scanner.Verdict{v})
		}
		if s.policy.words != nil {
			return h.andWords(ctx, []scanner.Object{*whole}, v, err)
		}
		return v, err
	}
	parts := h.in.Split(whole)
	v, err = sc.parts(ctx, s, set, h, parts)
	if s.policy.words != nil {
		return h.andWords(ctx, parts, v, err)
	}
	return v, err
}

// survive turns a panic in a scanner into a failed scan.
func (sc *scans) survive(s *Session, err *error) {
	if p := recover(); p != nil {
		sc.eng.log.Error("panic in a scan", zap.Uint64("session", s.id), zap.Stringer("protocol", s.entry.Proto),
			zap.Any("panic", p), zap.ByteString("stack", debug.Stack()))
		sc.eng.panics.Inc()
		*err = fmt.Errorf("panic in a scan: %v", p)
	}
}

// parts judges part by part. The gravest verdict counts, of several the first. An
// archive verdict that is not the gravest still counts, because the policy may block it
// and let the other pass.
func (sc *scans) parts(ctx context.Context, s *Session, set *ScanSettings, h *Hold, parts []scanner.Object) (worst scanner.Verdict, failed error) {
	worst = h.in.Found
	h.Parts = make([]scanner.Verdict, 0, len(parts))
	filtered := s.filterParts(parts)
	for i := range parts {
		parts[i].Limits = s.policy.limits
		var v scanner.Verdict
		var err error
		if filtered != nil && filtered[i].Class != scanner.Clean {
			v = filtered[i]
		} else {
			v, err = sc.one(ctx, s, set, &parts[i])
		}
		h.Parts = append(h.Parts, v)
		found := worst.Findings | v.Findings
		switch {
		case err != nil && failed == nil:
			failed = err
		case gravity(v.Class) > gravity(worst.Class):
			worst = v
		}
		worst.Findings = found
		if gravity(worst.Class) >= gravity(scanner.FileBlocked) && !h.in.Every {
			break
		}
	}
	if gravity(worst.Class) >= gravity(scanner.FileBlocked) {
		failed = nil
	}
	if failed == nil && h.Blocks(worst) {
		h.nameBad(parts)
		h.keepBad(parts, h.Parts)
	}
	return worst, failed
}

// nameBad notes which of the parts is to blame.
func (h *Hold) nameBad(parts []scanner.Object) {
	for i, v := range h.Parts {
		if parts[i].Name != "" && h.Blocks(v) {
			h.BadName = parts[i].Name
			return
		}
	}
}

// gravity orders the verdicts on the parts of an object.
func gravity(c scanner.Class) int {
	switch {
	case c.Detection():
		return 4
	case c == scanner.FileBlocked:
		return 3
	case c == scanner.FileExempt:
		return 2
	case c != scanner.Clean:
		return 1
	}
	return 0
}

// one is one call of the scanner, where the policy asks for one. Every verdict it
// delivers is an event of the scan socket and a result of the protocol.
func (sc *scans) one(ctx context.Context, s *Session, set *ScanSettings, obj *scanner.Object) (scanner.Verdict, error) {
	if !s.policy.scan {
		return scanner.Verdict{}, nil
	}
	v, err := set.Scanner.Scan(ctx, obj)
	if err == nil {
		s.counts.Scan.Inc()
		sc.eng.rounds.one(sc.eng.worker.ScanEvent)
	}
	return v, err
}

// object is the held content as the scanner wants it, in one piece if it lies in
// one or fits one chunk.
func (h *Hold) object() (*scanner.Object, gathering) {
	obj := &h.in.Object
	obj.Size, obj.Limits, obj.Body = h.size, h.s.policy.limits, &h.spool
	if h.in.Every || h.n > 1 && h.size > chunkSize {
		h.toSpool()
	}
	if h.n == 0 {
		obj.Flat = h.spool.flat()
		return obj, gathering{}
	}
	g := gathering{}
	if h.n == 1 {
		obj.Flat = h.inst[0].b
	} else {
		obj.Flat = g.gather(h.inst[:h.n])
	}
	obj.Body = flatReader(obj.Flat)
	return obj, g
}
