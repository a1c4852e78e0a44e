package lab

import (
	"net"
	"time"
)

// dataPorts are listeners for passive data connections. Each serves one transfer
// at a time and then waits for another: opening one for each costs more than a
// small transfer, and lets ports run out.
type dataPorts struct {
	custody *custody
	free    chan *net.TCPListener
}

const (
	keptDataPorts = 256
	dataWait      = 10 * time.Second // for the client to connect
)

func newDataPorts(c *custody) dataPorts {
	return dataPorts{custody: c, free: make(chan *net.TCPListener, keptDataPorts)}
}

// take returns a free listener, or opens one beside the control connection.
func (d dataPorts) take(control net.Conn) (*net.TCPListener, error) {
	select {
	case l := <-d.free:
		return l, nil
	default:
	}
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: control.LocalAddr().(*net.TCPAddr).IP})
	if err != nil {
		return nil, err
	}
	if !d.custody.admit(l, func() { d.drop(l) }) {
		_ = l.Close()
		return nil, net.ErrClosed
	}
	return l, nil
}

// accept waits for the one that l was opened for.
func (d dataPorts) accept(l *net.TCPListener) (net.Conn, error) {
	if err := l.SetDeadline(time.Now().Add(dataWait)); err != nil {
		return nil, err
	}
	return l.Accept()
}

// keep takes a listener back after its client has come.
func (d dataPorts) keep(l *net.TCPListener) {
	select {
	case d.free <- l:
	default:
		d.drop(l)
	}
}

// drop closes a listener to which somebody may still come. nil is ignored.
func (d dataPorts) drop(l *net.TCPListener) {
	if l == nil {
		return
	}
	_ = l.Close()
	d.custody.leave(l)
}
