package replacemsg

// Cause is why an object, or a part of one, is not delivered.
type Cause uint8

// The causes.
const (
	Infected  Cause = iota // an engine has found something
	Archive                // an archive of a kind that the profile blocks
	TooLarge               // larger than the limit, and the options say block
	NoVerdict              // and the policy says block
	File                   // a file filter blocks it
	Words                  // there are banned words in it
	causes    int   = iota
)

// Place is where something is put in the place of an object: each has a message for
// each cause.
type Place uint8

// The places.
const (
	Downloads Place = iota
	Uploads
	MailNotices
	MailReplies
	FTPReplies
	NewsNotices
	NewsReplies
	places int = iota
)

// For is the message there for a cause.
func (p Place) For(c Cause) Kind { return byCause[p][c] }

var byCause = [places][causes]Kind{
	Downloads:   {Infected: VirusHTML, Archive: HTTPArchive, TooLarge: HTTPFilesize, NoVerdict: HTTPFail, File: HTTPBlock, Words: BannedWord},
	Uploads:     {Infected: ClientVirusHTML, Archive: HTTPClientArchive, TooLarge: HTTPClientFilesize, NoVerdict: HTTPClientFail, File: HTTPClientBlock, Words: ClientBannedWord},
	MailNotices: {Infected: EmailVirus, Archive: EmailArchive, TooLarge: EmailFilesize, NoVerdict: EmailFail, File: EmailBlock},
	MailReplies: {Infected: SMTPVirus, Archive: SMTPArchive, TooLarge: SMTPFilesize, NoVerdict: SMTPFail, File: SMTPBlock, Words: SpamBannedWord},
	FTPReplies:  {Infected: FTPInfected, Archive: FTPArchive, TooLarge: FTPFilesize, NoVerdict: FTPFail, File: FTPBlocked, Words: FTPBannedWord},
	NewsNotices: {Infected: NNTPInfected, Archive: NNTPArchive, TooLarge: NNTPFilesize, NoVerdict: NNTPFail, File: NNTPBlocked, Words: NNTPBannedWord},
	NewsReplies: {Infected: NNTPUploadInfected, Archive: NNTPUploadArchive, TooLarge: NNTPUploadFilesize, NoVerdict: NNTPFail, File: NNTPUploadBlocked, Words: NNTPUploadBannedWord},
}
