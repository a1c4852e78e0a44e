package appliance_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// levels is the picture of docs/architecture.md: imports point downwards only.
// The longest prefix that matches a package decides its level.
var levels = map[string]int{
	"utmsim/cmd/utmsim":          5,
	"utmsim/docs":                5,
	"utmsim/testdata":            5,
	"utmsim/internal/appliance":  4,
	"utmsim/internal/console":    3,
	"utmsim/internal/lab":        3,
	"utmsim/internal/transcript": 3,
	"utmsim/protocols/httpproxy": 2,
	"utmsim/protocols/smtpproxy": 2,
	"utmsim/protocols/pop3proxy": 2,
	"utmsim/protocols/imapproxy": 2,
	"utmsim/protocols/ftpproxy":  2,
	"utmsim/protocols/nntpproxy": 2,
	"utmsim/protocols/mail":      1,
	"utmsim/proxy":               1,
	"utmsim/sessiontable":        0,
	"utmsim/failopen":            0,
	"utmsim/scanner":             0,
	"utmsim/protocols":           0,
	"utmsim/internal/stats":      0,
	"utmsim/internal/config":     0,
	"utmsim/internal/replacemsg": 0,
	"utmsim/internal/quarantine": 0,
	"utmsim/internal/resolver":   0,
	"utmsim/internal/logfile":    0,
	"utmsim/internal/bannedword": 0,
	"utmsim/internal/filefilter": 0,
	"utmsim/internal/urlfilter":  0,
	"utmsim/internal/blocklist":  0,
	"utmsim/internal/eventlog":   1,
}

func level(t *testing.T, pkg string) (prefix string, n int) {
	n = -1
	for p, l := range levels {
		if (pkg == p || strings.HasPrefix(pkg, p+"/")) && len(p) > len(prefix) {
			prefix, n = p, l
		}
	}
	require.GreaterOrEqual(t, n, 0, "package %s has no level: put it into the picture", pkg)
	return prefix, n
}

func TestImportsPointDownwards(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, "utmsim/...").Output()
	require.NoError(t, err)
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		words := strings.Fields(line)
		pkg := words[0]
		own, n := level(t, pkg)
		for _, imp := range words[1:] {
			if !strings.HasPrefix(imp, "utmsim/") {
				continue
			}
			of, m := level(t, imp)
			switch {
			case own == of:
				// a folder and those below it are one room
			case n > m:
				assert.NotEqual(t, "utmsim/internal/lab", own, "%s: an origin imports nothing of ours", pkg)
				if n == 2 {
					assert.NotContains(t, []string{"utmsim/failopen", "utmsim/sessiontable"}, of, "%s: not a driver's business", pkg)
				}
			case n == 0 && of == "utmsim/protocols" && imp == of:
				// the enum
			case own == "utmsim/internal/config" && (of == "utmsim/failopen" || of == "utmsim/internal/replacemsg"):
				// the enums of what it configures
			default:
				t.Errorf("%s (level %d) imports %s (level %d)", pkg, n, imp, m)
			}
		}
	}
}
