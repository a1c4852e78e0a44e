package appliance_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"utmsim/internal/lab/antivirus"
)

// enginesOf are the ways to the real scan servers, as configuration.
func enginesOf(clamd *antivirus.Clamd, cicap *antivirus.CICAP) map[string]string {
	config := func(engine, address string) string {
		return "config antivirus engine\nset engine " + engine + "\nset health-interval 1\nconfig " + engine + "\nset address " + address + "\nend\nend\n"
	}
	return map[string]string{
		"clamd, Unix": config("clamd", clamd.Socket), "clamd, TCP": config("clamd", clamd.TCP), "c-icap": config("icap", cicap.Address),
	}
}

// TestRealEngines has clamd and c-icap judge what goes through the proxy.
func TestRealEngines(t *testing.T) {
	clamd := antivirus.RequireClamd(t)
	cicap := antivirus.RequireCICAP(t, clamd)
	for name, config := range enginesOf(clamd, cicap) {
		t.Run(name, func(t *testing.T) {
			s := newRealTimeSite(t, config)
			s.everyWay("eicar.com.zst") // ClamAV does not know zstd
			infected := 0
			for _, e := range s.log("content detected") {
				assert.Equal(t, antivirus.Detection, e["name"])
				infected++
			}
			assert.Positive(t, infected)
		})
	}
}

// TestRealEnginesDieUnderLoad kills clamd and c-icap while clients ask, under each
// policy, and starts them again.
func TestRealEnginesDieUnderLoad(t *testing.T) {
	clamd := antivirus.RequireClamd(t)
	cicap := antivirus.RequireCICAP(t, clamd)
	for name, config := range enginesOf(clamd, cicap) {
		for _, action := range []string{"block", "pass", "reset"} {
			t.Run(name+", "+action, func(t *testing.T) {
				s := newRealTimeSite(t, config+"config antivirus engine\nset error-action "+action+"\nset timeout-action "+action+"\nend\n")
				kill, restart := clamd.Kill, clamd.Start
				if strings.Contains(name, "icap") {
					kill, restart = cicap.Kill, cicap.Start
				}
				s.dieUnderLoad(action, kill, restart)
			})
		}
	}
}

// TestClamdDiesBehindCICAP: then c-icap answers with errors, and these are no clean
// verdicts either.
func TestClamdDiesBehindCICAP(t *testing.T) {
	clamd := antivirus.RequireClamd(t)
	cicap := antivirus.RequireCICAP(t, clamd)
	s := newRealTimeSite(t, enginesOf(clamd, cicap)["c-icap"])
	s.dieUnderLoad("block", clamd.Kill, clamd.Start)
}
