package sessiontable

// ladder finds buckets by what is in them. Rung n of level 0 describes the bucket of
// clients with n entries; a rung of a higher level describes eight of the level
// below. Its height follows the largest number of entries that a client ever had, so
// it is one level of eight in the usual case.
type ladder struct {
	levels [][]rung
}

type rung struct {
	rest    int64  // the earliest rest that the index knows of; never if none
	clients uint32 // how many clients stand here
	bucket  uint32 // level 0, where clients stand: index into domain.buckets
}

const fan = 8

// reach makes sure that there is a rung n.
func (l *ladder) reach(n int) {
	if len(l.levels) > 0 && n < len(l.levels[0]) {
		return
	}
	size := fan
	for size <= n {
		size *= 2
	}
	var old []rung
	if len(l.levels) > 0 {
		old = l.levels[0]
	}
	l.levels = [][]rung{emptyRungs(size)}
	copy(l.levels[0], old)
	for below := l.levels[0]; len(below) > fan; {
		level := emptyRungs((len(below) + fan - 1) / fan)
		for i := range below {
			level[i/fan].clients += below[i].clients
			level[i/fan].rest = min(level[i/fan].rest, below[i].rest)
		}
		l.levels = append(l.levels, level)
		below = level
	}
}

func emptyRungs(n int) []rung {
	rungs := make([]rung, n)
	for i := range rungs {
		rungs[i].rest = never
	}
	return rungs
}

// rung describes the bucket of a count.
func (l *ladder) rung(count int) *rung { return &l.levels[0][count] }

// move counts a client out of one rung and into another; rung 0 counts nobody.
func (l *ladder) move(from, to int) {
	out, in := from > 0, to > 0
	for _, level := range l.levels {
		if out && in && from == to {
			return
		}
		if out {
			level[from].clients--
		}
		if in {
			level[to].clients++
		}
		from /= fan
		to /= fan
	}
}

// set notes the earliest rest known in the bucket of count.
func (l *ladder) set(count int, rest int64) {
	for i, level := range l.levels {
		old := level[count].rest
		if old == rest {
			return
		}
		level[count].rest = rest
		count /= fan
		if i+1 == len(l.levels) {
			return
		}
		switch above := l.levels[i+1][count].rest; {
		case rest < above:
		case old > above:
			return // another rung has the earliest
		default:
			rest = l.earliest(i, count*fan)
		}
	}
}

// earliest is the earliest rest among the rungs of a level that share the parent of
// the one at first.
func (l *ladder) earliest(level, first int) int64 {
	rungs := l.levels[level]
	rest := never
	for _, r := range rungs[first:min(first+fan, len(rungs))] {
		rest = min(rest, r.rest)
	}
	return rest
}

// highest finds the largest count whose bucket has a client with a rest known to
// be at or before limit, and how many clients have more entries than that. With
// limit never it finds the largest count of all.
func (l *ladder) highest(limit int64) (count int, above uint32, ok bool) {
	top := len(l.levels) - 1
	first, end := 0, len(l.levels[top])
	for i := top; ; i-- {
		level := l.levels[i]
		n := end - 1
		for n >= first && (level[n].clients == 0 || level[n].rest > limit) {
			above += level[n].clients
			n--
		}
		if n < first {
			return 0, 0, false
		}
		if i == 0 {
			return n, above, true
		}
		first, end = n*fan, min((n+1)*fan, len(l.levels[i-1]))
	}
}
