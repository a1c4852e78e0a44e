package proxy

import (
	"fmt"

	"utmsim/internal/bannedword"
	"utmsim/internal/config"
	"utmsim/internal/filefilter"
	"utmsim/protocols"
)

// filters are the tables of a VDOM that are compiled before sessions use them.
type filters struct {
	files map[int]*filefilter.List
	words map[int]*bannedword.List
}

// compileFilters compiles the tables of dom. The error says which entry is wrong.
func compileFilters(dom *config.Domain) (*filters, error) {
	l := &filters{files: make(map[int]*filefilter.List), words: make(map[int]*bannedword.List)}
	for i := range dom.PatternTables {
		t := &dom.PatternTables[i]
		made, err := filefilter.Compile(fileRules(t))
		if err != nil {
			return nil, fmt.Errorf("antivirus filepattern %d: %w", t.ID, err)
		}
		l.files[t.ID] = made
	}
	for i := range dom.WordTables {
		t := &dom.WordTables[i]
		made, err := bannedword.Compile(wordPatterns(t))
		if err != nil {
			return nil, fmt.Errorf("webfilter content %d: %w", t.ID, err)
		}
		l.words[t.ID] = made
	}
	return l, nil
}

func fileRules(t *config.PatternTable) (rules []filefilter.Rule) {
	actions := [...]filefilter.Action{
		config.FileBlock: filefilter.Block, config.FileAllow: filefilter.Allow, config.FileExempt: filefilter.Exempt,
	}
	for i := range t.Entries {
		e := &t.Entries[i]
		r := filefilter.Rule{Pattern: e.Pattern, Action: actions[e.Action]}
		if e.FilterType == config.FilterByType {
			r.Type, _ = filefilter.Named(e.FileType.String()) // each word of the configuration is one
		}
		rules = append(rules, r)
	}
	return rules
}

func wordPatterns(t *config.WordTable) (list []bannedword.Pattern) {
	kinds := [...]bannedword.Kind{config.PatternWildcard: bannedword.Wildcard, config.PatternRegexp: bannedword.Regexp}
	for i := range t.Entries {
		if e := &t.Entries[i]; e.Status {
			list = append(list, bannedword.Pattern{
				Text: e.Pattern, Kind: kinds[e.Type], Score: e.Score, Exempt: e.Action == config.WordExempt, AnyWord: true,
			})
		}
	}
	return list
}

// equip gives a route the lists that its profiles name. Banned words of a web filter
// profile are looked for in what HTTP, FTP and NNTP carry.
func (f *filters) equip(rt *route) {
	if rt.av != nil {
		if p := rt.av.Protocol(rt.proto); p.Options.Has(config.AVFileFilter) {
			rt.files = f.files[p.PatternTable]
		}
	}
	carries := rt.proto == protocols.HTTP || rt.proto == protocols.FTP || rt.proto == protocols.NNTP
	if rt.web != nil && carries {
		if w := f.words[rt.web.Web.WordTable]; w != nil && w.Len() > 0 {
			rt.words, rt.wordThreshold = w, rt.web.Web.WordThreshold
		}
	}
	rt.judges = rt.judges || rt.files != nil || rt.words != nil
}
