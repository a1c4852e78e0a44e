package icap_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab/antivirus"
	"utmsim/scanner"
	"utmsim/scanner/icap"
	"utmsim/scanner/samples"
)

// TestRealCICAP asks c-icap, which asks clamd.
func TestRealCICAP(t *testing.T) {
	daemon := antivirus.RequireClamd(t)
	server := antivirus.RequireCICAP(t, daemon)
	want := scanner.Verdict{Class: scanner.Virus, Name: antivirus.Detection, Engine: "icap"}
	for name, change := range map[string]func(*icap.Options){
		"preview": func(*icap.Options) {}, "all at once": func(o *icap.Options) { o.NoPreview = true },
	} {
		t.Run(name, func(t *testing.T) {
			e := engine(t, server.Address, change)
			version, err := e.Ping(t.Context())
			require.NoError(t, err)
			assert.NotEmpty(t, version)
			for _, kind := range []scanner.Kind{scanner.WebResponse, scanner.WebRequest, scanner.Post, scanner.Mail} {
				for _, size := range []int{0, 10, 5000, 300_000} {
					o := object(plain(size))
					o.Kind = kind
					v, err := e.Scan(t.Context(), o)
					require.NoError(t, err, "%d bytes", size)
					assert.Equal(t, scanner.Verdict{}, v, "%d bytes", size)
				}
				for _, f := range samples.Containers(samples.File{Name: "eicar.com", Data: samples.EICAR()}) {
					if f.Name == "eicar.com.zst" {
						continue // ClamAV does not know zstd
					}
					o := object(f.Data)
					o.Kind, o.ContentType = kind, "application/octet-stream"
					v, err := e.Scan(t.Context(), o)
					require.NoError(t, err, f.Name)
					assert.Equal(t, want, v, f.Name)
				}
			}
			server.Kill()
			_, err = e.Scan(t.Context(), object(plain(10)))
			require.Error(t, err)
			require.NoError(t, server.Start())
			v, err := e.Scan(t.Context(), object(samples.EICAR()))
			require.NoError(t, err)
			assert.Equal(t, want, v)
		})
	}
	t.Run("clamd dies behind c-icap", func(t *testing.T) {
		e := engine(t, server.Address)
		_, err := e.Scan(t.Context(), object(samples.EICAR()))
		require.NoError(t, err)
		daemon.Kill()
		v, err := e.Scan(t.Context(), object(samples.EICAR()))
		t.Logf("%+v %v", v, err)
		assert.True(t, err != nil || v.Class != scanner.Clean, "c-icap calls EICAR clean without clamd")
	})
}
