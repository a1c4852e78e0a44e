package remote

import (
	"fmt"
	"io"

	"utmsim/scanner"
	"utmsim/scanner/coding"
)

// Judge has an object judged by send, which gets its bytes without content codings.
// Where these turn out to be untrue, or are not known, send gets the bytes as they
// travel as well, because the receiver may take them so. The verdict has what kept
// the codings from being taken off among its findings.
func Judge(obj *scanner.Object, send func(io.Reader) (scanner.Verdict, error)) (scanner.Verdict, error) {
	c := coding.Open(obj)
	defer c.Close()
	v, err := send(c)
	switch {
	case c.Broken != nil:
		return scanner.Verdict{}, fmt.Errorf("reading the object: %w", c.Broken)
	case err != nil || v.Class.Detection():
		return v, err
	case c.Stopped == scanner.Corrupt || c.Stopped == scanner.Unhandled || c.Stopped == scanner.Nested:
		w, err := send(coding.Raw(obj))
		if err != nil || w.Class.Detection() {
			return w, err
		}
		v = worse(v, w)
	}
	if c.Stopped != scanner.Clean {
		v = worse(v, scanner.Verdict{Class: c.Stopped, Name: c.Reason, Engine: v.Engine})
	}
	return v, nil
}

// worse is the first of two verdicts that is not clean, with the findings of both.
func worse(v, w scanner.Verdict) scanner.Verdict {
	found := v.Findings | w.Findings
	for _, class := range []scanner.Class{v.Class, w.Class} {
		if class > scanner.Suspicious {
			found |= scanner.SetOf(class)
		}
	}
	if v.Class == scanner.Clean {
		v = w
	}
	v.Findings = found
	return v
}
