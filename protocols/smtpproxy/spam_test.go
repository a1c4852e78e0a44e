package smtpproxy

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/transcript"
	"utmsim/protocols"
)

// waitingList asks a list that answers when the gate of the rig is opened.
const waitingList = `config spamfilter dnsbl
    edit 1
        config entries
            edit 1
                set server "waiting.test"
                set action reject
            next
        end
    next
end
config spamfilter options
    set dns-timeout 30
end
config spamfilter profile
    edit "p"
        set spam-filtering enable
        set options spamrbl
        set spam-rbl-table 1
    next
end
config firewall policy
    edit 1
        set spamfilter-profile "p"
    next
end
`

// suspended waits until a client's list is asked and has not answered.
func suspended(rig *transcript.Rig) {
	rig.Eventually(func() bool {
		b := &rig.Engine.Report().Accounting[protocols.SMTP]
		begun, _ := b.Get("spamadd")
		ended, _ := b.Get("spamdel")
		suspend, _ := b.Get("suspend")
		resume, _ := b.Get("resume")
		return begun == 1 && ended == 0 && suspend == resume+1
	}, "the session is suspended")
}

// What a client sends while its list is asked waits, and what it has sent before was
// answered.
func TestPipeliningWhileSuspended(t *testing.T) {
	rig, client, server := session(t, waitingList)
	client.say("NOOP\r\nMAIL FROM:<a@client.test>\r\n")
	server.gets("NOOP\r\n")
	server.say("250 noop\r\n")
	client.gets("250 noop\r\n")
	suspended(rig)
	client.say("RCPT TO:<b@lab.test>\r\nDATA\r\nQUIT\r\n")
	rig.OpenGate()
	client.gets("554 5.7.1 Mail from 127.0.0.1 is not accepted: its address is listed in waiting.test: see http://lists.test/?1.0.0.127.waiting.test\r\n" +
		replyNoTransaction + replyNoTransaction)
	server.gets("QUIT\r\n")
	server.say("221 bye\r\n")
	client.gets("221 bye\r\n")
}

// A client that leaves ends its question, and one that the server leaves hears so when
// the list has answered.
func TestLeavingWhileSuspended(t *testing.T) {
	rig, client, server := session(t, waitingList)
	client.say("MAIL FROM:<a@client.test>\r\n")
	suspended(rig)
	require.NoError(t, client.SetLinger(0))
	require.NoError(t, client.Close())
	rig.Eventually(func() bool { return rig.Engine.Sessions() == 0 }, "the session ends without an answer of the list")
	got, err := server.r.ReadByte()
	assert.Error(t, err, "%q", got)
}

func TestServerLeavesWhileSuspended(t *testing.T) {
	rig, client, server := session(t, waitingList)
	client.say("MAIL FROM:<a@client.test>\r\n")
	suspended(rig)
	server.say("421 going down\r\n")
	require.NoError(t, server.CloseWrite())
	rig.OpenGate()
	client.gets("554 5.7.1 Mail from 127.0.0.1 is not accepted: its address is listed in waiting.test: see http://lists.test/?1.0.0.127.waiting.test\r\n")
	client.gets("421 going down\r\n")
	_, err := client.r.ReadByte()
	assert.Error(t, err)
}

func TestPath(t *testing.T) {
	for line, want := range map[string]string{
		"MAIL FROM:<A@Client.test> SIZE=7\r\n": "a@client.test", "MAIL FROM:<>\r\n": "", "MAIL FROM:<@relay,@other:a@b>\r\n": "a@b",
		"MAIL FROM:a@b\r\n": "", "MAIL FROM:<a@b\r\n": "", "RCPT TO:<\"a b\"@c>\r\n": "\"a b\"@c", "MAIL\r\n": "", "MAIL FROM:<@x>": "",
	} {
		assert.Equal(t, want, path([]byte(line)), line)
	}
}
