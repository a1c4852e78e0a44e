package mail

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/scanner"
)

// wordJudge finds a word in what it is asked about.
func wordJudge(t *testing.T, word string) func([]scanner.Object) ([]scanner.Verdict, error) {
	return func(parts []scanner.Object) (list []scanner.Verdict, err error) {
		for i := range parts {
			b, err := io.ReadAll(io.NewSectionReader(parts[i].Body, 0, parts[i].Size))
			require.NoError(t, err)
			v := scanner.Verdict{}
			if bytes.Contains(b, []byte(word)) {
				v = scanner.Verdict{Class: scanner.Virus, Name: word}
			}
			list = append(list, v)
		}
		return list, nil
	}
}

func testCleaning(t *testing.T) *Cleaning {
	return &Cleaning{
		Judge:  wordJudge(t, "BAD"),
		Blocks: func(v scanner.Verdict) bool { return v.Class != scanner.Clean },
		Notice: func(name string, v scanner.Verdict) string { return "[" + name + " gone]" },
	}
}

// clean walks and cleans a message.
func clean(t *testing.T, c *Cleaning, raw string) ([]byte, error) {
	t.Helper()
	o := scanner.Object{Kind: scanner.Mail, Size: int64(len(raw)), Body: strings.NewReader(raw)}
	m, err := Walk(&o, c.Limits)
	require.NoError(t, err)
	defer m.Release()
	verdicts, err := wordJudge(t, "BAD")(m.Objects())
	require.NoError(t, err)
	return c.Clean(strings.NewReader(raw), o.Size, m, verdicts)
}

const (
	cleanHead = "From: a@x\r\nSubject: s\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
	cleanFile = "--b\r\nContent-Type: text/plain; name=f\r\n\r\n"
	cleanGone = "--b\r\nContent-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\nContent-Disposition: inline\r\n\r\n[f gone]\r\n"
)

func TestClean(t *testing.T) {
	for name, c := range map[string]struct{ raw, want string }{
		"nothing bad": {cleanHead + cleanFile + "fine\r\n--b--\r\n", ""},
		"a part":      {cleanHead + "pre\r\n" + cleanFile + "BAD\r\n--b\r\n\r\nfine\r\n--b--\r\n", cleanHead + "pre\r\n" + cleanGone + "--b\r\n\r\nfine\r\n--b--\r\n"},
		"two parts":   {cleanHead + cleanFile + "BAD\r\n" + cleanFile + "QkFE BAD\r\n--b--\r\n", cleanHead + cleanGone + cleanGone + "--b--\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := clean(t, testCleaning(t), c.raw)
			require.NoError(t, err)
			assert.Equal(t, c.want, string(got))
		})
	}
}

// TestCleanLeavesNothing: what no part covers makes the whole message go.
func TestCleanLeavesNothing(t *testing.T) {
	for name, raw := range map[string]string{
		"in the head":                 "From: a@x\r\nX-Y: BAD\r\n\r\ntext\r\n",
		"in a part and in the head":   "X-Y: BAD\r\n" + cleanHead + cleanFile + "BAD\r\n--b--\r\n",
		"in a part and the preamble":  cleanHead + "BAD\r\n" + cleanFile + "BAD\r\n--b--\r\n",
		"in the head of a part":       cleanHead + "--b\r\nX-Y: BAD\r\n\r\ntext\r\n--b--\r\n",
		"across the end of the parts": cleanHead + cleanFile + "fine\r\n--b--\r\nBAD",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := clean(t, testCleaning(t), raw)
			require.NoError(t, err)
			require.NotEmpty(t, got)
			assert.NotContains(t, string(got), "BAD")
			assert.Contains(t, string(got), "From: a@x\r\n")
			assert.Contains(t, string(got), "gone]")
		})
	}
}

func TestCleanGivesUp(t *testing.T) {
	raw := cleanHead + cleanFile + "BAD\r\n--b--\r\n"
	c := testCleaning(t)
	c.Notice = func(string, scanner.Verdict) string { return "BAD luck" }
	_, err := clean(t, c, raw)
	assert.ErrorContains(t, err, "a notice is blocked")

	c = testCleaning(t)
	broken := errors.New("no scanner")
	c.Judge = func([]scanner.Object) ([]scanner.Verdict, error) { return nil, broken }
	_, err = clean(t, c, raw)
	assert.ErrorIs(t, err, broken)

	c = testCleaning(t)
	c.Limits.Parts = 2
	_, err = clean(t, c, cleanHead+cleanFile+"BAD\r\n"+cleanFile+"BAD\r\n--b--\r\n")
	assert.ErrorContains(t, err, TooManyParts.String())

	m, err := Walk(&scanner.Object{Size: int64(len(raw)), Body: strings.NewReader(raw)}, Limits{})
	require.NoError(t, err)
	defer m.Release()
	_, err = c.Clean(strings.NewReader(raw), int64(len(raw)), m, nil)
	assert.ErrorContains(t, err, "0 verdicts on")
}

func TestFound(t *testing.T) {
	assert.Zero(t, (&Message{}).Found())
	v := (&Message{Exceeded: TooDeep}).Found()
	assert.Equal(t, scanner.Oversize, v.Class)
	assert.True(t, v.Findings.Has(scanner.Oversize))
	assert.Equal(t, "nested too deep", v.Name)
}

func TestInPlaceOf(t *testing.T) {
	raw := "From: a@x\r\nSubject: s\r\n\r\n" + strings.Repeat("x", 2*headForNotice)
	got, err := InPlaceOf(strings.NewReader(raw), int64(len(raw)), scanner.Mail, "gone")
	require.NoError(t, err)
	assert.Equal(t, "From: a@x\r\nContent-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\nContent-Disposition: inline\r\nMIME-Version: 1.0\r\n\r\ngone\r\n", string(got))

	got, err = InPlaceOf(strings.NewReader(""), 0, scanner.Mail, "gone")
	require.NoError(t, err)
	assert.Contains(t, string(got), "\r\n\r\ngone\r\n")
}

func TestCleanBody(t *testing.T) {
	c := testCleaning(t)
	c.Body = true
	raw := "--b\r\nContent-Type: application/x; name=f\r\n\r\nBAD\r\n--b--\r\n"
	whole := &scanner.Object{Size: int64(len(raw)), Body: strings.NewReader(raw)}
	m, err := WalkBody(whole, "", "", Limits{})
	require.NoError(t, err)
	defer m.Release()
	verdicts, err := c.Judge(m.Objects())
	require.NoError(t, err)
	got, err := c.Clean(strings.NewReader(raw), int64(len(raw)), m, verdicts)
	require.NoError(t, err)
	assert.NotContains(t, string(got), "BAD")
	assert.True(t, strings.HasPrefix(string(got), "--b\r\nContent-Type: text/plain"), "%s", got)
	assert.True(t, strings.HasSuffix(string(got), "\r\n--b--\r\n"), "%s", got)
}

func TestBodyInPlaceOf(t *testing.T) {
	for encoding, want := range map[string]string{
		"": "gone\r\n --really =\r\ngr??n\r\n", "7bit": "gone\r\n --really =\r\ngr??n\r\n",
		"base64": "Z29uZQ0KLS1yZWFsbHkgPQ0KZ3LDvMO8bg0K\r\n", "quoted-printable": "gone\r\n=2D-really =3D\r\ngr=C3=BC=C3=BCn\r\n",
	} {
		assert.Equal(t, want, string(BodyInPlaceOf(encoding, "gone\n--really =\ngr\u00fc\u00fcn\n")), encoding)
	}
}
