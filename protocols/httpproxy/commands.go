package httpproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"utmsim/proxy"
)

// run handles the request that has arrived.
func (x *exchange) run(ctx context.Context) error {
	switch err := x.readRequest(); {
	case errors.Is(err, errNothing):
		return nil
	case err != nil:
		return x.refuse(ctx, err)
	}
	if x.isForUs() {
		return x.answerSelf(ctx)
	}
	if x.s.FiltersURLs() {
		if done, err := x.judgeURL(ctx); done {
			return err
		}
	}
	if x.to.form == authorityForm {
		return x.tunnel(ctx)
	}
	if x.driver.infected.any() && !x.exempt {
		if known, ok := x.driver.infected.find(x.s.Now(), x.placeOf()); ok && x.s.Blocks(known.verdict) {
			return x.blockKnown(known)
		}
	}
	if x.s.FiltersFiles() && !x.exempt {
		if blocked, err := x.filterName(); blocked {
			return err
		}
	}
	x.compose()
	switch {
	case x.up.empty():
		return x.send(ctx)
	case x.expects:
		return x.announce(ctx)
	}
	return x.upload(ctx)
}

// readRequest reads a request's head and understands it. An error is a fault, or
// comes from the connection.
func (x *exchange) readRequest() error {
	client := x.s.Client()
	if err := skipEmptyLines(client); err != nil {
		return err
	}
	h := &x.req
	if err := readHead(client, h, x.limit()); err != nil {
		return err
	}
	f, err := requestFraming(h)
	if err != nil {
		return err
	}
	asked, err := connectionOf(h, x.s.Explicit())
	if err != nil {
		return err
	}
	if x.to, err = destinationOf(h); err != nil {
		return err
	}
	if err := x.admissible(); err != nil {
		return err
	}
	x.isHead = string(h.text(h.method)) == "HEAD"
	x.persist, x.upgrade = asked.persists(h.minor), asked.upgrade
	x.ranged = h.has(fieldRange) && !x.s.Options().HTTP.RangeBlock
	x.up.begin(f, client, x.limit())
	x.expects = x.expects && !f.empty()
	x.draft.begin(h)
	x.draft.hops(asked, x.optionForServer())
	if !x.up.here() || x.expects {
		x.scratch.request = append(x.scratch.request[:0], h.raw...)
		h.raw = x.scratch.request
	}
	return nil
}

// admissible checks what depends on the kind of listener, and Expect.
func (x *exchange) admissible() error {
	explicit := x.s.Explicit()
	switch {
	case explicit && x.to.form == originForm:
		return fault{400, "the target has no server"}
	case !explicit && x.to.form == authorityForm:
		return fault{501, "CONNECT is for forward proxies"}
	case x.req.minor == 0 || !x.req.has(fieldExpect): // HTTP/1.0 does not know Expect (RFC 9110 section 10.1.1)
		return nil
	case x.req.count(fieldExpect) > 1 || !equalFold(x.req.get(fieldExpect), "100-continue"):
		return fault{417, "the expectation is unknown"}
	}
	x.expects = true
	return nil
}

// optionForServer is what the proxy says in Connection to the server: the client's
// wish is its own, because the server's connection ends with the client's.
func (x *exchange) optionForServer() option {
	switch {
	case x.upgrade:
		return optionUpgrade
	case x.req.minor > 0 && !x.persist:
		return optionClose
	case x.req.minor == 0 && x.persist:
		return optionKeepAlive
	}
	return optionNone
}

// compose makes the head as the server gets it.
func (x *exchange) compose() {
	d := &x.draft
	d.retarget(x.to)
	if x.s.Options().HTTP.RangeBlock {
		d.cutAll(fieldRange)
		d.cutAll(fieldIfRange)
	}
	if f := x.req.find(fieldMaxForwards); f != nil && x.countsForwards() {
		if n, err := strconv.Atoi(string(x.req.text(f.value))); err == nil && n > 0 {
			d.replace(f.value, strconv.Itoa(n-1))
		}
	}
	if len(d.edits) == 0 {
		x.sent = x.req.raw
		return
	}
	x.scratch.sent = d.apply(x.scratch.sent[:0])
	x.sent = x.scratch.sent
}

// countsForwards tells the methods for which Max-Forwards means something (RFC
// 9110 section 7.6.2).
func (x *exchange) countsForwards() bool {
	m := x.req.text(x.req.method)
	return string(m) == "OPTIONS" || string(m) == "TRACE"
}

// isForUs tells the requests that the proxy answers itself: those that may not go
// further, and OPTIONS * on the forward port, which names no server.
func (x *exchange) isForUs() bool {
	if x.to.form == asteriskForm && x.s.Explicit() {
		return true
	}
	return x.countsForwards() && string(x.req.get(fieldMaxForwards)) == "0"
}

func (x *exchange) answerSelf(ctx context.Context) error {
	if string(x.req.text(x.req.method)) == "TRACE" {
		return x.refuse(ctx, fault{501, "TRACE is not answered here"})
	}
	keep := x.keepable()
	reply := "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
	if !keep {
		reply += optionClose.line
	} else if x.req.minor == 0 {
		reply += optionKeepAlive.line
	}
	if _, err := x.s.Client().WriteString(reply + "\r\n"); err != nil {
		return err
	}
	if keep {
		return nil
	}
	return io.EOF
}

// refuse tells the client that its request is not understood or not complete, and
// ends the session.
func (x *exchange) refuse(ctx context.Context, err error) error {
	var f fault
	switch {
	case ctx.Err() != nil:
		return err
	case errors.As(err, &f):
	case errors.Is(err, proxy.ErrTimeout):
		f = fault{408, "the request did not come to its end in time"}
	case errors.Is(err, io.EOF) && len(x.s.Client().Buffered()) > 0, errors.Is(err, io.ErrUnexpectedEOF):
		f = fault{400, "the request is cut short"}
	default:
		return err
	}
	x.s.CloseServer()
	p := trouble(f.status, "The request was not forwarded: "+f.why+".")
	p.close = true
	x.answer(p)
	if errors.Is(err, proxy.ErrTimeout) {
		return err
	}
	x.s.Note("refused")
	return fmt.Errorf("refusing a request: %w: %s", proxy.ErrProtocol, f.why)
}

// tunnel handles CONNECT: from the 200 on, nothing is looked at.
func (x *exchange) tunnel(ctx context.Context) error {
	if !slices.Contains(x.s.ConnectPorts(), x.to.port) {
		return x.forbid(fmt.Errorf("CONNECT to port %d: %w", x.to.port, proxy.ErrForbidden))
	}
	x.s.CloseServer()
	if _, err := x.reach(ctx); err != nil {
		return x.unreachable(ctx, err)
	}
	if _, err := x.s.Client().WriteString("HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return err
	}
	return proxy.ErrTunnel
}
