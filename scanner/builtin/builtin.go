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
	"strings"
	"sync"

	"utmsim/scanner"
	"utmsim/scanner/match"
)

// Name is what verdicts of this engine carry as their Engine.
const Name = "builtin"

// Engine is a scanner.Scanner. Make one with New.
type Engine struct {
	set        *match.Set
	signatures []signature // by pattern of set; the last pattern is zipMagic

	scans  sync.Pool // *scan
	inputs sync.Pool // *input
	chunks sync.Pool // *[chunkSize]byte
	pools  decoderPools
}

type signature struct {
	name    string
	class   scanner.Class
	pattern []byte
}

// New returns an engine that knows the EICAR test file.
func New() (*Engine, error) {
	return newEngine([]signature{{name: "EICAR_TEST_FILE", pattern: eicar()}})
}

// eicar is the test string of eicar.org. It is put together here so that neither
// this file nor the program is taken for the test file.
func eicar() []byte {
	parts := []string{`TEST-FILE!$H+H*`, `STANDARD-ANTIVIRUS-`, `)7}$EICAR-`, `X5O!P%@AP[4\PZX54(P^)7CC`}
	var b []byte
	for i := range parts {
		b = append(b, parts[len(parts)-1-i]...)
	}
	return b
}

func newEngine(signatures []signature) (*Engine, error) {
	e := &Engine{signatures: signatures}
	patterns := make([]match.Pattern, 0, len(signatures)+1)
	for i := range signatures {
		signatures[i].class = classOf(signatures[i].name)
		patterns = append(patterns, match.Pattern{Bytes: signatures[i].pattern})
	}
	set, err := match.New(append(patterns, match.Pattern{Bytes: zipMagic}))
	if err != nil {
		return nil, fmt.Errorf("preparing signatures: %w", err)
	}
	e.set = set
	return e, nil
}

// classOf reads the class of a detection from its name, as signature authors
// write it.
func classOf(name string) scanner.Class {
	switch {
	case strings.HasPrefix(name, "Worm."):
		return scanner.Worm
	case strings.HasPrefix(name, "Heuristic."), strings.HasPrefix(name, "Suspicious."):
		return scanner.Suspicious
	default:
		return scanner.Virus
	}
}

// Scan implements scanner.Scanner. A small clean object in Flat costs no
// allocation.
func (e *Engine) Scan(ctx context.Context, obj *scanner.Object) (scanner.Verdict, error) {
	s := e.newScan(ctx, obj)
	s.object(obj)
	verdict, err := s.result()
	s.release()
	return verdict, err
}
