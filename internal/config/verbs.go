package config

// verb is a word that begins a line inside the configuration.
type verb struct {
	word, help string
	where      level // levels that have it
	reads      bool  // it changes nothing: consoles have it, files don't
}

// verbs stand in the order in which help lists them.
var verbs = []verb{
	{"config", "Configure object.", atRoot | atObject | atEntry, false},
	{"edit", "Add/edit a table value.", atTable | atVDOMs, false},
	{"delete", "Delete a table value.", atTable | atVDOMs, false},
	{"purge", "Clear all table values.", atTable, false},
	{"rename", "Rename a table entry.", atTable, false},
	{"clone", "Clone a table entry.", atTable, false},
	{"move", "Move a table entry.", atTable, false},
	{"set", "Modify value.", atObject | atEntry, false},
	{"unset", "Set to default value.", atObject | atEntry, false},
	{"select", "Select multi-option values.", atObject | atEntry, false},
	{"unselect", "Unselect multi-option values.", atObject | atEntry, false},
	{"append", "Append values to multi-option.", atObject | atEntry, false},
	{"get", "Get dynamic and system information.", atRoot | atObject | atTable | atEntry, true},
	{"show", "Show configuration.", atRoot | atObject | atTable | atEntry, true},
	{"next", "Configure next table value.", atEntry | atVDOM, false},
	{"abort", "End and discard last config.", atObject | atTable | atEntry, true},
	{"end", "End and save last config.", atGlobal | atVDOMs | atVDOM | atObject | atTable | atEntry, false},
}

// verbsAt are the verbs of a level; for a file those that it may use.
func verbsAt(l level, file bool) []verb {
	var list []verb
	for _, v := range verbs {
		if v.where&l != 0 && !(file && v.reads) {
			list = append(list, v)
		}
	}
	return list
}

// resolveVerb finds the verb that text, perhaps abbreviated, means at a level.
func resolveVerb(l level, text string, file bool) (string, *CLIError) {
	list := verbsAt(l, file)
	i, m := resolve(len(list), func(i int) string { return list[i].word }, text)
	switch m {
	case matched:
		return list[i].word, nil
	case ambiguous:
		return "", unknownWord(text)
	}
	return "", unknownAction(l&atRoot != 0)
}
