//go:build !linux

package console

import "net/netip"

// systemSockets are none: only Linux shows them without special rights.
func systemSockets() map[netip.AddrPort]tcpSocket { return nil }
