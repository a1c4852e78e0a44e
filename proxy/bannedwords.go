package proxy

import (
	"context"
	"strings"

	"utmsim/internal/bannedword"
	"utmsim/scanner"
	"utmsim/scanner/coding"
)

// wordsName is the engine of verdicts on words.
const wordsName = "banned words"

// maxWords bounds the patterns that a verdict names.
const maxWords = 10

// words looks for banned words in parts, which count as one; verdicts are what is known
// of them already, as far as it is. What is not to be scanned is not read either. The
// verdict is BannedWord or clean; an error means that there is none.
func (s *Session) words(ctx context.Context, parts []scanner.Object, verdicts []scanner.Verdict) (v scanner.Verdict, score int, err error) {
	j := s.policy.words.Begin()
	defer j.End()
	for i := range parts {
		if i < len(verdicts) && verdicts[i].Class == scanner.FileExempt {
			continue
		}
		if err := addText(ctx, j, &parts[i]); err != nil {
			return v, 0, err
		}
	}
	r := j.Result(s.policy.wordThreshold)
	if !r.Detected {
		return v, r.Score, nil
	}
	found := r.Words[:min(len(r.Words), maxWords)]
	return scanner.Verdict{Class: scanner.BannedWord, Name: strings.Join(found, ", "), Engine: wordsName}, r.Score, nil
}

// andWords looks for banned words in an object of which the scanner has said v, or
// failed, unless it is not delivered anyway.
func (h *Hold) andWords(ctx context.Context, parts []scanner.Object, v scanner.Verdict, failed error) (scanner.Verdict, error) {
	if failed != nil || v.Class.Detection() || h.Blocks(v) {
		return v, failed
	}
	w, score, err := h.s.words(ctx, parts, h.Parts)
	if err != nil || w.Class == scanner.Clean {
		return v, err
	}
	h.score = score
	w.Findings = v.Findings
	return w, nil
}

// judgeWords looks for banned words in parts of what is to be delivered in the object's
// place. It is the whole, the last of them, that has them.
func (h *Hold) judgeWords(ctx context.Context, parts []scanner.Object, verdicts []scanner.Verdict) error {
	if h.s.policy.words == nil || len(parts) == 0 {
		return nil
	}
	w, _, err := h.s.words(ctx, parts, verdicts)
	if w.Class != scanner.Clean {
		verdicts[len(verdicts)-1] = w
	}
	return err
}

// addText gives a judgement the text of an object, without its content codings.
func addText(ctx context.Context, j *bannedword.Judgement, obj *scanner.Object) error {
	if len(obj.Encodings) == 0 && obj.Flat != nil {
		return j.Add(ctx, bannedword.Body, obj.Flat, obj.ContentType)
	}
	c := coding.Open(obj)
	defer c.Close()
	if err := j.AddFrom(ctx, bannedword.Body, c, obj.ContentType); err != nil {
		return err
	}
	return c.Broken
}
