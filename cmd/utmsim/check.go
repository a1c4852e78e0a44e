package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"utmsim/internal/appliance"
)

func newCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "Read a configuration, say what is wrong and what is not simulated, change nothing",
		Args:  usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return fmt.Errorf("reading the configuration: %w", err)
			}
			defer f.Close()
			lines, err := appliance.Check(args[0], f)
			for _, l := range lines {
				fmt.Fprintln(cmd.OutOrStdout(), l)
			}
			return err
		},
	}
}
