package config

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Values are kept as the canonical words that show prints: numbers without leading
// zeros, addresses in their shortest form, choices unabbreviated. nil is empty.

// parse reads the words of a set line into canonical ones. lenient admits values of
// the appliance that are not simulated, in files. References are not looked up.
func (s *setting) parse(words []Word, lenient bool) ([]string, *CLIError) {
	if len(words) == 0 {
		return nil, incomplete()
	}
	switch s.kind {
	case kindPassword:
		return parsePassword(words)
	case kindSubnet:
		return parseSubnet(words)
	}
	if s.guarantee && len(words) > 1 {
		return s.parseGuaranteed(words, lenient)
	}
	if !s.list && len(words) > 1 {
		return nil, unknownWord(words[1].Text)
	}
	var out []string
	for _, w := range words {
		text, err := s.parseWord(w.Text, lenient)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	if s.kind == kindSet {
		slices.SortStableFunc(out, func(a, b string) int { return s.rank(a) - s.rank(b) })
	}
	if len(out) == 1 && out[0] == "" {
		out = nil
	}
	return out, nil
}

// parseGuaranteed reads a maximum and what of it is guaranteed.
func (s *setting) parseGuaranteed(words []Word, lenient bool) ([]string, *CLIError) {
	if len(words) > 2 {
		return nil, unknownWord(words[2].Text)
	}
	var out []string
	for _, w := range words {
		text, err := s.parseInteger(w.Text)
		if err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	switch {
	case out[1] == "0":
		return out[:1], nil
	case !lenient:
		return nil, unknownWord(words[1].Text)
	}
	return out, nil
}

// rank orders the members of a set: as declared, what is not simulated last.
func (s *setting) rank(member string) int {
	if i := s.choice(member); i >= 0 {
		return i
	}
	return len(s.choices)
}

func (s *setting) choice(word string) int {
	return slices.IndexFunc(s.choices, func(c Choice) bool { return c.Word == word })
}

func (s *setting) parseWord(text string, lenient bool) (string, *CLIError) {
	switch s.kind {
	case kindInteger:
		return s.parseInteger(text)
	case kindAddress:
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return "", badAddress(text)
		}
		return a.Unmap().String(), nil
	case kindString:
		if s.pattern == "lines" {
			text = strings.ReplaceAll(text, "\r\n", "\n") // a file that went through Windows
		}
		return text, s.checkText(text)
	}
	i, m := resolve(len(s.choices), func(i int) string { return s.choices[i].Word }, text)
	switch {
	case m == matched:
		return s.choices[i].Word, nil
	case lenient && s.isForeign(text):
		return text, nil
	}
	return "", unknownWord(text)
}

// isForeign says that a value is one of the appliance's that is not simulated.
func (s *setting) isForeign(text string) bool {
	if from, to, ok := strings.Cut(text, "-"); ok && !s.list { // a range of addresses or ports
		switch s.kind {
		case kindAddress:
			return isAddress(from) && isAddress(to)
		case kindInteger:
			return isInteger(from) && isInteger(to)
		}
	}
	if s.kind != kindEnum && s.kind != kindSet || s.choice(text) >= 0 {
		return false
	}
	return slices.Contains(s.foreign, text) || slices.Contains(s.foreign, "*")
}

func isAddress(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil
}

func (s *setting) parseInteger(text string) (string, *CLIError) {
	if !isInteger(text) {
		return "", badInteger(text)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < s.min || n > s.max {
		return "", rejected(s.name, text)
	}
	return strconv.FormatInt(n, 10), nil
}

// isInteger says whether text is a number at all: digits, after a sign or without.
func isInteger(text string) bool {
	if text != "" && (text[0] == '-' || text[0] == '+') {
		text = text[1:]
	}
	return text != "" && strings.Trim(text, "0123456789") == ""
}

func (s *setting) checkText(text string) *CLIError {
	switch {
	case len(text) > s.limit:
		return tooLong(text, s.limit)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, s.isControl):
		return rejected(s.name, strconv.Quote(text))
	case (s.pattern == "hostname" || s.pattern == "fqdn") && text != "" && !isName(text, s.pattern == "hostname"):
		return rejected(s.name, text)
	case s.required && text == "":
		return rejected(s.name, text)
	}
	return nil
}

// isControl finds characters that would disturb a terminal.
func (s *setting) isControl(r rune) bool {
	if r == '\n' || r == '\t' {
		return s.pattern != "lines"
	}
	return r < ' ' || r == 0x7f
}

// isName says whether text consists of labels of letters, digits, dashes and
// underscores; a host name is one label.
func isName(text string, single bool) bool {
	labels := strings.Split(strings.TrimSuffix(text, "."), ".")
	if single {
		labels = []string{text}
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || strings.ContainsFunc(l, notInName) {
			return false
		}
	}
	return true
}

func notInName(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_')
}

// print is a value as show writes it: text quoted, the rest bare.
func (s *setting) print(words []string) string {
	if s.kind == kindPassword {
		if len(words) == 0 {
			return "''"
		}
		return encWord + " " + typed(words[0])
	}
	if s.kind != kindString {
		return strings.Join(words, " ")
	}
	if len(words) == 0 {
		return "''"
	}
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = quote(w)
	}
	return strings.Join(quoted, " ")
}

// plain is a value as get writes it.
func (s *setting) plain(words []string) string {
	if s.kind == kindPassword && len(words) > 0 {
		return masked
	}
	if s.list && s.kind == kindString && len(words) > 0 {
		return s.print(words)
	}
	return strings.Join(words, " ")
}

// decode stores canonical words in the setting's field.
func (s *setting) decode(words []string, field reflect.Value) {
	switch {
	case s.kind == kindSet:
		field.SetUint(s.mask(words))
	case s.list:
		list := reflect.MakeSlice(field.Type(), len(words), len(words))
		for i, w := range words {
			s.decodeWord(w, list.Index(i))
		}
		field.Set(list)
	case len(words) == 1, s.guarantee && len(words) == 2:
		s.decodeWord(words[0], field)
	}
}

func (s *setting) mask(words []string) uint64 {
	var m uint64
	for _, w := range words {
		if i := s.choice(w); i >= 0 {
			m |= 1 << s.bits[i]
		}
	}
	return m
}

func (s *setting) decodeWord(word string, field reflect.Value) {
	switch s.kind {
	case kindString, kindPassword:
		field.SetString(word)
	case kindAddress:
		field.Set(reflect.ValueOf(netip.MustParseAddr(word)))
	case kindSubnet:
		field.Set(reflect.ValueOf(mustSubnet(word)))
	case kindInteger:
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			panic(fmt.Sprintf("config: %s holds %q", s.name, word))
		}
		if field.CanUint() {
			field.SetUint(uint64(n * s.unit))
			return
		}
		field.SetInt(n * s.unit)
	case kindEnum:
		i := max(s.choice(word), 0)
		if field.Kind() == reflect.Bool {
			field.SetBool(s.bits[i] == 1)
			return
		}
		field.SetUint(uint64(s.bits[i]))
	}
}
