package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"goftp.io/server/v2"
)

// ftpTransfer is one data connection with what runs over it.
type ftpTransfer struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when the final reply is written
}

func (t *ftpTransfer) abort() { t.cancel() }

// errNoRoom is an upload over the space of the lab.
var errNoRoom = errors.New("there is no room for the file")

// start answers 150 with text and runs work over a data connection while the control
// connection waits for ABOR. The final reply is the transfer's last act.
func (c *ftpControl) start(text string, work func(conn net.Conn) error) {
	opener := c.takeOpener()
	if opener == nil {
		c.say("425 use PASV or PORT first")
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	t := &ftpTransfer{cancel: cancel, done: make(chan struct{})}
	c.mu.Lock()
	c.running = t
	c.mu.Unlock()
	c.say("150 " + text)
	running := c.origin.gate.custody.run(t, cancel, func() {
		defer c.finished(t)
		c.say(c.transfer(ctx, opener, work))
	})
	if !running { // the origin is being closed
		opener.close()
		c.finished(t)
	}
}

func (c *ftpControl) finished(t *ftpTransfer) {
	t.cancel()
	c.mu.Lock()
	c.running = nil
	c.mu.Unlock()
	close(t.done)
}

// transfer opens the data connection, lets work use it, closes it and returns
// the final reply.
func (c *ftpControl) transfer(ctx context.Context, opener dataOpener, work func(net.Conn) error) string {
	conn, err := opener.open(ctx)
	if err == nil {
		c.origin.data.Add(1)
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		err = work(conn)
		stop()
		if closeErr := conn.Close(); err == nil && ctx.Err() == nil {
			err = closeErr
		}
	} else if ctx.Err() == nil {
		return "425 can't open the data connection"
	}
	switch {
	case ctx.Err() != nil:
		c.origin.aborted.Add(1)
		return "426 transfer aborted"
	case errors.Is(err, errNoRoom):
		return "552 " + err.Error()
	case err != nil:
		return "426 the data connection broke"
	}
	return "226 transfer complete"
}

func (c *ftpControl) retr(sess *server.Session, param string) {
	offset := c.takeRestart()
	path := sess.BuildPath(param)
	file, size, err := c.origin.files.open(path)
	if err != nil {
		c.say("550 " + err.Error())
		return
	}
	if offset > size {
		c.say("554 the file is shorter than that")
		return
	}
	c.start(fmt.Sprintf("sending %s (%d bytes)", path, size-offset), func(conn net.Conn) error {
		if _, err := file.Seek(offset, io.SeekStart); err != nil {
			return err
		}
		n, err := io.Copy(conn, file)
		c.origin.retBytes.Add(n)
		if err == nil {
			c.origin.retrieved.Add(1)
		}
		return err
	})
}

func (c *ftpControl) stor(sess *server.Session, param string) {
	c.upload(sess.BuildPath(param), c.takeRestart())
}

func (c *ftpControl) appe(sess *server.Session, param string) {
	path := sess.BuildPath(param)
	content, _ := c.origin.files.content(path)
	c.upload(path, int64(len(content)))
}

// stou stores under a name of the server's choice (RFC 1123 section 4.1.2.9).
func (c *ftpControl) stou(*server.Session, string) {
	path := c.origin.files.freeName()
	c.upload(path, 0)
}

// upload replaces what a file has from offset on by what the client sends. What
// breaks off isn't stored.
func (c *ftpControl) upload(path string, offset int64) {
	front, err := c.origin.files.writable(path, offset)
	if err != nil {
		c.say("553 " + err.Error())
		return
	}
	c.start("FILE: "+path, func(conn net.Conn) error {
		upload := &ftpUpload{files: c.origin.files}
		n, err := io.Copy(upload, conn)
		if err == nil {
			err = c.origin.files.put(path, front, upload, time.Now())
		}
		upload.release()
		if err != nil {
			c.origin.broken.Add(1)
			c.origin.brokenBytes.Add(n)
			return err
		}
		c.origin.stored.Add(1)
		c.origin.storedBytes.Add(n)
		return nil
	})
}

// listing runs LIST, NLST and MLSD.
func (c *ftpControl) listing(sess *server.Session, param string, line func(ftpInfo) string) {
	path := sess.BuildPath(withoutOptions(param))
	entries, err := c.origin.files.list(path)
	if err != nil {
		c.say("550 " + err.Error())
		return
	}
	c.start("listing "+path, func(conn net.Conn) error {
		for _, entry := range entries {
			if _, err := io.WriteString(conn, line(entry)+"\r\n"); err != nil {
				return err
			}
		}
		return nil
	})
}
