package imapproxy

// What the proxy itself says (RFC 9051 section 7.1, codes of RFC 5530).
const (
	byeFarewell    = "* BYE [UNAVAILABLE] the proxy has no room for this session now, try again in a moment\r\n"
	byeUnreachable = "* BYE [UNAVAILABLE] the mail server can't be reached\r\n"
	byeLost        = "* BYE [UNAVAILABLE] the connection to the mail server was lost\r\n"
	byeSilent      = "* BYE [UNAVAILABLE] the mail server does not answer\r\n"
	byeClient      = "* BYE nothing came for too long\r\n"
	byeNonsense    = "* BYE [UNAVAILABLE] the mail server's answer makes no sense\r\n"
	byeBacklog     = "* BYE [UNAVAILABLE] too many mails wait to be scanned, try again in a moment\r\n"

	goAhead = "+ go ahead\r\n"

	badUnavailable = "BAD not available: the proxy has to read this session\r\n"
	badNoMessage   = "BAD there is no message\r\n"

	noPartial  = "NO [CANNOT] parts of a body can't be scanned, fetch all of it\r\n"
	noFragment = "NO [CANNOT] pieces of messages are not accepted\r\n"
	noBacklog  = "NO [UNAVAILABLE] too many mails wait to be scanned, try again in a moment\r\n"
)
