package main

import (
	"fmt"
	"os"
	"os/signal"

	"github.com/spf13/cobra"

	"utmsim/internal/appliance"
	"utmsim/internal/lab"
)

func newOrigin() *cobra.Command {
	var offset int
	cmd := &cobra.Command{
		Use:   "origin",
		Short: "Run the lab's origin servers alone",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			origins, err := lab.Start(lab.Endpoints(offset))
			if err != nil {
				return err
			}
			origins.Stock(appliance.Samples())
			for _, e := range origins.Endpoints() {
				fmt.Fprintf(cmd.OutOrStdout(), "%-6s %-18s %s\n", e.Service, e.Address, e.Holds)
			}
			fmt.Fprintln(cmd.OutOrStdout(), "utmsim origin ready")
			stop := make(chan os.Signal, 1)
			signal.Notify(stop, stopSignals...)
			<-stop
			return origins.Close()
		},
	}
	cmd.Flags().IntVar(&offset, "offset", 0, "add this to every port")
	return cmd
}
