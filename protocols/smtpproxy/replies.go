package smtpproxy

import (
	"context"
	"fmt"
	"io"
	"time"

	"utmsim/internal/config"
	"utmsim/protocols/wire"
	"utmsim/proxy"
)

// contentRest is how long the server may think about a message at least (RFC 5321
// section 4.5.3.2.6).
const contentRest = 10 * time.Minute

// serverSpeaks brings the replies down that have arrived.
func (x *dialogue) serverSpeaks(ctx context.Context) error {
	for {
		if err := x.hear(ctx); err != nil {
			return err
		}
		if x.over || len(x.s.Server().Buffered()) == 0 {
			return nil
		}
	}
}

// replied acts on a reply and passes it on.
func (x *dialogue) replied(ctx context.Context, r wire.Reply) error {
	if len(x.awaited) == 0 {
		return x.unasked(r)
	}
	v := x.awaited[0].verb
	if r.Code/100 == 3 && !awaitsMore(v, r.Code) {
		x.tell(replyNonsense)
		return fmt.Errorf("reply %d to a command that has no sequel: %w", r.Code, proxy.ErrProtocol)
	}
	own := x.pop()
	raw := x.note(v, r)
	if _, err := x.s.Client().Write(raw); err != nil {
		return err
	}
	for _, e := range own {
		x.tell(e.own)
	}
	switch {
	case v == verbTLS && r.Code == 220:
		return x.opaque()
	case v == verbQUIT && r.Code/100 == 2:
		return io.EOF
	}
	return nil
}

// awaitsMore tells that a reply asks the client for something that the proxy
// expects. Behind any other the client would send what the proxy takes for
// commands.
func awaitsMore(v verb, code int) bool {
	return v == verbDATA && code == 354 || v == verbAUTH && code == 334
}

// note keeps what a reply says about the state of the dialogue, and returns the
// reply as the client gets it.
func (x *dialogue) note(v verb, r wire.Reply) []byte {
	raw, accepted := r.Raw, r.Code/100 == 2
	x.over = r.Code == 421
	switch v {
	case verbEHLO:
		if accepted {
			raw, x.chunking = editOffers(raw, x.options().TLS == config.TLSPass)
			x.forget()
		}
	case verbHELO:
		if accepted {
			x.chunking = false
			x.forget()
		}
	case verbRSET:
		if accepted {
			x.forget()
		}
	case verbMAIL:
		if accepted {
			x.mail, x.recipients = true, 0
		}
	case verbRCPT:
		if accepted {
			x.recipients++
		}
	case verbDATA:
		if r.Code == 354 {
			x.phase = phaseMessage
		}
	case verbAUTH:
		if r.Code == 334 {
			x.phase = phaseSecret
		}
	case verbChunk:
		return x.noteChunk(r)
	case verbContent:
		raw = x.noteContent(raw)
	}
	return raw
}

// noteChunk keeps the server's refusal of a chunk. The client has been told that
// the chunk was taken, and hears of the refusal with its next one.
func (x *dialogue) noteChunk(r wire.Reply) []byte {
	if r.Code/100 != 2 && x.refused == nil {
		x.refused = append([]byte(nil), r.Raw...)
	}
	return nil
}

// noteContent ends the transaction: whatever the server says about a message, it is
// over. A refusal of one of its chunks is a refusal of the message.
func (x *dialogue) noteContent(raw []byte) []byte {
	if x.refused != nil {
		raw = x.refused
	}
	x.refused = nil
	x.forget()
	x.s.RestLimit(int64(x.options().IdleTimeout))
	x.s.WaitLimit(0)
	return raw
}

// unasked handles what the server says without having been asked: its goodbye.
// Anything else would be taken for the answer to the next command.
func (x *dialogue) unasked(r wire.Reply) error {
	if r.Code != 421 {
		x.tell(replyNonsense)
		return fmt.Errorf("reply %d without a command: %w", r.Code, proxy.ErrProtocol)
	}
	if _, err := x.s.Client().Write(r.Raw); err != nil {
		return err
	}
	return io.EOF
}

// opaque lets the session go on without inspection. What the client has sent before
// it was allowed to would be taken for something that came encrypted.
func (x *dialogue) opaque() error {
	if len(x.s.Client().Buffered()) > 0 {
		return fmt.Errorf("bytes behind STARTTLS: %w", proxy.ErrProtocol)
	}
	return proxy.ErrTunnel
}
