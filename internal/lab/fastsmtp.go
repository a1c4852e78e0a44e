package lab

import (
	"bytes"
	"hash/crc32"
)

// StartFastSMTP listens on address and accepts the Specimens of these sizes, byte
// for byte, for everybody. Another mail, or one with a byte changed, is refused with
// 554: so a client that counts its mails as accepted knows that they arrived whole.
func StartFastSMTP(address string, sizes ...int64) (*Fast, error) {
	mails, err := specimens(sizes)
	if err != nil {
		return nil, err
	}
	known := make(map[int64]uint32)
	for i, mail := range mails {
		known[sizes[i]] = crc32.Checksum(mail, crc32.MakeTable(crc32.Castagnoli))
	}
	return startFast(address, func(_ *Fast, t *fastTalk) {
		t.say("220 " + MailDomain + " ready\r\n")
		for {
			text, ok := t.line()
			if !ok {
				return
			}
			switch word, _ := verb(text); string(word) {
			case "EHLO":
				t.say("250-" + MailDomain + "\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
			case "HELO", "MAIL", "RCPT", "RSET", "NOOP":
				t.say("250 2.0.0 fine\r\n")
			case "DATA":
				t.say("354 go ahead\r\n")
				size, sum, ok := t.mail()
				if !ok {
					return
				}
				if want, ok := known[size]; ok && want == sum {
					t.say("250 2.0.0 taken\r\n")
					continue
				}
				t.say("554 5.6.0 not what was sent\r\n")
			case "QUIT":
				t.say("221 2.0.0 bye\r\n")
				return
			default:
				t.say("500 5.5.1 unknown command\r\n")
			}
		}
	})
}

// fastBulk is the buffer of a connection that has brought a large mail.
const fastBulk = 64 << 10

// mail reads a mail without stuffed dots up to its end and returns size and CRC-32C
// of what is before the last dot.
func (t *fastTalk) mail() (size int64, sum uint32, ok bool) {
	const end = "\r\n.\r\n"
	table := crc32.MakeTable(crc32.Castagnoli)
	take := func(n int) {
		sum = crc32.Update(sum, table, t.in[t.r:t.r+n])
		size += int64(n)
		t.r += n
	}
	for {
		if at := bytes.Index(t.in[t.r:t.w], []byte(end)); at >= 0 {
			take(at + len("\r\n"))
			t.r += len(".\r\n")
			return size, sum, true
		}
		take(max(0, t.w-t.r-len(end)+1)) // the rest may be the beginning of the end
		if size > fastBuffer && len(t.in) < fastBulk {
			t.in = append(make([]byte, 0, fastBulk), t.in[:t.w]...)[:fastBulk]
		}
		if !t.more() {
			return 0, 0, false
		}
	}
}
