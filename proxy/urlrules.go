package proxy

import (
	"fmt"

	"utmsim/internal/config"
	"utmsim/internal/urlfilter"
)

// urlRules is what the web filter profile of a route says about URLs.
type urlRules struct {
	profile    string
	list       *urlfilter.List // nil: none
	listName   string
	blockAddrs bool // hosts that are addresses and in no entry are blocked
	rates      bool // categories matter
	filters    map[int]config.CategoryFilter
	errorAllow bool // what can't be rated passes
}

// urlLists are the compiled lists of a VDOM by their ids.
type urlLists map[int]*urlfilter.List

// compileURLLists compiles all lists, so that an entry that can't be used is found
// when it is configured and not when somebody refers to it.
func compileURLLists(dom *config.Domain) (urlLists, error) {
	types := [...]urlfilter.Type{
		config.URLSimple: urlfilter.Simple, config.URLRegex: urlfilter.Regex, config.URLWildcard: urlfilter.Wildcard,
	}
	actions := [...]urlfilter.Action{
		config.URLExempt: urlfilter.Exempt, config.URLBlock: urlfilter.Block, config.URLAllow: urlfilter.Allow, config.URLMonitor: urlfilter.Monitor,
	}
	lists := make(urlLists, len(dom.URLFilters))
	for i := range dom.URLFilters {
		table := &dom.URLFilters[i]
		entries := make([]urlfilter.Entry, 0, len(table.Entries))
		for _, e := range table.Entries {
			if e.Status {
				entries = append(entries, urlfilter.Entry{ID: e.ID, URL: e.URL, Type: types[e.Type], Action: actions[e.Action]})
			}
		}
		list, err := urlfilter.Compile(entries, table.IncludeSubdomains)
		if err != nil {
			return nil, fmt.Errorf("webfilter urlfilter %d: %w", table.ID, err)
		}
		lists[table.ID] = list
	}
	return lists, nil
}

// newURLRules reads a profile, which may be nil; nil when it says nothing about URLs.
func newURLRules(dom *config.Domain, p *config.WebProfile, lists urlLists) *urlRules {
	if p == nil {
		return nil
	}
	r := &urlRules{profile: p.Name, list: lists[p.Web.URLFilter], errorAllow: p.Rating.Options.Has(config.RatingErrorAllow)}
	for i := range dom.URLFilters {
		if t := &dom.URLFilters[i]; t.ID == p.Web.URLFilter {
			r.listName, r.blockAddrs = t.Name, t.IPAddrBlock
		}
	}
	if len(p.Rating.Filters) > 0 {
		r.rates, r.filters = true, make(map[int]config.CategoryFilter)
	}
	for _, f := range p.Rating.Filters {
		if _, again := r.filters[f.Category]; !again { // the first that names a category decides
			r.filters[f.Category] = f
		}
	}
	if r.list == nil && !r.rates {
		return nil
	}
	return r
}
