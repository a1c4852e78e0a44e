package scanner

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
)

// answer is a scanner that always answers the same and counts how often.
type answer struct {
	verdict Verdict
	err     error
	asked   int
}

func (a *answer) Scan(context.Context, *Object) (Verdict, error) {
	a.asked++
	return a.verdict, a.err
}

func TestChain(t *testing.T) {
	broken := errors.New("no answer")
	clean := Verdict{}
	virus := Verdict{Class: Virus, Name: "V", Engine: "e"}
	locked := Verdict{Class: Encrypted, Name: "l", Findings: SetOf(Encrypted)}
	cut := Verdict{Class: Corrupt, Name: "c", Findings: SetOf(Corrupt)}
	for _, c := range []struct {
		name   string
		chain  []answer
		want   Verdict
		failed bool
		asked  int
	}{
		{"empty", nil, clean, false, 0},
		{"all clean", []answer{{}, {}}, clean, false, 2},
		{"first detection ends it", []answer{{}, {verdict: virus}, {}}, virus, false, 2},
		{"detection after error", []answer{{err: broken}, {verdict: virus}}, virus, false, 2},
		{"error and clean", []answer{{err: broken}, {}}, clean, true, 2},
		{"clean and error", []answer{{}, {err: broken}}, clean, true, 2},
		{"error and archive verdict", []answer{{verdict: locked}, {err: broken}}, clean, true, 2},
		{"archive verdicts", []answer{{verdict: locked}, {verdict: cut}, {}},
			Verdict{Class: Encrypted, Name: "l", Findings: SetOf(Encrypted, Corrupt)}, false, 3},
		{"detection after archive verdict", []answer{{verdict: locked}, {verdict: virus}},
			Verdict{Class: Virus, Name: "V", Engine: "e", Findings: SetOf(Encrypted)}, false, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			var chain Chain
			for i := range c.chain {
				chain = append(chain, &c.chain[i])
			}
			v, err := chain.Scan(context.Background(), &Object{})
			assert.Equal(t, c.want, v)
			assert.Equal(t, c.failed, errors.Is(err, broken))
			asked := 0
			for i := range c.chain {
				asked += c.chain[i].asked
			}
			assert.Equal(t, c.asked, asked)
		})
	}
}

func TestChainEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	first, second := answer{err: ctx.Err()}, answer{}
	_, err := Chain{&first, &second}.Scan(ctx, &Object{})
	assert.ErrorIs(t, err, context.Canceled)
	assert.Zero(t, second.asked)
}

func TestClass(t *testing.T) {
	names := map[string]bool{}
	for c := range classes {
		names[c.String()] = true
		assert.Equal(t, c >= Virus && c <= Suspicious, c.Detection(), c)
	}
	assert.Len(t, names, int(classes))
	assert.Equal(t, "class(200)", Class(200).String())
	s := SetOf(Virus, Oversize)
	assert.True(t, s.Has(Oversize))
	assert.False(t, s.Has(Corrupt))
}

func TestClassOf(t *testing.T) {
	for name, want := range map[string]Class{
		"EICAR_TEST_FILE": Virus, "Win.Trojan.Agent-1": Virus, "Test.Worm": Virus, "": Virus,
		"Worm.Test": Worm, "Win.Worm.Mydoom-7": Worm,
		"Heuristic.Test": Suspicious, "Heuristics.Phishing.Email": Suspicious, "Suspicious.Test": Suspicious,
		"Heuristics.Encrypted.Zip": Encrypted, "Heuristics.Limits.Exceeded.MaxFiles": Oversize,
	} {
		assert.Equal(t, want, ClassOf(name), name)
	}
}
