//go:build !unix

package lab

import "net"

// keepUrgentInline does nothing here: an ABOR whose line end is sent as urgent
// data waits for the next line.
func keepUrgentInline(net.Conn) {}
