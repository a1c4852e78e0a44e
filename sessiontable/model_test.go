package sessiontable

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"utmsim/protocols"
)

// model is the table once more, as a list that is searched from end to end.
type model struct {
	limits Limits
	serial uint32
	rows   []*modelRow // in order of number
	peak   map[string]int
}

type modelRow struct {
	entry    *Entry
	key      Key
	number   uint32
	admitted int64
	resting  bool
	since    int64
}

func (m *model) count(match func(Key) bool) (n int) {
	for _, r := range m.rows {
		if match(r.key) {
			n++
		}
	}
	return n
}

func anyKey(Key) bool                             { return true }
func ofProto(p protocols.Protocol) func(Key) bool { return func(k Key) bool { return k.Proto == p } }
func ofVDOM(v uint16) func(Key) bool              { return func(k Key) bool { return k.VDOM == v } }
func both(a, b func(Key) bool) func(Key) bool     { return func(k Key) bool { return a(k) && b(k) } }
func (m *model) protoLimit(p protocols.Protocol) int {
	limit := 1 << 30
	if own := m.limits.Proto[p]; own > 0 {
		limit = own
	}
	if m.limits.PerProtocol {
		limit = min(limit, m.limits.Pool)
	}
	return limit
}

func (m *model) vdomLimit(v uint16) int {
	if int(v) < len(m.limits.VDOM) && m.limits.VDOM[v] > 0 {
		return m.limits.VDOM[v]
	}
	return 1 << 30
}

// bound is one limit that counts a key: how many entries count, how many may.
type bound struct {
	short Shortage
	now   int
	limit int
	match func(Key) bool
}

func (m *model) bounds(k Key) []bound {
	out := []bound{
		{ShortProtocol, m.count(ofProto(k.Proto)), m.protoLimit(k.Proto), ofProto(k.Proto)},
		{ShortVDOM, m.count(ofVDOM(k.VDOM)), m.vdomLimit(k.VDOM), ofVDOM(k.VDOM)},
	}
	if !m.limits.PerProtocol {
		out = append(out, bound{ShortPool, len(m.rows), m.limits.Pool, anyKey})
	}
	return out
}

func (m *model) shortage(k Key) (s Shortage) {
	for _, b := range m.bounds(k) {
		if b.now >= b.limit {
			s |= b.short
		}
	}
	return s
}

func (m *model) insert(now int64, e *Entry, resting bool, since int64) {
	m.serial++
	m.rows = append(m.rows, &modelRow{e, e.Key, m.serial, now, resting, since})
	for name, match := range m.tallies(e.Key) {
		m.peak[name] = max(m.peak[name], m.count(match))
	}
}

// tallies are the counts that an entry of the key raises, by name.
func (m *model) tallies(k Key) map[string]func(Key) bool {
	return map[string]func(Key) bool{
		"total":                    anyKey,
		k.Proto.Word():             ofProto(k.Proto),
		vdomTally(k.VDOM, k.Proto): both(ofVDOM(k.VDOM), ofProto(k.Proto)),
	}
}

func vdomTally(v uint16, p protocols.Protocol) string { return fmt.Sprint(v, " ", p) }

func (m *model) remove(r *modelRow) {
	m.rows = slices.DeleteFunc(m.rows, func(o *modelRow) bool { return o == r })
}

// victim sorts all candidates by the documented order and takes the first eligible.
func (m *model) victim(now int64, match func(Key) bool, rule DropRule) (*modelRow, Victim) {
	var candidates []*modelRow
	clients := map[netip.Addr]int{}
	for _, r := range m.rows {
		if match(r.key) {
			candidates = append(candidates, r)
			clients[r.key.Client]++
		}
	}
	rest := func(r *modelRow) int64 {
		if r.resting {
			return r.since
		}
		return 1 << 62
	}
	slices.SortFunc(candidates, func(a, b *modelRow) int {
		return cmp.Or(
			cmp.Compare(clients[b.key.Client], clients[a.key.Client]),
			cmp.Compare(rest(a), rest(b)),
			cmp.Compare(a.number, b.number))
	})
	for _, r := range candidates {
		if !rule.Any && (!r.resting || now-r.since < int64(rule.Idle)) {
			continue
		}
		v := Victim{Entry: r.entry, Key: r.key, Number: r.number, Client: clients[r.key.Client], Rank: 1, Of: len(candidates)}
		for _, n := range clients {
			if n > v.Client {
				v.Rank++
			}
		}
		v.Active = !r.resting
		if r.resting {
			v.IdleFor = time.Duration(now - r.since)
		}
		return r, v
	}
	return nil, Victim{}
}

func (m *model) admitDropping(now int64, e *Entry, rule DropRule) (Victim, Outcome) {
	short := m.shortage(e.Key)
	if short == 0 && !rule.Always {
		m.insert(now, e, false, 0)
		return Victim{}, Admitted
	}
	match := anyKey
	for _, b := range m.bounds(e.Key) {
		if b.now > b.limit {
			return Victim{}, Refused
		}
		if b.now == b.limit {
			match = both(match, b.match)
		}
	}
	r, v := m.victim(now, match, rule)
	if r == nil {
		return Victim{}, Refused
	}
	v.Candidates = map[Shortage]Candidates{0: AnyEntry, ShortProtocol: OfProtocol, ShortVDOM: OfVDOM, ShortProtocol | ShortVDOM: OfBoth}[short&^ShortPool]
	m.remove(r)
	m.insert(now, e, false, 0)
	return v, Replaced
}

// pair is a table and its model, driven alike.
type pair struct {
	real  *Table
	model *model
	now   int64
	epoch uint64
	full  Fullness
	gone  []*Entry // entries that have been in the table and are out
}

var addrs = []netip.Addr{
	netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.3"),
	netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("10.0.0.5"),
}

func drawKey(t *rapid.T) Key {
	return Key{
		Client: rapid.SampledFrom(addrs).Draw(t, "client"),
		Proto:  rapid.SampledFrom([]protocols.Protocol{protocols.HTTP, protocols.POP3, protocols.NNTP}).Draw(t, "proto"),
		VDOM:   rapid.Uint16Range(0, 3).Draw(t, "vdom"),
	}
}

func drawLimits(t *rapid.T) Limits {
	l := Limits{Pool: rapid.IntRange(0, 14).Draw(t, "pool"), PerProtocol: rapid.Bool().Draw(t, "per-protocol")}
	for _, p := range []protocols.Protocol{protocols.HTTP, protocols.POP3} {
		l.Proto[p] = rapid.SampledFrom([]int{0, 0, 3, 6}).Draw(t, "own")
	}
	l.VDOM = rapid.SliceOfN(rapid.SampledFrom([]int{0, 3, 7}), 0, 3).Draw(t, "vdoms")
	return l
}

func drawRule(t *rapid.T) DropRule {
	return DropRule{
		Idle:   rapid.SampledFrom([]time.Duration{0, 0, 1, 3, 10}).Draw(t, "idle"),
		Any:    rapid.SampledFrom([]bool{false, false, true}).Draw(t, "any"),
		Always: rapid.SampledFrom([]bool{false, false, true}).Draw(t, "always"),
	}
}

func (p *pair) drawRow(t *rapid.T) *modelRow {
	if len(p.model.rows) == 0 {
		t.Skip("no entries")
	}
	return rapid.SampledFrom(p.model.rows).Draw(t, "row")
}

func (p *pair) out(r *modelRow) {
	p.model.remove(r)
	p.gone = append(p.gone, r.entry)
}

func (p *pair) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"time": func(t *rapid.T) { p.now += rapid.Int64Range(1, 5).Draw(t, "dt") },
		"admit": func(t *rapid.T) {
			e := &Entry{Key: drawKey(t), Owner: p}
			short := p.model.shortage(e.Key)
			require.Equal(t, short == 0, p.real.Admit(p.now, e))
			require.Equal(t, short, e.Shortage())
			if short == 0 {
				p.model.insert(p.now, e, false, 0)
				require.Equal(t, p.model.serial, e.Number())
			}
		},
		"admit again": func(t *rapid.T) {
			if len(p.gone) == 0 {
				t.Skip("none is out")
			}
			e := p.gone[len(p.gone)-1]
			p.gone = p.gone[:len(p.gone)-1]
			require.False(t, e.Wake())
			require.False(t, e.Rest(p.now))
			require.False(t, p.real.Release(e))
			if p.real.Admit(p.now, e) {
				p.model.insert(p.now, e, false, 0)
			}
		},
		"admit dropping":   p.admitDropping,
		"admit dropping 2": p.admitDropping,
		"admit dropping 3": p.admitDropping,
		"release": func(t *rapid.T) {
			r := p.drawRow(t)
			require.True(t, p.real.Release(r.entry))
			require.False(t, p.real.Release(r.entry))
			p.out(r)
		},
		"rest":   p.rest,
		"rest 2": p.rest,
		"rest 3": p.rest,
		"wake": func(t *rapid.T) {
			r := p.drawRow(t)
			require.True(t, r.entry.Wake())
			r.resting = false
		},
		"limits": func(t *rapid.T) {
			l := drawLimits(t)
			p.real.SetLimits(l)
			p.model.limits = l
		},
		"drop idlest": func(t *rapid.T) {
			rule := drawRule(t)
			r, want := p.model.victim(p.now, anyKey, rule)
			got, ok := p.real.DropIdlest(p.now, rule)
			p.dropped(t, r, want, got, ok)
		},
		"drop idlest of": func(t *rapid.T) {
			rule, k := drawRule(t), drawKey(t)
			r, want := p.model.victim(p.now, ofProto(k.Proto), rule)
			want.Candidates = OfProtocol
			got, ok := p.real.DropIdlestOf(p.now, k.Proto, rule)
			p.dropped(t, r, want, got, ok)
		},
		"drop idle": func(t *rapid.T) {
			idle := rapid.SampledFrom([]time.Duration{2, 10}).Draw(t, "idle")
			proto := drawKey(t).Proto
			got := p.real.DropIdle(p.now, idle, ofProto(proto))
			p.bulk(t, got, func(r *modelRow) bool {
				return r.key.Proto == proto && r.resting && p.now-r.since >= int64(idle)
			})
		},
		"drop all": func(t *rapid.T) {
			k := drawKey(t)
			got := p.real.DropAll(both(ofProto(k.Proto), ofVDOM(k.VDOM)))
			p.bulk(t, got, func(r *modelRow) bool { return r.key.Proto == k.Proto && r.key.VDOM == k.VDOM })
		},
		"fill": func(t *rapid.T) {
			k, n := drawKey(t), rapid.IntRange(0, 6).Draw(t, "n")
			since := p.now - rapid.Int64Range(0, 12).Draw(t, "idle")
			want := 0
			for want < n && p.model.shortage(k) == 0 {
				p.model.insert(p.now, &Entry{Key: k}, true, since)
				want++
			}
			require.Equal(t, want, p.real.FillPhantoms(p.now, k, n, since))
			p.adopt()
		},
		"drain": func(t *rapid.T) {
			n := 0
			for _, r := range slices.Clone(p.model.rows) {
				if r.entry.Owner == nil {
					p.model.remove(r)
					n++
				}
			}
			require.Equal(t, n, p.real.DrainPhantoms())
		},
		"forget": func(t *rapid.T) {
			v := uint16(rapid.IntRange(0, 2).Draw(t, "vdom"))
			empty := p.model.count(ofVDOM(v)) == 0
			require.Equal(t, empty, p.real.Forget(v))
			for _, proto := range protocols.All {
				if empty {
					delete(p.model.peak, vdomTally(v, proto))
				}
			}
		},
		"reset peaks": func(t *rapid.T) {
			p.real.ResetPeaks()
			clear(p.model.peak)
			for _, r := range p.model.rows {
				for name, match := range p.model.tallies(r.key) {
					p.model.peak[name] = p.model.count(match)
				}
			}
		},
		"": p.check,
	}
}

// adopt makes the model point at the phantoms that the table has allocated.
func (p *pair) adopt() {
	for _, e := range p.real.rows {
		for _, r := range p.model.rows {
			if e != nil && r.number == e.number {
				r.entry = e
			}
		}
	}
}

func (p *pair) rest(t *rapid.T) {
	r := p.drawRow(t)
	require.True(t, r.entry.Rest(p.now))
	if !r.resting {
		r.resting, r.since = true, p.now
	}
}

func (p *pair) admitDropping(t *rapid.T) {
	e, rule := &Entry{Key: drawKey(t), Owner: p}, drawRule(t)
	short := p.model.shortage(e.Key)
	want, wantOutcome := p.model.admitDropping(p.now, e, rule)
	got, outcome := p.real.AdmitDropping(p.now, e, rule)
	require.Equal(t, wantOutcome, outcome)
	require.Equal(t, short, e.Shortage())
	require.True(t, want == got, "victim: want %+v, got %+v", want, got)
	if outcome == Replaced {
		require.False(t, got.Entry.Wake())
		require.False(t, p.real.Release(got.Entry))
	}
}

func (p *pair) dropped(t *rapid.T, r *modelRow, want, got Victim, ok bool) {
	require.Equal(t, r != nil, ok)
	require.True(t, want == got || r == nil, "victim: want %+v, got %+v", want, got)
	if r != nil {
		p.out(r)
	}
}

func (p *pair) bulk(t *rapid.T, got []*Entry, match func(*modelRow) bool) {
	want := map[*Entry]bool{}
	for _, r := range slices.Clone(p.model.rows) {
		if match(r) {
			want[r.entry] = true
			p.model.remove(r)
		}
	}
	require.Len(t, got, len(want))
	for _, e := range got {
		require.True(t, want[e])
		require.False(t, e.Wake())
	}
}

// check compares everything that can be asked of the table.
func (p *pair) check(t *rapid.T) {
	m := p.model
	require.Equal(t, len(m.rows), p.real.Total())
	require.Equal(t, m.peak["total"], p.real.PeakTotal())
	for _, proto := range protocols.All {
		require.Equal(t, m.count(ofProto(proto)), p.real.Current(proto))
		require.Equal(t, m.peak[proto.Word()], p.real.Peak(proto))
		require.Equal(t, min(m.protoLimit(proto), m.limits.Pool), p.real.Limit(proto))
		for v := range uint16(5) {
			current, peak := p.real.InVDOM(v, proto)
			require.Equal(t, m.count(both(ofVDOM(v), ofProto(proto))), current)
			require.Equal(t, m.peak[vdomTally(v, proto)], peak)
			require.Equal(t, m.count(ofVDOM(v)), p.real.CurrentVDOM(v))
		}
	}
	p.checkFullness(t)
	p.checkRows(t)
	checkStructure(t, p.real)
}

func (p *pair) checkFullness(t *rapid.T) {
	var want Fullness
	want.Pool = !p.model.limits.PerProtocol && len(p.model.rows) >= p.model.limits.Pool
	for _, proto := range protocols.All {
		want.Proto[proto] = p.model.count(ofProto(proto)) >= p.model.protoLimit(proto)
	}
	for v := range p.model.limits.VDOM {
		want.VDOM = append(want.VDOM, p.model.count(ofVDOM(uint16(v))) >= p.model.vdomLimit(uint16(v)))
	}
	before := p.full
	before.VDOM = slices.Clone(p.full.VDOM)
	epoch := p.real.Fullness(&p.full)
	require.Equal(t, want.Pool, p.full.Pool)
	require.Equal(t, want.Proto, p.full.Proto)
	require.True(t, slices.Equal(want.VDOM, p.full.VDOM))
	require.Equal(t, epoch, p.real.Epoch())
	if epoch == p.epoch {
		require.Equal(t, before, p.full, "the fullness changed within an epoch")
	}
	p.epoch = epoch
}

func (p *pair) checkRows(t *rapid.T) {
	var want, got []Row
	for _, r := range p.model.rows {
		row := Row{Key: r.key, Number: r.number, Owner: r.entry.Owner, Admitted: r.admitted, Resting: r.resting}
		if r.resting {
			row.Since = r.since
		}
		want = append(want, row)
	}
	for r := range p.real.Rows {
		got = append(got, r)
	}
	slices.SortFunc(got, func(a, b Row) int { return cmp.Compare(a.Number, b.Number) })
	require.True(t, slices.Equal(want, got), "want %+v, got %+v", want, got)
}

func TestTableAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLimits(t)
		p := &pair{real: New(l), model: &model{limits: l, peak: map[string]int{}}}
		t.Repeat(p.actions())
	})
}

// TestIndexAgainstModel goes deeper where the index is: one full pool, few clients,
// many rests and drops, no other operations.
func TestIndexAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := Limits{Pool: rapid.IntRange(1, 60).Draw(t, "pool")}
		p := &pair{real: New(l), model: &model{limits: l, peak: map[string]int{}}}
		all := p.actions()
		some := map[string]func(*rapid.T){}
		for _, name := range []string{"time", "admit dropping", "rest", "rest 2", "rest 3", "wake", "fill", "release", ""} {
			some[name] = all[name]
		}
		t.Repeat(some)
	})
}
