package config

// WebProfile is an entry of "config webfilter profile": what is looked for in URLs and
// in what they lead to.
type WebProfile struct {
	Name    string    `cli:"name" key:"string" max:"35" help:"Profile name."`
	Comment string    `cli:"comment" max:"255" pattern:"lines" help:"Optional comments."`
	Web     WebFilter `cli:"web" help:"Web content filtering settings."`
	Rating  WebRating `cli:"ftgd-wf" help:"FortiGuard Web Filter settings."`
}

// WebFilter is "config web" of a profile.
type WebFilter struct {
	WordThreshold int `cli:"bword-threshold" default:"10" range:"0-2147483647" help:"Banned word score threshold."`
	WordTable     int `cli:"bword-table" default:"0" range:"0-4294967295" ref:"webfilter content" help:"Banned word table ID (0 = none)."`
	URLFilter     int `cli:"urlfilter-table" default:"0" range:"0-4294967295" ref:"webfilter urlfilter" help:"URL filter table ID (0 = none)."`
}

// WordTable is an entry of "config webfilter content": a list of banned words.
type WordTable struct {
	ID      int          `cli:"id" key:"integer" range:"1-4294967295" help:"ID."`
	Name    string       `cli:"name" max:"35" help:"Name of table."`
	Comment string       `cli:"comment" max:"255" pattern:"lines" help:"Optional comments."`
	Entries []BannedWord `cli:"entries" help:"Configure banned word entries."`
}

// BannedWord is an entry of "config entries" of a list of banned words.
type BannedWord struct {
	Pattern string      `cli:"name" key:"string" max:"127" help:"Banned word."`
	Type    PatternType `cli:"pattern-type" default:"wildcard" help:"Banned word pattern type: wildcard pattern or Perl regular expression."`
	Status  bool        `cli:"status" default:"disable" help:"Enable/disable banned word."`
	Score   int         `cli:"score" default:"10" range:"0-4294967295" help:"Score, to be applied if the word appears on a web page."`
	Action  WordAction  `cli:"action" default:"block" help:"Block or exempt word when a match is found."`
}

// PatternType is how a pattern is written.
type PatternType uint8

// The ways to write a pattern.
const (
	PatternWildcard PatternType = iota
	PatternRegexp
)

func (PatternType) choices() []Choice {
	return []Choice{{Word: "wildcard", Help: "Wildcard pattern."}, {Word: "regexp", Help: "Perl regular expression."}}
}

// String is the setting's word.
func (e PatternType) String() string { return word(e.choices(), uint8(e)) }

// WordAction is what a banned word does.
type WordAction uint8

// The actions of a banned word.
const (
	WordBlock WordAction = iota
	WordExempt
)

func (WordAction) choices() []Choice {
	return []Choice{{Word: "block", Help: "Block matches."}, {Word: "exempt", Help: "Exempt matches."}}
}

// String is the setting's word.
func (e WordAction) String() string { return word(e.choices(), uint8(e)) }

// WebProfile finds a web filter profile by name; nil when there is none.
func (d *Domain) WebProfile(name string) *WebProfile {
	for i := range d.WebProfiles {
		if d.WebProfiles[i].Name == name {
			return &d.WebProfiles[i]
		}
	}
	return nil
}

// WordTable finds a list of banned words; nil when there is none.
func (d *Domain) WordTable(id int) *WordTable {
	for i := range d.WordTables {
		if d.WordTables[i].ID == id {
			return &d.WordTables[i]
		}
	}
	return nil
}
