package config

import (
	"reflect"
	"strings"

	"utmsim/internal/replacemsg"
)

// Message is one object of "config system replacemsg". The factory values are those of
// its declaration in replacemsg.
type Message struct {
	Buffer string        `cli:"buffer" max:"32768" pattern:"lines" help:"Message string."`
	Header MessageHeader `cli:"header" help:"Header flag."`
	Format MessageFormat `cli:"format" help:"Format flag."`
}

// Messages are the replacement messages by replacemsg.Kind.
type Messages [replacemsg.Count]Message

// object implements manifold.
func (Message) object(i int) (name, help string, tags reflect.StructTag, texts map[string]string) {
	d := replacemsg.Kind(i).Declared()
	switch d.Form {
	case replacemsg.Page:
		tags = `words.header:"http" default.header:"http" foreign.header:"none 8bit" words.format:"html text" default.format:"html" foreign.format:"none"`
	case replacemsg.Notice:
		tags = `words.header:"8bit" default.header:"8bit" foreign.header:"none http" words.format:"text" default.format:"text" foreign.format:"none html"`
	default:
		tags = `words.header:"none" default.header:"none" foreign.header:"8bit http" words.format:"text" default.format:"text" foreign.format:"none html"`
	}
	return d.Group + " " + d.Name, d.Help, tags, map[string]string{"buffer": d.Text}
}

// Text is a message without variables, and without a line break at its end.
func (m *Messages) Text(k replacemsg.Kind) string { return strings.TrimRight(m[k].Buffer, "\n") }

// MessageHeader is what stands in front of a message. Each message has the one that
// its protocol asks for.
type MessageHeader uint8

// The headers.
const (
	HeaderNone MessageHeader = iota // a reply's code
	HeaderHTTP
	Header8Bit // of a part of a mail
)

func (MessageHeader) choices() []Choice {
	return []Choice{
		{Word: "none", Help: "No header."},
		{Word: "http", Help: "HTTP header."},
		{Word: "8bit", Help: "8 bit header."},
	}
}

// String is the setting's word.
func (e MessageHeader) String() string { return word(e.choices(), uint8(e)) }

// MessageFormat is what a message's text is.
type MessageFormat uint8

// The formats.
const (
	FormatText MessageFormat = iota
	FormatHTML               // what is put in the place of variables is escaped
)

func (MessageFormat) choices() []Choice {
	return []Choice{
		{Word: "text", Help: "Text format."},
		{Word: "html", Help: "HTML format."},
	}
}

// String is the setting's word.
func (e MessageFormat) String() string { return word(e.choices(), uint8(e)) }
