// Command utmsim is a UTM proxy simulator: a real scanning proxy with a bounded
// session table, failopen, and the command line of the appliance.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Exit statuses.
const (
	exitFailed = 1 // what was asked for failed
	exitUsage  = 2 // it was asked for in the wrong way
)

// errUsage marks errors of the command line.
var errUsage = errors.New("see utmsim --help")

// errSilent is a failure that was reported already.
var errSilent = errors.New("failed")

func main() {
	root := newRoot()
	err := root.ExecuteContext(context.Background())
	switch {
	case err == nil:
		return
	case errors.Is(err, errSilent):
		os.Exit(exitFailed)
	}
	fmt.Fprintln(os.Stderr, "utmsim:", err)
	if errors.Is(err, errUsage) {
		os.Exit(exitUsage)
	}
	os.Exit(exitFailed)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "utmsim",
		Short:         "A UTM proxy simulator: session table, failopen, scanning, and the appliance's command line",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usage(errors.New("say what to do: lab, serve, check, console, exec, origin or version"))
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usage(err) })
	root.AddCommand(newLab(), newServe(), newCheck(), newConsole(), newExec(), newOrigin(), newVersion())
	return root
}

// usage marks err as one of the command line.
func usage(err error) error { return fmt.Errorf("%w (%w)", err, errUsage) }

// usageArgs makes wrong arguments errors of the command line.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usage(err)
		}
		return nil
	}
}

// version is the module's version and, if known, the commit it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = "development"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			v += " " + s.Value[:12]
		}
	}
	return v
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: usageArgs(cobra.NoArgs),
		Run: func(cmd *cobra.Command, _ []string) { fmt.Fprintln(cmd.OutOrStdout(), "utmsim", version()) },
	}
}
