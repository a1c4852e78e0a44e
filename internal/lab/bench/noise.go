package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"utmsim/internal/lab/load"
)

// noiseWord is the first argument that asks for what noise on the SSH port costs
// traffic.
const noiseWord = "noise"

// noiseSize is what each connection of noise would like to say.
const noiseSize = 1 << 20

// quietly is what a row without noise says in the place of whom it is made against.
const quietly = "nothing"

// NoiseRow is the traffic of one round beside noise of one kind.
type NoiseRow struct {
	Against  string  // what the noise is made against
	Noise    float64 // connections a second
	Requests load.Result
}

// noiseMain reads the arguments behind the word "noise" and prints a table.
func noiseMain(ctx context.Context, arguments []string, stdout, stderr io.Writer) int {
	b := noiseBench{site: Site{Protocol: Protocols()[0]}}
	flags := flag.NewFlagSet("bench noise", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&b.makers, "clients", 8, "clients that make noise")
	flags.IntVar(&b.limit.Connections, "connections", 64, "clients of HTTP")
	flags.DurationVar(&b.limit.Duration, "duration", 4*time.Second, "time for each figure")
	flags.IntVar(&b.rounds, "rounds", 2, "rounds")
	flags.StringVar(&b.greeting, "greeting", "", "what the noise begins with, as in SSH-2.0-x")
	flags.StringVar(&b.site.Utmsim, "utmsim", "", "a built utmsim (default: build ./cmd/utmsim)")
	flags.StringVar(&b.site.Module, "module", ".", "folder of the module to build utmsim from")
	switch err := flags.Parse(arguments); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err == nil && (flags.NArg() > 0 || b.rounds < 1 || b.makers < 1 || b.makers > load.MaxConnections):
		fmt.Fprintf(stderr, "reading the arguments: want 1 round or more, 1 to %d clients, and nothing else\n", load.MaxConnections)
		return 2
	case err != nil:
		return 2
	}
	rows, err := b.run(ctx)
	if err == nil {
		err = writeNoise(stdout, rows)
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

// noiseBench measures traffic beside noise.
type noiseBench struct {
	site           Site
	makers, rounds int
	greeting       string
	limit          load.Limit
}

func (b *noiseBench) run(ctx context.Context) (rows []NoiseRow, err error) {
	if b.site.Self, err = os.Executable(); err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	if b.site.Folder, err = os.MkdirTemp("", "utmsim-bench-"); err != nil {
		return nil, fmt.Errorf("making a temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.site.Folder)) }()
	u, err := b.site.startUnit(ctx)
	defer func() { err = errors.Join(err, u.end()) }()
	if err != nil {
		return nil, err
	}
	closer, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for noise: %w", err)
	}
	var closing sync.WaitGroup
	closing.Go(func() { closeAtOnce(closer) })
	defer closing.Wait()
	defer func() { err = errors.Join(err, closer.Close()) }()
	for range b.rounds {
		for _, against := range []struct{ name, address string }{
			{quietly, ""}, {"a listener that closes at once", closer.Addr().String()}, {"the SSH console", u.ssh},
		} {
			row, err := b.measure(ctx, u, against.address)
			if err != nil {
				return nil, err
			}
			row.Against = against.name
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// measure has traffic run beside noise against an address; none is no noise.
func (b *noiseBench) measure(ctx context.Context, u *unit, address string) (row NoiseRow, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var noise sync.WaitGroup
	var made atomic.Int64
	if address != "" {
		junk := make([]byte, noiseSize)
		rand.Read(junk)
		copy(junk, b.greeting+"\r\n")
		for range b.makers {
			noise.Go(func() {
				for ctx.Err() == nil {
					if makeNoise(ctx, address, junk) {
						made.Add(1)
					}
				}
			})
		}
	}
	begun := time.Now()
	target := load.Target{Address: u.proxies["http"], Script: b.site.Protocol.Script(int(small), b.site.Protocol.Sizes.Small)}
	row.Requests, err = load.KeepAlive(ctx, target, b.limit)
	row.Noise = float64(made.Load()) / time.Since(begun).Seconds()
	cancel()
	noise.Wait()
	return row, err
}

// makeNoise is one connection: everything is said, and its end waited for. It is false
// when there was none.
func makeNoise(ctx context.Context, address string, junk []byte) bool {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	_, _ = conn.Write(junk) // nobody wants to hear it
	_, _ = io.Copy(io.Discard, conn)
	return true
}

// closeAtOnce is the least that a server can do.
func closeAtOnce(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}
}

func writeNoise(w io.Writer, rows []NoiseRow) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s, %d processors, %s/%s.\n\n", time.Now().UTC().Format(time.RFC3339), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	text.WriteString("| noise against | noise, connections/s | requests/s | ratio | p99 ms |\n|---|---|---|---|---|\n")
	quiet := 0.0
	for _, r := range rows {
		if r.Against == quietly {
			quiet = r.Requests.Rate()
		}
		fmt.Fprintf(&text, "| %s | %s | %s | %.2f | %.1f |\n", r.Against, thousands(r.Noise, 0), thousands(r.Requests.Rate(), 0),
			r.Requests.Rate()/max(quiet, 1), float64(r.Requests.Latency.P99.Microseconds())/1000)
		if n := r.Requests.Failures(); n > 0 {
			fmt.Fprintf(&text, "\n%d requests failed: %v\n", n, r.Requests.Errors)
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}
