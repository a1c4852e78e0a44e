// Package simulated is the lab's scan engine: its verdicts follow rules about names,
// sizes and numbers, and how long it takes and how often it fails can be set. The
// second half, Faults, can be put around any engine, and a Dial around all of them
// while they run.
//
// It looks into no object, and with the same seed and the same order of scans it does
// the same thing again.
package simulated

import (
	"context"
	"math/rand/v2"
	"path"
	"strings"
	"sync/atomic"

	"utmsim/scanner"
)

// Name is what verdicts of this engine carry as their Engine.
const Name = "simulated"

// Match says what a rule looks at.
type Match uint8

// The kinds of rules.
const (
	ByName  Match = iota // the object's name fits Pattern, whatever the case
	BySize               // the object has at least Size bytes
	ByCount              // it is the Every-th scan, counted by this rule
	ByShare              // one scan in 100/Percent, by chance with the engine's seed
)

// Rule gives a verdict to objects.
type Rule struct {
	Match   Match
	Pattern string // as in path.Match: "*.exe"
	Size    int64  // bytes
	Every   int
	Percent int
	Verdict scanner.Verdict // its Engine is filled in
}

// Engine is a scanner.Scanner. The first rule that fits decides; without one the
// object is clean.
type Engine struct {
	rules  []Rule
	counts []atomic.Int64 // by rule
	seed   uint64
	scans  atomic.Uint64
}

// New returns an engine with rules.
func New(seed uint64, rules []Rule) *Engine {
	return &Engine{rules: rules, counts: make([]atomic.Int64, len(rules)), seed: seed}
}

// Scan implements scanner.Scanner.
func (e *Engine) Scan(ctx context.Context, obj *scanner.Object) (scanner.Verdict, error) {
	if err := ctx.Err(); err != nil {
		return scanner.Verdict{}, err
	}
	n := e.scans.Add(1)
	for i := range e.rules {
		if !e.fits(i, obj, n) {
			continue
		}
		v := e.rules[i].Verdict
		v.Engine = Name
		if !v.Class.Detection() {
			v.Findings = scanner.SetOf(v.Class)
		}
		return v, nil
	}
	return scanner.Verdict{}, nil
}

// fits tells whether rule i is meant; n is the number of the scan.
func (e *Engine) fits(i int, obj *scanner.Object, n uint64) bool {
	r := &e.rules[i]
	switch r.Match {
	case ByName:
		ok, err := path.Match(strings.ToLower(r.Pattern), strings.ToLower(path.Base(obj.Name)))
		return ok && err == nil
	case BySize:
		return max(obj.Size, int64(len(obj.Flat))) >= r.Size
	case ByCount:
		return r.Every > 0 && e.counts[i].Add(1)%int64(r.Every) == 0
	case ByShare:
		return chance(e.seed+uint64(i)<<32, n).IntN(100) < r.Percent
	}
	return false
}

// chance is the randomness of scan n: the same for the same seed, however scans
// overlap.
func chance(seed, n uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, n)) }
