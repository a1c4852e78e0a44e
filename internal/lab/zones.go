package lab

import (
	"fmt"
	"net"

	"github.com/miekg/dns"
)

// Zone is what a DNS server holds, as data: a new zone needs no code.
type Zone struct {
	Apex    string           // with the final dot
	Records []string         // one per line in the format of RFC 1035 section 5, names complete; the first is the SOA
	Faults  map[string]Fault // names, complete and in lower case, that don't answer as they should
}

// Fault is a way of answering wrongly, or not at all.
type Fault string

// The faults a name can have.
const (
	NoFault       Fault = ""
	NoAnswer      Fault = "no answer"
	ServerFailure Fault = "SERVFAIL"
	ForgedFirst   Fault = "forged first" // answers with a wrong id and to another question come before the true one
)

// ForgedAddress is where the forged answer points to. Nothing listens there; a
// resolver that believes it gives itself away.
const ForgedAddress = "127.0.0.66"

func forgedAddress() net.IP { return net.ParseIP(ForgedAddress) }

// bigAnswer is how many addresses big.lab.test has: too many for UDP, with and
// without EDNS, so that the resolver must turn to TCP.
const bigAnswer = 100

// LabZone is lab.test. The time to live is short enough to see entries expire.
func LabZone() Zone {
	zone := Zone{
		Apex: "lab.test.",
		Records: []string{
			"lab.test. 60 IN SOA ns.lab.test. hostmaster.lab.test. 1 3600 600 86400 30",
			"lab.test. 60 IN NS ns.lab.test.",
			"lab.test. 60 IN A 127.0.0.1",
			"ns.lab.test. 60 IN A 127.0.0.1",
			"www.lab.test. 60 IN A 127.0.0.1",
			"origin.lab.test. 60 IN A 127.0.0.1",
			"http.lab.test. 60 IN A 127.0.0.1",
			"v6.lab.test. 60 IN AAAA ::1",
			"dual.lab.test. 60 IN A 127.0.0.1",
			"dual.lab.test. 60 IN AAAA ::1",
			"alias.lab.test. 60 IN CNAME www.lab.test.",
			"dangling.lab.test. 60 IN CNAME nothing.lab.test.",
			"loop.lab.test. 60 IN CNAME pool.lab.test.",
			"pool.lab.test. 60 IN CNAME loop.lab.test.",
			"short.lab.test. 1 IN A 127.0.0.1",
			"timeout.lab.test. 60 IN A 127.0.0.1",
			"servfail.lab.test. 60 IN A 127.0.0.1",
			"poison.lab.test. 60 IN A 127.0.0.1",
		},
		Faults: map[string]Fault{
			"timeout.lab.test.":  NoAnswer,
			"servfail.lab.test.": ServerFailure,
			"poison.lab.test.":   ForgedFirst,
		},
	}
	for _, host := range ratedHosts {
		zone.Records = append(zone.Records, host+".lab.test. 60 IN A 127.0.0.1")
	}
	for i := range bigAnswer {
		zone.Records = append(zone.Records, fmt.Sprintf("big.lab.test. 60 IN A 127.0.1.%d", i+1))
	}
	return zone
}

// loadedZone is a Zone ready to be asked.
type loadedZone struct {
	apex   string
	soa    dns.RR
	names  map[string][]dns.RR // by canonical name; names that only have names below them hold no records
	faults map[string]Fault
}

func (z Zone) load() (loadedZone, error) {
	loaded := loadedZone{apex: dns.CanonicalName(z.Apex), names: make(map[string][]dns.RR), faults: z.Faults}
	for i, line := range z.Records {
		record, err := dns.NewRR(line)
		if err == nil && record == nil {
			err = fmt.Errorf("no record in %q", line)
		}
		if err == nil && !dns.IsSubDomain(loaded.apex, record.Header().Name) {
			err = fmt.Errorf("%s is outside the zone", record.Header().Name)
		}
		if err != nil {
			return loadedZone{}, fmt.Errorf("loading record %d of zone %s: %w", i+1, z.Apex, err)
		}
		if soa, ok := record.(*dns.SOA); ok {
			loaded.soa = soa
		}
		loaded.add(record)
	}
	if loaded.soa == nil {
		return loadedZone{}, fmt.Errorf("loading zone %s: it has no SOA record", z.Apex)
	}
	return loaded, nil
}

// add enters a record and the empty names between it and the apex, which exist
// although they hold nothing (RFC 8020).
func (z *loadedZone) add(record dns.RR) {
	name := dns.CanonicalName(record.Header().Name)
	z.names[name] = append(z.names[name], record)
	for at, end := dns.NextLabel(name, 0); !end && dns.IsSubDomain(z.apex, name[at:]); at, end = dns.NextLabel(name, at) {
		if _, known := z.names[name[at:]]; !known {
			z.names[name[at:]] = nil
		}
	}
}
