package appliance

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"utmsim/internal/config"
	"utmsim/scanner"
	"utmsim/scanner/simulated"
)

// recipe is everything that an engine is made from.
func recipe(kind config.ScanEngine, c *config.Engine) (string, error) {
	var own any
	switch kind {
	case config.EngineBuiltin:
		stamps, err := fileStamps(c.SignatureFiles)
		if err != nil {
			return "", err
		}
		own = stamps
	case config.EngineClamd:
		own = [...]any{c.Clamd, c.HealthInterval}
	case config.EngineICAP:
		own = [...]any{c.ICAP, c.HealthInterval}
	}
	if kind == config.EngineSimulated || slices.Contains(c.Simulated.Wrap, kind) {
		own = [...]any{own, c.Simulated}
	}
	return fmt.Sprintf("%s %+v", kind, own), nil
}

// settled is how old a file must be for its time and size to say that it is the same:
// a younger one may be written again without either of them changing.
const settled = 2 * time.Second

// fileStamps tell whether files have changed.
func fileStamps(paths []string) (string, error) {
	var b strings.Builder
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return "", fmt.Errorf("reading signatures: %w", err)
		}
		fmt.Fprintf(&b, "%s %d %d\n", path, info.Size(), info.ModTime().UnixNano())
		if now := time.Now(); now.Sub(info.ModTime()) < settled {
			fmt.Fprintln(&b, now.UnixNano())
		}
	}
	return b.String(), nil
}

// timing is what is configured about times and faults.
func timing(c *config.SimulatedEngine) simulated.Timing {
	curves := [...]simulated.Curve{
		config.CurveFixed: simulated.Fixed, config.CurveNormal: simulated.Normal, config.CurveLognormal: simulated.Lognormal,
	}
	return simulated.Timing{
		Curve: curves[c.Curve], Latency: c.Latency, Deviation: c.Deviation, Seed: uint64(c.Seed), Errors: c.ErrorRate,
		StallFor: c.StallFor, StallEach: c.StallEvery, CrashFor: c.CrashFor, CrashEach: c.CrashEvery,
	}
}

// rules are the configured verdicts of the simulated engine.
func rules(c *config.SimulatedEngine) (list []simulated.Rule) {
	kinds := [...]simulated.Match{
		config.MatchName: simulated.ByName, config.MatchSize: simulated.BySize,
		config.MatchEvery: simulated.ByCount, config.MatchShare: simulated.ByShare,
	}
	classes := [...]scanner.Class{
		config.RuleVirus: scanner.Virus, config.RuleWorm: scanner.Worm, config.RuleSuspicious: scanner.Suspicious,
		config.RuleClean: scanner.Clean, config.RuleEncrypted: scanner.Encrypted, config.RuleCorrupted: scanner.Corrupt,
	}
	for i := range c.Rules {
		r := &c.Rules[i]
		v := scanner.Verdict{}
		if class := classes[r.Verdict]; class != scanner.Clean {
			v = scanner.Verdict{Class: class, Name: r.Name}
		}
		list = append(list, simulated.Rule{
			Match: kinds[r.Match], Pattern: r.Pattern, Size: r.Size, Every: r.Every, Percent: r.Share, Verdict: v,
		})
	}
	return list
}
