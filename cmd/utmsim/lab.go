package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"utmsim/internal/appliance"
)

func newLab() *cobra.Command {
	var state stateFlag
	var offset int
	var noConsole bool
	var files []string
	cmd := &cobra.Command{
		Use:   "lab",
		Short: "Start proxies, origin servers, DNS and the console on loopback",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := state.folder(offset)
			if err != nil {
				return err
			}
			opts := applianceOptions(dir, files, cmd.ErrOrStderr())
			l, err := appliance.StartLab(offset, opts)
			if err != nil {
				return err
			}
			printLab(cmd.OutOrStdout(), l, dir, offset)
			if !noConsole && term.IsTerminal(int(os.Stdin.Fd())) {
				go attachOwn(l.Appliance, dir, cmd.OutOrStdout(), cmd.ErrOrStderr())
			}
			return errors.Join(wait(l.Appliance), l.Stop())
		},
	}
	state.add(cmd)
	cmd.Flags().IntVar(&offset, "offset", 0, "add this to every port")
	cmd.Flags().BoolVar(&noConsole, "no-console", false, "run until interrupted, without a console")
	cmd.Flags().StringArrayVarP(&files, "config", "c", nil, "configuration file to read on top of the lab's")
	return cmd
}

// printLab prints the table of endpoints and something to try.
func printLab(w io.Writer, l *appliance.Lab, dir string, offset int) {
	fmt.Fprintf(w, "%-22s  %-18s  %s\n", "proxy", "listens on", "behind it")
	for _, p := range l.Proxies {
		fmt.Fprintf(w, "%-22s  %-18s  %s\n", p.Name, p.Address, p.Origin)
	}
	for _, e := range l.Origins.Endpoints() {
		fmt.Fprintf(w, "%-22s  %-18s  %s\n", "(origin) "+string(e.Service), e.Address, e.Holds)
	}
	if at := l.Console().SSHAddr(); at.IsValid() {
		fmt.Fprintf(w, "%-22s  %-18s  %s\n", "SSH console", at, "user admin, no password")
	}
	flag := ""
	if offset != 0 || os.Getenv("UTMSIM_STATE") == "" && !isDefaultState(dir) {
		flag = " --state " + dir
	}
	fmt.Fprintf(w, "\ntry this in another terminal:\n")
	fmt.Fprintf(w, "  curl http://%s/                    a clean page, through the proxy\n", l.Proxies[0].Address)
	fmt.Fprintf(w, "  curl http://%s/eicar.com           blocked\n", l.Proxies[0].Address)
	fmt.Fprintf(w, "  curl http://%s/samples/            more to try a scanner on\n", l.Proxies[0].Address)
	fmt.Fprintf(w, "  go run ./cmd/utmsim console%s            the appliance's command line\n", flag)
	fmt.Fprintf(w, "  go run ./cmd/utmsim exec%s 'get test proxyworker 4'\n", flag)
	if at := l.Console().SSHAddr(); at.IsValid() {
		fmt.Fprintf(w, "  ssh -p %d admin@%s\n", at.Port(), at.Addr())
	}
	fmt.Fprintln(w)
	fmt.Fprintln(w, "utmsim lab ready")
}

func isDefaultState(dir string) bool {
	d, err := (&stateFlag{}).folder(0)
	return err == nil && d == dir
}
