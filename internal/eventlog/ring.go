package eventlog

import "sync"

// ring keeps the newest lines in memory, up to a number of bytes over all categories.
type ring struct {
	mu    sync.Mutex // guards the fields below
	kept  []Line     // from first on, oldest first
	first int
	bytes int64
	max   int64
}

func (r *ring) limit(max int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.max = max
	r.trimLocked()
}

func (r *ring) add(l Line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept = append(r.kept, l)
	r.bytes += int64(len(l.Text))
	r.trimLocked()
}

// trimLocked forgets the oldest lines above the limit, and moves the others to the
// front when half of the slice has become free.
func (r *ring) trimLocked() {
	for r.first < len(r.kept) && r.bytes > r.max {
		r.bytes -= int64(len(r.kept[r.first].Text))
		r.kept[r.first] = Line{}
		r.first++
	}
	if r.first > len(r.kept)/2 {
		n := copy(r.kept, r.kept[r.first:])
		clear(r.kept[n:])
		r.kept, r.first = r.kept[:n], 0
	}
}

func (r *ring) lines(c Category) []Line {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Line
	for _, l := range r.kept[r.first:] {
		if l.Category == c {
			out = append(out, l)
		}
	}
	return out
}

func (r *ring) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept, r.first, r.bytes = nil, 0, 0
}
