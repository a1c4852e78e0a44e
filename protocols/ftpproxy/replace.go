package ftpproxy

import (
	"utmsim/internal/replacemsg"
	"utmsim/proxy"
)

// refusal is what the client hears of a file that was not delivered.
func refusal(hold *proxy.Hold, name string) string {
	code := "550 "
	switch hold.Outcome {
	case proxy.Backlog:
		return replyBacklog
	case proxy.ScanFailed:
		code = "451 "
	}
	hold.BadName = name // and not that of something in the file
	return code + hold.Say(replacemsg.FTPReplies, "The file") + "\r\n"
}
