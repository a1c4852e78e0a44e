package config

import "slices"

// choose changes some of the values of a setting that may have several:
// "select NAME VALUE..." makes them the only ones, "append" adds them, "unselect"
// takes them out.
func (w *walker) choose(verb string, words []Word) *CLIError {
	if len(words) == 0 {
		return incomplete()
	}
	n := w.here().node
	s, i, m := n.def.find(words[0].Text)
	if m != matched || !s.list {
		return unknownWord(words[0].Text)
	}
	given, err := s.parse(words[1:], w.lenient || verb == "unselect")
	if err != nil {
		return err
	}
	value := given
	switch verb {
	case "append":
		if value, err = s.joined(n.words(i), given); err != nil {
			return err
		}
	case "unselect":
		value = slices.DeleteFunc(slices.Clone(n.words(i)), func(v string) bool { return slices.Contains(given, v) })
		if len(value) == 0 {
			value = nil
		}
	}
	return w.store(n, i, value)
}

// joined are canonical values with more behind them, each once and in the order
// that set would give them.
func (s *setting) joined(have, more []string) ([]string, *CLIError) {
	var words []Word
	for _, v := range slices.Concat(have, more) {
		words = append(words, Word{Text: v})
	}
	if len(words) == 0 {
		return nil, nil
	}
	return s.parse(words, true)
}

// chooseChoices are the choices for "select", "append" and "unselect": settings
// that may have several values, and then the values that make a difference.
func (e *Editor) chooseChoices(verb string, args []Word) []Choice {
	n := e.w.here().node
	if len(args) == 0 {
		return slices.DeleteFunc(settingChoices(n.def), func(c Choice) bool {
			s, _, _ := n.def.find(c.Word)
			return !s.list
		})
	}
	s, i, m := n.def.find(args[0].Text)
	if m != matched || !s.list {
		return nil
	}
	list := e.setChoices(args)
	has := func(c Choice) bool { return slices.Contains(n.words(i), c.plain()) }
	switch verb {
	case "append":
		list = slices.DeleteFunc(list, func(c Choice) bool { return !c.Hint && has(c) })
	case "unselect":
		list = slices.DeleteFunc(list, func(c Choice) bool { return c != enter })
		for _, v := range n.words(i) {
			c := Choice{Word: typed(v)}
			if at := s.choice(v); at >= 0 {
				c.Help = s.choices[at].Help
			}
			if !slices.ContainsFunc(args[1:], func(w Word) bool { return w.Text == v }) {
				list = append(list, c)
			}
		}
	}
	return list
}

// choose executes a line about some values of a setting that may have several.
func (l *loader) choose(st *statement, verb string, args []Word) error {
	n := l.here().node
	if len(args) > 0 {
		s, _, m := n.def.find(args[0].Text)
		switch m {
		case unmatched:
			l.keepLine(st, n, verb+" "+joinWords(args))
			return nil
		case matched:
			l.mark(s.name, st.line)
		}
	}
	if err := l.walker.choose(verb, args); err != nil {
		return err
	}
	l.lookAbroad(st, n, args[0].Text)
	return nil
}
