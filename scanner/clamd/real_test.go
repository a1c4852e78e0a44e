package clamd_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab/antivirus"
	"utmsim/scanner"
	"utmsim/scanner/clamd"
	"utmsim/scanner/samples"
)

// TestRealClamd asks the daemon of ClamAV over both kinds of sockets.
func TestRealClamd(t *testing.T) {
	daemon := antivirus.RequireClamd(t)
	for network, at := range map[string]string{"unix": daemon.Socket, "tcp": daemon.TCP} {
		t.Run(network, func(t *testing.T) {
			e := clamd.New(clamd.Options{Network: network, Address: at})
			defer e.Close()
			scan := func(data []byte) (scanner.Verdict, error) {
				return e.Scan(t.Context(), &scanner.Object{Flat: data, Size: int64(len(data))})
			}
			version, err := e.Ping(t.Context())
			require.NoError(t, err)
			assert.Regexp(t, `^ClamAV \d`, version)
			want := scanner.Verdict{Class: scanner.Virus, Name: antivirus.Detection, Engine: "clamd"}
			clean := make([]byte, 300_000)
			for range 5 {
				v, err := scan(samples.EICAR())
				require.NoError(t, err)
				assert.Equal(t, want, v)
				v, err = scan(clean)
				require.NoError(t, err)
				assert.Equal(t, scanner.Verdict{}, v)
			}
			for _, f := range samples.Containers(samples.File{Name: "eicar.com", Data: samples.EICAR()}) {
				v, err := scan(f.Data)
				require.NoError(t, err)
				if f.Name == "eicar.com.zst" {
					continue // ClamAV does not know zstd
				}
				assert.Equal(t, want, v, f.Name)
			}
			_, err = scan(make([]byte, 25<<20+1))
			require.ErrorIs(t, err, clamd.ErrTooLarge)
			large := clamd.New(clamd.Options{Network: network, Address: at, StreamMax: 100 << 20})
			defer large.Close()
			_, err = large.Scan(t.Context(), &scanner.Object{Flat: make([]byte, 26<<20), Size: 26 << 20})
			require.Error(t, err, "the daemon's own limit")

			daemon.Kill()
			_, err = scan(clean)
			require.Error(t, err)
			_, err = e.Ping(t.Context())
			require.Error(t, err)
			require.NoError(t, daemon.Start())
			v, err := scan(samples.EICAR())
			require.NoError(t, err)
			assert.Equal(t, want, v)
		})
	}
}
