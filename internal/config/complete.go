package config

import (
	"fmt"
	"slices"
	"strings"
)

// Complete lists what may stand in the place of the last of words, which is begun
// but not finished and may be empty. The words before it are taken as entered.
func (e *Editor) Complete(words []Word) []Choice {
	if len(words) == 0 {
		words = []Word{{}}
	}
	if len(e.log) == 0 {
		e.refresh()
	}
	last := words[len(words)-1]
	var list []Choice
	for _, c := range e.candidates(words[:len(words)-1]) {
		if c.Hint || strings.HasPrefix(c.plain(), last.Text) {
			list = append(list, c)
		}
	}
	return list
}

// plain is the word without the quotes it is to be typed with.
func (c Choice) plain() string {
	if w, err := Tokenize(c.Word); err == nil && len(w) == 1 {
		return w[0].Text
	}
	return c.Word
}

// enter stands where the line is complete.
var enter = Choice{Word: "<Enter>", Hint: true}

func (e *Editor) candidates(before []Word) []Choice {
	here := e.w.here()
	if len(before) == 0 {
		var list []Choice
		for _, v := range verbsAt(here.level, false) {
			if v.word == "config" && len(here.node.def.subs) == 0 {
				continue
			}
			list = append(list, Choice{Word: v.word, Help: v.help})
		}
		return list
	}
	verb, err := resolveVerb(here.level, before[0].Text, false)
	if err != nil {
		return nil
	}
	args := before[1:]
	switch verb {
	case "config":
		return e.configChoices(args)
	case "show", "get":
		return e.readChoices(verb, args)
	case "set":
		return e.setChoices(args)
	case "select", "append", "unselect":
		return e.chooseChoices(verb, args)
	case "unset":
		if len(args) == 0 {
			return settingChoices(here.node.def)
		}
	case "edit", "delete", "rename", "clone", "move":
		return e.tableChoices(verb, args)
	}
	return []Choice{enter}
}

func (e *Editor) configChoices(args []Word) []Choice {
	here := e.w.here()
	if here.level != atTop || !e.w.multi {
		return objectChoices(here.node.def, args, e.w.offers)
	}
	if len(args) == 0 && e.kept != nil {
		return scopes[1:]
	}
	if len(args) == 0 {
		return scopes
	}
	if _, m := resolve(len(scopes), func(i int) string { return scopes[i].Word }, args[0].Text); m == matched && len(args) == 1 {
		return []Choice{enter}
	}
	return nil
}

// objectChoices are the words that may follow those of args in the path of an object
// that is offered within def, or enter when the path is complete.
func objectChoices(def *object, args []Word, offered func(*object) bool) []Choice {
	if len(args) > 0 {
		if _, used, m := def.findSub(args, offered); m == matched && used == len(args) {
			return []Choice{enter}
		} else if m != unfinished {
			return nil
		}
	}
	var list []Choice
	for _, sub := range def.subs {
		if !offered(sub) || len(sub.words) <= len(args) || !beginsWith(sub.words, args) {
			continue
		}
		c := Choice{Word: sub.words[len(args)], Help: sub.help}
		if len(sub.words) > len(args)+1 {
			c.Help = c.Word
		}
		if !slices.Contains(list, c) {
			list = append(list, c)
		}
	}
	return list
}

func beginsWith(path []string, args []Word) bool {
	for i, a := range args {
		if !strings.HasPrefix(path[i], a.Text) {
			return false
		}
	}
	return true
}

func (e *Editor) readChoices(verb string, args []Word) []Choice {
	here := e.w.here()
	full := false
	var list []Choice
	if verb == "show" {
		if full, args = e.cutFull(args); !full && len(args) == 0 {
			list = []Choice{{Word: fullWord, Help: "Show full configuration, factory values included."}}
		}
	}
	if here.level&atRoot == 0 {
		return append(list, enter)
	}
	list = append(list, objectChoices(here.node.def, args, e.w.offers)...)
	if _, n, err := e.target(args); err == nil && len(args) > 0 && n.table {
		list = append(list, keyChoices(n)...)
	}
	return list
}

func (e *Editor) tableChoices(verb string, args []Word) []Choice {
	here := e.w.here()
	if here.level == atVDOMs {
		return e.vdomChoices(verb, args)
	}
	k := here.node.def.key
	hint := Choice{Word: k.name, Help: k.help, Hint: true, Required: true}
	switch {
	case len(args) == 0 && verb == "edit":
		return append(append([]Choice{hint}, keyChoices(here.node)...), e.newKeys(here.node)...)
	case len(args) == 0 || len(args) == 2 && verb == "move":
		return keyChoices(here.node)
	case len(args) == 1 && (verb == "rename" || verb == "clone"):
		return []Choice{{Word: "to", Help: "New name."}}
	case len(args) == 1 && verb == "move":
		return []Choice{{Word: "after", Help: "Move after the entry."}, {Word: "before", Help: "Move before the entry."}}
	case len(args) == 2 && (verb == "rename" || verb == "clone"):
		return []Choice{hint}
	}
	return []Choice{enter}
}

// newKeys are the keys that the table takes and does not have yet, where they can be
// listed.
func (e *Editor) newKeys(table *node) []Choice {
	k := table.def.key
	keys := slices.Clone(k.oneof)
	if k.ref != "" {
		keys = slices.AppendSeq(keys, keysAt(e.w.root, e.w.vdom(), k.ref))
	}
	var list []Choice
	for _, key := range keys {
		if table.find(key) < 0 {
			list = append(list, Choice{Word: typed(key)})
		}
	}
	return list
}

// vdomChoices are the VDOMs: for edit all and a new one, for delete those that
// aren't root.
func (e *Editor) vdomChoices(verb string, args []Word) []Choice {
	if len(args) > 0 {
		return []Choice{enter}
	}
	var list []Choice
	if verb == "edit" {
		k := e.w.root.def.subs[e.w.root.def.vdomTable()].key
		list = []Choice{{Word: k.name, Help: k.help, Hint: true, Required: true}, {Word: RootVDOM}}
	}
	for _, v := range e.w.root.vdoms() {
		list = append(list, Choice{Word: v.key})
	}
	return slices.DeleteFunc(list, func(c Choice) bool { return e.kept != nil && !slices.Contains(e.kept, c.Word) })
}

func keyChoices(table *node) []Choice {
	var list []Choice
	for _, entry := range table.entries {
		list = append(list, Choice{Word: typed(entry.key)})
	}
	return list
}

// typed is a key or name as one has to type it.
func typed(text string) string {
	if w, err := Tokenize(text); err == nil && len(w) == 1 && w[0].Text == text {
		return text
	}
	return quote(text)
}

func settingChoices(def *object) []Choice {
	var list []Choice
	for _, i := range def.shown {
		s := def.settings[i]
		list = append(list, Choice{Word: s.name, Help: s.help, Required: s.required && len(s.def) == 0})
	}
	return list
}

func (e *Editor) setChoices(args []Word) []Choice {
	n := e.w.here().node
	if len(args) == 0 {
		return settingChoices(n.def)
	}
	s, _, m := n.def.find(args[0].Text)
	if m != matched {
		return nil
	}
	given := args[1:]
	if len(given) > 0 && !s.list {
		return []Choice{enter}
	}
	list := e.valueChoices(s)
	list = slices.DeleteFunc(list, func(c Choice) bool {
		return slices.ContainsFunc(given, func(w Word) bool { return !c.Hint && w.Text == c.plain() })
	})
	if len(given) > 0 {
		list = append(list, enter)
	}
	return list
}

// valueChoices are the words a setting takes; where they can't be listed, a hint.
func (e *Editor) valueChoices(s *setting) []Choice {
	switch s.kind {
	case kindEnum, kindSet:
		return slices.DeleteFunc(slices.Clone(s.choices), func(c Choice) bool {
			return e.w.persona != Persona52 && slices.Contains(s.only52, c.Word)
		})
	case kindInteger:
		if s.ref != "" {
			break
		}
		help := fmt.Sprintf("Enter an integer value from <%d> to <%d>", s.min, s.max)
		if s.list {
			help = fmt.Sprintf("Enter integer values from <%d> to <%d>", s.min, s.max)
		}
		if len(s.def) > 0 {
			help += fmt.Sprintf(" (default = <%s>)", strings.Join(s.def, " "))
		}
		return []Choice{{Word: s.name, Help: help + ".", Hint: true}}
	case kindPassword:
		return []Choice{
			{Word: s.name, Help: fmt.Sprintf("Enter a password of at most %d characters.", maxPassword), Hint: true},
			{Word: encWord, Help: "A hash follows, as show prints it."},
		}
	case kindAddress:
		return []Choice{{Word: s.name, Help: "Enter an IPv4 or IPv6 address.", Hint: true}}
	case kindSubnet:
		return []Choice{{Word: s.name, Help: "Enter a network: address and mask, or address/length.", Hint: true}}
	}
	if s.kind == kindString && s.ref == "" && len(s.oneof) == 0 {
		return []Choice{{Word: s.name, Help: fmt.Sprintf("Enter a string of at most %d characters.", s.limit), Hint: true}}
	}
	var list []Choice
	if s.kind == kindInteger {
		list = append(list, Choice{Word: "0"})
	}
	for _, o := range s.oneof {
		list = append(list, Choice{Word: typed(o)})
	}
	listed := make(map[string]bool)
	for _, path := range s.targets() {
		for k := range keysAt(e.w.root, e.w.vdom(), path) {
			if !listed[k] && !slices.Contains(s.oneof, k) {
				list = append(list, Choice{Word: typed(k)})
			}
			listed[k] = true
		}
	}
	return list
}
