package config

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// lists is a declaration with networks, and with references by number.
type lists struct {
	Networks []struct {
		ID   int          `cli:"id" key:"integer" range:"0-99" help:"h"`
		Four netip.Prefix `cli:"four" default:"0.0.0.0 0.0.0.0" help:"h"`
		Six  netip.Prefix `cli:"six" default:"::/0" help:"h"`
	} `cli:"net list" help:"h"`
	Use struct {
		List int `cli:"list" default:"0" range:"0-99" ref:"net list" help:"h"`
	} `cli:"net use" help:"h"`
}

func TestSubnets(t *testing.T) {
	four := &setting{name: "four", kind: kindSubnet}
	for in, want := range map[string]string{
		"192.0.2.7 255.255.255.0": "192.0.2.0 255.255.255.0",
		"192.0.2.7/24":            "192.0.2.0 255.255.255.0",
		"0.0.0.0/0":               "0.0.0.0 0.0.0.0",
		"127.0.0.2/32":            "127.0.0.2 255.255.255.255",
		"2001:db8::7/32":          "2001:db8::/32",
	} {
		var words []Word
		for _, w := range strings.Fields(in) {
			words = append(words, Word{Text: w})
		}
		got, err := four.parse(words, false)
		require.Nil(t, err, in)
		assert.Equal(t, []string{want}, got)
		assert.Equal(t, want, showSubnet(mustSubnet(want)))
	}
	for _, in := range []string{"", "1.2.3.4", "1.2.3.4/33", "1.2.3.4 255.0.255.0", "1.2.3.4 24", "::1 255.0.0.0", "x/8", "1.2.3.4/24 x", "fe80::1%1/64"} {
		var words []Word
		for _, w := range strings.Fields(in) {
			words = append(words, Word{Text: w})
		}
		_, err := four.parse(words, false)
		assert.NotNil(t, err, in)
	}
	_, err := four.parse([]Word{{Text: "1.2.3.4"}, {Text: "255.255.255.0"}, {Text: "more"}}, false)
	assert.NotNil(t, err)
}

// A number refers to the entry with that key, and 0 to none.
func TestReferencesByNumber(t *testing.T) {
	def := buildObject("", "", reflect.TypeFor[lists]())
	w := newWalker(newNode(def, new(token)), nil)
	do := func(lines ...string) *CLIError {
		for _, l := range lines {
			var args []Word
			for _, f := range strings.Fields(l)[1:] {
				args = append(args, Word{Text: f})
			}
			if _, err := w.do(strings.Fields(l)[0], args); err != nil {
				return err
			}
		}
		return nil
	}
	require.Nil(t, do("config net list", "edit 3", "set four 10.0.0.0/8", "next", "end", "config net use"))
	assert.NotNil(t, do("set list 4"))
	require.Nil(t, do("set list 0", "set list 3", "end", "config net list"))
	assert.NotNil(t, do("delete 3"))
	require.Nil(t, do("rename 3 to 5", "end"))
	var got lists
	w.root.decodeInto(reflect.ValueOf(&got).Elem())
	assert.Equal(t, 5, got.Use.List)
	assert.Equal(t, netip.MustParsePrefix("10.0.0.0/8"), got.Networks[0].Four)
	assert.Equal(t, netip.MustParsePrefix("::/0"), got.Networks[0].Six)
}
