package bannedword

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/charset"
)

// Limit is how much of one content is looked at, in bytes.
const Limit = 4 << 20

// form is how text is written.
type form uint8

const (
	formNone  form = iota // no text
	formPlain             // as it is read
	formHTML              // between tags
	formXML               // the same, with sections of text without tags
	formQuery             // as browsers send forms
)

// formOf tells how content is written: as its type says, if that is one of text, and
// else as it looks.
func formOf(content []byte, contentType string) form {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	switch {
	case media == "application/x-www-form-urlencoded":
		return formQuery
	case media == "text/html":
		return formHTML
	case strings.HasSuffix(media, "/xml"), strings.HasSuffix(media, "+xml"):
		return formXML
	case strings.HasPrefix(media, "text/"), strings.HasSuffix(media, "json"), strings.HasSuffix(media, "javascript"):
		return formPlain
	}
	seen := http.DetectContentType(content)
	switch {
	case strings.HasPrefix(seen, "text/html"):
		return formHTML
	case strings.HasPrefix(seen, "text/xml"):
		return formXML
	case strings.HasPrefix(seen, "text/"):
		return formPlain
	}
	return formNone
}

// AppendText appends the text that people read in content: in UTF-8, without tags and
// what can't be seen, with one blank for any white space. contentType is as declared
// and may be empty.
func AppendText(dst, content []byte, contentType string) []byte {
	how := formOf(content, contentType)
	if how == formNone || len(content) == 0 {
		return dst
	}
	content = decode(content, contentType)
	f := folder{out: dst}
	switch how {
	case formHTML, formXML:
		z := html.NewTokenizer(bytes.NewReader(content))
		z.AllowCDATA(how == formXML)
		f.html(z, how == formXML)
	case formQuery:
		f.query(content)
	default:
		f.write(content)
	}
	return normal(f.out, len(dst))
}

// decode is content in UTF-8. What may be UTF-8 is taken for it unless something says
// otherwise for certain.
func decode(content []byte, contentType string) []byte {
	enc, name, certain := charset.DetermineEncoding(content, contentType)
	if name == "utf-8" || !certain && utf8.Valid(content) {
		return content
	}
	out, err := enc.NewDecoder().Bytes(content)
	if err != nil {
		return content
	}
	return out
}

// query writes the names and values of a form. A line that is not written as it should
// be is taken as it is.
func (f *folder) query(content []byte) {
	for pair := range bytes.SplitSeq(content, []byte("&")) {
		for word := range bytes.SplitSeq(pair, []byte("=")) {
			f.gap()
			if plain, err := url.QueryUnescape(string(word)); err == nil {
				f.write([]byte(plain))
				continue
			}
			f.write(word)
		}
	}
}

// html writes what a browser would show, and the texts of tags that stand for
// something: of a picture, say. In XML an element ends where it says so, scripts too.
func (f *folder) html(z *html.Tokenizer, xml bool) {
	hidden := false // in a script or a style sheet
	for {
		if xml {
			z.NextIsNotRawText()
		}
		switch token := z.Next(); token {
		case html.ErrorToken:
			return
		case html.TextToken:
			if !hidden {
				f.write(z.Text())
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			hidden = f.tag(z) && !(xml && token == html.SelfClosingTagToken)
		case html.EndTagToken:
			name, _ := z.TagName()
			hidden = false
			if !inline(name) {
				f.gap()
			}
		}
	}
}

// tag writes what stands in a tag; hidden: what follows is not shown.
func (f *folder) tag(z *html.Tokenizer) (hidden bool) {
	name, more := z.TagName()
	if !inline(name) {
		f.gap()
	}
	hidden = string(name) == "script" || string(name) == "style"
	for more {
		var key, value []byte
		key, value, more = z.TagAttr()
		if spoken(key) {
			f.gap()
			f.write(value)
			f.gap()
		}
	}
	return hidden
}

// inline tells that an element stands within a line, even within a word.
func inline(name []byte) bool {
	switch string(name) {
	case "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins",
		"kbd", "label", "mark", "nobr", "q", "s", "samp", "script", "small", "span", "strike", "strong", "style", "sub", "sup", "time", "tt", "u",
		"var", "wbr":
		return true
	}
	return false
}

// spoken tells that an attribute is text for people.
func spoken(key []byte) bool {
	switch string(key) {
	case "alt", "title", "placeholder", "aria-label", "label", "value", "content", "summary":
		return true
	}
	return false
}
