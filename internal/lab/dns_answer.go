package lab

import (
	"github.com/miekg/dns"
)

// maxAliases is how long a chain of CNAME records is followed inside a zone.
const maxAliases = 8

// ServeDNS answers one query; it implements dns.Handler.
func (d *DNS) ServeDNS(w dns.ResponseWriter, query *dns.Msg) {
	question := query.Question[0]
	d.count(question.Name)
	reply := new(dns.Msg).SetReply(query)
	fault := d.resolve(reply, query.Opcode, question)
	if fault == NoAnswer {
		return
	}
	if options := query.IsEdns0(); options != nil {
		reply.SetEdns0(dns.DefaultMsgSize, false)
	}
	reply.Compress = true
	if w.RemoteAddr().Network() == "udp" {
		reply.Truncate(udpSize(query))
	}
	if fault == ForgedFirst {
		for _, lie := range forged(reply) {
			if err := w.WriteMsg(lie); err != nil {
				return
			}
		}
	}
	_ = w.WriteMsg(reply) // the client's time-out covers a lost answer
}

// resolve fills reply and returns the fault of the name asked for.
func (d *DNS) resolve(reply *dns.Msg, opcode int, question dns.Question) Fault {
	if opcode != dns.OpcodeQuery {
		reply.Rcode = dns.RcodeNotImplemented
		return NoFault
	}
	zone, ok := d.zoneOf(question.Name)
	if !ok || question.Qclass != dns.ClassINET {
		reply.Rcode = dns.RcodeRefused
		return NoFault
	}
	reply.Authoritative = true
	fault := zone.faults[dns.CanonicalName(question.Name)]
	if fault == ServerFailure {
		reply.Rcode = dns.RcodeServerFailure
		return fault
	}
	zone.answer(reply, question)
	return fault
}

// zoneOf finds the zone with the longest name that name is in.
func (d *DNS) zoneOf(name string) (loadedZone, bool) {
	var found loadedZone
	best := 0
	for _, zone := range d.zones {
		if labels := dns.CountLabel(zone.apex); labels > best && dns.IsSubDomain(zone.apex, name) {
			found, best = zone, labels
		}
	}
	return found, best > 0
}

// answer follows RFC 1034 section 4.3.2 for one zone without delegations.
// Aliases that lead out of the zone are left to the resolver.
func (z loadedZone) answer(reply *dns.Msg, question dns.Question) {
	name := question.Name
	seen := make(map[string]bool)
	for len(seen) < maxAliases && !seen[dns.CanonicalName(name)] {
		seen[dns.CanonicalName(name)] = true
		records, exists := z.names[dns.CanonicalName(name)]
		if !exists {
			reply.Rcode = dns.RcodeNameError
		}
		alias := appendRecords(reply, records, name, question.Qtype)
		if alias == "" || !dns.IsSubDomain(z.apex, alias) {
			break
		}
		name = alias
	}
	if len(reply.Answer) == 0 || reply.Rcode == dns.RcodeNameError {
		reply.Ns = append(reply.Ns, z.soa) // RFC 2308 section 3: how long to remember the absence
	}
}

// appendRecords adds the records of one name that answer kind, under the name
// as the client wrote it, and returns where an alias leads.
func appendRecords(reply *dns.Msg, records []dns.RR, name string, kind uint16) (alias string) {
	for _, record := range records {
		cname, isAlias := record.(*dns.CNAME)
		wanted := kind == dns.TypeANY || kind == record.Header().Rrtype
		if !wanted && !isAlias {
			continue
		}
		if !wanted {
			alias = cname.Target
		}
		record = dns.Copy(record)
		record.Header().Name = name
		reply.Answer = append(reply.Answer, record)
	}
	return alias
}

// udpSize is the size of answer a client takes over UDP: 512 bytes unless it
// says more (RFC 6891 section 6.2.5).
func udpSize(query *dns.Msg) int {
	if options := query.IsEdns0(); options != nil {
		return max(dns.MinMsgSize, int(options.UDPSize()))
	}
	return dns.MinMsgSize
}

// forged is what an attacker who can't see the query would send, with an answer of his
// own: everything right but the id, and everything right but the question.
func forged(reply *dns.Msg) []*dns.Msg {
	lie := reply.Copy()
	for _, record := range lie.Answer {
		switch record := record.(type) {
		case *dns.A:
			record.A = forgedAddress()
		case *dns.TXT:
			record.Txt = []string{ForgedRating}
		}
	}
	wrongID, wrongQuestion := lie.Copy(), lie.Copy()
	wrongID.Id++
	wrongQuestion.Question[0].Name = "other." + wrongQuestion.Question[0].Name
	return []*dns.Msg{wrongID, wrongQuestion}
}
