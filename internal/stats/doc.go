// Package stats holds the counters of the proxy. Each block of the statistics
// output is one struct, a field per line in print order, and the field's tag is
// the line's exact label: that declaration is the only list of counters there
// is, and text, totals and checks are derived from it.
//
// Counting is one atomic addition. The tags are read when a VDOM or a Worker is
// made, never while counting.
//
// The package does not know the session table: the connections in use, their
// limit and their peak are put into a Report by whoever renders it. It knows no
// sockets, decides nothing and keeps no clock; time is an argument, except that
// Last stamps what it is given to tell older from newer.
//
// # Tags
//
//	line:"Web responses clean"   a "label value" line
//	line:"Bytes sent,kb"         value in bytes, printed in units of 1024 bytes
//	acct:"setup_ok"              a key=value pair of an Accounting block
//	acct:"scan,wrap"             the pair starts a new line
//	acct:"clt,poll"              the figure is part of the poll identity
//	acct:"poll/rounds"           printed as "/value" behind the pair before it
//	only:"HTTP" with:"HTTP"      a line of a shared group that only the blocks
//	                             that embed the group with that word print
//	noun:"Emails"                a group whose labels begin with that word
package stats
