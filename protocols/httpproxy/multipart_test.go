package httpproxy

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"utmsim/scanner"
)

func TestBoundariesOf(t *testing.T) {
	for in, want := range map[string]string{
		"multipart/form-data; boundary=abc":                                           "abc",
		"Multipart/Form-Data;charset=utf-8; BOUNDARY = \"a b\"":                       "a b",
		"multipart/form-data; x=\"; boundary=no\"; boundary=yes":                      "yes",
		"multipart/form-data":                                                         "",
		"multipart/form-data; boundary=":                                              "",
		"multipart/mixed; boundary=abc":                                               "abc",
		"multipart/form-data; boundary=a; boundary=\"b\"":                             "a|b",
		"multipart/form-data; boundary=1;boundary=2;boundary=3;boundary=4;boundary=5": "1|2|3|4",
		"multipart/form-data; boundary=" + strings.Repeat("x", maxBoundary+1):         "",
	} {
		assert.Equal(t, want, string(bytes.Join(boundariesOf([]byte(in)), []byte("|"))), in)
	}
}

// described is a list of objects as text, to compare.
func described(t require.TestingT, list []scanner.Object) (out []string) {
	for i := range list {
		o := &list[i]
		b := make([]byte, o.Size)
		n, err := o.Body.ReadAt(b, 0)
		if n < len(b) {
			require.NoError(t, err)
		}
		require.Len(t, b, n)
		if o.Flat != nil {
			require.Equal(t, b, o.Flat)
		}
		out = append(out, fmt.Sprintf("%s|%s|%s", o.Name, o.ContentType, b))
	}
	return out
}

// split splits a body twice, in one piece and through a reader; both must agree.
func split(t require.TestingT, body, boundary string) []string {
	flat := scanner.Object{Name: "whole", Size: int64(len(body)), Flat: []byte(body), Body: strings.NewReader(body)}
	read := flat
	read.Flat = nil
	a, b := described(t, splitForm(&flat, true, []byte(boundary))), described(t, splitForm(&read, true, []byte(boundary)))
	require.Equal(t, a, b)
	return a
}

func part(disposition, content string) string {
	return "--B\r\nContent-Disposition: form-data; " + disposition + "\r\nContent-Type: a/b\r\n\r\n" + content + "\r\n"
}

func TestSplitForm(t *testing.T) {
	file := part(`name="f"; filename="C:\dir\x.exe"`, "MZ\r\n\r\n--\r\n--Bx\r\n")
	for name, c := range map[string]struct {
		body string
		want []string
	}{
		"one file":    {file + "--B--\r\n", []string{"x.exe|a/b|MZ\r\n\r\n--\r\n--Bx\r\n"}},
		"no line end": {part(`name="f"`, "v") + "--B--", []string{"f|a/b|v"}},
		"field and file": {part(`name="f"`, "v") + part(`name=g; filename*=UTF-8''%c3%bc.zip`, "PK") + "--B--\r\n",
			[]string{"f|a/b|v", "ü.zip|a/b|PK"}},
		"empty file":                 {part(`name="f"; filename=""`, "") + part(`name="g"`, "1") + "--B--\r\n", []string{"g|a/b|1"}},
		"blanks behind the boundary": {strings.ReplaceAll(part(`name="f"`, "v"), "--B\r\n", "--B \t\r\n") + "--B-- \r\n", []string{"f|a/b|v"}},
		"LF alone":                   {"--B\nContent-Disposition: form-data; name=f\n\nv\n--B--\n", []string{"f||v"}},
		"no headers":                 {"--B\r\n\r\nv\r\n--B--\r\n", []string{"||v"}},
		"preamble":                   {"EVIL\r\n" + part(`name="f"`, "v") + "--B--\r\n", []string{"f|a/b|v", "whole||EVIL\r\n" + part(`name="f"`, "v") + "--B--\r\n"}},
		"epilogue":                   {part(`name="f"`, "v") + "--B--\r\nEVIL", []string{"f|a/b|v", "whole||" + part(`name="f"`, "v") + "--B--\r\nEVIL"}},
		"no end":                     {part(`name="f"`, "v"), []string{"f|a/b|v\r\n", "whole||" + part(`name="f"`, "v")}},
		"cut head":                   {"--B\r\nContent-Disp", []string{"||Content-Disp", "whole||--B\r\nContent-Disp"}},
		"no boundary":                {"EVIL", []string{"whole||EVIL"}},
		"other boundary":             {"--C\r\n\r\nEVIL\r\n--C--\r\n", []string{"||EVIL", "whole||--C\r\n\r\nEVIL\r\n--C--\r\n"}},
		"longer boundary":            {"--B\r\n\r\nEVIL\r\n--BB\r\n\r\nx\r\n--B--\r\n", []string{"||EVIL\r\n--BB\r\n\r\nx"}},
		"starts longer":              {"--BB\r\n\r\nEVIL\r\n--B--\r\n", []string{"||EVIL\r\n--B--\r\n", "whole||--BB\r\n\r\nEVIL\r\n--B--\r\n"}},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, c.want, split(t, c.body, "B")) })
	}
}

func TestSplitFormIsBounded(t *testing.T) {
	many := strings.Repeat(part(`name="f"`, "v"), maxParts+10) + "--B--\r\n"
	got := split(t, many, "B")
	assert.Len(t, got, maxParts+1, "what is beyond the bound is judged with the whole")
	assert.Contains(t, got[maxParts], "whole|")
	assert.Equal(t, scanner.Oversize, tooMany(len(got)).Class, "and the policy hears of it")
	assert.Equal(t, scanner.Verdict{}, tooMany(maxParts))
}

// TestBoundariesOnlyTheServerReads: what the type says can't be used, or is read in
// another way than the server's, and the form is split all the same.
func TestBoundariesOnlyTheServerReads(t *testing.T) {
	for name, declared := range map[string]string{
		"too long": "multipart/form-data; boundary=" + strings.Repeat("x", maxBoundary+1), "escaped": `multipart/form-data; boundary="\B"`,
		"none": "multipart/form-data", "behind a comma": "multipart/form-data, boundary=B", "other type": "multipart/related; boundary=B",
	} {
		require.True(t, isForm([]byte(declared)), name)
		body := part(`name="f"; filename="x.gz"`, "EVIL") + "--B--\r\n"
		whole := scanner.Object{Name: "whole", Size: int64(len(body)), Flat: []byte(body), Body: strings.NewReader(body)}
		assert.Contains(t, described(t, splitForm(&whole, true, boundariesOf([]byte(declared))...)), "x.gz|a/b|EVIL", name)
	}
	assert.False(t, isForm([]byte("text/plain; boundary=abc")))
}

// TestFormsInsideForms: several files of one field may be a form of their own.
func TestFormsInsideForms(t *testing.T) {
	inner := "--C\r\nContent-Disposition: attachment; filename=x.gz\r\n\r\nEVIL\r\n--C--"
	body := "--B\r\nContent-Disposition: form-data; name=f\r\nContent-Type: multipart/mixed; boundary=C\r\n\r\n" + inner + "\r\n--B--\r\n"
	assert.Equal(t, []string{"x.gz||EVIL", "f|multipart/mixed; boundary=C|" + inner}, split(t, body, "B"))
	deep := "EVIL"
	for range 100 {
		deep = "--B\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n" + deep
	}
	assert.LessOrEqual(t, len(split(t, deep, "B")), 2*maxParts)
}

// With two boundaries the body is split in both ways: nobody knows which of them
// the server goes by.
func TestSplitFormByTwoBoundaries(t *testing.T) {
	inner := "--C\r\n\r\nEVIL\r\n--C--\r\n"
	body := "--B\r\n\r\n" + inner + "\r\n--B--\r\n"
	whole := scanner.Object{Name: "whole", Size: int64(len(body)), Body: strings.NewReader(body)}
	assert.Equal(t, []string{"||" + inner, "||EVIL", "whole||" + body}, described(t, splitForm(&whole, true, []byte("B"), []byte("C"))))
}

func TestSplitEncodedForm(t *testing.T) {
	whole := scanner.Object{Name: "whole", Encodings: []string{"gzip"}, Size: 4, Flat: []byte("xxxx"), Body: strings.NewReader("xxxx")}
	assert.Len(t, splitForm(&whole, true, []byte("B")), 1)
}

// brokenReader fails behind its first bytes.
type brokenReader struct{ good []byte }

func (b brokenReader) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > int64(len(b.good)) {
		return 0, io.ErrClosedPipe
	}
	return copy(p, b.good[off:]), nil
}

func TestSplitFormOfABodyThatCantBeRead(t *testing.T) {
	whole := scanner.Object{Name: "whole", Size: 1 << 20, Body: brokenReader{[]byte(part(`name="f"`, "v"))}}
	parts := splitForm(&whole, true, []byte("B"))
	require.NotEmpty(t, parts)
	assert.Equal(t, "whole", parts[len(parts)-1].Name)
}

// Whatever a form holds and wherever the windows fall, each part comes out.
func TestSplitFormProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var body bytes.Buffer
		var want []string
		for i := range rapid.IntRange(1, 4).Draw(t, "parts") {
			content := strings.Repeat(rapid.SampledFrom([]string{"x", "\r\n", "\n--", "\r\n--boundar", "--boundary", "\n--boundaryX\n"}).Draw(t, "content"),
				rapid.SampledFrom([]int{1, 7, 100, 5000, 9000}).Draw(t, "times")) + "."
			fmt.Fprintf(&body, "--boundary\r\nContent-Disposition: form-data; name=n%d\r\n\r\n%s\r\n", i, content)
			want = append(want, fmt.Sprintf("n%d||%s", i, content))
		}
		body.WriteString("--boundary--\r\n")
		require.Equal(t, want, split(t, body.String(), "boundary"))
	})
}
