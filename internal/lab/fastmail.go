package lab

import (
	"bytes"
	"fmt"
	"strconv"
)

// specimens are the messages an origin holds, checked before memory is taken.
func specimens(sizes []int64) ([][]byte, error) {
	var all [][]byte
	for _, size := range sizes {
		if size < MinSpecimen || size > maxFastSize {
			return nil, fmt.Errorf("preparing a message of %d bytes: allowed are %d to %d", size, MinSpecimen, maxFastSize)
		}
		all = append(all, Specimen(size))
	}
	return all, nil
}

// StartFastPOP3 listens on address and has the Specimens of these sizes in every
// mailbox, as mails 1, 2, ...
func StartFastPOP3(address string, sizes ...int64) (*Fast, error) {
	mails, err := specimens(sizes)
	if err != nil {
		return nil, err
	}
	var replies [][]byte
	total := 0
	for _, mail := range mails {
		reply := append(fmt.Appendf(nil, "+OK %d octets\r\n", len(mail)), mail...)
		replies = append(replies, append(reply, ".\r\n"...))
		total += len(mail)
	}
	stat := fmt.Sprintf("+OK %d %d\r\n", len(mails), total)
	return startFast(address, func(_ *Fast, t *fastTalk) {
		t.say("+OK ready\r\n")
		for {
			text, ok := t.line()
			if !ok {
				return
			}
			switch word, rest := verb(text); string(word) {
			case "USER", "PASS", "NOOP":
				t.say("+OK\r\n")
			case "STAT":
				t.say(stat)
			case "RETR":
				number, err := strconv.Atoi(string(rest))
				if err != nil || number < 1 || number > len(replies) {
					t.say("-ERR no such mail\r\n")
					continue
				}
				t.give(replies[number-1])
			case "QUIT":
				t.say("+OK bye\r\n")
				return
			default:
				t.say("-ERR unknown command\r\n")
			}
		}
	})
}

// StartFastNNTP listens on address and has the Specimens of these sizes, by
// SpecimenID.
func StartFastNNTP(address string, sizes ...int64) (*Fast, error) {
	articles, err := specimens(sizes)
	if err != nil {
		return nil, err
	}
	replies := make(map[string][]byte)
	for i, article := range articles {
		reply := append(fmt.Appendf(nil, "220 0 %s\r\n", SpecimenID(sizes[i])), article...)
		replies[SpecimenID(sizes[i])] = append(reply, ".\r\n"...)
	}
	return startFast(address, func(_ *Fast, t *fastTalk) {
		t.say("200 ready\r\n")
		for {
			text, ok := t.line()
			if !ok {
				return
			}
			switch word, rest := verb(text); string(word) {
			case "MODE":
				t.say("200 ready\r\n")
			case "CAPABILITIES":
				t.say("101 capabilities\r\nVERSION 2\r\nREADER\r\n.\r\n")
			case "ARTICLE":
				reply, ok := replies[string(rest)]
				if !ok {
					t.say("430 no such article\r\n")
					continue
				}
				t.give(reply)
			case "QUIT":
				t.say("205 bye\r\n")
				return
			default:
				t.say("500 unknown command\r\n")
			}
		}
	})
}

// StartFastIMAP listens on address and has the Specimens of these sizes in every
// inbox, as mails 1, 2, ... All it can fetch is BODY.PEEK[].
func StartFastIMAP(address string, sizes ...int64) (*Fast, error) {
	mails, err := specimens(sizes)
	if err != nil {
		return nil, err
	}
	var replies [][]byte
	for i, mail := range mails {
		reply := append(fmt.Appendf(nil, "* %d FETCH (BODY[] {%d}\r\n", i+1, len(mail)), mail...)
		replies = append(replies, append(reply, ")\r\n"...))
	}
	selected := fmt.Sprintf("* FLAGS (\\Seen)\r\n* %d EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY 1] stays\r\n* OK [UIDNEXT %d] next\r\n", len(mails), len(mails)+1)
	return startFast(address, func(_ *Fast, t *fastTalk) {
		t.say("* OK [CAPABILITY IMAP4rev1] ready\r\n")
		for {
			text, ok := t.line()
			if !ok {
				return
			}
			tag, command, _ := bytes.Cut(text, []byte(" "))
			state := " OK done\r\n"
			word, rest := verb(command)
			switch string(word) {
			case "LOGIN", "NOOP":
			case "CAPABILITY":
				t.say("* CAPABILITY IMAP4rev1\r\n")
			case "SELECT", "EXAMINE":
				t.say(selected)
			case "FETCH":
				number, item, _ := bytes.Cut(rest, []byte(" "))
				n, err := strconv.Atoi(string(number))
				if err != nil || n < 1 || n > len(replies) || string(item) != "BODY.PEEK[]" {
					state = " NO nothing like that\r\n"
					break
				}
				t.give(replies[n-1])
			case "LOGOUT":
				t.say("* BYE\r\n")
			default:
				state = " BAD unknown command\r\n"
			}
			t.out = append(t.out, tag...)
			t.say(state)
			if string(word) == "LOGOUT" {
				return
			}
		}
	})
}
