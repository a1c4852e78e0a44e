package lab

// The zones with lists of hosts, without the final dot: one keeps to the rules for
// testing lists and the other has every client of the lab.
const (
	ListApex     = "dnsbl.lab.test"
	LoopbackApex = "loopback.lab.test"
)

// ListZone is a list of hosts for tests (RFC 5782): it has 127.0.0.2, which every list
// has, and not 127.0.0.1, which none may have (section 5); 127.0.0.3 for two reasons;
// and hosts that no mail comes from, 192.0.2.1 and 2001:db8::bad. What is said about
// 127.0.0.4 to 127.0.0.7 says nothing: an error code, silence, a forged answer in front
// of a true one that lists nobody, and a failure. Clients bind the address they want.
func ListZone() Zone {
	const under = "." + ListApex + "."
	return Zone{
		Apex: ListApex + ".",
		Records: []string{
			ListApex + ". 60 IN SOA ns.lab.test. hostmaster.lab.test. 1 3600 600 86400 15",
			ListApex + ". 60 IN NS ns.lab.test.",
			"2.0.0.127" + under + " 30 IN A 127.0.0.2",
			"2.0.0.127" + under + ` 30 IN TXT "test entry, RFC 5782 section 5"`,
			"3.0.0.127" + under + " 30 IN A 127.0.0.4",
			"3.0.0.127" + under + " 30 IN A 127.0.0.10",
			"4.0.0.127" + under + " 30 IN A 127.255.255.254",
			"5.0.0.127" + under + " 30 IN A 127.0.0.2",
			"6.0.0.127" + under + " 30 IN A 192.0.2.66",
			"7.0.0.127" + under + " 30 IN A 127.0.0.2",
			"1.2.0.192" + under + " 30 IN A 127.0.0.2",
			"1.2.0.192" + under + ` 30 IN TXT "sends what nobody wants"`,
			"d.a.b.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2" + under + " 30 IN A 127.0.0.2",
		},
		Faults: map[string]Fault{
			"5.0.0.127" + under: NoAnswer,
			"6.0.0.127" + under: ForgedFirst,
			"7.0.0.127" + under: ServerFailure,
		},
	}
}

// LoopbackZone is a list that breaks the rules: it has the address that clients of the
// lab come from when they bind none.
func LoopbackZone() Zone {
	const under = "." + LoopbackApex + "."
	return Zone{
		Apex: LoopbackApex + ".",
		Records: []string{
			LoopbackApex + ". 60 IN SOA ns.lab.test. hostmaster.lab.test. 1 3600 600 86400 15",
			LoopbackApex + ". 60 IN NS ns.lab.test.",
			"1.0.0.127" + under + " 30 IN A 127.0.0.2",
			"1.0.0.127" + under + ` 30 IN TXT "every client of the lab"`,
		},
	}
}
