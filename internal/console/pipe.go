package console

import (
	"strings"

	"utmsim/internal/config"
)

// splitPipe cuts a line at the bar before grep: what is to run, and the words
// after the bar. A bar that something else follows is part of the line, since
// values may hold one; so is a bar in quotes or after a backslash.
func splitPipe(line string) (command string, filter []config.Word, piped bool) {
	quote := byte(0)
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && quote != '\'':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '|':
			words, err := config.Tokenize(line[i+1:])
			if err == nil && len(words) > 0 && words[0].Text == grepWord && !words[0].Quoted {
				return line[:i], words[1:], true
			}
		}
	}
	return line, nil, false
}

const grepWord = "grep"

// grepOptions are the options of grep as help lists them.
var grepOptions = [...]config.Choice{
	{Word: "-c", Help: "Print only how many lines match."},
	{Word: "-f", Help: "Print the configuration object that a matching line stands in."},
	{Word: "-i", Help: "Ignore case."},
	{Word: "-v", Help: "Print the lines that don't match."},
}

// parseFilter reads what follows grep: options, each alone or several in one
// word, and the pattern.
func parseFilter(words []config.Word) (*filter, error) {
	f := new(filter)
	for len(words) > 0 && isOption(words[0]) {
		for _, o := range words[0].Text[1:] {
			switch o {
			case 'c':
				f.count = true
			case 'f':
				f.objects = true
			case 'i':
				f.fold = true
			case 'v':
				f.invert = true
			default:
				return nil, errUnknownWord(words[0].Text)
			}
		}
		words = words[1:]
	}
	switch {
	case len(words) == 0:
		return nil, errIncomplete()
	case len(words) > 1:
		return nil, errUnknownWord(words[1].Text)
	}
	re, err := compile(words[0].Text, f.fold)
	if err != nil {
		return nil, errOurs("grep: %v", err)
	}
	f.pattern = re
	return f, nil
}

func isOption(w config.Word) bool {
	return !w.Quoted && len(w.Text) > 1 && w.Text[0] == '-'
}

// offerFilter are the choices behind the last bar of a line that is cut short
// there; ok is false when the line has no bar that may begin a filter.
func offerFilter(words []config.Word) (choices []config.Choice, ok bool) {
	for i, w := range words {
		if w.Quoted || w.Text != "|" || i == len(words)-1 {
			continue
		}
		rest := words[i+1:]
		last := rest[len(rest)-1].Text
		switch {
		case len(rest) == 1:
			return starting(last, config.Choice{Word: grepWord, Help: "Filter output."}), true
		case rest[0].Text == grepWord:
			hint := config.Choice{Word: "<pattern>", Help: "Regular expression.", Hint: true}
			return starting(last, append(grepOptions[:], hint)...), true
		}
	}
	return nil, false
}

// plainText is what a filter is given: lines with their ends.
func plainText(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}
