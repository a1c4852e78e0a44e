package replacemsg

// Kind is one of the messages.
type Kind uint8

// The messages.
const (
	EmailBlock Kind = iota
	EmailVirus
	EmailArchive
	EmailFilesize
	EmailFail
	EmailPartial
	IMAPPartial
	SMTPBlock
	SMTPVirus
	SMTPArchive
	SMTPFilesize
	SMTPFail
	SMTPPartial

	HTTPBlock
	HTTPClientBlock
	HTTPFilesize
	HTTPClientFilesize
	HTTPArchive
	HTTPClientArchive
	HTTPFail
	HTTPClientFail
	BannedWord
	ClientBannedWord
	URLBlock
	URLFilterError
	InfectionCache
	SwitchingProtocols
	CategoryBlock
	VirusHTML
	ClientVirusHTML

	FTPInfected
	FTPBlocked
	FTPArchive
	FTPFilesize
	FTPFail
	FTPBannedWord

	NNTPInfected
	NNTPBlocked
	NNTPArchive
	NNTPFilesize
	NNTPFail
	NNTPUploadInfected
	NNTPUploadBlocked
	NNTPUploadArchive
	NNTPUploadFilesize
	NNTPBannedWord
	NNTPUploadBannedWord

	SpamIPList
	SpamDNSBL
	SpamEmailBlack
	SpamBannedWord

	PreLogin
	PostLogin

	Count int = iota
)

// Form is what a message becomes part of.
type Form uint8

// The forms.
const (
	Page   Form = iota // the body of an HTTP response
	Notice             // lines of text in a mail or an article, or on a terminal
	Reply              // one line of a dialogue, behind its code
)

// Declaration is what is fixed about a message.
type Declaration struct {
	Group, Name string // "config system replacemsg GROUP NAME"
	Form        Form
	Text        string // of the factory
	Help        string // when it is used
}

// Declared is what is fixed about k.
func (k Kind) Declared() *Declaration { return &declared[k] }

// A page of the factory. The title and the sentence about viruses are known to be
// the appliance's; the other texts here are ours.
func page(sentence string) string {
	return alert(sentence, "<tr><td>Quarantined File Name</td><td>%%QUARFILENAME%%</td></tr>\n")
}

// urlPage is a page about something that has no file.
func urlPage(sentence string) string { return alert(sentence, "") }

// alert is a page with a table; rows are those behind the URL's.
func alert(sentence, rows string) string {
	return `<!DOCTYPE html>
<html>
<head><meta charset="utf-8"><title>High Security Alert</title></head>
<body>
<h1>High Security Alert</h1>
<p>` + sentence + `</p>
<table>
<tr><td>URL</td><td>%%URL%%</td></tr>
` + rows + `</table>
</body>
</html>
`
}

const (
	download = `You are not permitted to download the file "%%FILE%%" because `
	transfer = `You are not permitted to transfer the file "%%FILE%%" because `

	disclaimer = "WARNING: this is a simulated unit. Use it only if you have been allowed to.\nWhat you do here is logged.\n"
)

// The names up to FortiOS 5.0 for messages about viruses in text (email-virus,
// smtp-virus, ftp-dl-infected, nntp-dl-infected) stay in use here: later releases have
// one text for all of them. What is "not on the appliance" has no known name there.
var declared = [Count]Declaration{
	EmailBlock:   {"mail", "email-block", Notice, "The file \"%%FILE%%\" has been removed because files of this kind are blocked.\n", "In the place of a file that a file filter blocks."},
	EmailVirus:   {"mail", "email-virus", Notice, "The file \"%%FILE%%\" has been removed because of a virus.\nIt was infected with \"%%VIRUS%%\".\n", "In the place of an infected part of a mail."},
	EmailArchive: {"mail", "email-archive-block", Notice, "The file \"%%FILE%%\" has been removed because archives of this kind are blocked: %%REASON%%.\n", "In the place of an archive that is blocked (not on the appliance)."},
	EmailFilesize: {"mail", "email-filesize", Notice,
		"This message has been removed because it is larger than the size limit for mails.\n", "In the place of a mail that is too large."},
	EmailFail: {"mail", "email-av-fail", Notice, "This message has been removed because it could not be scanned.\n", "In the place of a mail without a verdict."},
	EmailPartial: {"mail", "partial", Notice,
		"This message has been removed because it is a piece of a message that was cut into several.\nPieces can't be scanned.\n", "In the place of a piece of a split mail."},
	IMAPPartial: {"mail", "imap-partial", Notice,
		"This piece of a message has been removed. Pieces can't be scanned.\nPlease fetch the message as a whole.\n", "In the place of a piece that an IMAP client fetches (not on the appliance)."},
	SMTPBlock:    {"mail", "smtp-block", Reply, `The file "%%FILE%%" is blocked: files of this kind are not accepted`, "Refuses a mail with a file that a file filter blocks."},
	SMTPVirus:    {"mail", "smtp-virus", Reply, `The file "%%FILE%%" is infected with the virus "%%VIRUS%%"`, "Refuses an infected mail, by SMTP or IMAP's APPEND."},
	SMTPArchive:  {"mail", "smtp-archive-block", Reply, `The file "%%FILE%%" is blocked: %%REASON%%`, "Refuses a mail with an archive that is blocked (not on the appliance)."},
	SMTPFilesize: {"mail", "smtp-filesize", Reply, "The mail is larger than the size limit", "Refuses a mail that is too large."},
	SMTPFail:     {"mail", "smtp-av-fail", Reply, "The mail could not be scanned, try again later", "Refuses a mail without a verdict (not on the appliance)."},
	SMTPPartial:  {"mail", "smtp-partial", Reply, "Fragments of mails are not accepted", "Refuses a piece of a split mail (not on the appliance)."},

	HTTPBlock:          {"http", "http-block", Page, page(download + "files of this kind are blocked."), "In the place of a download that a file filter blocks."},
	HTTPClientBlock:    {"http", "http-client-block", Page, page(transfer + "files of this kind are blocked."), "Answers an upload that a file filter blocks."},
	HTTPFilesize:       {"http", "http-filesize", Page, page(download + "it is larger than the size limit for files."), "In the place of a download that is too large."},
	HTTPClientFilesize: {"http", "http-client-filesize", Page, page(transfer + "it is larger than the size limit for files."), "Answers an upload that is too large."},
	HTTPArchive:        {"http", "http-archive-block", Page, page(download + "archives of this kind are blocked: %%REASON%%."), "In the place of an archive that is blocked."},
	HTTPClientArchive:  {"http", "http-client-archive-block", Page, page(transfer + "archives of this kind are blocked: %%REASON%%."), "Answers the upload of an archive that is blocked."},
	HTTPFail:           {"http", "http-av-fail", Page, page(download + "it could not be scanned."), "In the place of a download without a verdict (not on the appliance)."},
	HTTPClientFail:     {"http", "http-client-av-fail", Page, page(transfer + "it could not be scanned."), "Answers an upload without a verdict (not on the appliance)."},
	BannedWord:         {"http", "bannedword", Page, page("You are not permitted to view this page because it contains words that are banned."), "In the place of a page with banned words."},
	ClientBannedWord:   {"http", "http-client-bannedword", Page, page("You are not permitted to send this because it contains words that are banned."), "Answers an upload with banned words."},
	URLBlock:           {"http", "url-block", Page, urlPage("The URL you requested has been blocked."), "Answers a request for a URL that a URL filter blocks."},
	URLFilterError:     {"http", "urlfilter-err", Page, urlPage("The URL you requested has been blocked because it could not be rated."), "Answers a request for a URL that could not be rated."},
	InfectionCache: {"http", "infcache-block", Page, page(download + `it is infected with the virus "%%VIRUS%%".`),
		"Answers a request for a URL that was infected a moment ago."},
	SwitchingProtocols: {"http", "switching-protocols-block", Page,
		urlPage("You are not permitted to switch this connection to another protocol, because it could not be scanned any more."), "Answers a switch to another protocol."},
	CategoryBlock:   {"fortiguard-wf", "ftgd-block", Page, urlPage(`The URL you requested has been blocked because of its category: "%%CATEGORY%%".`), "Answers a request for a URL of a category that is blocked."},
	VirusHTML:       {"utm", "virus-html", Page, page(download + `it is infected with the virus "%%VIRUS%%".`), "In the place of an infected download."},
	ClientVirusHTML: {"utm", "client-virus-html", Page, page(transfer + `it is infected with the virus "%%VIRUS%%".`), "Answers an infected upload."},

	FTPInfected: {"ftp", "ftp-dl-infected", Reply, `Transfer failed. The file "%%FILE%%" is infected with the virus "%%VIRUS%%"`, "Answers the transfer of an infected file."},
	FTPBlocked:  {"ftp", "ftp-dl-blocked", Reply, `Transfer failed. The file "%%FILE%%" is blocked: files of this kind are not allowed`, "Answers the transfer of a file that a file filter blocks."},
	FTPArchive:  {"ftp", "ftp-dl-archive-block", Reply, `Transfer failed. The file "%%FILE%%" is blocked: %%REASON%%`, "Answers the transfer of an archive that is blocked."},
	FTPFilesize: {"ftp", "ftp-dl-filesize", Reply, "The file is larger than the size limit", "Answers the transfer of a file that is too large."},
	FTPFail:     {"ftp", "ftp-av-fail", Reply, "The file could not be scanned", "Answers the transfer of a file without a verdict."},
	FTPBannedWord: {"ftp", "ftp-dl-bannedword", Reply, `Transfer failed. The file "%%FILE%%" is blocked: it contains words that are banned`,
		"Answers the transfer of a file with banned words (not on the appliance)."},

	NNTPInfected: {"nntp", "nntp-dl-infected", Notice, "The file \"%%FILE%%\" has been removed because of a virus.\nIt was infected with \"%%VIRUS%%\".\n", "In the place of an infected part of an article."},
	NNTPBlocked:  {"nntp", "nntp-dl-blocked", Notice, "The file \"%%FILE%%\" has been removed because files of this kind are blocked.\n", "In the place of a file that a file filter blocks."},
	NNTPArchive: {"nntp", "nntp-dl-archive-block", Notice,
		"The file \"%%FILE%%\" has been removed because archives of this kind are blocked: %%REASON%%.\n", "In the place of an archive that is blocked (not on the appliance)."},
	NNTPFilesize: {"nntp", "nntp-dl-filesize", Notice,
		"This article has been removed because it is larger than the size limit for articles.\n", "In the place of an article that is too large."},
	NNTPFail:           {"nntp", "nntp-av-fail", Reply, "The article could not be scanned, try again later", "Answers for an article without a verdict."},
	NNTPUploadInfected: {"nntp", "nntp-ul-infected", Reply, `The file "%%FILE%%" is infected with the virus "%%VIRUS%%"`, "Refuses an infected article (not on the appliance)."},
	NNTPUploadBlocked: {"nntp", "nntp-ul-blocked", Reply, `The file "%%FILE%%" is blocked: files of this kind are not accepted`,
		"Refuses an article with a file that a file filter blocks (not on the appliance)."},
	NNTPUploadArchive:    {"nntp", "nntp-ul-archive-block", Reply, `The file "%%FILE%%" is blocked: %%REASON%%`, "Refuses an article with an archive that is blocked (not on the appliance)."},
	NNTPUploadFilesize:   {"nntp", "nntp-ul-filesize", Reply, "The article is larger than the size limit", "Refuses an article that is too large (not on the appliance)."},
	NNTPBannedWord:       {"nntp", "nntp-dl-bannedword", Notice, "This article has been removed because it contains words that are banned.\n", "In the place of an article with banned words (not on the appliance)."},
	NNTPUploadBannedWord: {"nntp", "nntp-ul-bannedword", Reply, "The article contains words that are banned", "Refuses an article with banned words (not on the appliance)."},

	SpamIPList:     {"spam", "ipblocklist", Reply, "Mail from %%SOURCE_IP%% is not accepted: its address is on a list", "Refuses a client whose address is on a local list."},
	SpamDNSBL:      {"spam", "smtp-spam-dnsbl", Reply, "Mail from %%SOURCE_IP%% is not accepted: its address is listed in %%REASON%%", "Refuses a client whose address is on a DNS block list."},
	SpamEmailBlack: {"spam", "smtp-spam-emailblack", Reply, "Mail from this sender is not accepted", "Refuses a sender who is on a list."},
	SpamBannedWord: {"spam", "smtp-spam-bannedword", Reply, "The mail contains words that are banned", "Refuses a mail with banned words."},

	PreLogin:  {"admin", "pre_admin-disclaimer-text", Notice, disclaimer, "What SSH shows before a login (with pre-login-banner)."},
	PostLogin: {"admin", "post_admin-disclaimer-text", Notice, disclaimer, "What a console shows after a login (with post-login-banner)."},
}
