package proxy

import (
	"context"

	"utmsim/scanner"
)

// splice sends what is held but for the piece that was read last.
func (h *Hold) splice() error {
	if h.spool.raw-h.last > h.given {
		if err := h.give(h.spool.raw - h.last - h.given); err != nil {
			return err
		}
	}
	return h.in.To.Flush()
}

// give sends the receiver the next n of the bytes in the spool, or what there is.
func (h *Hold) give(n int64) error {
	if err := h.sendHead(); err != nil {
		return err
	}
	h.Comforted = true
	for n > 0 && h.given < h.spool.raw {
		b := h.spool.slice(h.given)
		b = b[:min(int64(len(b)), n)]
		if _, err := h.in.To.Write(b); err != nil {
			return err
		}
		h.given += int64(len(b))
		n -= int64(len(b))
	}
	return nil
}

// Judge asks the scanner about parts of what is to be delivered in the object's
// place, in their order. These verdicts are not the object's and are not counted;
// an error means that a part has none.
func (h *Hold) Judge(ctx context.Context, parts []scanner.Object) ([]scanner.Verdict, error) {
	sc := &h.s.eng.scans
	if err := sc.acquire(ctx); err != nil {
		return nil, err
	}
	defer sc.release()
	set := sc.set.Load()
	ctx, stop := context.WithTimeout(ctx, set.Timeout)
	defer stop()
	verdicts := h.s.filterParts(parts)
	if verdicts == nil {
		verdicts = make([]scanner.Verdict, len(parts))
	}
	for i := range parts {
		if verdicts[i].Class != scanner.Clean {
			continue
		}
		parts[i].Limits = h.s.policy.limits
		var err error
		if verdicts[i], err = sc.one(ctx, h.s, set, &parts[i]); err != nil {
			return nil, err
		}
	}
	return verdicts, h.judgeWords(ctx, parts, verdicts)
}
