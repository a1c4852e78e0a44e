package config

// URLType is how the URL of a filter entry is read.
type URLType uint8

// The types of URL filter entries.
const (
	URLSimple URLType = iota
	URLRegex
	URLWildcard
)

func (URLType) choices() []Choice {
	return []Choice{
		{Word: "simple", Help: "Simple URL string."},
		{Word: "regex", Help: "Regular expression URL string."},
		{Word: "wildcard", Help: "Wildcard URL string."},
	}
}

// String is the setting's word.
func (e URLType) String() string { return word(e.choices(), uint8(e)) }

// URLAction is what a URL filter entry does.
type URLAction uint8

// The actions of URL filter entries.
const (
	URLExempt URLAction = iota // no further check, no scan
	URLBlock
	URLAllow   // goes on to the rating
	URLMonitor // the same, and is logged
)

func (URLAction) choices() []Choice {
	return []Choice{
		{Word: "exempt", Help: "Exempt matches."},
		{Word: "block", Help: "Block matches."},
		{Word: "allow", Help: "Allow matches (no log)."},
		{Word: "monitor", Help: "Allow matches (with log)."},
	}
}

// String is the setting's word.
func (e URLAction) String() string { return word(e.choices(), uint8(e)) }

// CategoryAction is what is done with hosts of a category.
type CategoryAction uint8

// The actions for categories.
const (
	CategoryBlock CategoryAction = iota
	CategoryMonitor
	CategoryAllow
)

func (CategoryAction) choices() []Choice {
	return []Choice{
		{Word: "block", Help: "Block access."},
		{Word: "monitor", Help: "Allow access while logging the action."},
		{Word: "allow", Help: "Allow access without logging."},
	}
}

// String is the setting's word.
func (e CategoryAction) String() string { return word(e.choices(), uint8(e)) }

// RatingOptions is the set "options" of a profile's ratings.
type RatingOptions uint32

// The members of RatingOptions.
const (
	RatingErrorAllow RatingOptions = 1 << iota // hosts that can't be rated pass
)

func (RatingOptions) choices() []Choice {
	return []Choice{{Word: "error-allow", Help: "Allow web pages with a rating error to pass through."}}
}

// Has says whether all of x are set.
func (s RatingOptions) Has(x RatingOptions) bool { return s&x == x }
