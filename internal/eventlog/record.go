package eventlog

import (
	"fmt"
	"net/netip"
	"strconv"
)

// record is a record of zap with its fields by name.
type record struct {
	message string
	fields  map[string]any
}

func (r record) has(key string) bool { _, ok := r.fields[key]; return ok }

func (r record) str(key string) string {
	switch v := r.fields[key].(type) {
	case string:
		return v
	case nil:
		return ""
	default:
		return fmt.Sprint(v)
	}
}

// num is a whole number, 0 when there is none.
func (r record) num(key string) int {
	n, _ := strconv.Atoi(r.str(key))
	return n
}

// addr is a client or a server; what is not one, such as "none", is the zero value.
func (r record) addr(key string) netip.AddrPort {
	a, err := netip.ParseAddrPort(r.str(key))
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// blocked tells whether the receiver did not get the content.
func (r record) blocked() bool {
	switch r.str("outcome") {
	case "clean", "unscanned", "passed", "monitored", "tagged":
		return false
	}
	return true
}
