package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"
)

// stateFlag is --state with its default.
type stateFlag struct{ dir string }

func (f *stateFlag) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.dir, "state", os.Getenv("UTMSIM_STATE"),
		"folder of the control socket and the log (UTMSIM_STATE; default the user's state folder)")
}

// folder is the state folder. A lab with an offset has one of its own, so that
// several run side by side.
func (f *stateFlag) folder(offset int) (string, error) {
	if f.dir != "" {
		return f.dir, nil
	}
	base, err := userState()
	if err != nil {
		return "", fmt.Errorf("finding the state folder (name one with --state): %w", err)
	}
	if offset != 0 {
		return filepath.Join(base, fmt.Sprintf("utmsim-%d", offset)), nil
	}
	return filepath.Join(base, "utmsim"), nil
}

// userState is where programs of this user keep what should survive a restart.
func userState() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return dir, nil
	}
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return os.UserCacheDir()
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, ".local", "state"), nil
}
