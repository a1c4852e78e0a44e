// Package builtin is the scan engine that needs nothing installed. It looks for
// its signatures in the bytes of an object as they are, in what its content
// codings hide, and in whatever archives and compressed files lie inside, told
// by their contents and never by their names.
//
// Three rules decide what is looked at. The raw bytes of every layer are
// searched, whatever else is done with it. A container is opened the ways in
// which a victim's program might open it, even where its fields contradict each
// other. And one budget of bytes, members, depth and work holds for the whole
// object, so that no object costs more than another of its size.
//
// The engine does not decide what becomes of an object, counts nothing and
// writes nothing to disk.
package builtin

import (
	"context"
	"fmt"
	"sync"

	"utmsim/scanner"
	"utmsim/scanner/match"
)

// Name is what verdicts of this engine carry as their Engine.
const Name = "builtin"

// Engine is a scanner.Scanner. Make one with New or With.
type Engine struct {
	db      *Database
	set     *match.Set // the segments of all signatures, then embeddedMagics
	origins []origin   // by pattern of set, without the last ones

	scans  sync.Pool // *scan
	inputs sync.Pool // *input
	chunks sync.Pool // *[chunkSize]byte
	pools  decoderPools
}

// origin is the signature that a pattern of the set belongs to.
type origin struct {
	sig     *signature
	segment int
}

// New returns an engine that knows the EICAR test file and the two test
// signatures of our own, and nothing else.
func New() (*Engine, error) { return With(new(Database)) }

// With returns an engine that knows the signatures of db besides those of New.
func With(db *Database) (*Engine, error) {
	e := &Engine{db: db}
	var patterns []match.Pattern
	for _, list := range [][]*signature{ownSignatures(), db.bodies} {
		for _, sig := range list {
			for i := range sig.segments {
				patterns = append(patterns, sig.segments[i])
				e.origins = append(e.origins, origin{sig, i})
			}
		}
	}
	for _, magic := range embeddedMagics {
		patterns = append(patterns, match.Pattern{Bytes: magic})
	}
	set, err := match.New(patterns)
	if err != nil {
		return nil, fmt.Errorf("preparing signatures: %w", err)
	}
	e.set = set
	return e, nil
}

// Version tells apart engines that know different signatures.
func (e *Engine) Version() string { return Name + " " + e.db.Version() }

// Scan implements scanner.Scanner. A small clean object in Flat costs no
// allocation.
func (e *Engine) Scan(ctx context.Context, obj *scanner.Object) (scanner.Verdict, error) {
	s := e.newScan(ctx, obj)
	s.object(obj)
	verdict, err := s.result()
	s.release()
	return verdict, err
}
