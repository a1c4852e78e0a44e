package bench

import (
	"errors"
	"fmt"
	"io"
	"strconv"
)

// ChildWord is the first argument with which this program is started as origin,
// relay or load; the rest goes to Child.
const ChildWord = "child"

// Child runs "origin PROTOCOL SIZE..." or "relay PROTOCOL SERVER" on a free port of
// loopback, or "load PROTOCOL PROXY KIND CLIENTS", writes the address to stdout and
// goes on until stdin ends, so that it never outlives the program that started it.
// It returns the exit status.
func Child(arguments []string, stdin io.Reader, stdout, stderr io.Writer) int {
	server, err := startChild(arguments)
	if err == nil {
		if _, err = fmt.Fprintln(stdout, server.Addr()); err == nil {
			_, _ = io.Copy(io.Discard, stdin)
		}
		err = errors.Join(err, server.Close())
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

func startChild(arguments []string) (Origin, error) {
	const anyPort = "127.0.0.1:0"
	if len(arguments) < 3 {
		return nil, fmt.Errorf("starting a child: want a role, a protocol and its arguments, not %q", arguments)
	}
	protocol, err := named(arguments[1], Protocols(), func(p Protocol) string { return p.Name })
	if err != nil {
		return nil, fmt.Errorf("starting a child: %w", err)
	}
	switch arguments[0] {
	case "load":
		return startLoad(protocol, arguments[2:])
	case "relay":
		return protocol.Relay(anyPort, arguments[2])
	case "origin":
		var sizes []int64
		for _, text := range arguments[2:] {
			size, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("starting an origin: %w", err)
			}
			sizes = append(sizes, size)
		}
		return protocol.Origin(anyPort, sizes...)
	}
	return nil, fmt.Errorf("starting a child: there is no role %q", arguments[0])
}

// originArguments are those of Child for the origin of a protocol.
func originArguments(p Protocol) []string {
	arguments := []string{"origin", p.Name}
	for _, size := range p.Sizes.list() {
		arguments = append(arguments, decimal(size))
	}
	return arguments
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
