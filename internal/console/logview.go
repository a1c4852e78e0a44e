package console

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"utmsim/internal/config"
	"utmsim/internal/eventlog"
)

// logFilter is what "execute log filter" has set in one session of the console.
type logFilter struct {
	category eventlog.Category
	disk     bool
	start    int
	view     int
	fields   map[string]string
}

// Bounds and factory values of the filter.
const (
	logViewLines = 10
	minLogView   = 5
	maxLogView   = 1000
	maxLogStart  = 1 << 20
)

func newLogFilter() logFilter {
	return logFilter{category: eventlog.Event, start: 1, view: logViewLines, fields: map[string]string{}}
}

// logCommands are the commands below "execute log".
func logCommands() []*node {
	set := func(word, help string, arg *argument, run func(*call) error) *node {
		return &node{word: word, help: help, children: []*node{{word: "<" + word + ">", help: help, arg: arg, run: run}}}
	}
	return []*node{
		{word: "display", help: "Display filtered log entries.", run: (*call).displayLog},
		{word: "filter", help: "Filter.", children: []*node{
			set("category", "Category.", logCategory(), (*call).filterCategory),
			set("device", "Device to get log from.", oneOf("device", []config.Choice{{Word: "memory", Help: "Memory."}, {Word: "disk", Help: "Local disk."}}), (*call).filterDevice),
			{word: "dump", help: "Dump current filter settings.", run: (*call).dumpFilter},
			{word: "field", help: "Filter by field.", children: []*node{
				{word: "<field>", help: "Name of the field.", arg: anyWord("field"), children: []*node{
					{word: "<value>", help: "Value of the field.", arg: anyWord("value"), run: (*call).filterField},
				}},
			}},
			{word: "reset", help: "Reset filter.", run: (*call).resetFilter},
			set("start-line", "Start line to display.", integer("start-line", 1, maxLogStart), (*call).filterStart),
			set("view-lines", "Lines per view.", integer("view-lines", minLogView, maxLogView), (*call).filterView),
		}},
	}
}

// logCategory is an argument that is the word of a category or its number.
func logCategory() *argument {
	var words []config.Choice
	for _, k := range eventlog.Categories() {
		words = append(words, config.Choice{Word: k.String(), Help: fmt.Sprintf("%d: %s", uint8(k), k)})
	}
	arg := oneOf("category", words)
	arg.check = func(text string) *config.CLIError {
		if pick(words, text) == "" && categoryNumber(text) == 0 {
			return errUnknownWord(text)
		}
		return nil
	}
	return arg
}

// categoryNumber is the category whose word or number text is; 0 for none.
func categoryNumber(text string) eventlog.Category {
	for _, k := range eventlog.Categories() {
		if text == k.String() || text == strconv.Itoa(int(k)) {
			return k
		}
	}
	return 0
}

func (c *call) filterCategory() error {
	c.shell.logs.category = categoryNumber(c.args["category"])
	return nil
}

func (c *call) filterDevice() error {
	c.shell.logs.disk = c.args["device"] == "disk"
	return nil
}

func (c *call) filterField() error {
	c.shell.logs.fields[c.args["field"]] = c.args["value"]
	return nil
}

func (c *call) filterStart() error {
	c.shell.logs.start = c.number("start-line", 1)
	return nil
}

func (c *call) filterView() error {
	c.shell.logs.view = c.number("view-lines", logViewLines)
	return nil
}

func (c *call) resetFilter() error {
	c.shell.logs = newLogFilter()
	return nil
}

func (c *call) dumpFilter() error {
	f := &c.shell.logs
	fmt.Fprintf(c.out, "category: %s\ndevice: %s\nstart-line: %d\nview-lines: %d\n", f.category, f.device(), f.start, f.view)
	fmt.Fprintf(c.out, "Filter: (%s)\n", strings.Join(f.conditions(), " AND "))
	return nil
}

func (f *logFilter) device() string {
	if f.disk {
		return "disk"
	}
	return "memory"
}

func (f *logFilter) conditions() []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(f.fields)) {
		out = append(out, fmt.Sprintf("%s %q", k, f.fields[k]))
	}
	return out
}

// displayLog prints the newest lines that the filter lets pass, newest first.
func (c *call) displayLog() error {
	f := &c.shell.logs
	fields := f.fields
	if here := c.vdom(); here != "" {
		fields = maps.Clone(fields)
		fields["vd"] = here
	}
	lines, found, err := c.shell.console.opts.Events.Find(eventlog.Query{
		Category: f.category, Disk: f.disk, Fields: fields, Start: f.start, Count: f.view,
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%d logs found.\n%d logs returned.\n", found, len(lines))
	for i, line := range lines {
		fmt.Fprintf(c.out, "\n%d: %s\n", f.start+i, line)
	}
	return nil
}
