package lab_test

import (
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
)

func startDNS(t *testing.T, zones ...lab.Zone) (*lab.DNS, string) {
	t.Helper()
	server, err := lab.NewDNS(zones...)
	require.NoError(t, err)
	address, err := server.Listen("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	return server, address
}

func ask(t *testing.T, network, address, name string, kind uint16) *dns.Msg {
	t.Helper()
	client := &dns.Client{Net: network, Timeout: 10 * time.Second}
	reply, _, err := client.Exchange(new(dns.Msg).SetQuestion(name, kind), address)
	require.NoError(t, err)
	return reply
}

// texts returns the data of the answers without their owner names.
func texts(records []dns.RR) []string {
	var list []string
	for _, record := range records {
		switch r := record.(type) {
		case *dns.A:
			list = append(list, r.A.String())
		case *dns.AAAA:
			list = append(list, r.AAAA.String())
		case *dns.CNAME:
			list = append(list, "-> "+r.Target)
		default:
			list = append(list, fmt.Sprintf("%T", record))
		}
	}
	return list
}

func TestDNSAnswers(t *testing.T) {
	_, address := startDNS(t, lab.LabZone())
	tests := []struct {
		name    string
		kind    uint16
		rcode   int
		answers []string
		absent  bool // the SOA says how long to remember it
	}{
		{"www.lab.test.", dns.TypeA, dns.RcodeSuccess, []string{"127.0.0.1"}, false},
		{"origin.lab.test.", dns.TypeA, dns.RcodeSuccess, []string{"127.0.0.1"}, false},
		{"http.lab.test.", dns.TypeA, dns.RcodeSuccess, []string{"127.0.0.1"}, false},
		{"HtTp.LAB.test.", dns.TypeA, dns.RcodeSuccess, []string{"127.0.0.1"}, false},
		{"v6.lab.test.", dns.TypeAAAA, dns.RcodeSuccess, []string{"::1"}, false},
		{"v6.lab.test.", dns.TypeA, dns.RcodeSuccess, nil, true},
		{"www.lab.test.", dns.TypeAAAA, dns.RcodeSuccess, nil, true},
		{"dual.lab.test.", dns.TypeANY, dns.RcodeSuccess, []string{"127.0.0.1", "::1"}, false},
		{"alias.lab.test.", dns.TypeA, dns.RcodeSuccess, []string{"-> www.lab.test.", "127.0.0.1"}, false},
		{"alias.lab.test.", dns.TypeCNAME, dns.RcodeSuccess, []string{"-> www.lab.test."}, false},
		{"dangling.lab.test.", dns.TypeA, dns.RcodeNameError, []string{"-> nothing.lab.test."}, true},
		{"loop.lab.test.", dns.TypeA, dns.RcodeSuccess, []string{"-> pool.lab.test.", "-> loop.lab.test."}, false},
		{"nothing.lab.test.", dns.TypeA, dns.RcodeNameError, nil, true},
		{"below.www.lab.test.", dns.TypeA, dns.RcodeNameError, nil, true},
		{"lab.test.", dns.TypeNS, dns.RcodeSuccess, []string{"*dns.NS"}, false},
		{"servfail.lab.test.", dns.TypeA, dns.RcodeServerFailure, nil, false},
		{"www.example.com.", dns.TypeA, dns.RcodeRefused, nil, false},
		{"test.", dns.TypeA, dns.RcodeRefused, nil, false},
		{"notlab.test.", dns.TypeA, dns.RcodeRefused, nil, false},
	}
	for _, network := range []string{"udp", "tcp"} {
		for _, test := range tests {
			t.Run(network+"/"+test.name+dns.TypeToString[test.kind], func(t *testing.T) {
				reply := ask(t, network, address, test.name, test.kind)
				assert.Equal(t, dns.RcodeToString[test.rcode], dns.RcodeToString[reply.Rcode])
				assert.Equal(t, test.answers, texts(reply.Answer))
				assert.Equal(t, test.rcode != dns.RcodeRefused, reply.Authoritative)
				if len(reply.Answer) > 0 {
					assert.Equal(t, test.name, reply.Answer[0].Header().Name, "in the case of the question")
				}
				if test.absent {
					assert.Equal(t, []string{"*dns.SOA"}, texts(reply.Ns))
				} else {
					assert.Empty(t, reply.Ns)
				}
			})
		}
	}
}

func TestDNSOtherClassesAndOpcodes(t *testing.T) {
	_, address := startDNS(t, lab.LabZone())
	client := &dns.Client{Timeout: 10 * time.Second}
	chaos := new(dns.Msg).SetQuestion("www.lab.test.", dns.TypeA)
	chaos.Question[0].Qclass = dns.ClassCHAOS
	reply, _, err := client.Exchange(chaos, address)
	require.NoError(t, err)
	assert.Equal(t, dns.RcodeRefused, reply.Rcode)
	reply, _, err = client.Exchange(new(dns.Msg).SetUpdate("lab.test."), address)
	require.NoError(t, err)
	assert.Equal(t, dns.RcodeNotImplemented, reply.Rcode)
}

func TestDNSTimesOut(t *testing.T) {
	server, address := startDNS(t, lab.LabZone())
	for _, network := range []string{"udp", "tcp"} {
		client := &dns.Client{Net: network, Timeout: 300 * time.Millisecond}
		_, _, err := client.Exchange(new(dns.Msg).SetQuestion("timeout.lab.test.", dns.TypeA), address)
		var timeout net.Error
		require.True(t, errors.As(err, &timeout) && timeout.Timeout(), "%v", err)
	}
	require.Eventually(t, func() bool { return server.Queries("timeout.lab.test") == 2 }, patience, time.Millisecond)
}

func TestDNSForgesBeforeItAnswers(t *testing.T) {
	_, address := startDNS(t, lab.LabZone())
	conn, err := net.Dial("udp", address)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	query := new(dns.Msg).SetQuestion("poison.lab.test.", dns.TypeA)
	packed, err := query.Pack()
	require.NoError(t, err)
	_, err = conn.Write(packed)
	require.NoError(t, err)
	var replies [3]dns.Msg
	for i := range replies {
		buf := make([]byte, dns.MaxMsgSize)
		n, err := conn.Read(buf)
		require.NoError(t, err)
		require.NoError(t, replies[i].Unpack(buf[:n]))
	}
	assert.NotEqual(t, query.Id, replies[0].Id)
	assert.Equal(t, []string{lab.ForgedAddress}, texts(replies[0].Answer))
	assert.Equal(t, query.Id, replies[1].Id)
	assert.NotEqual(t, query.Question, replies[1].Question)
	assert.Equal(t, []string{lab.ForgedAddress}, texts(replies[1].Answer))
	assert.Equal(t, query.Id, replies[2].Id)
	assert.Equal(t, query.Question, replies[2].Question)
	assert.Equal(t, []string{"127.0.0.1"}, texts(replies[2].Answer))
}

func TestDNSTruncatesOverUDP(t *testing.T) {
	_, address := startDNS(t, lab.LabZone())
	reply := ask(t, "udp", address, "big.lab.test.", dns.TypeA)
	assert.True(t, reply.Truncated)
	reply.Compress = true // as it was on the wire
	assert.LessOrEqual(t, reply.Len(), dns.MinMsgSize)

	withOptions := new(dns.Msg).SetQuestion("big.lab.test.", dns.TypeA).SetEdns0(4096, false)
	reply, _, err := (&dns.Client{Timeout: 10 * time.Second}).Exchange(withOptions, address)
	require.NoError(t, err)
	assert.False(t, reply.Truncated)
	assert.NotNil(t, reply.IsEdns0())
	assert.Len(t, reply.Answer, 100)

	reply = ask(t, "tcp", address, "big.lab.test.", dns.TypeA)
	assert.False(t, reply.Truncated)
	assert.Len(t, reply.Answer, 100)
}

func TestDNSCountsQueries(t *testing.T) {
	server, address := startDNS(t, lab.LabZone())
	assert.Zero(t, server.Queries("www.lab.test"))
	ask(t, "udp", address, "www.lab.test.", dns.TypeA)
	ask(t, "tcp", address, "WWW.lab.test.", dns.TypeAAAA)
	ask(t, "udp", address, "elsewhere.test.", dns.TypeA)
	assert.Equal(t, int64(2), server.Queries("www.Lab.test."))
	assert.Equal(t, int64(1), server.Queries("elsewhere.test"))
}

// Two zones, one inside the other: the longer name answers, and a name that
// only leads to others exists.
func TestDNSZonesAreData(t *testing.T) {
	inner := lab.Zone{Apex: "list.lab.test.", Records: []string{
		"list.lab.test. 60 IN SOA ns.lab.test. hostmaster.lab.test. 1 3600 600 86400 30",
		"2.0.0.127.list.lab.test. 60 IN A 127.0.0.2",
	}}
	_, address := startDNS(t, lab.LabZone(), inner)
	assert.Equal(t, []string{"127.0.0.2"}, texts(ask(t, "udp", address, "2.0.0.127.list.lab.test.", dns.TypeA).Answer))
	assert.Equal(t, dns.RcodeNameError, ask(t, "udp", address, "3.0.0.127.list.lab.test.", dns.TypeA).Rcode)
	assert.Equal(t, dns.RcodeSuccess, ask(t, "udp", address, "0.0.127.list.lab.test.", dns.TypeA).Rcode)
	assert.Equal(t, dns.RcodeSuccess, ask(t, "udp", address, "www.lab.test.", dns.TypeA).Rcode)
}

func TestDNSRefusesBadZones(t *testing.T) {
	const soa = "lab.test. 60 IN SOA ns.lab.test. hostmaster.lab.test. 1 3600 600 86400 30"
	tests := []struct {
		name    string
		records []string
		want    string
	}{
		{"no SOA", []string{"www.lab.test. 60 IN A 127.0.0.1"}, "loading zone lab.test.: it has no SOA record"},
		{"outside", []string{soa, "www.other.test. 60 IN A 127.0.0.1"}, "loading record 2 of zone lab.test.: www.other.test. is outside the zone"},
		{"syntax", []string{soa, "www.lab.test. 60 IN A nowhere"}, "loading record 2 of zone lab.test.: "},
		{"empty", []string{soa, " "}, "loading record 2 of zone lab.test.: no record in"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := lab.NewDNS(lab.Zone{Apex: "lab.test.", Records: test.records})
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestDNSRefusesATakenAddress(t *testing.T) {
	_, address := startDNS(t)
	other, err := lab.NewDNS()
	require.NoError(t, err)
	_, err = other.Listen(address)
	require.ErrorContains(t, err, "listening on "+address)
	require.NoError(t, other.Close())
	_, err = other.Listen("127.0.0.1:0")
	require.ErrorIs(t, err, net.ErrClosed)
}
