package config

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/protocols"
)

// filters is a declaration with what the present objects happen not to have: tables
// within entries and within objects, objects two levels deep, text whose default is
// not empty but may be.
type filters struct {
	Lists []filterList `cli:"web list" help:"h"`
	Clock struct {
		Zone    string   `cli:"zone" max:"9" default:"UTC" help:"h"`
		Servers []server `cli:"server" help:"h"`
	} `cli:"web clock" help:"h"`
}

type filterList struct {
	Name    string  `cli:"name" key:"string" max:"9" help:"h"`
	Entries []entry `cli:"entries" help:"h"`
	Deep    struct {
		Deeper struct {
			Level int `cli:"level" range:"0-9" default:"1" help:"h"`
		} `cli:"deeper" help:"h"`
	} `cli:"deep" help:"h"`
}

type entry struct {
	ID  int    `cli:"id" key:"integer" range:"0-99" help:"h"`
	URL string `cli:"url" max:"99" help:"h"`
}

type server struct {
	ID   int    `cli:"id" key:"integer" range:"0-99" help:"h"`
	Name string `cli:"server" max:"99" required:"yes" pattern:"fqdn" help:"h"`
}

func TestNestedTables(t *testing.T) {
	def := buildObject("", "", reflect.TypeFor[filters]())
	empty := newNode(def, new(token))
	const text = `config web list
    edit "a"
        config entries
            edit 1
                set url "x"
            next
            edit 2
            next
        end
        config deep
            config deeper
                set level 3
            end
        end
    next
end
config web clock
    set zone ''
    config server
        edit 7
            set server "time.lab.test"
            set stratum 2
        next
    end
end
`
	l, err := load(empty, nil, "f", text)
	require.NoError(t, err)
	assert.Equal(t, []Skipped{{File: "f", Line: 22, Count: 1, What: "'set stratum' of web clock server"}}, l.skipped)

	var got filters
	l.root.decodeInto(reflect.ValueOf(&got).Elem())
	var want filters
	want.Lists = []filterList{{Name: "a", Entries: []entry{{1, "x"}, {2, ""}}}}
	want.Lists[0].Deep.Deeper.Level = 3
	want.Clock.Servers = []server{{7, "time.lab.test"}}
	assert.Equal(t, want, got)

	p := printer{}
	p.root(l.root, empty)
	assert.Equal(t, text, strings.Join(p.out, "\n")+"\n")
	assert.Equal(t, []string{
		"zone                : ", "server:", "    == [ 7 ]", "    id: 7",
	}, l.root.subs[1].getLines())

	var what []string
	for _, c := range changes(empty, l.root, nil) {
		what = append(what, c.What()+" "+c.New)
	}
	assert.Equal(t, []string{
		`web list "a" added `, `web list "a" entries 1 added `, `web list "a" entries 1 url "x"`, `web list "a" entries 2 added `,
		`web list "a" deep deeper level 3`, `web clock zone ''`, `web clock server 7 added `, `web clock server 7 server "time.lab.test"`,
	}, what)
	again, err := load(l.root, nil, "f", "config web list\nedit a\nconfig entries\nmove 2 before 1\nend\nend\n")
	require.NoError(t, err)
	assert.Equal(t, []Change{{Kind: Moved, Path: "web list", Key: "a", Setting: "entries", Old: "1 2", New: "2 1"}}, changes(l.root, again.root, nil))

	bad, err := load(l.root, nil, "f", "config web clock\nconfig server\nedit 0\nend\nend\n")
	require.NoError(t, err)
	f := bad.root.fault(bad.root)
	require.NotNil(t, f)
	assert.Equal(t, 3, bad.lineOf(f))
	assert.Equal(t, "Attribute 'server' MUST be set.", f.err.Lines[0])
}

// fault is what validate finds in the settings of a tree of any declaration.
func (n *node) fault(root *node) *fault {
	var found *fault
	n.visit(func(at place, n *node) {
		if found == nil {
			found = n.validateSettings(at, newDirectory(root), Persona52)
		}
	})
	return found
}

func TestHelpers(t *testing.T) {
	p := Policy{Service: []string{"HTTP", "DNS"}}
	assert.True(t, p.Serves(protocols.HTTP))
	assert.False(t, p.Serves(protocols.SMTP))
	p.Service = []string{"ALL"}
	assert.True(t, p.Serves(protocols.SMTP))
	v := VIP{ExtPort: 80}
	assert.EqualValues(t, 80, v.Port())
	v.MappedPort = 8080
	assert.EqualValues(t, 8080, v.Port())
	assert.True(t, (ClientComfort | OversizeBlock).Has(OversizeBlock))
	assert.False(t, ClientComfort.Has(ClientComfort|OversizeBlock))
	assert.True(t, (ArchiveNested | ArchiveOversize).Has(ArchiveNested))
}
