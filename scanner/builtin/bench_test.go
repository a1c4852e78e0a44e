package builtin

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"utmsim/scanner"
	"utmsim/scanner/samples"
)

// knowing is an engine with n more signatures than its own: four in five are 24 to 83
// bytes anywhere, the others have wildcards or a gap.
func knowing(b testing.TB, n int) *Engine {
	r := rand.New(rand.NewPCG(3, 4))
	random := func(n int) string {
		p := make([]byte, n)
		for i := range p {
			p[i] = byte(r.Uint32())
		}
		return hex.EncodeToString(p)
	}
	var text strings.Builder
	for i := range n {
		content := random(24 + r.IntN(60))
		switch i % 10 {
		case 0:
			content = content[:20] + "????" + content[20:]
		case 1:
			content += "*" + random(12)
		}
		fmt.Fprintf(&text, "Bench.%d:0:*:%s\n", i, content)
	}
	db := new(Database)
	require.NoError(b, db.Read("bench.ndb", strings.NewReader(text.String())))
	e, err := With(db)
	require.NoError(b, err)
	return e
}

// BenchmarkSignatures is the rate, over unpacked bytes, at which clean content is
// scanned with more and more signatures.
func BenchmarkSignatures(b *testing.B) {
	const size = 4 << 20
	quarter := mixed(size / 4)
	files := []samples.File{{Name: "a", Data: quarter}, {Name: "b", Data: quarter}, {Name: "c", Data: quarter}, {Name: "d", Data: quarter}}
	whole := mixed(size)
	for _, n := range []int{0, 1000, 10_000} {
		e := knowing(b, n)
		for _, c := range []struct {
			name string
			data []byte
		}{{"plain", whole}, {"binary", noise(size)}, {"gzip", samples.Gzip(whole)}, {"zip", samples.Zip(files...)}} {
			b.Run(fmt.Sprintf("%d/%s", n, c.name), func(b *testing.B) {
				o := scanner.Object{Flat: c.data, Size: int64(len(c.data))}
				b.SetBytes(size)
				b.ReportAllocs()
				for b.Loop() {
					if v, err := e.Scan(context.Background(), &o); err != nil || v.Class != scanner.Clean {
						b.Fatal(v, err)
					}
				}
			})
		}
	}
}
