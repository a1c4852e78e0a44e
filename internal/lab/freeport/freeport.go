// Package freeport finds ports for programs that can't choose one by themselves.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// The ports that are tried lie below those that systems give to clients: Linux begins
// at 32768 (ip_local_port_range, ip(7)), others higher. A port that any connection may
// get would be taken now and then before the program listens, or while it is restarted.
const (
	lowest   = 20_000
	highest  = 32_767
	attempts = 100
)

// Pick returns a port of 127.0.0.1 on which nobody listened a moment ago.
func Pick() (int, error) {
	for range attempts {
		port := lowest + rand.IntN(highest-lowest+1)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		return port, l.Close()
	}
	return 0, fmt.Errorf("no free port between %d and %d", lowest, highest)
}
