package config

const fullWord = "full-configuration"

// show prints the object the editor is in or, at the top, the one that args name.
func (e *Editor) show(args []Word) ([]string, *CLIError) {
	full, args := e.cutFull(args)
	table, n, err := e.target(args)
	if err != nil {
		return nil, err
	}
	if here := e.w.here(); here.level&atRoot != 0 && n == here.node {
		if here.level == atTop && e.kept != nil && e.w.multi {
			return nil, Denied()
		}
		p := printer{full: full}
		p.scoped(here, e.w.multi)
		return p.out, nil
	}
	return showLines(table, n, full), nil
}

// cutFull takes the word full-configuration, perhaps abbreviated, from the front.
func (e *Editor) cutFull(args []Word) (bool, []Word) {
	if len(args) == 0 {
		return false, args
	}
	names := append([]string{fullWord}, e.firstWords()...)
	if i, m := resolve(len(names), func(i int) string { return names[i] }, args[0].Text); m == matched && i == 0 {
		return true, args[1:]
	}
	return false, args
}

// get prints the settings of the object the editor is in or, at the top, of the one
// that args name.
func (e *Editor) get(args []Word) ([]string, *CLIError) {
	_, n, err := e.target(args)
	if err != nil {
		return nil, err
	}
	if here := e.w.here(); here.level&atRoot != 0 && n == here.node {
		return nil, incomplete()
	}
	return n.getLines(), nil
}

// firstWords are the words a path may begin with here.
func (e *Editor) firstWords() []string {
	var names []string
	if here := e.w.here(); here.level&atRoot != 0 {
		for _, c := range objectChoices(here.node.def, nil, e.w.offers) {
			names = append(names, c.Word)
		}
	}
	return names
}

// target is the object that get and show are about; for an entry also its table.
func (e *Editor) target(args []Word) (table, n *node, err *CLIError) {
	here := e.w.here()
	if here.level&atRoot == 0 {
		if here.level == atEntry {
			table = e.w.frames[len(e.w.frames)-2].node
		}
		return table, here.node, none(args)
	}
	if len(args) == 0 {
		return nil, here.node, nil
	}
	i, used, m := here.node.def.findSub(args, e.w.offers)
	switch {
	case m == unfinished:
		return nil, nil, incomplete()
	case m != matched:
		return nil, nil, unknownWord(args[used].Text)
	}
	n = here.node.subs[i]
	rest := args[used:]
	if len(rest) == 0 {
		return nil, n, nil
	}
	if !n.table || len(rest) > 1 {
		return nil, nil, none(rest[min(len(rest)-1, 1):])
	}
	j := e.w.locate(n, rest[0].Text)
	if j < 0 {
		return nil, nil, noEntry(rest[0].Text)
	}
	return n, n.entries[j], nil
}
