package config

// SpamOptions is the set "options" of a spam filter profile.
type SpamOptions uint32

// The members of SpamOptions.
const (
	SpamBannedWord SpamOptions = 1 << iota // words in subjects and texts
	SpamBWL                                // addresses of hosts and of senders
	SpamRBL                                // lists of hosts that are asked by DNS
)

func (SpamOptions) choices() []Choice {
	return []Choice{
		{Word: "bannedword", Help: "Content block."},
		{Word: "spambwl", Help: "Black/white list."},
		{Word: "spamrbl", Help: "Email DNSBL & ORBL check."},
	}
}

// Has says whether all of x are set.
func (s SpamOptions) Has(x SpamOptions) bool { return s&x == x }

// SpamAction is what becomes of a mail that is spam.
type SpamAction uint8

// The actions for spam.
const (
	SpamPass    SpamAction = iota // delivered as it is
	SpamMark                      // delivered with a mark in it
	SpamDiscard                   // not delivered, and the sender is told
)

func (SpamAction) choices() []Choice {
	return []Choice{
		{Word: "pass", Help: "Allow spam email to pass through."},
		{Word: "tag", Help: "Tag spam email with configured text in subject or header."},
		{Word: "discard", Help: "Discard (block) spam email: the sender's server is told."},
	}
}

// String is the setting's word.
func (e SpamAction) String() string { return word(e.choices(), uint8(e)) }

// SpamTag is where the mark of a spam mail stands.
type SpamTag uint8

// The places of a mark.
const (
	TagSubject SpamTag = iota
	TagHeader
)

func (SpamTag) choices() []Choice {
	return []Choice{
		{Word: "subject", Help: "Prepend text to spam email subject."},
		{Word: "header", Help: "Append a user defined mime header to spam email."},
	}
}

// String is the setting's word.
func (e SpamTag) String() string { return word(e.choices(), uint8(e)) }

// ListAction is what an entry of one of the spam filter's tables says about a mail.
type ListAction uint8

// The actions of entries.
const (
	ListReject ListAction = iota // the client is turned away before it sends anything
	ListSpam
	ListClear // it is no spam, whatever the entries behind this one say
)

func (ListAction) choices() []Choice {
	return []Choice{
		{Word: "reject", Help: "Reject the connection."},
		{Word: "spam", Help: "Mark as spam email."},
		{Word: "clear", Help: "Mark as good email."},
	}
}

// String is the setting's word.
func (e ListAction) String() string { return word(e.choices(), uint8(e)) }

// WordPlace is the part of a mail in which a banned word counts.
type WordPlace uint8

// The parts of a mail.
const (
	InSubject WordPlace = iota
	InBody
	Anywhere
)

func (WordPlace) choices() []Choice {
	return []Choice{
		{Word: "subject", Help: "Banned word in email subject."},
		{Word: "body", Help: "Banned word in email body."},
		{Word: "all", Help: "Banned word in both subject and body."},
	}
}

// String is the setting's word.
func (e WordPlace) String() string { return word(e.choices(), uint8(e)) }

// SenderType says what an entry of a black and white list is about.
type SenderType uint8

// The types of entries.
const (
	SenderIP SenderType = iota
	SenderEmail
)

func (SenderType) choices() []Choice {
	return []Choice{{Word: "ip", Help: "By IP address."}, {Word: "email", Help: "By email address."}}
}

// String is the setting's word.
func (e SenderType) String() string { return word(e.choices(), uint8(e)) }

// AddrType is a family of addresses.
type AddrType uint8

// The families.
const (
	AddrIPv4 AddrType = iota
	AddrIPv6
)

func (AddrType) choices() []Choice {
	return []Choice{{Word: "ipv4", Help: "IPv4 address type."}, {Word: "ipv6", Help: "IPv6 address type."}}
}

// String is the setting's word.
func (e AddrType) String() string { return word(e.choices(), uint8(e)) }
