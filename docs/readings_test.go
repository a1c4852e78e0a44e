package docs_test

import (
	"fmt"
	"strings"
	"testing"

	"utmsim/internal/console"
)

// TestReadings compares the table of disputed readings with what "diagnose sim
// switches" prints from.
func TestReadings(t *testing.T) {
	const file = "decisions.md"
	old := read(t, file)
	before, _, after := between(t, old, "<!-- readings -->\n", "<!-- end of readings -->")
	var b strings.Builder
	b.WriteString("| topic | readings | default | switch |\n|---|---|---|---|\n")
	for _, r := range console.Readings() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.Topic, r.Readings, r.Default, r.Switch)
	}
	compare(t, file, old, before+b.String()+after)
}
