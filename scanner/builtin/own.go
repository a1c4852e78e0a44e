package builtin

import (
	"strings"

	"utmsim/scanner"
	"utmsim/scanner/match"
)

// ownSignatures are those every engine has: the test file of eicar.org, and test
// strings of our own for the two classes for which nobody else has one. The
// strings are put together here so that neither this file nor the program is
// taken for a test file.
func ownSignatures() []*signature {
	return []*signature{
		plain("EICAR_TEST_FILE", `X5O!P%@AP[4\PZX54(P^)7CC`, `)7}$EICAR-`, `STANDARD-ANTIVIRUS-`, `TEST-FILE!$H+H*`),
		plain("Worm.Utmsim.Test", `UTMSIM^WORM~`, `TEST!STRING|`, `HARMLESS`),
		plain("Suspicious.Utmsim.Test", `UTMSIM^SUSPICIOUS~`, `TEST!STRING|`, `HARMLESS`),
	}
}

// plain is a signature without wildcards that is found anywhere.
func plain(name string, parts ...string) *signature {
	return &signature{
		name: name, class: scanner.ClassOf(name), offset: anywhere,
		segments: []match.Pattern{{Bytes: []byte(strings.Join(parts, ""))}},
	}
}
