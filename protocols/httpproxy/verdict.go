package httpproxy

import (
	"fmt"
	"io"

	"utmsim/internal/replacemsg"
	"utmsim/proxy"
	"utmsim/scanner"
)

// blockUpload answers for a request whose body must not be delivered. The server
// has nothing of the body; where it knows the head already, it is let go.
func (x *exchange) blockUpload(hold *proxy.Hold) error {
	if x.headSent {
		x.s.CloseServer()
	}
	return x.replace(hold.Outcome.String(), x.blocked(hold, replacemsg.Uploads))
}

// blockDownload answers instead of a response that must not be delivered. A client
// that was comforted with a part of it is reset, and gets the page when it asks
// for the same URL again.
func (x *exchange) blockDownload(hold *proxy.Hold) error {
	x.leaveServer()
	if !hold.Comforted {
		return x.replace(hold.Outcome.String(), x.blocked(hold, replacemsg.Downloads))
	}
	x.s.Note(hold.Outcome.String())
	if hold.Outcome == proxy.Detected {
		x.driver.infected.remember(x.s.Now(), x.placeOf(), infection{verdict: hold.Verdict, file: x.file, quarantined: hold.Quarantined()})
	}
	return fmt.Errorf("blocking a response: %w: %w", proxy.ErrReset, proxy.ErrBlocked)
}

// blockKnown answers a request for a URL that was found infected a moment ago,
// without asking its server.
func (x *exchange) blockKnown(known infection) error {
	counters := &x.s.Stats().HTTP.Stat
	counters.RequestsDetected.Inc()
	if known.verdict.Class == scanner.Worm {
		counters.URLWorms.Inc()
	}
	x.s.KnownDetected(x.label(), known.file, known.verdict)
	about := &replacemsg.Values{File: known.file, Virus: known.verdict.Name, Quarantined: known.quarantined}
	why := replacemsg.InfectionCache
	switch known.verdict.Class {
	case scanner.FileBlocked:
		why = replacemsg.HTTPBlock
	case scanner.BannedWord:
		why = replacemsg.BannedWord
	}
	return x.replace(proxy.Detected.String(), x.message(why, about))
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
