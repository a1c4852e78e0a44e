package failopen

// MiB is the unit of the thresholds, which the appliance rounds down to it.
const MiB = 1 << 20

// Thresholds are the numbers of one persona's conserve mode.
type Thresholds struct {
	Red     int // percent of total in use above which conserve mode begins
	Green   int // percent of total in use below which it ends
	Extreme int // percent of total in use above which nothing is admitted; 0: there is no such level

	// Classic compares exact bytes instead of whole MiB, and ends conserve mode at
	// Green already: the older releases' rule is worded in free memory.
	Classic bool
}

// ClassicThresholds are the older releases' rule: in at less than 20 % free, out
// at 30 % or more free, no extreme level.
func ClassicThresholds() Thresholds { return Thresholds{Red: 80, Green: 70, Classic: true} }

// PercentThresholds are the defaults of the releases that have
// memory-use-threshold-red, -green and -extreme.
func PercentThresholds() Thresholds { return Thresholds{Red: 88, Green: 82, Extreme: 95} }

// Levels are thresholds for one total, in MiB of used memory, rounded down.
type Levels struct {
	Red, Green, Extreme int64
}

// Of computes the thresholds for a total in bytes.
func (t Thresholds) Of(total int64) Levels {
	return Levels{Red: mib(total, t.Red), Green: mib(total, t.Green), Extreme: mib(total, t.Extreme)}
}

// mib is the share of total in whole MiB. Rounding happens once, after the
// percentage: a unit with 997 MB and some prints 698 MB for 70 %.
func mib(total int64, percent int) int64 { return total * int64(percent) / 100 / MiB }

// ConserveMode is the state machine of the memory conserve mode. Its zero value is
// Normal with thresholds that are never reached; set Thresholds before use.
// Thresholds may change at any time and count from the next Update.
type ConserveMode struct {
	Thresholds Thresholds
	level      Memory
}

// Level is the level found by the last Update.
func (c *ConserveMode) Level() Memory { return c.level }

// Update takes the memory in use and in total, in bytes, and says which level
// that makes and whether it is another than before. A total that is not positive
// means that memory is not accounted: Normal.
func (c *ConserveMode) Update(used, total int64) (Memory, bool) {
	before := c.level
	c.level = c.next(used, total)
	return c.level, c.level != before
}

func (c *ConserveMode) next(used, total int64) Memory {
	if total <= 0 || c.Thresholds == (Thresholds{}) {
		return Normal
	}
	red, extreme, green := c.Thresholds.compare(used, total)
	switch {
	case extreme:
		return Extreme
	case red:
		return Conserve
	case c.level != Normal && !green:
		return Conserve
	}
	return Normal
}

// compare says whether used is above red, above extreme, and below green.
func (t Thresholds) compare(used, total int64) (red, extreme, green bool) {
	if t.Classic {
		return used*100 > total*int64(t.Red),
			t.Extreme > 0 && used*100 > total*int64(t.Extreme),
			used*100 <= total*int64(t.Green)
	}
	mb, l := used/MiB, t.Of(total)
	return mb > l.Red, t.Extreme > 0 && mb > l.Extreme, mb < l.Green
}
