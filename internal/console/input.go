package console

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// size is that of a terminal in characters.
type size struct{ cols, rows int }

// input is what a terminal sends, read ahead by one goroutine so that the session
// can be told of its end, and of new sizes, whatever it is doing.
type input struct {
	chunks  chan []byte
	sizes   chan size     // the latest only
	stop    chan struct{} // nobody reads any more
	once    sync.Once
	current []byte
	err     error // why chunks was closed; written before
}

// readAhead is how many reads of a terminal wait for the session; then the
// terminal has to wait. A read is at most readSize bytes.
const (
	readAhead = 16
	readSize  = 1024
)

func newInput() *input {
	return &input{chunks: make(chan []byte, readAhead), sizes: make(chan size, 1), stop: make(chan struct{})}
}

// pump reads r to its end or until the input is stopped.
func (in *input) pump(r io.Reader) {
	defer close(in.chunks)
	buf := make([]byte, readSize)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			select {
			case in.chunks <- append([]byte(nil), buf[:n]...):
			case <-in.stop:
				return
			}
		}
		if err != nil {
			in.err = err
			return
		}
	}
}

// halt makes pump return at its next step.
func (in *input) halt() { in.once.Do(func() { close(in.stop) }) }

// resize notes a new size in place of an older one not yet seen.
func (in *input) resize(s size) {
	for {
		select {
		case in.sizes <- s:
			return
		default:
		}
		select {
		case <-in.sizes:
		default:
		}
	}
}

// errElapsed says that no byte came in time.
var errElapsed = errors.New("no byte came in time")

// next is the next byte, errElapsed once elapsed fires. Before it waits it calls
// idle; new sizes are told to resized on the way, one that came before the byte
// before it is returned.
func (in *input) next(ctx context.Context, elapsed <-chan time.Time, idle func() error, resized func(size)) (byte, error) {
	for len(in.current) == 0 {
		in.tellSize(resized)
		if err := idle(); err != nil {
			return 0, err
		}
		select {
		case chunk, ok := <-in.chunks:
			if !ok {
				return 0, in.err
			}
			in.current = chunk
			in.tellSize(resized)
		case s := <-in.sizes:
			resized(s)
		case <-elapsed:
			return 0, errElapsed
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
	b := in.current[0]
	in.current = in.current[1:]
	return b, nil
}

// tellSize tells resized of a size that it does not know yet.
func (in *input) tellSize(resized func(size)) {
	select {
	case s := <-in.sizes:
		resized(s)
	default:
	}
}
