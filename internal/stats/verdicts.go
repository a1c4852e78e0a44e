package stats

// Direction says which way an object travels.
type Direction uint8

// The directions.
const (
	Down Direction = iota // server to client
	Up                    // client to server
)

// Verdicts is the group of lines that judgements on objects move, one method
// for each judgement. The methods keep the line "detected" equal to the sum of
// its parts. A part for which the documented block has no line is nil.
type Verdicts struct {
	clean, scanErrors, detected *Counter
	worms, viruses, susp        *Counter
	fileBlocked, fileExempt     *Counter
	bannedWord                  *Counter
	oversizePass, oversizeBlock *Counter
	lastScanError               *Last
}

// Judged is the group of lines about one kind of object. Their labels begin with
// the noun of the block that has the group.
type Judged struct {
	Clean         Counter `line:"clean"`
	ScanErrors    Counter `line:"scan errors"`
	Detected      Counter `line:"detected"`
	Worms         Counter `line:"infected with worms"`
	Viruses       Counter `line:"infected with viruses"`
	Susp          Counter `line:"infected with susp"`
	FileBlocked   Counter `line:"file blocked"`
	FileExempt    Counter `line:"file exempt"`
	BannedWord    Counter `line:"bannedword detected"`
	OversizePass  Counter `line:"oversize pass"`
	OversizeBlock Counter `line:"oversize block"`
}

// verdicts are the judgements that move the group; last may be nil.
func (j *Judged) verdicts(last *Last) *Verdicts {
	return &Verdicts{
		clean: &j.Clean, scanErrors: &j.ScanErrors, detected: &j.Detected,
		worms: &j.Worms, viruses: &j.Viruses, susp: &j.Susp,
		fileBlocked: &j.FileBlocked, fileExempt: &j.FileExempt, bannedWord: &j.BannedWord,
		oversizePass: &j.OversizePass, oversizeBlock: &j.OversizeBlock, lastScanError: last,
	}
}

// Clean counts an object that was scanned and is delivered.
func (v *Verdicts) Clean() { v.clean.Inc() }

// ScanError counts an object for which there is no verdict. code is what the
// scanner returned, not 0, and becomes "Last Server Scan errors" where the
// block has that line. What becomes of the object is counted elsewhere.
func (v *Verdicts) ScanError(code int64) {
	v.scanErrors.Inc()
	if v.lastScanError != nil {
		v.lastScanError.Set(code)
	}
}

// Virus counts an object that holds a virus.
func (v *Verdicts) Virus() { v.detect(v.viruses) }

// Worm counts an object that holds a worm; among the viruses where the block
// has no line for worms.
func (v *Verdicts) Worm() {
	if v.worms == nil {
		v.Virus()
		return
	}
	v.detect(v.worms)
}

// Suspicious counts a heuristic detection.
func (v *Verdicts) Suspicious() { v.detect(v.susp) }

// FileBlocked counts an object stopped for its name or type.
func (v *Verdicts) FileBlocked() { v.detect(v.fileBlocked) }

// FileExempt counts an object that is not scanned for its name or type. It
// counts as not detected.
func (v *Verdicts) FileExempt() { v.fileExempt.Inc() }

// BannedWord counts an object stopped for its words.
func (v *Verdicts) BannedWord() { v.detect(v.bannedWord) }

// Oversize counts an object larger than the hold limit, blocked or let pass.
func (v *Verdicts) Oversize(block bool) {
	if block {
		v.detect(v.oversizeBlock)
		return
	}
	v.detect(v.oversizePass)
}

func (v *Verdicts) detect(c *Counter) {
	c.Inc()
	if v.detected != nil {
		v.detected.Inc()
	}
}
