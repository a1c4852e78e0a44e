package mail

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// thorough is names without the short cut.
func (h *header) thorough() []string {
	plain := header{types: h.types, dispositions: h.dispositions}
	list := plain.names()
	first := cleanName(decodeWords(plain.strictName()))
	if first == "" {
		return list
	}
	return append([]string{first}, slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == first })...)
}

func values(texts ...string) (list [][]byte) {
	for _, text := range texts {
		list = append(list, []byte(text))
	}
	return list
}

func TestPlainNames(t *testing.T) {
	tests := []struct {
		types, dispositions []string
		plain               bool
		names               []string
	}{
		{[]string{`application/pdf; name="a b.pdf"`}, []string{`attachment; filename="c.pdf"`}, true, []string{"c.pdf", "a b.pdf"}},
		{[]string{`application/pdf; name=a.pdf;`}, nil, true, []string{"a.pdf"}},
		{nil, []string{`attachment ;filename=a.pdf ; size=3`}, true, []string{"a.pdf"}},
		{[]string{`text/plain; name=a`}, []string{`attachment; name=b`}, false, []string{"a", "b"}},
		{[]string{`text/plain; name=a`}, []string{`attachment; filename=b; filename=c`}, false, []string{"a", "b", "c"}},
		{[]string{`text/plain; name=a`}, []string{`attachment; size=1; size=2; filename=b`}, false, []string{"a", "b"}},
		{[]string{`text/plain; name=a`}, []string{`attachment; filename=b c`}, false, []string{"a", "b c"}},
		{[]string{`text/plain; NAME=a`}, nil, false, []string{"a"}},
		{nil, []string{`attachment; filename="=?utf-8?q?a?="`}, false, []string{"a"}},
		{nil, []string{`attachment; filename*=utf-8''a%20b`}, false, []string{"a b"}},
		{[]string{`text/plain; name=a`, `text/plain; name=b`}, nil, false, []string{"a", "b"}},
	}
	for _, test := range tests {
		h := header{types: values(test.types...), dispositions: values(test.dispositions...)}
		assert.Equal(t, test.plain, h.plainNames(), "%v %v", test.types, test.dispositions)
		assert.Equal(t, test.names, h.names(), "%v %v", test.types, test.dispositions)
		assert.Equal(t, test.names, h.thorough(), "%v %v", test.types, test.dispositions)
	}
}

// The short cut finds what go-message finds, in the same order, whatever the
// fields look like.
func TestPlainNamesAgree(t *testing.T) {
	pieces := []string{"attachment", "text/plain", ";", "; ", " ;", ";;", "name", "filename", "Name", "size", "=", `="a"`, `="a b"`, `="`, "=a", "=b.c",
		`"`, "*", "*0", "%20", "'", "\\", "(", ")", "?", "=?utf-8?q?x?=", " ", "\t", "ü", "\x00", "/", ",", "x"}
	field := rapid.Custom(func(t *rapid.T) []byte {
		return []byte(strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 1, 14).Draw(t, "pieces"), ""))
	})
	plain := rapid.Custom(func(t *rapid.T) []byte {
		params := rapid.SliceOfN(rapid.SampledFrom([]string{"; name=a", `; name="b c"`, "; filename=d", `; filename=""`, "; size=1", ";x=y", ";"}), 0, 4).Draw(t, "params")
		return []byte("a/b" + strings.Join(params, ""))
	})
	rapid.Check(t, func(t *rapid.T) {
		any := rapid.OneOf(field, plain)
		h := header{types: rapid.SliceOfN(any, 0, 2).Draw(t, "types"), dispositions: rapid.SliceOfN(any, 0, 2).Draw(t, "dispositions")}
		assert.Equal(t, h.thorough(), h.names())
	})
}
