package lab

import (
	"errors"
	"fmt"
	"net"
	"strconv"
)

// Service names one kind of server of the lab.
type Service string

// The services.
const (
	ServiceHTTP Service = "HTTP"
	ServiceSMTP Service = "SMTP"
	ServicePOP3 Service = "POP3"
	ServiceIMAP Service = "IMAP"
	ServiceFTP  Service = "FTP"
	ServiceNNTP Service = "NNTP"
	ServiceDNS  Service = "DNS"
	ServiceICAP Service = "ICAP"
)

// Endpoint is one row of the lab's address table.
type Endpoint struct {
	Service Service
	Address string // host:port
	Holds   string // for people
}

// origin is what the lab needs of a server.
type origin interface {
	Listen(address string) (inUse string, err error)
	Close() error
}

// offered describes one service: its port without offset, what it holds and
// how to make it. A further service is one more row.
type offered struct {
	service Service
	port    int
	ipv6    bool // has an IPv6 row too
	holds   string
	create  func(*Lab) (origin, error)
}

func offers() []offered {
	return []offered{
		{ServiceHTTP, 18080, true, "web pages, objects of any size, EICAR", func(l *Lab) (origin, error) {
			l.http = NewHTTP()
			return l.http, nil
		}},
		{ServiceSMTP, 12525, false, "mail for lab.test; alice and bob, password lab", func(l *Lab) (origin, error) {
			l.smtp = NewSMTP(l.mailboxes)
			return l.smtp, nil
		}},
		{ServicePOP3, 11110, false, "the mailboxes; alice has four mails, two with EICAR", func(l *Lab) (origin, error) {
			l.pop3 = NewPOP3(l.mailboxes)
			return l.pop3, nil
		}},
		{ServiceIMAP, 11143, false, "the same mailboxes", func(l *Lab) (origin, error) {
			l.imap = NewIMAP(l.mailboxes)
			return l.imap, nil
		}},
		{ServiceFTP, 12121, true, "files, EICAR, uploads in incoming/; anonymous and alice", func(l *Lab) (origin, error) {
			l.ftp = NewFTP()
			return l.ftp, nil
		}},
		{ServiceNNTP, 11119, false, "lab.test and lab.binaries, EICAR as uuencode and yEnc", func(l *Lab) (origin, error) {
			l.nntp = NewNNTP()
			return l.nntp, nil
		}},
		{ServiceDNS, 15353, false, "lab.test, ratings of hosts, block lists (UDP and TCP)", func(l *Lab) (origin, error) {
			var err error
			l.dns, err = NewDNS(LabZone(), RatingZone(), ListZone(), LoopbackZone())
			return l.dns, err
		}},
		{ServiceICAP, 11344, false, "a scan server for the engine icap, service avscan", func(l *Lab) (origin, error) {
			l.icap = NewICAP()
			return l.icap, nil
		}},
	}
}

// Endpoints returns the table of the lab's usual addresses on loopback with
// offset added to every port. HTTP and FTP have an IPv6 row where the machine
// has ::1.
func Endpoints(offset int) []Endpoint {
	var table []Endpoint
	for _, offer := range offers() {
		port := strconv.Itoa(offer.port + offset)
		table = append(table, Endpoint{offer.service, net.JoinHostPort("127.0.0.1", port), offer.holds})
		if offer.ipv6 && hasIPv6Loopback() {
			table = append(table, Endpoint{offer.service, net.JoinHostPort("::1", port), offer.holds})
		}
	}
	return table
}

func hasIPv6Loopback() bool {
	listener, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		return false
	}
	_ = listener.Close()
	return true
}

// Lab is a set of running origin servers.
type Lab struct {
	endpoints []Endpoint
	origins   map[Service]origin
	mailboxes *Mailboxes
	http      *HTTP
	smtp      *SMTP
	pop3      *POP3
	imap      *IMAP
	ftp       *FTP
	nntp      *NNTP
	dns       *DNS
	icap      *ICAP
}

// Start opens every endpoint; a service with several addresses is one server.
// When one can't be opened the others are closed again and the error names
// service and address.
func Start(endpoints []Endpoint) (*Lab, error) {
	l := &Lab{origins: make(map[Service]origin), mailboxes: NewMailboxes()}
	for _, endpoint := range endpoints {
		if err := l.open(endpoint); err != nil {
			return nil, errors.Join(fmt.Errorf("starting the %s origin: %w", endpoint.Service, err), l.Close())
		}
	}
	return l, nil
}

func (l *Lab) open(endpoint Endpoint) error {
	server, err := l.origin(endpoint.Service)
	if err != nil {
		return err
	}
	endpoint.Address, err = server.Listen(endpoint.Address)
	if err != nil {
		return err
	}
	l.endpoints = append(l.endpoints, endpoint)
	return nil
}

// origin returns the server of a service, created when first asked for.
func (l *Lab) origin(service Service) (origin, error) {
	if server, ok := l.origins[service]; ok {
		return server, nil
	}
	for _, offer := range offers() {
		if offer.service != service {
			continue
		}
		server, err := offer.create(l)
		if err != nil {
			return nil, err
		}
		l.origins[service] = server
		return server, nil
	}
	return nil, errors.New("there is no such service")
}

// Endpoints returns the table as opened, with the addresses in use.
func (l *Lab) Endpoints() []Endpoint {
	return append([]Endpoint(nil), l.endpoints...)
}

// Addr returns the first address of a service, or "" if it wasn't started.
func (l *Lab) Addr(service Service) string {
	for _, endpoint := range l.endpoints {
		if endpoint.Service == service {
			return endpoint.Address
		}
	}
	return ""
}

// HTTP returns the web server, or nil if it wasn't started.
func (l *Lab) HTTP() *HTTP { return l.http }

// SMTP returns the mail server, or nil if it wasn't started.
func (l *Lab) SMTP() *SMTP { return l.smtp }

// POP3 returns the POP3 server, or nil if it wasn't started.
func (l *Lab) POP3() *POP3 { return l.pop3 }

// IMAP returns the IMAP server, or nil if it wasn't started.
func (l *Lab) IMAP() *IMAP { return l.imap }

// Mailboxes returns the mail that SMTP, POP3 and IMAP share.
func (l *Lab) Mailboxes() *Mailboxes { return l.mailboxes }

// FTP returns the file server, or nil if it wasn't started.
func (l *Lab) FTP() *FTP { return l.ftp }

// NNTP returns the news server, or nil if it wasn't started.
func (l *Lab) NNTP() *NNTP { return l.nntp }

// DNS returns the name server, or nil if it wasn't started.
func (l *Lab) DNS() *DNS { return l.dns }

// ICAP returns the scan server, or nil if it wasn't started.
func (l *Lab) ICAP() *ICAP { return l.icap }

// Close ends every server and waits until nothing of them is left.
func (l *Lab) Close() error {
	var errs []error
	for service, server := range l.origins {
		if err := server.Close(); err != nil {
			errs = append(errs, fmt.Errorf("closing the %s origin: %w", service, err))
		}
	}
	return errors.Join(errs...)
}
