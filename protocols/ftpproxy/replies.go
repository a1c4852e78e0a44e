package ftpproxy

import (
	"context"
	"fmt"
	"io"
	"strings"

	"utmsim/internal/config"
	"utmsim/protocols/wire"
	"utmsim/proxy"
)

// What the proxy itself says (RFC 959 section 4.2).
const (
	replyExplicit        = "220 FTP proxy ready, log in as user@host or user@host:port\r\n"
	replyFarewell        = "421 The proxy has no room for this connection now, try again in a moment\r\n"
	replyUnreachable     = "421 The FTP server can't be reached\r\n"
	replyLost            = "421 The connection to the FTP server was lost\r\n"
	replySilent          = "421 The FTP server does not answer\r\n"
	replyClientSilent    = "421 Nothing came for too long\r\n"
	replyNonsense        = "421 The FTP server's answer makes no sense\r\n"
	replyReady           = "150 Ready to receive the file\r\n"
	replyOK              = "200 OK\r\n"
	replyPORT            = "200 PORT command successful\r\n"
	replyEPRT            = "200 EPRT command successful\r\n"
	replyEPSVALL         = "200 EPSV ALL command successful\r\n"
	replyNoFeatures      = "211 There are no features before the login\r\n"
	replyGoodbye         = "221 Goodbye\r\n"
	replyNoAgreement     = "425 Use PASV or PORT first\r\n"
	replyCantOpen        = "425 Can't open the data connection\r\n"
	replyOnlyIPv4        = "425 PASV is for IPv4, use EPSV\r\n"
	replyBroken          = "426 The transfer was broken off\r\n"
	replyBacklog         = "450 Too many files wait to be scanned, try again in a moment\r\n"
	replyIllegal         = "500 Illegal address: data connections are made to the client itself\r\n"
	replyAfterEPSVALL    = "501 EPSV ALL was said\r\n"
	replyNotImplemented  = "502 Command not implemented\r\n"
	replyOtherServer     = "503 Another server needs another connection\r\n"
	replyNotForParameter = "504 Command not implemented for that parameter\r\n"
	replyUseIPv4         = "522 Network protocol not supported, use (1)\r\n"
	replyUseIPv6         = "522 Network protocol not supported, use (2)\r\n"
	replyName            = "530 Log in as user@host or user@host:port\r\n"
	replyForbidden       = "530 That server is not allowed\r\n"
)

// codeGoodbye is the code with which a server ends a session.
const codeGoodbye = 421

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
func (x *dialogue) replied(r wire.Reply) error {
	if len(x.awaited) == 0 {
		return x.unasked(r)
	}
	e := x.awaited[0]
	x.over = r.Code == codeGoodbye
	if r.Code/100 == 1 && !x.over { // not the last word: RFC 959 section 4.2
		return x.pass1xx(e, r)
	}
	if x.awaited = x.awaited[1:]; len(x.awaited) == 0 {
		x.awaited = nil // nothing is kept while the session rests
	}
	if err := x.passReply(e, r); err != nil {
		return err
	}
	x.note(e, r.Code)
	switch {
	case e.then != "" && !x.over:
		if _, err := x.s.Server().WriteString(e.then); err != nil {
			return err
		}
		x.awaited = append([]expected{{verb: verbOther, swallow: true}}, x.awaited...)
	case e.verb == verbAUTH && (r.Code == 234 || r.Code == 334):
		return x.opaque()
	case e.verb == verbQUIT && r.Code/100 == 2:
		return io.EOF
	}
	return nil
}

func (x *dialogue) pass1xx(e expected, r wire.Reply) error {
	if e.swallow || e.verb == verbFinal {
		return nil // the client has heard that the transfer begins
	}
	_, err := x.s.Client().Write(r.Raw)
	return err
}

// passReply gives the client what it is to hear.
func (x *dialogue) passReply(e expected, r wire.Reply) error {
	raw := r.Raw
	switch {
	case e.swallow && !x.over:
		return nil
	case e.instead != "" && r.Code/100 == 2:
		x.tell(e.instead)
		return nil
	case e.verb == verbFEAT:
		raw = editFeatures(raw, hides{
			tls:  x.options().TLS == config.TLSStrip,
			rest: !x.passes(config.BypassREST), mode: !x.passes(config.BypassMODE),
		})
	}
	_, err := x.s.Client().Write(raw)
	return err
}

// note keeps what a reply says about the state of the dialogue.
func (x *dialogue) note(e expected, code int) {
	accepted := code/100 == 2
	x.renaming = e.verb == verbRNFR && code/100 == 3
	switch e.verb {
	case verbREST:
		if code/100 == 3 || accepted {
			x.partial = strings.TrimSpace(e.arg) != "0"
		}
	case verbMODE:
		x.noteForm(oddMode, e, accepted)
	case verbSTRU:
		x.noteForm(oddStructure, e, accepted)
	case verbTYPE:
		x.noteForm(oddType, e, accepted)
		if accepted {
			x.ascii = strings.HasPrefix(strings.ToUpper(strings.TrimSpace(e.arg)), "A")
		}
	case verbREIN:
		if accepted {
			x.odd, x.ascii, x.partial = 0, true, false
			x.forgetData()
		}
	}
}

func (x *dialogue) noteForm(f form, e expected, accepted bool) {
	if !accepted {
		return
	}
	x.odd &^= f
	x.odd |= formOf(e.verb, e.arg)
}

// unasked handles what the server says without having been asked: its goodbye.
// Anything else would be taken for the answer to the next command.
func (x *dialogue) unasked(r wire.Reply) error {
	if r.Code != codeGoodbye {
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
		return fmt.Errorf("bytes behind AUTH: %w", proxy.ErrProtocol)
	}
	return proxy.ErrTunnel
}
