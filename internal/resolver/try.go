package resolver

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	// advertisedSize is the largest datagram we invite (RFC 9715 and DNS flag day
	// 2020): it passes everywhere without being fragmented.
	advertisedSize = 1232
	// receiveSize is the largest datagram we read, for servers that send more.
	receiveSize = 4096
)

// try puts q to one server: over UDP, over TCP when the answer was cut short (RFC 7766
// section 5), and without EDNS when the server does not understand it (RFC 6891
// section 7). Each of them may take timeout.
func (r *Resolver) try(ctx context.Context, server netip.AddrPort, q dns.Question, timeout time.Duration) (*dns.Msg, *Error) {
	edns := true
	network := "udp"
	for {
		msg, err := r.send(ctx, network, server, newQuery(q, edns), timeout)
		if err != nil {
			return nil, networkFailure(q, server, err, timeout)
		}
		r.counters.answers.Add(1)
		switch {
		case edns && (msg.Rcode == dns.RcodeFormatError || msg.Rcode == dns.RcodeNotImplemented):
			edns = false
		case network == "udp" && msg.Truncated:
			network = "tcp"
		default:
			return msg, answerFailure(q, server, msg)
		}
	}
}

// newQuery returns the request, with an id that can't be guessed.
func newQuery(q dns.Question, edns bool) *dns.Msg {
	var id [2]byte
	rand.Read(id[:]) // never fails: crypto/rand ends the program instead
	m := &dns.Msg{Question: []dns.Question{q}}
	m.Id = binary.BigEndian.Uint16(id[:])
	m.RecursionDesired = true
	if edns {
		m.SetEdns0(advertisedSize, false)
	}
	return m
}

// send sends query from a socket of its own, so that the kernel picks a fresh source
// port and lets in only what the server sends, and waits for the answer.
func (r *Resolver) send(ctx context.Context, network string, server netip.AddrPort, query *dns.Msg, timeout time.Duration) (*dns.Msg, error) {
	deadline := time.Now().Add(timeout)
	dialer := net.Dialer{Deadline: deadline}
	raw, err := dialer.DialContext(ctx, network, server.String())
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	if err := raw.SetDeadline(deadline); err != nil {
		return nil, err
	}
	// A context that ends wakes the read by closing the socket under it.
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()

	conn := &dns.Conn{Conn: raw, UDPSize: receiveSize}
	r.counters.queries.Add(1)
	if err := conn.WriteMsg(query); err != nil {
		return nil, err
	}
	return r.receive(conn, query, network == "udp")
}

// receive reads until the answer to query comes. Anything else is passed over, for to
// give up at the first wrong message would let whoever sends one decide.
func (r *Resolver) receive(conn *dns.Conn, query *dns.Msg, datagrams bool) (*dns.Msg, error) {
	for {
		packet, err := conn.ReadMsgHeader(nil)
		if errors.Is(err, dns.ErrShortRead) {
			r.counters.ignored.Add(1)
			continue
		}
		if err != nil {
			return nil, err
		}
		if msg := parseAnswer(packet, query, datagrams); msg != nil {
			return msg, nil
		}
		r.counters.ignored.Add(1)
	}
}

// parseAnswer reads packet as the answer to query; nil when it is none. Of an answer
// cut short the records may be unreadable, since it is only good for asking again.
func parseAnswer(packet []byte, query *dns.Msg, mayBeCut bool) *dns.Msg {
	if len(packet) < 2 || binary.BigEndian.Uint16(packet) != query.Id {
		return nil
	}
	msg := new(dns.Msg)
	if err := msg.Unpack(packet); err != nil && !(mayBeCut && msg.Truncated) {
		return nil
	}
	if !msg.Response || msg.Opcode != dns.OpcodeQuery || !echoes(msg, query.Question[0]) {
		return nil
	}
	return msg
}

// echoes reports whether msg repeats our question. Servers that could not or would not
// read it leave it out, which is let pass when the answer is a failure anyway.
func echoes(msg *dns.Msg, asked dns.Question) bool {
	if len(msg.Question) == 0 {
		return msg.Rcode != dns.RcodeSuccess && msg.Rcode != dns.RcodeNameError
	}
	q := msg.Question[0]
	return len(msg.Question) == 1 && q.Qtype == asked.Qtype && q.Qclass == asked.Qclass && strings.EqualFold(q.Name, asked.Name)
}

func networkFailure(q dns.Question, server netip.AddrPort, err error, timeout time.Duration) *Error {
	var netErr net.Error
	if errors.As(err, &netErr) && netErr.Timeout() {
		e := failure(q, server, ErrTimeout)
		e.Detail = "waited " + timeout.String()
		return e
	}
	e := failure(q, server, ErrServer)
	e.Err = err
	return e
}

// answerFailure says why msg, though an answer, is of no use; nil when it is.
func answerFailure(q dns.Question, server netip.AddrPort, msg *dns.Msg) *Error {
	e := failure(q, server, ErrServer)
	switch {
	case msg.Rcode == dns.RcodeNameError:
		return nil
	case msg.Rcode != dns.RcodeSuccess:
		e.Detail = rcodeName(msg.Rcode)
		return e
	case isReferral(msg):
		e.Detail = "it only refers to other servers"
		return e
	}
	return nil
}

// rcodeName is the mnemonic of a response code. 16 is BADSIG in an answer that is
// signed, which ours never are.
func rcodeName(rcode int) string {
	if rcode == dns.RcodeBadVers {
		return "BADVERS"
	}
	if name, ok := dns.RcodeToString[rcode]; ok {
		return name
	}
	return "response code " + strconv.Itoa(rcode)
}

// isReferral reports whether the server has no answer and names others that may: it
// does not recurse, so that this says nothing about the name.
func isReferral(msg *dns.Msg) bool {
	if len(msg.Answer) > 0 || msg.Authoritative {
		return false
	}
	isNS := func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeNS }
	isSOA := func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeSOA }
	return slices.ContainsFunc(msg.Ns, isNS) && !slices.ContainsFunc(msg.Ns, isSOA)
}
