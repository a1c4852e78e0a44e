package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// valueFor draws the words of a set line, mostly right ones.
func valueFor(t *rapid.T, s *setting) string {
	one := func() string {
		switch s.kind {
		case kindPassword:
			return rapid.SampledFrom([]string{"''", "ENC x", "ENC 'a;b\"c'", "ENC ''", "a b", "ENC $2b$04$c"}).Draw(t, "password")
		case kindInteger:
			return strconv.FormatInt(rapid.Int64Range(s.min, min(s.max, s.min+20)).Draw(t, "number"), 10)
		case kindAddress:
			return rapid.SampledFrom([]string{"0.0.0.0", "127.0.0.1", "::1", "fe80::1", "::ffff:1.2.3.4", "10.0.0.256"}).Draw(t, "address")
		case kindEnum, kindSet:
			return rapid.SampledFrom(s.choices).Draw(t, "choice").Word
		}
		known := append([]string{"default", "a", "b c", ""}, s.oneof...)
		text := rapid.OneOf(rapid.SampledFrom(known), rapid.StringN(0, 12, 40)).Draw(t, "text")
		return quote(text)
	}
	words := []string{one()}
	for s.list && rapid.Bool().Draw(t, "more") {
		words = append(words, one())
	}
	return strings.Join(words, " ")
}

// linesFor draws what is done inside an object.
func linesFor(t *rapid.T, o *object) []string {
	var lines []string
	for range rapid.IntRange(0, 6).Draw(t, "settings") {
		s := rapid.SampledFrom(o.settings).Draw(t, "setting")
		if rapid.IntRange(0, 4).Draw(t, "unset") == 0 {
			lines = append(lines, "unset "+s.name)
			continue
		}
		verb := rapid.SampledFrom([]string{"set", "set", "set", "append", "unselect", "select"}).Draw(t, "verb")
		lines = append(lines, verb+" "+s.name+" "+valueFor(t, s))
	}
	for _, sub := range o.subs {
		lines = append(lines, "config "+sub.name)
		lines = append(lines, linesFor(t, sub)...)
		lines = append(lines, rapid.SampledFrom([]string{"end", "end", "abort"}).Draw(t, "leave"))
	}
	return lines
}

func tableLinesFor(t *rapid.T, o *object) []string {
	key := func() string {
		if o.key.kind == kindInteger {
			return strconv.Itoa(rapid.IntRange(0, 4).Draw(t, "id"))
		}
		return quote(rapid.SampledFrom(append([]string{"default", "a", "b c", `"`, "é\\", "new\nline"}, o.key.oneof...)).Draw(t, "key"))
	}
	switch rapid.IntRange(0, 8).Draw(t, "table") {
	case 3:
		return []string{"clone " + key() + " to " + key()}
	case 0:
		return []string{"delete " + key()}
	case 1:
		return []string{"rename " + key() + " to " + key()}
	case 2:
		return []string{fmt.Sprintf("move %s %s %s", key(), rapid.SampledFrom([]string{"before", "after"}).Draw(t, "side"), key())}
	}
	lines := []string{"edit " + key()}
	if o.name == "firewall vip" {
		lines = append(lines, "set portforward enable", "set mappedip 10.0.0.1", "set mapped-addr x", fmt.Sprint("set extport ", rapid.IntRange(1, 9).Draw(t, "port")))
	}
	if o.name == "firewall policy" {
		lines = append(lines, "set dstaddr all", "set service HTTP")
	}
	return append(append(lines, linesFor(t, o)...), "next")
}

// TestAnySessionSurvives runs random console sessions, wrong lines among them, and
// expects that what is written reads back as the same configuration.
func TestAnySessionSurvives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		store := NewStore()
		if rapid.Bool().Draw(t, "kept") {
			_, err := store.Load("f", strings.NewReader("#head\nconfig zz\n  edit 1\n next\nend\nconfig antivirus profile\nedit a\nset zz 'x\ny'\nconfig zz\nend\nend\nconfig firewall policy\nedit 4\nset schedule never\nend\n"))
			require.NoError(t, err)
		}
		e := store.Edit("admin")
		run := func(line string) bool {
			words, err := Tokenize(line)
			require.NoError(t, err)
			_, err = e.Execute(words)
			return err == nil
		}
		if rapid.Bool().Draw(t, "vdoms") {
			for _, l := range []string{"config system global", "set vdom-admin enable", "end"} {
				require.True(t, run(l))
			}
		}
		for range rapid.IntRange(1, 8).Draw(t, "objects") {
			var objects []*object
			if store.Snapshot().Global.VDOMAdmin {
				objects = enterVDOM(t, run)
			} else {
				objects = slices.DeleteFunc(slices.Clone(language.subs), func(o *object) bool { return o.vdoms })
			}
			if len(objects) == 0 {
				require.True(t, run("end"))
				continue
			}
			o := rapid.SampledFrom(objects).Draw(t, "object")
			require.True(t, run("config "+o.name))
			lines := linesFor
			if o.table {
				lines = tableLinesFor
			}
			for _, l := range lines(t, o) {
				run(l)
			}
			for len(e.Path()) > 0 {
				run("end")
			}
		}
		reloadRapid(t, store)
	})
}

// enterVDOM draws where the next object is: one of the VDOMs, or what they share. It
// returns the objects that are offered there; none where a VDOM was deleted instead.
func enterVDOM(t *rapid.T, run func(string) bool) []*object {
	if rapid.IntRange(0, 3).Draw(t, "global") == 0 {
		require.True(t, run("config global"))
		return slices.DeleteFunc(slices.Clone(language.subs), func(o *object) bool { return o.domain || o.vdoms })
	}
	require.True(t, run("config vdom"))
	name := rapid.SampledFrom([]string{"root", "a", "b", "guests-2"}).Draw(t, "vdom")
	if rapid.IntRange(0, 5).Draw(t, "delete") == 0 {
		run("delete " + name)
		return nil
	}
	require.True(t, run("edit "+name))
	return language.domains()
}

func reloadRapid(t *rapid.T, s *Store) {
	for _, full := range []bool{false, true} {
		var first, second strings.Builder
		require.NoError(t, s.Write(&first, full))
		again := NewStore()
		_, err := again.Replace("again", Input{"again", strings.NewReader(first.String())})
		require.NoError(t, err, "%s", first.String())
		require.Equal(t, s.Snapshot(), again.Snapshot(), "%s", first.String())
		require.NoError(t, again.Write(&second, full))
		require.Equal(t, first.String(), second.String())
	}
}

// FuzzLoad reads any text. What loads must read back as the same configuration.
func FuzzLoad(f *testing.F) {
	for _, s := range []string{
		"", factory, vipText("web", 80), "#h\r\nconfig zz\r\nend", "config global\nconfig zz\nend\nend\n",
		"config vdom\nedit root\nnext\nedit g\nconfig x\nend\nend\nconfig vdom\nedit root\nconfig system dns\nset primary 1.1.1.1\nend\nend\n",
		"config antivirus profile\npurge\nedit 'x y'\nset comment 'x\ny'\nconfig http\nset options scan pass\nset zz \"\nend\"\nconfig q\nend\nend\nnext\nrename \"x y\" to z\nmove z after z\nend",
		"config firewall policy\nedit 1\nset schedule x\nend\nconfig firewall policy\nedit 1\nset dstaddr all\nset service ALL\nend\n",
		"config firewall vip\nedit a\nend\nconfig firewall vip\nedit b\nset extip 1.1.1.1-1.1.1.2\nnext\nend\n",
		"config vdom\nedit g\nconfig firewall vip\nedit a\nset portforward enable\nset extport 1\nset mappedip 1.1.1.1\nend\nconfig x\nedit 1\nnext\nend\nnext\nedit name-that-is-too-long\nend\nconfig global\nconfig system vdom-property\nedit g\nend\nend",
		"config system vdom-property\nedit name-that-is-too-long\nset proxy 1\nnext\nedit root\nset proxy 2\nend\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := NewStore()
		if _, err := s.Load("fuzz", strings.NewReader(text)); err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		reload(t, s)
		before := written(t, s, false)
		_, err := s.Load("fuzz", strings.NewReader(before))
		require.NoError(t, err, "a backup on top of itself")
	})
}

// FuzzExecute runs any lines on a console; none may crash it or lose the way out.
func FuzzExecute(f *testing.F) {
	f.Add("config firewall policy\nedit 0\nset dstaddr all\nset service ALL\nnext\nmove 1 after 1\nend")
	f.Add("config global\nshow\nend\nconfig vdom\nedit root\nget system dns\nabort\nnext\nend")
	f.Add("config system global\nset vdom-admin enable\nend\nconfig global\nshow\nend\nconfig vdom\nedit a\nget firewall vip\nabort\nconfig firewall vip\nedit x\nset extport 1\nabort\nnext\ndelete a\nend")
	f.Add("config antivirus profile\nedit x\nset comment \"a\xff\"\nconfig http\nset options av\nabort\nrename a to b\nabort")
	f.Fuzz(func(t *testing.T, text string) {
		store := NewStore()
		e := store.Edit("fuzz")
		for line := range strings.SplitSeq(text, "\n") {
			words, err := Tokenize(line)
			if err != nil {
				continue
			}
			e.Complete(words)
			e.Execute(words)
		}
		for range 2 * maxNest {
			e.Execute([]Word{{Text: "end"}})
		}
		require.False(t, e.InConfig())
		reload(t, store)
	})
}

// unknownFile is a backup of n lines of which nothing is simulated.
func unknownFile(n int) string {
	var b strings.Builder
	for i := 0; i < n; i += 5 {
		fmt.Fprintf(&b, "config system thing%d\n    edit \"name %d\"\n        set value \"some text\" 1 2 3\n    next\nend\n", i, i)
	}
	return b.String()
}

// BenchmarkLoadUnknown shows that time and memory grow with the file and no faster.
func BenchmarkLoadUnknown(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		text := unknownFile(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := NewStore().Load("f", strings.NewReader(text)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkLoadPolicies is the same with entries that are simulated.
func BenchmarkLoadPolicies(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		var text strings.Builder
		text.WriteString("config firewall policy\n")
		for i := range n {
			fmt.Fprintf(&text, "edit %d\nset dstaddr \"all\"\nset service \"HTTP\"\nset srcaddr \"LAN\"\nnext\n", i+1)
		}
		text.WriteString("end\n")
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := NewStore().Load("f", strings.NewReader(text.String())); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCommit is one change on a console with a thousand policies loaded.
func BenchmarkCommit(b *testing.B) {
	var text strings.Builder
	text.WriteString("config firewall policy\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "edit %d\nset dstaddr \"all\"\nset service \"HTTP\"\nnext\n", i+1)
	}
	text.WriteString("end\n")
	store := NewStore()
	if _, err := store.Load("f", strings.NewReader(text.String())); err != nil {
		b.Fatal(err)
	}
	e := store.Edit("admin")
	names := []string{"set hostname a", "set hostname b"}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		for _, line := range []string{"config system global", names[i%2], "end"} {
			words, _ := Tokenize(line)
			if _, err := e.Execute(words); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// TestLargeFile reads 100,000 lines that are not simulated and writes them back.
func TestLargeFile(t *testing.T) {
	text := unknownFile(100_000)
	s, report := loaded(t, text)
	require.Len(t, report.Skipped, 20_000)
	require.Equal(t, text, written(t, s, false))
	_, err := s.Load("again", strings.NewReader(text))
	require.NoError(t, err)
	require.Equal(t, text, written(t, s, false))
}
