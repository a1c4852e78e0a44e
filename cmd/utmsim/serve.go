package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/spf13/cobra"

	"utmsim/internal/appliance"
)

func newServe() *cobra.Command {
	var state stateFlag
	var file string
	cmd := &cobra.Command{
		Use:   "serve -c FILE",
		Short: "Run the appliance alone, with your configuration",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return usage(errors.New("serve needs a configuration: -c FILE"))
			}
			dir, err := state.folder(0)
			if err != nil {
				return err
			}
			a, err := appliance.Start(applianceOptions(dir, []string{file}, cmd.ErrOrStderr()))
			if err != nil {
				return err
			}
			for _, line := range a.Listening() {
				fmt.Fprintln(cmd.OutOrStdout(), line)
			}
			if at := a.Console().SSHAddr(); at.IsValid() {
				fmt.Fprintf(cmd.OutOrStdout(), "listens on %s for the SSH console\n", at)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "the console: utmsim console --state %s\nutmsim ready\n", dir)
			return errors.Join(wait(a), a.Stop())
		},
	}
	state.add(cmd)
	cmd.Flags().StringVarP(&file, "config", "c", "", "configuration file, in the language of the console")
	return cmd
}

// applianceOptions are the options that lab and serve share.
func applianceOptions(dir string, files []string, warn io.Writer) appliance.Options {
	opts := appliance.Options{StateDir: dir, Version: version(), Warn: func(line string) { fmt.Fprintln(warn, line) }}
	for _, f := range files {
		opts.Config = append(opts.Config, appliance.FileSource(f))
	}
	return opts
}

// wait blocks until the appliance is to stop: by a signal or from its console. A
// hang-up signal reloads the configuration.
func wait(a *appliance.Appliance) error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, stopSignals...)
	defer signal.Stop(stop)
	reload := make(chan os.Signal, 1)
	if len(reloadSignals) > 0 {
		signal.Notify(reload, reloadSignals...)
		defer signal.Stop(reload)
	}
	for {
		select {
		case <-stop:
			return nil
		case <-a.Done():
			return nil
		case <-reload:
			if err := a.Reload(); err != nil {
				fmt.Fprintln(os.Stderr, "utmsim:", err)
			}
		}
	}
}
