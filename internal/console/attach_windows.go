package console

import (
	"io"
	"os"
)

// sizeChanges tells nothing: the system has no signal for it, and the size at the
// beginning holds.
func sizeChanges() (changed <-chan os.Signal, forget func()) { return nil, func() {} }

// interruptible is a terminal whose Read can be ended from outside. The system
// can't do that to a console: a goroutine reads, and is left behind in its last
// read until the next key.
type interruptible struct {
	chunks chan []byte
	stop   chan struct{}
	rest   []byte
}

func newInterruptible(f *os.File) (*interruptible, error) {
	i := &interruptible{chunks: make(chan []byte), stop: make(chan struct{})}
	go i.pump(f)
	return i, nil
}

func (i *interruptible) pump(f *os.File) {
	defer close(i.chunks)
	for {
		buf := make([]byte, readSize)
		n, err := f.Read(buf)
		select {
		case i.chunks <- buf[:n]:
		case <-i.stop:
			return
		}
		if err != nil {
			return
		}
	}
}

// Read waits for keys; after interrupt it is io.EOF.
func (i *interruptible) Read(p []byte) (int, error) {
	for len(i.rest) == 0 {
		select {
		case chunk, ok := <-i.chunks:
			if !ok {
				return 0, io.EOF
			}
			i.rest = chunk
		case <-i.stop:
			return 0, io.EOF
		}
	}
	n := copy(p, i.rest)
	i.rest = i.rest[n:]
	return n, nil
}

// interrupt ends a Read that waits and all that follow. It is called once.
func (i *interruptible) interrupt() { close(i.stop) }

func (i *interruptible) close() error { return nil }
