package config

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The tags of a field, all but the first two optional:
//
//	cli        the name in the language; on a field of Snapshot the path
//	help       its line of help
//	default    the factory value, words separated by blanks
//	range      smallest and largest number: "1-65535"
//	max        longest text in bytes
//	unit       of the number in the language: s, ms, min, h, KB or MB; the field holds a Duration or bytes
//	required   "yes": may not be empty
//	key        "string" or "integer": the field is the key of its table
//	ref        path of the table whose keys are the values; an empty value refers to nothing
//	oneof      further values that a ref or a key takes
//	elsewhere  paths, separated by commas, of tables that are not simulated but whose keys are values too
//	foreign    values of the appliance that are not simulated, "*" for any: accepted in files
//	guarantee  "yes": a second number says how much is guaranteed, which is not simulated unless it is 0
//	only52     words that exist in persona 5.2 only
//	pattern    the form of text: "hostname", "fqdn", or "lines" for text that may have several
//	words      the members of a set that this setting has; without it all
//	sort       "name": the object shows its settings in alphabetical order
//
// A field of struct type is an object within the object, a slice of structs a
// table, an array of structs as many objects as it has elements (see manifold). An
// embedded struct adds its settings; tags of the form TAG.NAME on the embedding field
// replace TAG of its setting NAME.

// object is one configuration object, or the entries of one table.
type object struct {
	name     string // the path in Snapshot, else one word
	title    string // the name as show writes it
	words    []string
	help     string
	table    bool
	key      *setting // of a table's entries
	settings []*setting
	subs     []*object
	shown    []int // indices into settings in the order of show and get
	typ      reflect.Type
	fields   [][]int // of subs: the field in the struct
	element  int     // of an array in the struct around it; -1 for a field that is none
	domain   bool    // each VDOM has its own
	vdoms    bool    // the table of the VDOMs, which only "config vdom" opens
}

// manifold is implemented by the elements of an array: many objects with the same
// settings.
type manifold interface {
	// object is what element i is called, behind the array's own name, its line of
	// help, the tags of its settings as on an embedding field, and factory values that
	// are longer texts, by setting.
	object(i int) (name, help string, tags reflect.StructTag, texts map[string]string)
}

type kind uint8

const (
	kindString kind = iota
	kindInteger
	kindAddress
	kindEnum // one of choices
	kindSet  // any of choices
	kindPassword
	kindSubnet
)

// setting is one setting of an object.
type setting struct {
	name, help string
	kind       kind
	list       bool // several values
	index      []int
	def        []string // canonical; nil is empty
	min, max   int64    // of numbers, in the language's unit
	unit       int64    // what the number is multiplied by
	limit      int      // of text, in bytes
	choices    []Choice
	bits       []int // of choices: the index in the type's list
	required   bool
	ref        string
	oneof      []string
	elsewhere  []string
	foreign    []string
	guarantee  bool
	only52     []string
	pattern    string
}

// language is the declaration in Snapshot, read once.
var language = declare()

// declare reads the declaration. The objects of a VDOM are those of root, so that
// nodes of one can be nodes of the other.
func declare() *object {
	o := buildObject("", "", reflect.TypeFor[Snapshot]())
	o.subs[o.vdomTable()].subs = o.domains()
	return o
}

func buildObject(name, help string, t reflect.Type, outer ...reflect.StructTag) *object {
	o := &object{name: name, title: name, words: strings.Fields(name), help: help, typ: t, element: -1}
	o.addFields(t, nil, outer)
	for i := range o.settings {
		o.shown = append(o.shown, i)
	}
	return o
}

// addFields adds the fields of t, which stands at index in the object's struct;
// outer are the tags of the embedding fields, innermost last.
func (o *object) addFields(t reflect.Type, index []int, outer []reflect.StructTag) {
	for i := range t.NumField() {
		f := t.Field(i)
		at := append(slices.Clone(index), i)
		name := f.Tag.Get("cli")
		switch {
		case f.Anonymous:
			first := len(o.subs)
			o.addFields(f.Type, at, append(slices.Clone(outer), f.Tag))
			for _, sub := range o.subs[first:] {
				sub.domain = f.Type == reflect.TypeFor[Domain]()
			}
		case f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[netip.Addr]() && f.Type != reflect.TypeFor[netip.Prefix]():
			o.addSub(f, f.Type, at)
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
			o.addSub(f, f.Type.Elem(), at).table = true
		case f.Type.Kind() == reflect.Array && f.Type.Elem().Kind() == reflect.Struct:
			o.addMany(f, at)
		case f.Tag.Get("key") != "":
			o.key = buildSetting(f, at, nil)
		case name == "":
			panic(fmt.Sprintf("config: %v.%s has no cli tag", t, f.Name))
		default:
			o.settings = append(o.settings, buildSetting(f, at, outer))
		}
	}
}

func (o *object) addSub(f reflect.StructField, t reflect.Type, at []int) *object {
	sub := buildObject(f.Tag.Get("cli"), f.Tag.Get("help"), t)
	if f.Tag.Get("sort") == "name" {
		slices.SortFunc(sub.shown, func(a, b int) int {
			return strings.Compare(sub.settings[a].name, sub.settings[b].name)
		})
	}
	sub.vdoms = t == reflect.TypeFor[VDOM]()
	o.subs, o.fields = append(o.subs, sub), append(o.fields, at)
	return sub
}

// addMany adds the elements of an array.
func (o *object) addMany(f reflect.StructField, at []int) {
	elem := f.Type.Elem()
	m := reflect.Zero(elem).Interface().(manifold)
	for i := range f.Type.Len() {
		name, help, tags, texts := m.object(i)
		sub := buildObject(f.Tag.Get("cli")+" "+name, help, elem, tags)
		last := len(sub.name) - len(sub.words[len(sub.words)-1])
		sub.title = sub.name[:last] + quote(sub.name[last:])
		sub.element = i
		for _, s := range sub.settings {
			if text := texts[s.name]; text != "" {
				s.def = []string{text}
			}
		}
		o.subs, o.fields = append(o.subs, sub), append(o.fields, at)
	}
}

func buildSetting(f reflect.StructField, index []int, outer []reflect.StructTag) *setting {
	name := f.Tag.Get("cli")
	tag := func(key string) string {
		for _, t := range outer {
			if v, ok := t.Lookup(key + "." + name); ok {
				return v
			}
		}
		return f.Tag.Get(key)
	}
	s := &setting{
		name: name, help: tag("help"), index: index,
		unit: units[tag("unit")], required: tag("required") != "", guarantee: tag("guarantee") != "",
		ref: tag("ref"), pattern: tag("pattern"),
		oneof: strings.Fields(tag("oneof")), foreign: strings.Fields(tag("foreign")), only52: strings.Fields(tag("only52")),
	}
	if list := tag("elsewhere"); list != "" {
		s.elsewhere = strings.Split(list, ",")
	}
	s.addType(f.Type, strings.Fields(tag("words")))
	if low, high, ok := strings.Cut(tag("range"), "-"); ok {
		s.min, s.max = number(low), number(high)
	}
	s.limit = int(number(tag("max")))
	s.def = s.mustParse(tag("default"))
	return s
}

// units are what one unit of the language is in the field.
var units = map[string]int64{"": 1, "s": int64(time.Second), "ms": int64(time.Millisecond), "min": int64(time.Minute), "h": int64(time.Hour), "KB": 1 << 10, "MB": 1 << 20}

func (s *setting) addType(t reflect.Type, members []string) {
	if t.Kind() == reflect.Slice {
		s.list, t = true, t.Elem()
	}
	all := choicesOf(t)
	for i, c := range all {
		if len(members) == 0 || slices.Contains(members, c.Word) {
			s.choices, s.bits = append(s.choices, c), append(s.bits, i)
		}
	}
	switch {
	case all != nil && t.Kind() == reflect.Uint32:
		s.kind, s.list = kindSet, true
	case all != nil:
		s.kind = kindEnum
	case t == reflect.TypeFor[netip.Addr]():
		s.kind = kindAddress
	case t == reflect.TypeFor[netip.Prefix]():
		s.kind = kindSubnet
	case t == reflect.TypeFor[Password]():
		s.kind = kindPassword
	case t.Kind() == reflect.String:
		s.kind = kindString
	case t.Kind() == reflect.Int || t.Kind() == reflect.Int64 || t.Kind() == reflect.Uint16:
		s.kind = kindInteger
	default:
		panic(fmt.Sprintf("config: %s has a type that no setting can have: %v", s.name, t))
	}
}

func (s *setting) mustParse(text string) []string {
	var words []Word
	for _, w := range strings.Fields(text) {
		words = append(words, Word{Text: w})
	}
	if len(words) == 0 {
		return nil
	}
	def, err := s.parse(words, false)
	if err != nil {
		panic(fmt.Sprintf("config: default of %s: %v", s.name, err))
	}
	return def
}

func number(text string) int64 {
	if text == "" {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic("config: a tag needs a number: " + err.Error())
	}
	return n
}

// find resolves a word to a setting; an abbreviation must be unambiguous.
func (o *object) find(text string) (*setting, int, match) {
	i, m := resolve(len(o.settings), func(i int) string { return o.settings[i].name }, text)
	if m != matched {
		return nil, -1, m
	}
	return o.settings[i], i, m
}

// findSub resolves the words of a config line to one of the objects within o that
// are offered, and says how many of them it took. Where nothing matches, the count
// is the offending word's.
func (o *object) findSub(words []Word, offered func(*object) bool) (sub, used int, m match) {
	var within []int
	for i, s := range o.subs {
		if offered(s) {
			within = append(within, i)
		}
	}
	for used < len(words) {
		level := used
		var names []string
		for _, i := range within {
			if w := o.subs[i].words[level]; !slices.Contains(names, w) {
				names = append(names, w)
			}
		}
		n, m := resolve(len(names), func(i int) string { return names[i] }, words[level].Text)
		if m != matched {
			return -1, level, m
		}
		within = slices.DeleteFunc(within, func(i int) bool { return o.subs[i].words[level] != names[n] })
		used++
		if i := slices.IndexFunc(within, func(i int) bool { return len(o.subs[i].words) == used }); i >= 0 {
			return within[i], used, matched
		}
	}
	return -1, used, unfinished
}

type match uint8

const (
	unmatched  match = iota
	matched          // exactly, or by an unambiguous abbreviation
	ambiguous        // several words begin like this
	unfinished       // more words must follow
)

// resolve finds text among n names: the exact one, else the only one that begins so.
func resolve(n int, name func(int) string, text string) (int, match) {
	found, m := -1, unmatched
	if text == "" {
		return found, m
	}
	for i := range n {
		switch w := name(i); {
		case w == text:
			return i, matched
		case strings.HasPrefix(w, text) && m == unmatched:
			found, m = i, matched
		case strings.HasPrefix(w, text):
			m = ambiguous
		}
	}
	return found, m
}
