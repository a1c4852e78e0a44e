package proxy

import (
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// reactor waits for all sockets of all sessions in one edge-triggered epoll
// set. The set's own descriptor is waited for by Go's poller, so that no thread
// blocks in epoll_wait. A socket is added once and, if a write of it ever had to
// wait, re-armed once for writes; it leaves the set when it is closed.
type reactor struct {
	reg    *registry
	rounds *rounds
	found  [maxEvents]*socket // whose the events of this round are
	epfd   int
	file   *os.File
	raw    syscall.RawConn
	done   chan struct{}
	events [maxEvents]unix.EpollEvent
}

// maxEvents is how many events one call of the poll may return.
const maxEvents = 256

const (
	watchReads  = unix.EPOLLIN | unix.EPOLLPRI | unix.EPOLLRDHUP | unix.EPOLLET
	watchBoth   = watchReads | unix.EPOLLOUT
	eventIsRead = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
)

// newReactor makes the set and starts its goroutine. rounds counts the returns of
// the poll call.
func newReactor(reg *registry, rounds *rounds) (*reactor, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("making the poll set: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, fmt.Errorf("making the poll set: %w", err)
	}
	r := &reactor{reg: reg, rounds: rounds, epfd: fd, file: os.NewFile(uintptr(fd), "epoll"), done: make(chan struct{})}
	if r.raw, err = r.file.SyscallConn(); err != nil {
		return nil, fmt.Errorf("making the poll set: %w", err)
	}
	go r.loop()
	return r, nil
}

// loop ends when the set is closed. A poll that fails is counted and tried again
// after a while.
func (r *reactor) loop() {
	defer close(r.done)
	for {
		failed, closed := r.poll()
		if closed != nil {
			return
		}
		r.rounds.failed(failed)
		time.Sleep(backOff)
	}
}

// poll takes events until the call fails or the set is closed.
func (r *reactor) poll() (failed, closed error) {
	closed = r.raw.Read(func(uintptr) bool {
		for {
			n, _, e := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(r.epfd), uintptr(unsafe.Pointer(&r.events[0])), uintptr(len(r.events)), 0, 0, 0)
			if e == unix.EINTR {
				continue
			}
			if e != 0 {
				failed = os.NewSyscallError("epoll_pwait", e)
				return true
			}
			if n > 0 {
				r.dispatch(int(n))
			}
			if int(n) < len(r.events) {
				return false
			}
		}
	})
	return failed, closed
}

// dispatch counts the events of a round and then acts on them, so that whoever
// is woken finds them counted.
func (r *reactor) dispatch(n int) {
	r.rounds.begin()
	counted := 0
	for i := range r.events[:n] {
		s := r.reg.find(uint32(r.events[i].Fd), uint32(r.events[i].Pad))
		if r.found[i] = s; s != nil && s.events != nil {
			s.count()
			counted++
		}
	}
	r.rounds.end(counted)
	for i := range r.events[:n] {
		if s := r.found[i]; s != nil {
			s.happened(flagsOf(r.events[i].Events))
		}
	}
	clear(r.found[:n])
}

func flagsOf(ev uint32) (f uint32) {
	if ev&eventIsRead != 0 {
		f |= flagReadable
	}
	if ev&unix.EPOLLOUT != 0 {
		f |= flagWritable
	}
	if ev&unix.EPOLLRDHUP != 0 {
		f |= flagHangup
	}
	if ev&unix.EPOLLPRI != 0 {
		f |= flagUrgent
	}
	if ev&(unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		f |= flagDead | flagHangup | flagWritable
	}
	return f
}

// add starts to watch s, for reads only unless it is still connecting.
func (r *reactor) add(s *socket, connecting bool) error {
	r.reg.add(s)
	watch := uint32(watchReads)
	if connecting {
		watch = watchBoth
		s.set(flagWantWrite)
	}
	if err := r.control(unix.EPOLL_CTL_ADD, s, watch); err != nil {
		r.reg.remove(s)
		return err
	}
	return nil
}

// watchWrites reports room to write too, from now on.
func (r *reactor) watchWrites(s *socket) error { return r.control(unix.EPOLL_CTL_MOD, s, watchBoth) }

func (r *reactor) control(op int, s *socket, watch uint32) error {
	ev := unix.EpollEvent{Events: watch, Fd: int32(s.slot), Pad: int32(s.gen)}
	_, _, e := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(r.epfd), uintptr(op), uintptr(s.conn.fd), uintptr(unsafe.Pointer(&ev)), 0, 0)
	if e != 0 {
		return os.NewSyscallError("epoll_ctl", e)
	}
	return nil
}

// remove forgets s, which its owner closes right afterwards; closing takes a
// descriptor out of the set.
func (r *reactor) remove(s *socket) { r.reg.remove(s) }

// close ends the loop and waits for it.
func (r *reactor) close() {
	r.file.Close()
	<-r.done
}
