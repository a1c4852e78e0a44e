package lab_test

import (
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
)

// patience is how long a step may take that is waited for; a test that passes never
// waits so long.
const patience = time.Minute

func TestLabStartsEverything(t *testing.T) {
	l, err := lab.Start([]lab.Endpoint{
		{Service: lab.ServiceHTTP, Address: "127.0.0.1:0"},
		{Service: lab.ServiceHTTP, Address: "127.0.0.2:0"},
		{Service: lab.ServiceDNS, Address: "127.0.0.1:0"},
		{Service: lab.ServiceSMTP, Address: "127.0.0.1:0"},
		{Service: lab.ServicePOP3, Address: "127.0.0.1:0"},
		{Service: lab.ServiceIMAP, Address: "127.0.0.1:0"},
		{Service: lab.ServiceFTP, Address: "127.0.0.1:0"},
		{Service: lab.ServiceNNTP, Address: "127.0.0.1:0"},
	})
	require.NoError(t, err)
	table := l.Endpoints()
	require.Len(t, table, 8)
	assert.Equal(t, table[0].Address, l.Addr(lab.ServiceHTTP))
	for _, endpoint := range table[:2] {
		response, err := http.Get("http://" + endpoint.Address + "/")
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
	}
	http.DefaultClient.CloseIdleConnections()
	assert.Equal(t, int64(2), l.HTTP().Counts().Requests, "both addresses are one origin")
	ask(t, "udp", l.Addr(lab.ServiceDNS), "www.lab.test.", dns.TypeA)
	assert.Equal(t, int64(1), l.DNS().Queries("www.lab.test"))
	assert.Empty(t, l.Addr("GOPHER"))
	for service, greeting := range map[lab.Service]string{
		lab.ServiceSMTP: "220 ", lab.ServicePOP3: "+OK ", lab.ServiceIMAP: "* OK ", lab.ServiceFTP: "220 ", lab.ServiceNNTP: "200 ",
	} {
		converseWith(t, l.Addr(service), greeting)
	}
	assert.Equal(t, int64(1), l.SMTP().Counts().Sessions)
	assert.Equal(t, int64(1), l.POP3().Counts().Sessions)
	assert.Equal(t, int64(1), l.IMAP().Counts().Sessions)
	assert.Equal(t, int64(1), l.FTP().Counts().Sessions)
	assert.Equal(t, int64(1), l.NNTP().Counts().Sessions)
	assert.Len(t, l.Mailboxes().Mails(lab.UserAlice, lab.Inbox), 4)
	require.NoError(t, l.Close())
}

func TestLabErrorsNameServiceAndAddress(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, taken.Close()) }()
	for _, service := range []lab.Service{
		lab.ServiceHTTP, lab.ServiceDNS, lab.ServiceSMTP, lab.ServicePOP3, lab.ServiceIMAP, lab.ServiceFTP, lab.ServiceNNTP,
	} {
		_, err = lab.Start([]lab.Endpoint{
			{Service: lab.ServiceHTTP, Address: "127.0.0.1:0"},
			{Service: service, Address: taken.Addr().String()},
		})
		require.ErrorContains(t, err, "starting the "+string(service)+" origin: ")
		require.ErrorContains(t, err, taken.Addr().String())
		assert.NotContains(t, err.Error(), "\n")
	}
	_, err = lab.Start([]lab.Endpoint{{Service: "GOPHER", Address: "127.0.0.1:0"}})
	require.EqualError(t, err, "starting the GOPHER origin: there is no such service")
}

func TestLabUsualAddresses(t *testing.T) {
	at := map[string]lab.Service{}
	for _, endpoint := range lab.Endpoints(100) {
		at[endpoint.Address] = endpoint.Service
		assert.NotEmpty(t, endpoint.Holds)
	}
	assert.Equal(t, lab.ServiceHTTP, at["127.0.0.1:18180"])
	assert.Equal(t, lab.ServiceDNS, at["127.0.0.1:15453"])
	assert.Equal(t, lab.ServiceSMTP, at["127.0.0.1:12625"])
	assert.Equal(t, lab.ServicePOP3, at["127.0.0.1:11210"])
	assert.Equal(t, lab.ServiceIMAP, at["127.0.0.1:11243"])
	assert.Equal(t, lab.ServiceFTP, at["127.0.0.1:12221"])
	assert.Equal(t, lab.ServiceNNTP, at["127.0.0.1:11219"])
	if haveIPv6() {
		assert.Equal(t, lab.ServiceFTP, at["[::1]:12221"])
	}
}
