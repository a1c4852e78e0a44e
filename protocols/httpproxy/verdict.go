package httpproxy

import (
	"fmt"
	"io"

	"utmsim/proxy"
)

// blockUpload answers for a request whose body must not be delivered. The server
// has nothing of the body; where it knows the head already, it is let go.
func (x *exchange) blockUpload(hold *proxy.Hold) error {
	if x.headSent {
		x.s.CloseServer()
	}
	return x.blockWith(hold, uploading)
}

// blockDownload answers instead of a response that must not be delivered. A client
// that was comforted with a part of it is reset, and gets the page when it asks
// for the same URL again.
func (x *exchange) blockDownload(hold *proxy.Hold) error {
	x.leaveServer()
	if !hold.Comforted {
		return x.blockWith(hold, downloading)
	}
	x.s.Note(hold.Outcome.String())
	if hold.Outcome == proxy.Detected {
		x.driver.infected.remember(x.s.Now(), x.label(), x.file, hold.Verdict)
	}
	return fmt.Errorf("blocking a response: %w: %w", proxy.ErrReset, proxy.ErrBlocked)
}

func (x *exchange) blockWith(hold *proxy.Hold, verb string) error {
	o := &x.inspection.Object
	return x.replace(hold.Outcome.String(), blocked(x.blockStatus(), hold.Outcome, hold.Verdict, verb, o.Name, o.URL))
}

// blockKnown answers a request for a URL that was found infected a moment ago,
// without asking its server.
func (x *exchange) blockKnown(known infection) error {
	x.s.Stats().HTTP.Stat.RequestsDetected.Inc()
	return x.replace(proxy.Detected.String(), blocked(x.blockStatus(), proxy.Detected, known.verdict, downloading, known.file, x.label()))
}

func (x *exchange) blockStatus() int { return blockStatus(x.s.Options().HTTP.BlockPageStatusCode) }

// replace sends a page instead of the object. verdict is for the log line.
func (x *exchange) replace(verdict string, p page) error {
	x.s.Note(verdict)
	p.close = !x.keepable()
	x.answer(p)
	switch {
	case !p.close:
		return nil
	case x.up.done():
		return io.EOF // as the client wanted it
	}
	return fmt.Errorf("blocking: %w", proxy.ErrBlocked)
}
