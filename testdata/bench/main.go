// Command bench compares utmsim with other proxies side by side; see the
// package utmsim/internal/lab/bench. Run it from the module's folder:
//
//	go run ./testdata/bench -h
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"utmsim/internal/lab/bench"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := bench.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}
