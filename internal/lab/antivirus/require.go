package antivirus

import (
	"errors"
	"os"
	"os/exec"
)

// Test is what Require needs of a test.
type Test interface {
	Helper()
	TempDir() string
	Cleanup(func())
	Skipf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// RequireClamd starts clamd for a test, which is skipped when clamd is not installed;
// where UTMSIM_REAL=required is set it fails.
func RequireClamd(t Test) *Clamd {
	t.Helper()
	c, err := NewClamd(t.TempDir())
	require(t, err, "clamav-daemon")
	t.Cleanup(c.Kill)
	if err := c.Start(); err != nil {
		t.Fatalf("starting clamd: %v", err)
	}
	return c
}

// RequireCICAP starts c-icap for a test as RequireClamd starts clamd.
func RequireCICAP(t Test, clamd *Clamd) *CICAP {
	t.Helper()
	c, err := NewCICAP(t.TempDir(), clamd)
	require(t, err, "c-icap libc-icap-mod-virus-scan")
	t.Cleanup(c.Kill)
	if err := c.Start(); err != nil {
		t.Fatalf("starting c-icap: %v", err)
	}
	return c
}

func require(t Test, err error, debian string) {
	t.Helper()
	missing := errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist)
	switch {
	case err == nil:
	case missing && os.Getenv("UTMSIM_REAL") != "required":
		t.Skipf("not installed (Debian: %s): %v", debian, err)
	default:
		t.Fatalf("required here (Debian: %s): %v", debian, err)
	}
}
