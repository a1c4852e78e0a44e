//go:build !linux

package console

// systemSockets are none: only Linux shows them without special rights.
func systemSockets() map[tcpEnds]tcpSocket { return nil }
