package appliance

import (
	"fmt"
	"io"

	"utmsim/internal/config"
	"utmsim/proxy"
	"utmsim/scanner/builtin"
)

// Check reads a configuration as Start would and tells what is not simulated.
// The error is what keeps it from being used. Nothing is started.
func Check(name string, r io.Reader) ([]string, error) {
	store := config.NewStore()
	report, err := store.Load(name, r)
	if err != nil {
		return nil, err
	}
	lines := report.Summary()
	doors, err := proxy.Doorways(store.Snapshot())
	if err != nil {
		return lines, fmt.Errorf("%s: %w", name, err)
	}
	if _, err := builtin.Open(store.Snapshot().Engine.SignatureFiles...); err != nil {
		return lines, fmt.Errorf("%s: %w", name, err)
	}
	return append(append(lines, doors...), name+": no errors"), nil
}
