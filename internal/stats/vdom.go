package stats

import (
	"time"

	"utmsim/protocols"
)

// VDOM holds the counters of one virtual domain. Make one with NewVDOM. The
// fields of the blocks may be counted directly; the methods give the engine the
// same counters without knowing the protocol.
type VDOM struct {
	Name string

	HTTP HTTP
	SMTP SMTP
	POP3 POP3
	IMAP IMAP
	FTP  FTP
	NNTP NNTP

	ledgers [protocols.Count]Ledger

	// Built once from the fields above.
	sessions   [protocols.Count]SessionCounters
	data       [protocols.Count]DataCounters
	transports [protocols.Count]*Transport
	traffic    [protocols.Count]*Traffic
	verdicts   [protocols.Count][2]*Verdicts
	stat       [protocols.Count]block
	accounting [protocols.Count]block
}

// SessionCounters are the figures that every Accounting block has.
type SessionCounters struct {
	SetupOK, SetupFail *Counter // sessions set up, and not
	ConnOK, ConnInp    *Counter // server connect completed at once, and in progress; one of them, once a session
	Scan               *Counter // scan results delivered
	Clt, Srv           *Counter // events on the client's and the server's socket
}

// DataCounters are the figures of the protocols that have data connections; nil for
// the others.
type DataCounters struct {
	Listen, Clt, Srv *Counter // events on a listener for data, on the client's and on the server's data connection
}

// NewVDOM returns the counters of a virtual domain, all zero.
func NewVDOM(name string) *VDOM {
	v := &VDOM{Name: name}
	v.wireHTTP()
	v.wireSMTP()
	v.wirePOP3()
	v.wireIMAP()
	v.wireFTP()
	v.wireNNTP()
	return v
}

// Session is the part of p's Accounting block that every protocol has.
func (v *VDOM) Session(p protocols.Protocol) *SessionCounters { return &v.sessions[p] }

// Data is the part of p's Accounting block that is about data connections.
func (v *VDOM) Data(p protocols.Protocol) *DataCounters { return &v.data[p] }

// Transport is the error lines of p's Stat block.
func (v *VDOM) Transport(p protocols.Protocol) *Transport { return v.transports[p] }

// Bytes are the lines "Bytes sent" and "Bytes received" of p, counted in bytes.
func (v *VDOM) Bytes(p protocols.Protocol) (sent, received *Counter) {
	return &v.traffic[p].BytesSent, &v.traffic[p].BytesReceived
}

// Verdicts is the group of lines that judgements on objects of p move. HTTP and
// FTP have one for each direction, the mail and news protocols one for both.
func (v *VDOM) Verdicts(p protocols.Protocol, dir Direction) *Verdicts { return v.verdicts[p][dir] }

// Mail is the Stat block of a mail protocol, nil for any other.
func (v *VDOM) Mail(p protocols.Protocol) *MailStat {
	switch p {
	case protocols.SMTP:
		return &v.SMTP.Stat.MailStat
	case protocols.POP3:
		return &v.POP3.Stat.MailStat
	case protocols.IMAP:
		return &v.IMAP.Stat.MailStat
	}
	return nil
}

// Ledger is what is counted for p without a documented line.
func (v *VDOM) Ledger(p protocols.Protocol) *Ledger { return &v.ledgers[p] }

// Reset returns everything to zero.
func (v *VDOM) Reset() {
	for p := range protocols.Count {
		v.stat[p].reset(time.Time{})
		v.accounting[p].reset(time.Time{})
		v.ledgers[p].reset()
	}
}

// Absorb adds what another virtual domain has counted, which counts no more: the
// sums of a unit don't go back when one of its domains is removed.
func (v *VDOM) Absorb(other *VDOM) {
	for p := range protocols.Count {
		v.stat[p].absorb(&other.stat[p])
		v.accounting[p].absorb(&other.accounting[p])
		v.ledgers[p].absorb(&other.ledgers[p])
	}
}
