package mail_test

import (
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab/antivirus"
	"utmsim/scanner"
	"utmsim/scanner/clamd"
	"utmsim/scanner/samples"
)

// clamMisses are messages in which ClamAV finds nothing: it reads each message in
// one way only, where victims' programs have others.
var clamMisses = map[string]bool{
	"base64-padding-ignored":       true,
	"base64-padding-inside":        true,
	"boundary-twice-cut":           true,
	"encoding-missing":             true,
	"epilogue":                     true,
	"header-fold-encoding":         true,
	"lines-bare-cr-cut":            true,
	"lines-cr-uuencode.cr":         true,
	"lines-cr.cr":                  true,
	"nested-deep":                  true,
	"nested-multipart-base64":      true,
	"partial":                      true,
	"preamble":                     true,
	"quoted-printable-blanks":      true,
	"quoted-printable-soft-breaks": true,
	"quoted-printable-undeclared":  true,
	"uuencode-base64":              true,
	"uuencode-in-quoted-printable": true,
	"uuencode-mode":                true,
	"uuencode-no-end":              true,
	"uuencode-no-name":             true,
	"yenc":                         true,
	"yenc-bare":                    true,
	"yenc-no-end":                  true,
	"yenc-parts":                   true,
}

// TestClamAVAgrees: what ClamAV finds in the corpus we find, and what we call clean
// it calls clean. It runs with one signature of our own, without any database.
func TestClamAVAgrees(t *testing.T) {
	clamscan, err := exec.LookPath("clamscan")
	if err != nil {
		if os.Getenv("UTMSIM_REAL") == "required" {
			t.Fatal("clamscan is not installed (Debian: clamav), and UTMSIM_REAL=required asks for it")
		}
		t.Skip("clamscan is not installed")
	}
	dir := t.TempDir()
	sig := "Lab.Eicar:0:*:" + hex.EncodeToString(samples.EICAR()) + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "lab.ndb"), []byte(sig), 0o600))
	infected, clean := clamFinds(t, clamscan, dir, messages(t, samples.EICAR())), clamFinds(t, clamscan, dir, messages(t, harmless))
	for _, msg := range messages(t, samples.EICAR()) {
		assert.Equal(t, !clamMisses[msg.name], infected[msg.name], "%s: found by ClamAV", msg.name)
		assert.False(t, clean[msg.name], "%s: clean for ClamAV", msg.name)
	}
}

// TestClamdAgrees: what clamd finds in the corpus through its engine the builtin
// engine finds too, message by message.
func TestClamdAgrees(t *testing.T) {
	daemon := antivirus.RequireClamd(t)
	own, theirs := engine(t), clamd.New(clamd.Options{Network: "unix", Address: daemon.Socket})
	defer theirs.Close()
	for _, msg := range messages(t, samples.EICAR()) {
		v, err := theirs.Scan(t.Context(), object(msg.raw, true))
		require.NoError(t, err)
		assert.Equal(t, !clamMisses[msg.name], v.Class.Detection(), "%s: found by clamd", msg.name)
		assert.NotEmpty(t, detected(t, own, walk(t, msg.raw, true)), "%s: found by builtin", msg.name)
	}
	for _, msg := range messages(t, harmless) {
		v, err := theirs.Scan(t.Context(), object(msg.raw, true))
		require.NoError(t, err)
		assert.Equal(t, scanner.Verdict{}, v, "%s: clean for clamd", msg.name)
	}
}

// clamFinds are the names of the messages that clamscan calls infected.
func clamFinds(t *testing.T, clamscan, db string, list []odd) map[string]bool {
	dir := t.TempDir()
	for _, msg := range list {
		require.NoError(t, os.WriteFile(filepath.Join(dir, msg.name), msg.raw, 0o600))
	}
	cmd := exec.CommandContext(t.Context(), clamscan, "--database="+filepath.Join(db, "lab.ndb"), "--no-summary", "--recursive", dir)
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil {
		require.ErrorAs(t, err, &exit)
		require.Equal(t, 1, exit.ExitCode(), "%s", out)
	}
	found := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		if path, verdict, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && filepath.Dir(path) == dir {
			found[filepath.Base(path)] = strings.HasSuffix(verdict, "FOUND")
		}
	}
	require.Len(t, found, len(list), "%s", out)
	return found
}
