package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

// Attach connects a terminal to the console: keys go to the appliance as they are
// typed, and what it answers goes to stdout. The terminal is in raw mode until
// Attach returns. When stdin is no terminal its lines are executed as by ExecFrom,
// with stderr for what is wrong with them as a whole.
func (c *Client) Attach(ctx context.Context, stdin *os.File, stdout, stderr io.Writer) (failed bool, err error) {
	fd := int(stdin.Fd())
	if !term.IsTerminal(fd) {
		return c.ExecFrom(ctx, stdin, stdout, stderr)
	}
	defer c.conn.Close()
	before, err := term.MakeRaw(fd)
	if err != nil {
		return true, fmt.Errorf("preparing the terminal: %w", err)
	}
	defer func() {
		if rerr := term.Restore(fd, before); rerr != nil && err == nil {
			failed, err = true, fmt.Errorf("restoring the terminal: %w", rerr)
		}
	}()
	return c.attach(ctx, stdin, stdout, stderr)
}

// attach is Attach with the terminal in raw mode.
func (c *Client) attach(ctx context.Context, stdin *os.File, stdout, stderr io.Writer) (failed bool, err error) {
	defer context.AfterFunc(ctx, func() { c.conn.Close() })()
	at := sizeOf(stdin)
	if err := c.greet(hello{Terminal: true, Cols: at.cols, Rows: at.rows}); err != nil {
		return true, err
	}
	keys, err := newInterruptible(stdin)
	if err != nil {
		return true, fmt.Errorf("preparing the terminal: %w", err)
	}
	changed, forget := sizeChanges()
	ended := make(chan struct{})
	var senders sync.WaitGroup
	senders.Go(func() { c.sendKeys(keys) })
	senders.Go(func() {
		for {
			select {
			case <-changed:
				if c.send(frameSize, encodeSize(sizeOf(stdin))) != nil {
					return
				}
			case <-ended:
				return
			}
		}
	})
	failed, err = c.receive(stdout, stderr)
	close(ended)
	forget()
	c.conn.Close()
	keys.interrupt()
	senders.Wait()
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return failed, errors.Join(err, keys.close())
}

// sendKeys sends what is typed until the session or the input ends.
func (c *Client) sendKeys(r io.Reader) {
	buf := make([]byte, readSize)
	for {
		n, err := r.Read(buf)
		if n > 0 && c.send(frameKeys, buf[:n]) != nil {
			return
		}
		if err != nil {
			c.send(frameEnd, nil) // fails only when the session is over anyway
			return
		}
	}
}

// sizeOf is the size of a terminal; zero when it does not know.
func sizeOf(f *os.File) size {
	cols, rows, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return size{}
	}
	return size{cols, rows}
}
