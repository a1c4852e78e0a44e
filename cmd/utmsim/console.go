package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"utmsim/internal/appliance"
	"utmsim/internal/console"
)

func newConsole() *cobra.Command {
	var state stateFlag
	cmd := &cobra.Command{
		Use:   "console",
		Short: "Attach to the console of the running appliance",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return talk(&state, func(c *console.Client) (bool, error) {
				return c.Attach(cmd.Context(), os.Stdin, cmd.OutOrStdout(), cmd.ErrOrStderr())
			})
		},
	}
	state.add(cmd)
	return cmd
}

func newExec() *cobra.Command {
	var state stateFlag
	cmd := &cobra.Command{
		Use:   "exec [LINE]...",
		Short: "Run lines of the console, given as arguments or on standard input",
		RunE: func(cmd *cobra.Command, lines []string) error {
			return talk(&state, func(c *console.Client) (bool, error) {
				if len(lines) > 0 {
					return c.Exec(cmd.Context(), lines, cmd.OutOrStdout(), cmd.ErrOrStderr())
				}
				return c.ExecFrom(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
			})
		},
	}
	state.add(cmd)
	return cmd
}

// talk connects to the running appliance; a line that failed there has been
// reported there.
func talk(state *stateFlag, f func(*console.Client) (failed bool, err error)) error {
	dir, err := state.folder(0)
	if err != nil {
		return err
	}
	c, err := console.Dial(dir)
	if err != nil {
		return err
	}
	defer c.Close()
	failed, err := f(c)
	if err == nil && failed {
		return errSilent
	}
	return err
}

// attachOwn is the console in the lab's own terminal. Leaving it ends the lab.
func attachOwn(a *appliance.Appliance, dir string, stdout, stderr io.Writer) {
	defer a.Quit()
	c, err := console.Dial(dir)
	if err == nil {
		defer c.Close()
		_, err = c.Attach(context.Background(), os.Stdin, stdout, stderr)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		fmt.Fprintln(stderr, "utmsim:", err)
	}
}
