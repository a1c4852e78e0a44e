package bench

import (
	"fmt"
	"io"

	"utmsim/internal/lab"
)

// ChildWord is the first argument with which this program is started as origin
// or relay; the rest goes to Child.
const ChildWord = "child"

// Child runs "origin PROTOCOL" or "relay SERVER" on a free port of loopback,
// writes the address to stdout and serves until stdin ends, so that it never
// outlives the program that started it. It returns the exit status.
func Child(arguments []string, stdin io.Reader, stdout, stderr io.Writer) int {
	server, err := startChild(arguments)
	if err == nil {
		if _, err = fmt.Fprintln(stdout, server.Addr()); err == nil {
			_, _ = io.Copy(io.Discard, stdin)
		}
		_ = server.Close()
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

func startChild(arguments []string) (Origin, error) {
	const anyPort = "127.0.0.1:0"
	if len(arguments) != 2 {
		return nil, fmt.Errorf("starting a child: want a role and its argument, not %q", arguments)
	}
	switch arguments[0] {
	case "relay":
		return lab.StartRelay(anyPort, arguments[1])
	case "origin":
		protocol, err := named(arguments[1], Protocols(), func(p Protocol) string { return p.Name })
		if err != nil {
			return nil, fmt.Errorf("starting an origin: %w", err)
		}
		return protocol.Origin(anyPort)
	}
	return nil, fmt.Errorf("starting a child: there is no role %q", arguments[0])
}
