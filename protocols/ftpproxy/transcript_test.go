package ftpproxy

import (
	"testing"

	"utmsim/internal/transcript"
	"utmsim/protocols"
	"utmsim/proxy"
)

func TestTranscripts(t *testing.T) {
	transcript.PlayAll(t, "../../testdata/ftp", protocols.FTP, func() proxy.Driver { return new(Driver) })
}
