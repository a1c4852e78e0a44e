package transcript

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"utmsim/internal/resolver"
)

// names resolves everything under .test to this host. As block lists the zones
// listed.test, elsewhere.test and fault.test have every host, the last two with answers
// that list nobody; servfail.test fails; waiting.test has every host, and answers when
// OpenGate is called; no other zone has any.
type names struct{ gate <-chan struct{} }

func (names) Lookup(_ context.Context, host string) ([]netip.Addr, error) {
	if strings.HasSuffix(host, ".test") {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}
	return nil, fmt.Errorf("no such name: %s", host)
}

func (n names) IPv4(ctx context.Context, names ...string) []resolver.Result {
	results := make([]resolver.Result, len(names))
	for i, name := range names {
		results[i] = n.one(ctx, name)
	}
	return results
}

func (n names) one(ctx context.Context, name string) resolver.Result {
	has := func(addr string) resolver.Result {
		return resolver.Result{Addrs: []netip.Addr{netip.MustParseAddr(addr)}}
	}
	labels := strings.Split(name, ".")
	switch labels[max(0, len(labels)-2)] {
	case "listed":
		return has("127.0.0.2")
	case "elsewhere":
		return has("192.0.2.1")
	case "fault":
		return has("127.255.255.254")
	case "servfail":
		return resolver.Result{Err: &resolver.Error{Host: name, Kind: resolver.ErrServer}}
	case "waiting":
		select {
		case <-n.gate:
			return has("127.0.0.2")
		case <-ctx.Done():
			return resolver.Result{Err: &resolver.Error{Host: name, Kind: ctx.Err()}}
		}
	}
	return resolver.Result{Err: &resolver.Error{Host: name, Kind: resolver.ErrNotFound}}
}

func (names) Texts(_ context.Context, name string) ([]string, error) {
	return []string{"see http://lists.test/?" + name}, nil
}
