package replacemsg

import (
	"html"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of what a message becomes, in bytes.
const (
	MaxText   = 32768       // the text of a message
	maxValue  = 2048        // one value in a page or a notice, before it is escaped
	maxValues = 64 << 10    // all values of a page or a notice, escaped: further ones are left out
	maxShown  = 120         // one value in a reply
	maxReply  = 512 - 32    // a reply without its code: a line has 512 (RFC 5321 section 4.5.3.1.5, RFC 3977 section 3.1)
	ellipsis  = "..."       // where a value was cut
	mark      = "%%"        // around a variable
	maxName   = 32          // of a variable
	fileShown = `he file "` // before %%FILE%% in texts that name it
)

// Values are what is known about the case. A variable without a value is empty.
type Values struct {
	File         string
	Nameless     string // what a file without a name is called: "The mail"
	Virus        string
	URL          string
	Protocol     string
	Quarantined  string
	Source, Dest string // addresses
	Category     string
	Reason       string // what an archive is, the zone of a block list

	// Addresses tells sender and recipients of a mail; nil knows none. It is asked only
	// when a text has a place for them.
	Addresses func() (from, to string)
}

// value is that of a variable; ok is false for one that isn't known.
func (v *Values) value(name string) (_ string, ok bool) {
	switch name {
	case "FILE":
		return v.File, true
	case "VIRUS":
		return v.Virus, true
	case "URL":
		return v.URL, true
	case "PROTOCOL":
		return v.Protocol, true
	case "QUARFILENAME":
		return v.Quarantined, true
	case "SOURCE_IP":
		return v.Source, true
	case "DEST_IP":
		return v.Dest, true
	case "CATEGORY":
		return v.Category, true
	case "REASON":
		return v.Reason, true
	case "EMAIL_FROM", "EMAIL_TO":
		return v.address(name == "EMAIL_FROM"), true
	}
	return "", false
}

func (v *Values) address(sender bool) string {
	if v.Addresses == nil {
		return ""
	}
	from, to := v.Addresses()
	if sender {
		return from
	}
	return to
}

// escaping is how values are made harmless in a form.
type escaping struct {
	limit int // of one value
	all   int // of all of them
	ascii bool
	html  bool
}

// RenderHTML is text as a page of HTML. Values may stand in its text and in quoted
// attributes.
func RenderHTML(text string, v *Values) string {
	return render(text, v, escaping{limit: maxValue, all: maxValues, html: true})
}

// RenderText is text as lines. No value has a line break.
func RenderText(text string, v *Values) string {
	return render(text, v, escaping{limit: maxValue, all: maxValues})
}

// RenderReply is text as one line of printable ASCII, without a line end.
func RenderReply(text string, v *Values) string {
	line := render(text, v, escaping{limit: maxShown, all: maxValues, ascii: true})
	return cut(strings.Map(printable, strings.Join(strings.Fields(line), " ")), maxReply)
}

// render puts values in the place of variables. What is between two marks and no
// variable stays as it is.
func render(text string, v *Values, e escaping) string {
	var out strings.Builder
	left := e.all
	for {
		i := strings.Index(text, mark)
		if i < 0 {
			break
		}
		name, rest := variable(text[i+len(mark):])
		value, ok := v.value(name)
		if !ok {
			out.WriteString(text[:i+1])
			text = text[i+1:]
			continue
		}
		before := text[:i]
		if name == "FILE" && value == "" && v.Nameless != "" {
			before, value, rest = nameless(before, v.Nameless, rest)
		}
		value = e.escape(value)
		if left -= len(value); left < 0 {
			value = ""
		}
		out.WriteString(before)
		out.WriteString(value)
		text = rest
	}
	out.WriteString(text)
	return out.String()
}

// variable is the name that text begins with up to the closing mark, and what comes
// behind; no name when it doesn't begin with one.
func variable(text string) (name, rest string) {
	end := strings.Index(text[:min(len(text), maxName+len(mark))], mark)
	if end < 0 {
		return "", text
	}
	return text[:end], text[end+len(mark):]
}

// nameless is a file without a name in words: where the text says `the file "..."`,
// all of that gives way to what the thing is called.
func nameless(before, called, rest string) (string, string, string) {
	head, ok := strings.CutSuffix(before, fileShown)
	tail, quoted := strings.CutPrefix(rest, `"`)
	if !ok || !quoted || head == "" {
		return before, "", rest
	}
	last := len(head) - 1
	switch head[last] {
	case 'T':
		return head[:last], called, tail
	case 't':
		return head[:last], strings.ToLower(called[:1]) + called[1:], tail
	}
	return before, "", rest
}

// escape makes a value harmless.
func (e escaping) escape(value string) string {
	value = strings.ToValidUTF8(value, "?")
	if e.ascii {
		return cut(strings.Map(unquoted, value), e.limit)
	}
	value = strings.Map(visible, cut(value, e.limit))
	if e.html {
		return html.EscapeString(value)
	}
	return value
}

// unquoted is what a value in a reply may consist of: texts put it in quotation marks.
func unquoted(r rune) rune {
	if r == '"' {
		return '?'
	}
	return printable(r)
}

// printable is what a reply may consist of.
func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return '?'
	}
	return r
}

// visible keeps what is seen as it is: no line breaks, no other control characters,
// nothing that turns the direction of the text around.
func visible(r rune) rune {
	if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
		return '?'
	}
	return r
}

// cut bounds s to n bytes, whole characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	end := n - len(ellipsis)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + ellipsis
}
