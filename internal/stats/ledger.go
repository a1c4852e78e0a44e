package stats

// LeakReason says why bytes were delivered that no scanner saw.
type LeakReason uint8

// The reasons.
const (
	LeakFailopen      LeakReason = iota // bypassed in session or memory failopen
	LeakOneShot                         // bypassed because the one-shot latch is set
	LeakOversize                        // larger than the hold limit, and let pass
	LeakScanError                       // the scanner gave no verdict, and errors pass
	LeakScanTimeout                     // the scanner took too long, and time-outs pass
	LeakUninspectable                   // encrypted, upgraded or partial content
	LeakPolicy                          // the policy asks for no inspection (utm-status disable)
	LeakExempt                          // a filter exempts it from scanning
	LeakReasons       int        = iota // how many there are
)

var leakNames = [LeakReasons]string{
	"failopen bypass", "one-shot latch", "oversize pass", "scan error pass",
	"scan time-out pass", "uninspectable", "policy", "exempt",
}

// String is the reason as it is printed.
func (r LeakReason) String() string { return leakNames[r] }

// Ledger counts for one protocol what the documented blocks have no line for.
type Ledger struct {
	Bypassed Leak    // sessions that took no entry, and their bytes in both directions
	Refused  Counter // connections not admitted
	Dropped  Counter // sessions removed by idledrop
	Audited  Leak    // bypassed sessions that were scanned off the path, and how much of them
	Detected Leak    // of these, those in which something was detected
	Missed   Leak    // bypassed sessions of which something could not be scanned off the path
	leaks    [LeakReasons]Leak
	_        pad
}

// Leak counts sessions and the bytes they delivered.
type Leak struct {
	Sessions Counter
	Bytes    Counter
}

// Leak is the account of what leaked for reason r.
func (l *Ledger) Leak(r LeakReason) *Leak { return &l.leaks[r] }

func (l *Ledger) reset() {
	l.Bypassed.reset()
	l.Refused.n.Store(0)
	l.Dropped.n.Store(0)
	l.Audited.reset()
	l.Detected.reset()
	l.Missed.reset()
	for i := range l.leaks {
		l.leaks[i].reset()
	}
}

func (l *Ledger) absorb(other *Ledger) {
	l.Bypassed.absorb(&other.Bypassed)
	l.Refused.Add(other.Refused.Load())
	l.Dropped.Add(other.Dropped.Load())
	for i := range l.leaks {
		l.leaks[i].absorb(&other.leaks[i])
	}
}

func (l *Leak) absorb(other *Leak) {
	l.Sessions.Add(other.Sessions.Load())
	l.Bytes.Add(other.Bytes.Load())
}

func (l *Leak) reset() {
	l.Sessions.n.Store(0)
	l.Bytes.n.Store(0)
}

// LedgerReport is a Ledger in plain numbers.
type LedgerReport struct {
	Bypassed         LeakReport
	Refused, Dropped int64
	Audited          LeakReport
	Detected, Missed LeakReport
	Leaks            [LeakReasons]LeakReport // indexed by LeakReason
}

// LeakReport is a Leak in plain numbers.
type LeakReport struct{ Sessions, Bytes int64 }

func (r *LedgerReport) add(l *Ledger) {
	r.Bypassed.add(&l.Bypassed)
	r.Refused += l.Refused.Load()
	r.Dropped += l.Dropped.Load()
	r.Audited.add(&l.Audited)
	r.Detected.add(&l.Detected)
	r.Missed.add(&l.Missed)
	for i := range l.leaks {
		r.Leaks[i].add(&l.leaks[i])
	}
}

func (r *LeakReport) add(l *Leak) {
	r.Sessions += l.Sessions.Load()
	r.Bytes += l.Bytes.Load()
}
