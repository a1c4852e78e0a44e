package bench

import (
	"io"

	"utmsim/internal/lab"
	"utmsim/internal/lab/load"
)

// Protocols returns the protocols that can be measured. A further one is one
// more element. Where the program has no driver for a protocol yet, its
// contenders are plain ones; with the driver they become scanning ones.
func Protocols() []Protocol {
	return []Protocol{
		{
			Name: "http", Transaction: "keep-alive", Sizes: fullSizes(1 << 10), Relay: plainRelay,
			Origin: func(address string, sizes ...int64) (Origin, error) { return lab.StartFastHTTP(address, sizes...) },
			Script: func(_ int, size int64) load.Script {
				return load.HTTP{Path: "/bytes/" + decimal(size), Want: load.ContentOf(file(size))}
			},
			Contenders: scanning("http", haproxyHTTP, "http", "set keepalive-timeout 300"),
		},
		{
			Name: "smtp", Transaction: "mails of", Sizes: fullSizes(4 << 10), Relay: plainRelay,
			Origin: func(address string, sizes ...int64) (Origin, error) { return lab.StartFastSMTP(address, sizes...) },
			Script: func(_ int, size int64) load.Script {
				return load.SMTP{From: "bench@" + lab.MailDomain, To: lab.Sink, Mail: lab.Specimen(size)}
			},
			Contenders: scanning("tcp", haproxyTCP, "smtp"),
		},
		{
			Name: "pop3", Transaction: "RETR of", Sizes: fullSizes(4 << 10), Relay: plainRelay,
			Origin: func(address string, sizes ...int64) (Origin, error) { return lab.StartFastPOP3(address, sizes...) },
			Script: func(number int, size int64) load.Script {
				return load.POP3{User: lab.UserAlice, Password: lab.Password, Number: number + 1, Want: load.DottedContentOf(lab.Specimen(size))}
			},
			Contenders: scanning("tcp", haproxyTCP, "pop3"),
		},
		{
			Name: "imap", Transaction: "FETCH of", Sizes: fullSizes(4 << 10), Relay: plainRelay,
			Origin: func(address string, sizes ...int64) (Origin, error) { return lab.StartFastIMAP(address, sizes...) },
			Script: func(number int, size int64) load.Script {
				return load.IMAP{User: lab.UserAlice, Password: lab.Password, Number: number + 1, Want: load.ContentOf(lab.Specimen(size))}
			},
			Contenders: scanning("tcp", haproxyTCP, "imap"),
		},
		{
			Name: "ftp", Transaction: "PASV and RETR of", Sizes: fullSizes(1 << 10),
			Origin: func(address string, sizes ...int64) (Origin, error) { return lab.StartFastFTP(address, sizes...) },
			Relay:  func(address, server string) (Origin, error) { return lab.StartFTPRelay(address, server) },
			Script: func(_ int, size int64) load.Script {
				return load.FTP{User: "anonymous", Password: "bench", File: lab.FastFile(size), Want: load.ContentOf(file(size))}
			},
			Contenders: scanning("tcp, control connection only", haproxyTCP, "ftp"),
		},
		{
			Name: "nntp", Transaction: "ARTICLE of", Sizes: fullSizes(4 << 10), Relay: plainRelay,
			Origin: func(address string, sizes ...int64) (Origin, error) { return lab.StartFastNNTP(address, sizes...) },
			Script: func(_ int, size int64) load.Script {
				return load.NNTP{ID: lab.SpecimenID(size), Want: load.DottedContentOf(lab.Specimen(size))}
			},
			Contenders: scanning("tcp", haproxyTCP, "nntp"),
		},
	}
}

// fullSizes are those of a comparison, shortSizes those of a quick look whether
// it works at all.
func fullSizes(small int64) Sizes {
	return Sizes{Small: small, Medium: 1 << 20, Large: 25 << 20, Oversize: 100 << 20, LimitMB: 32}
}

func shortSizes(small int64) Sizes {
	return Sizes{Small: small, Medium: 64 << 10, Large: 256 << 10, Oversize: 1536 << 10, LimitMB: 1}
}

func plainRelay(address, server string) (Origin, error) { return lab.StartRelay(address, server) }

// plain are the contenders that don't scan.
func plain(mode string, haproxyConfig func(listen, origin string, sessions int) string) []Contender {
	return []Contender{direct(), relay(), haproxy(mode, haproxyConfig)}
}

// scanning are all contenders. protocol is the word of utmsim's configuration, and
// options are lines for its protocol options.
func scanning(mode string, haproxyConfig func(listen, origin string, sessions int) string, protocol string, options ...string) []Contender {
	return append(plain(mode, haproxyConfig),
		utmsim("utmsim", "utmsim, scanning", true, utmsimConfig(protocol, true, options...)),
		utmsim("utmsim-bypass", "utmsim, bypassed", false, utmsimConfig(protocol, false, options...)),
	)
}

// file is so much generated content.
func file(size int64) []byte {
	content := make([]byte, size)
	_, _ = io.ReadFull(lab.NewContent(size), content) // it has exactly that much
	return content
}
