package stats

// HTTP holds the blocks of HTTP.
type HTTP struct {
	Stat       HTTPStat
	_          pad
	Accounting HTTPAccounting
	_          pad
}

// HTTPStat is the block "HTTP Stat". The two "Web requests oversize" lines sit
// inside the group of the responses in the documented output and count with it.
type HTTPStat struct {
	Traffic
	Transport `with:"HTTP"`

	ResponsesClean         Counter `line:"Web responses clean"`
	ResponsesScanErrors    Counter `line:"Web responses scan errors"`
	ResponsesDetected      Counter `line:"Web responses detected"`
	ResponsesWorms         Counter `line:"Web responses infected with worms"`
	ResponsesViruses       Counter `line:"Web responses infected with viruses"`
	ResponsesSusp          Counter `line:"Web responses infected with susp"`
	ResponsesFileBlocked   Counter `line:"Web responses file blocked"`
	ResponsesFileExempt    Counter `line:"Web responses file exempt"`
	ResponsesBannedWord    Counter `line:"Web responses bannedword detected"`
	ResponsesOversizePass  Counter `line:"Web requests oversize pass"`
	ResponsesOversizeBlock Counter `line:"Web requests oversize block"`
	LastScanError          Last    `line:"Last Server Scan errors"`

	URLExempt      Counter `line:"URL requests exempt"`
	URLBlocked     Counter `line:"URL requests blocked"`
	URLPassed      Counter `line:"URL requests passed"`
	URLSubmitError Counter `line:"URL requests submit error"`
	URLRatingError Counter `line:"URL requests rating error"`
	URLRatingBlock Counter `line:"URL requests rating block"`
	URLRatingAllow Counter `line:"URL requests rating allow"`
	URLWorms       Counter `line:"URL requests infected with worms"`

	RequestsDetected    Counter `line:"Web requests detected"`
	RequestsFileBlocked Counter `line:"Web requests file blocked"`
	RequestsFileExempt  Counter `line:"Web requests file exempt"`

	PostsClean         Counter `line:"POST requests clean"`
	PostsScanErrors    Counter `line:"POST requests scan errors"`
	PostsViruses       Counter `line:"POST requests infected with viruses"`
	PostsSusp          Counter `line:"POST requests infected with susp"`
	PostsFileBlocked   Counter `line:"POST requests file blocked"`
	PostsBannedWord    Counter `line:"POST requests bannedword detected"`
	PostsOversizePass  Counter `line:"POST requests oversize pass"`
	PostsOversizeBlock Counter `line:"POST requests oversize block"`

	RequestBacklogDrop  Counter `line:"Web request backlog drop"`
	ResponseBacklogDrop Counter `line:"Web response backlog drop"`
}

// HTTPAccounting is the block "HTTP Accounting".
type HTTPAccounting struct {
	Setup
	URLFilter        Counter `acct:"urlfilter,poll"` // wake-ups that brought ratings
	URLFilterAnswers Counter `acct:"urlfilter/answers"`
	URLFilterMost    Max     `acct:"urlfilter/most"` // most lookups outstanding
	LookupFail       Counter `acct:"uf_lookupf"`
	Scan             Counter `acct:"scan,wrap"`
	Polls
}

// RequestFileBlocked counts a request refused for the name of the file it asks
// for, before there was a response.
func (s *HTTPStat) RequestFileBlocked() {
	s.RequestsFileBlocked.Inc()
	s.RequestsDetected.Inc()
}
