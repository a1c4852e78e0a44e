package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Report is the outcome of a run.
type Report struct {
	Protocol   string    `json:"protocol"`
	Began      time.Time `json:"began"`
	Machine    string    `json:"machine"`
	Sizes      Sizes     `json:"sizes"`
	Settings   Settings  `json:"settings"`
	Contenders []Row     `json:"contenders"` // in the order of the table; the first stands for no proxy
	columns    []Column
}

// Row is what was measured of one contender.
type Row struct {
	Name    string          `json:"name"`
	Title   string          `json:"title"`
	Scans   bool            `json:"scans"`
	Skipped string          `json:"skipped,omitempty"` // why it wasn't measured
	Figures map[string]Cell `json:"figures,omitempty"` // by Column.Key
	Notes   []string        `json:"notes,omitempty"`
}

// Cell is one figure.
type Cell struct {
	Median float64   `json:"median"`
	Ratio  float64   `json:"ratio,omitempty"` // median of the rounds' ratios to the first contender
	Rounds []float64 `json:"rounds"`
}

// settle turns the samples of all rounds into figures.
func (r *Row) settle(samples []Sample) {
	r.Figures = make(map[string]Cell)
	for _, sample := range samples {
		r.Notes = append(r.Notes, sample.Notes...)
		for key, value := range sample.Values {
			cell := r.Figures[key]
			cell.Rounds = append(cell.Rounds, value)
			r.Figures[key] = cell
		}
	}
	for key, cell := range r.Figures {
		cell.Median = median(cell.Rounds)
		r.Figures[key] = cell
	}
}

// compare adds the ratios, round by round: what slowed the machine down slowed
// the whole round down.
func (r *Report) compare() {
	if len(r.Contenders) == 0 {
		return
	}
	limits := r.Contenders[0].Figures
	for _, row := range r.Contenders {
		for _, column := range r.columns {
			cell, ok := row.Figures[column.Key]
			limit := limits[column.Key].Rounds
			if !ok || !column.Ratio || len(limit) != len(cell.Rounds) || slices.Contains(limit, 0) {
				continue
			}
			ratios := make([]float64, len(limit))
			for i, value := range cell.Rounds {
				ratios[i] = value / limit[i]
			}
			cell.Ratio = median(ratios)
			row.Figures[column.Key] = cell
		}
	}
}

// median of at least one value.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// WriteJSON writes reports with every round's figures, as an array.
func WriteJSON(w io.Writer, reports []Report) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(reports); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// WriteMarkdown writes the table and, below it, what the figures don't say. The
// report must have a contender, as those of Run have.
func (r Report) WriteMarkdown(w io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s, %s, %s; %d rounds of %s, %d connections, medians; in brackets the ratio to %s in the same round.\n\n",
		strings.ToUpper(r.Protocol), r.Began.Format(time.RFC3339), r.Machine, r.Settings.Rounds, r.Settings.Duration, r.Settings.Connections,
		r.Contenders[0].Title)
	text.WriteString("| proxy | scans |")
	for _, column := range r.columns {
		fmt.Fprintf(&text, " %s |", column.Title)
	}
	text.WriteString("\n|---|---|" + strings.Repeat("---|", len(r.columns)) + "\n")
	for _, row := range r.Contenders {
		if row.Skipped == "" {
			r.writeRow(&text, row)
		}
	}
	text.WriteString("\n")
	for _, row := range r.Contenders {
		if row.Skipped != "" {
			fmt.Fprintf(&text, "- %s: left out: %s\n", row.Title, row.Skipped)
		}
		for _, note := range row.Notes {
			fmt.Fprintf(&text, "- %s: %s\n", row.Title, note)
		}
	}
	if _, err := io.WriteString(w, text.String()); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	return nil
}

func (r Report) writeRow(text *strings.Builder, row Row) {
	scans := "no"
	if row.Scans {
		scans = "yes"
	}
	fmt.Fprintf(text, "| %s | %s |", row.Title, scans)
	for _, column := range r.columns {
		cell, ok := row.Figures[column.Key]
		switch {
		case !ok:
			text.WriteString(" - |")
		case column.Ratio && cell.Ratio > 0:
			fmt.Fprintf(text, " %s (%.2f) |", thousands(cell.Median, column.Digits), cell.Ratio)
		default:
			fmt.Fprintf(text, " %s |", thousands(cell.Median, column.Digits))
		}
	}
	text.WriteString("\n")
}

// String is the sample on one line, for the progress log.
func (s Sample) String() string {
	var words []string
	for _, key := range slices.Sorted(maps.Keys(s.Values)) {
		words = append(words, fmt.Sprintf("%s=%s", key, thousands(s.Values[key], 1)))
	}
	return strings.Join(append(words, s.Notes...), "  ")
}

// thousands formats a number with commas, which tables of rates need.
func thousands(value float64, digits int) string {
	text := strconv.FormatFloat(value, 'f', digits, 64)
	whole, fraction, _ := strings.Cut(text, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for at := len(whole) - 3; at > 0; at -= 3 {
		whole = whole[:at] + "," + whole[at:]
	}
	if fraction != "" {
		fraction = "." + fraction
	}
	return sign + whole + fraction
}
