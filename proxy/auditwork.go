package proxy

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"utmsim/internal/stats"
	"utmsim/protocols"
	"utmsim/scanner"
)

// audits scans what bypassed sessions have moved, one recording at a time and only
// while a scan slot is idle. It takes no slot: the scan that takes the last one ends
// it, and it begins anew when there is one again. So traffic never waits for it.
type audits struct {
	eng   *Engine
	limit atomic.Int64 // bytes that all recordings may hold; 0: nothing is recorded
	held  atomic.Int64
	queue atomic.Int64 // length of jobs, to be looked at

	mu      sync.Mutex // guards the fields below
	jobs    []*auditJob
	working bool
	closed  bool
	cancel  context.CancelFunc // ends the scan that runs
	workers sync.WaitGroup
}

// auditJob is a recording that waits to be scanned.
type auditJob struct {
	rec     Recording
	dossier *dossier
	session uint64
	vdom    *vdomState
	route   *route
	dir     stats.Direction // of an object
	client  netip.AddrPort
	server  netip.AddrPort
	bytes   int64
}

// take charges n bytes of recordings, if there is room for them. They are not part of the
// memory model: an audit that made the proxy bypass more would keep itself alive.
func (a *audits) take(n int64) bool {
	if a.held.Add(n) > a.limit.Load() {
		a.held.Add(-n)
		return false
	}
	return true
}

// configure sets how much may be held; there may be an idle slot now.
func (a *audits) configure(limit int64) {
	a.limit.Store(limit)
	a.kick()
}

func (a *audits) give(n int64) { a.held.Add(-n) }

// missed counts bytes of which nobody will know what was in them.
func (a *audits) missed(d *dossier, ledger *stats.Ledger, n int64) {
	if n == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.audit.Missed += n
	ledger.Missed.Bytes.Add(n)
	if !d.missed {
		d.missed = true
		ledger.Missed.Sessions.Inc()
	}
}

func (j *auditJob) ledger() *stats.Ledger { return j.vdom.stats.Ledger(j.route.proto) }

func (j *auditJob) size() int64 { return int64(len(j.rec.Up) + len(j.rec.Down)) }

// submit has a recording scanned when there is time for it.
func (a *audits) submit(j *auditJob) {
	j.dossier.mu.Lock()
	j.dossier.waiting++
	j.dossier.mu.Unlock()
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		a.end(j, auditResult{failed: errAuditsClosed})
		return
	}
	a.jobs = append(a.jobs, j)
	a.queue.Add(1)
	a.mu.Unlock()
	a.kick()
}

var errAuditsClosed = fmt.Errorf("audit: %w", ErrShutdown)

// waitsFor tells that a recording of a VDOM is not scanned yet.
func (a *audits) waitsFor(v *vdomState) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.ContainsFunc(a.jobs, func(j *auditJob) bool { return j.vdom == v })
}

// kick begins to work if there is work and an idle slot.
func (a *audits) kick() {
	if a.queue.Load() == 0 || !a.eng.scans.idle() {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.working || a.closed {
		return
	}
	a.working = true
	a.workers.Go(a.work)
}

// giveWay ends the scan that runs, because others need the scanner.
func (a *audits) giveWay() {
	if a.queue.Load() == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cancel != nil {
		a.cancel()
	}
}

// work scans recordings until there is none or no slot is idle. The release of a
// slot goes on with it.
func (a *audits) work() {
	for {
		j, ctx := a.next()
		if j == nil {
			return
		}
		found := a.scan(ctx, j)
		a.mu.Lock()
		a.cancel()
		again := found.interrupted && !a.closed
		a.cancel = nil
		if found.interrupted && !again {
			found.failed = errAuditsClosed
		}
		if !again {
			a.jobs = slices.Delete(a.jobs, 0, 1)
			a.queue.Add(-1)
		}
		a.mu.Unlock()
		if !again {
			a.end(j, found)
		}
	}
}

// next is the oldest recording, which stays in the queue while it is scanned.
func (a *audits) next() (*auditJob, context.Context) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || len(a.jobs) == 0 || !a.eng.scans.idle() {
		a.working = false
		return nil, nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	return a.jobs[0], ctx
}

// auditResult is what scanning a recording has brought.
type auditResult struct {
	names       []string
	verdict     scanner.Verdict // the first detection
	file, url   string          // of the object that it is about
	failed      error           // an object without a verdict
	interrupted bool
}

// scan judges a recording: what the driver finds in it, and the bytes themselves.
func (a *audits) scan(ctx context.Context, j *auditJob) (found auditResult) {
	defer func() {
		if p := recover(); p != nil {
			a.eng.log.Error("panic in an audit", zap.Uint64("session", j.session), zap.Any("panic", p), zap.ByteString("stack", debug.Stack()))
			a.eng.panics.Inc()
			found.failed = fmt.Errorf("panic in an audit: %v", p)
		}
	}()
	judge := func(o *scanner.Object) { a.one(ctx, j, o, &found) }
	if o := j.rec.Object; o != nil {
		o.Flat = append(j.rec.Up, j.rec.Down...) // one of them is empty
		o.Size, o.Body = int64(len(o.Flat)), bytes.NewReader(o.Flat)
	}
	if d, ok := j.route.driver.(Auditor); ok {
		d.Audit(&j.rec, judge)
	}
	if o := j.rec.Object; o != nil {
		judge(o)
		return found
	}
	for _, raw := range [][]byte{j.rec.Up, j.rec.Down} {
		judge(&scanner.Object{Kind: rawKind(j.route.proto), Size: int64(len(raw)), Flat: raw, Body: bytes.NewReader(raw)})
	}
	return found
}

// rawKind is what the bytes of a dialogue are looked at as.
func rawKind(p protocols.Protocol) scanner.Kind {
	switch p {
	case protocols.HTTP:
		return scanner.WebResponse
	case protocols.FTP:
		return scanner.File
	case protocols.NNTP:
		return scanner.Article
	}
	return scanner.Mail
}

// one judges one object of a recording.
func (a *audits) one(ctx context.Context, j *auditJob, o *scanner.Object, found *auditResult) {
	if ctx.Err() != nil || o.Size == 0 {
		found.interrupted = ctx.Err() != nil
		return
	}
	set := a.eng.scans.set.Load()
	timed, cancel := context.WithTimeout(ctx, set.Timeout)
	defer cancel()
	o.Limits = j.route.limits
	v, err := set.Scanner.Scan(timed, o)
	switch {
	case ctx.Err() != nil:
		found.interrupted = true
	case err != nil:
		found.failed = err
	case v.Class.Detection():
		if len(found.names) == 0 {
			found.verdict, found.file, found.url = v, o.Name, o.URL
		}
		if len(found.names) < maxAuditNames && !slices.Contains(found.names, v.Name) {
			found.names = append(found.names, v.Name)
		}
	}
}

// end counts what became of a recording and frees its memory. Without any verdict on
// one of its objects, and without a detection, the recording counts as not audited.
func (a *audits) end(j *auditJob, found auditResult) {
	defer a.give(j.size()) // when all is counted
	ledger, d := j.ledger(), j.dossier
	if found.failed != nil && len(found.names) == 0 {
		a.missed(d, ledger, j.bytes)
		d.mu.Lock()
		d.waiting--
		d.mu.Unlock()
		return
	}
	d.mu.Lock()
	d.waiting--
	d.audit.Scanned += j.bytes
	ledger.Audited.Bytes.Add(j.bytes)
	if !d.scanned {
		d.scanned = true
		ledger.Audited.Sessions.Inc()
	}
	if len(found.names) > 0 {
		ledger.Detected.Bytes.Add(j.bytes)
		if !d.detected {
			d.detected = true
			ledger.Detected.Sessions.Inc()
		}
	}
	for _, n := range found.names {
		if len(d.audit.Names) < maxAuditNames && !slices.Contains(d.audit.Names, n) {
			d.audit.Names = append(d.audit.Names, n)
		}
	}
	d.mu.Unlock()
	if len(found.names) > 0 {
		a.eng.auditDetected(j, &found)
	}
}

// close ends the audits at the end of the engine. What waits is not scanned any more.
func (a *audits) close() {
	a.mu.Lock()
	a.closed = true
	if a.cancel != nil {
		a.cancel()
	}
	a.mu.Unlock()
	a.workers.Wait()
	a.mu.Lock()
	left := a.jobs
	a.jobs = nil
	a.queue.Store(0)
	a.mu.Unlock()
	for _, j := range left {
		a.end(j, auditResult{failed: errAuditsClosed})
	}
}

// AuditMemory is how many bytes of bypassed sessions are held to be scanned, and how
// many recordings wait for that.
func (e *Engine) AuditMemory() (held int64, waiting int) {
	return e.audits.held.Load(), int(e.audits.queue.Load())
}
