package lab

import (
	"fmt"
	"net"
	"time"
)

// fastFTP is a fast FTP origin besides its connections.
type fastFTP struct {
	files map[string][]byte
}

// fastSendTime bounds the sending of one file.
const fastSendTime = time.Minute

// FastFile is the name of the file of so many bytes that a fast FTP origin has.
func FastFile(size int64) string { return fmt.Sprintf("%d.bin", size) }

// StartFastFTP listens on address and has one file of generated content (see
// Content) for each of sizes. All data connections are passive.
func StartFastFTP(address string, sizes ...int64) (*Fast, error) {
	o := &fastFTP{files: make(map[string][]byte)}
	for _, size := range sizes {
		if size < 0 || size > maxFastSize {
			return nil, fmt.Errorf("preparing a file of %d bytes: the limit is %d", size, maxFastSize)
		}
		file := make([]byte, size)
		fillContent(file, 0)
		o.files[FastFile(size)] = file
	}
	return startFast(address, o.converse)
}

func (o *fastFTP) converse(f *Fast, t *fastTalk) {
	var data *net.TCPListener // of the transfer to come
	defer func() { f.ports.drop(data) }()
	t.say("220 ready\r\n")
	for {
		text, ok := t.line()
		if !ok {
			return
		}
		switch word, rest := verb(text); string(word) {
		case "USER":
			t.say("331 and the password\r\n")
		case "PASS":
			t.say("230 welcome\r\n")
		case "TYPE", "NOOP":
			t.say("200 fine\r\n")
		case "SYST":
			t.say("215 UNIX Type: L8\r\n")
		case "FEAT":
			t.say("211-features\r\n EPSV\r\n211 end\r\n")
		case "PASV", "EPSV":
			f.ports.drop(data)
			var err error
			if data, err = f.ports.take(t.conn); err != nil {
				t.say("425 no listener\r\n")
				continue
			}
			at := data.Addr().(*net.TCPAddr)
			if string(word) == "EPSV" {
				t.say(fmt.Sprintf("229 here (|||%d|)\r\n", at.Port))
				continue
			}
			t.say(passiveReply(at))
		case "RETR":
			o.retrieve(f, t, data, string(rest))
			data = nil
		case "QUIT":
			t.say("221 bye\r\n")
			return
		default:
			t.say("502 unknown command\r\n")
		}
	}
}

// retrieve sends a file over the connection that comes to l.
func (o *fastFTP) retrieve(f *Fast, t *fastTalk, l *net.TCPListener, name string) {
	file, ok := o.files[name]
	switch {
	case !ok:
		f.ports.drop(l)
		t.say("550 no such file\r\n")
		return
	case l == nil:
		t.say("425 use PASV first\r\n")
		return
	}
	t.say("150 coming\r\n")
	t.flush()
	conn, err := f.ports.accept(l)
	if err != nil {
		f.ports.drop(l)
		t.say("425 nobody came\r\n")
		return
	}
	f.ports.keep(l)
	_ = conn.SetDeadline(time.Now().Add(fastSendTime)) // a client that stops reading must not hold the origin
	sent := write(conn, file)
	if err := conn.Close(); err != nil || !sent {
		t.say("426 the data connection broke\r\n")
		return
	}
	t.say("226 that was all\r\n")
}
