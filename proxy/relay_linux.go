package proxy

import (
	"errors"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"utmsim/internal/stats"
	"utmsim/protocols/wire"
)

// relay moves the bytes of a session that is not inspected: bypassed from its
// start, or a tunnel from some point on. Both directions are independent and
// never block: what a receiver does not take waits, and the reactor says when to
// go on. At rest with nothing waiting it holds two descriptors and no buffer.
type relay struct {
	s    *Session
	dirs [2]stream // by the side the bytes come from
}

// stream is one direction of a relay.
type stream struct {
	wait   []byte // pooled bytes that the receiver has not taken, wait[off:end]
	off    int
	end    int
	chunk  *wire.Chunk
	pipe   *pipe // bulk that the receiver has not taken
	ended  bool  // the sender has ended this direction
	closed bool  // and the receiver was told
}

func newRelay(s *Session) *relay { return &relay{s: s} }

// round moves what can be moved. It connects the server first.
func (r *relay) round() error {
	s := r.s
	if s.srv.Load() == nil {
		if err := s.Connect(&s.ctx); err != nil {
			return err
		}
	}
	for _, side := range [...]wire.Side{wire.Client, wire.Server} {
		if err := r.pump(side); err != nil {
			return err
		}
	}
	if r.dirs[wire.Client].closed && r.dirs[wire.Server].closed {
		return io.EOF
	}
	return nil
}

// more tells that a round could move something now.
func (r *relay) more() bool {
	for _, side := range [...]wire.Side{wire.Client, wire.Server} {
		st := &r.dirs[side]
		if st.ended {
			if st.waits() && r.to(side).has(flagWritable) {
				return true
			}
			continue
		}
		if st.waits() {
			if r.to(side).has(flagWritable) {
				return true
			}
		} else if r.from(side).has(flagReadable) {
			return true
		}
	}
	return false
}

// holds tells that bytes wait for a receiver: such a session is not idle.
func (r *relay) holds() bool { return r.dirs[wire.Client].waits() || r.dirs[wire.Server].waits() }

func (r *relay) from(side wire.Side) *socket {
	if side == wire.Client {
		return r.s.clt
	}
	return r.s.srv.Load()
}

// side is where the bytes of a direction come from.
func (r *relay) side(st *stream) wire.Side {
	if st == &r.dirs[wire.Client] {
		return wire.Client
	}
	return wire.Server
}

func (r *relay) to(side wire.Side) *socket { return r.from(side.Other()) }

func (st *stream) waits() bool { return st.off < st.end || (st.pipe != nil && st.pipe.held > 0) }

// maxFetches is how often pump reads before the other direction has its turn and
// the session looks whether it was ended.
const maxFetches = 16

// pump moves one direction until its sender has nothing more or its receiver
// takes nothing more, or for a while if neither happens.
func (r *relay) pump(side wire.Side) error {
	st, from, to := &r.dirs[side], r.from(side), r.to(side)
	for fetches := 0; !st.closed; fetches++ {
		if done, err := r.drain(st, to); err != nil || !done {
			return err
		}
		if st.ended {
			st.closed = true
			st.release()
			return to.conn.closeWrite()
		}
		if !from.has(flagReadable) {
			st.release()
			return nil
		}
		if fetches == maxFetches {
			return nil // the flag stays up: there will be another round
		}
		if err := r.fetch(st, from); err != nil {
			return err
		}
	}
	return nil
}

// fetch reads once from the sender.
func (r *relay) fetch(st *stream, from *socket) error {
	from.clear(flagReadable)
	if st.pipe != nil {
		return r.fetchBulk(st, from)
	}
	if st.chunk == nil {
		st.chunk = wire.GetChunk()
	}
	n, err := from.conn.read(st.chunk[:])
	switch {
	case n > 0:
		from.received(n)
		st.wait, st.off, st.end = st.chunk[:], 0, n
		if n == len(st.chunk) {
			from.set(flagReadable)
			if !r.s.record.room() {
				st.pipe = getPipe(r.s.eng.serverFD)
			}
		} else if from.has(flagHangup | flagUrgent) {
			from.set(flagReadable)
		}
		return nil
	case err == errWouldBlock:
		return nil
	case err != nil:
		from.failed(stats.Read, err)
		return errors.Join(ErrReset, err)
	}
	st.ended, from.ended = true, true
	return nil
}

// fetchBulk splices from the sender into the pipe.
func (r *relay) fetchBulk(st *stream, from *socket) error {
	n, err := unix.Splice(int(from.conn.fd), nil, st.pipe.w, nil, pipeSize, unix.SPLICE_F_NONBLOCK|unix.SPLICE_F_MOVE)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		if err == unix.EINTR || from.has(flagHangup) {
			from.set(flagReadable)
		}
		st.freePipe()
		return nil
	case err != nil:
		err = os.NewSyscallError("splice", err)
		from.failed(stats.Read, err)
		return errors.Join(ErrReset, err)
	case n == 0:
		st.ended, from.ended = true, true
		return nil
	}
	from.received(int(n))
	st.pipe.held += int(n)
	from.set(flagReadable)
	return nil
}

// drain gives the receiver what waits. done is false when some of it still
// waits.
func (r *relay) drain(st *stream, to *socket) (done bool, err error) {
	for st.waits() {
		to.hurry()
		to.clear(flagWritable)
		var n int
		if st.off < st.end {
			n, err = to.conn.write(st.wait[st.off:st.end])
			r.s.record.add(r.side(st), st.wait[st.off:st.off+max(n, 0)])
			st.off += max(n, 0)
		} else {
			n, err = st.pipe.writeTo(to)
			r.s.record.stop()
		}
		if n > 0 {
			to.sent(n)
			r.s.leaked(r.s.leak, int64(n))
			continue
		}
		if err == errWouldBlock {
			return false, to.wantWrite()
		}
		to.failed(stats.Write, err)
		return false, errors.Join(ErrReset, err)
	}
	return true, nil
}

// release gives the buffers of a direction at rest back.
func (st *stream) release() {
	if st.chunk != nil {
		wire.PutChunk(st.chunk)
		st.chunk, st.wait, st.off, st.end = nil, nil, 0, 0
	}
	st.freePipe()
}

func (st *stream) freePipe() {
	if st.pipe != nil && st.pipe.held == 0 {
		putPipe(st.pipe)
		st.pipe = nil
	}
}

// release gives everything back at the end of the session.
func (r *relay) release() {
	for i := range r.dirs {
		st := &r.dirs[i]
		if st.pipe != nil && st.pipe.held > 0 {
			st.pipe.close()
			st.pipe = nil
		}
		st.release()
	}
}

// pipe is a kernel pipe between two splices.
type pipe struct{ r, w, held int }

const (
	pipeSize = 1 << 20
	maxPipes = 64 // kept for reuse
)

// pipes keeps empty pipes; making one costs three system calls.
var pipes struct {
	sync.Mutex
	free []*pipe
}

// getPipe is nil when there is no descriptor below maxFD for one: reads and writes
// will do then.
func getPipe(maxFD int) *pipe {
	pipes.Lock()
	if n := len(pipes.free); n > 0 {
		p := pipes.free[n-1]
		pipes.free = pipes.free[:n-1]
		pipes.Unlock()
		return p
	}
	pipes.Unlock()
	var fds [2]int
	if unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK) != nil {
		return nil
	}
	p := &pipe{r: fds[0], w: fds[1]}
	if max(p.r, p.w) >= maxFD {
		p.close()
		return nil
	}
	_, _ = unix.FcntlInt(uintptr(p.w), unix.F_SETPIPE_SZ, pipeSize)
	return p
}

func putPipe(p *pipe) {
	pipes.Lock()
	defer pipes.Unlock()
	if len(pipes.free) < maxPipes {
		pipes.free = append(pipes.free, p)
		return
	}
	p.close()
}

func (p *pipe) close() {
	_ = unix.Close(p.r)
	_ = unix.Close(p.w)
}

func (p *pipe) writeTo(to *socket) (int, error) {
	for {
		n, err := unix.Splice(p.r, nil, int(to.conn.fd), nil, p.held, unix.SPLICE_F_NONBLOCK|unix.SPLICE_F_MOVE)
		switch err {
		case nil:
			p.held -= int(n)
			return int(n), nil
		case unix.EINTR: // not a reason to wait for room: nobody would report it
		case unix.EAGAIN:
			return 0, errWouldBlock
		default:
			return 0, os.NewSyscallError("splice", err)
		}
	}
}

// move relays n bytes from one connection to the other without looking at them,
// and blocks like a Read and a Write.
func (s *Session) move(from, to *wire.Conn, n int64) (moved int64, err error) {
	src, dst := from.Stream().(*socket), to.Stream().(*socket)
	p := getPipe(s.eng.serverFD)
	if p == nil {
		return s.copy(from, to, n)
	}
	defer func() {
		if p.held > 0 {
			p.close()
			return
		}
		putPipe(p)
	}()
	for moved < n {
		if err := src.wait(flagWaitRead, flagReadable|flagHangup|flagDead); err != nil {
			return moved, brokenOff(err)
		}
		src.clear(flagReadable)
		k, err := unix.Splice(int(src.conn.fd), nil, p.w, nil, int(min(n-moved, pipeSize)), unix.SPLICE_F_NONBLOCK|unix.SPLICE_F_MOVE)
		switch {
		case err == unix.EAGAIN:
			src.clear(flagHangup | flagDead)
			continue
		case err == unix.EINTR:
			src.set(flagReadable)
			continue
		case err != nil:
			err = os.NewSyscallError("splice", err)
			src.failed(stats.Read, err)
			return moved, brokenOff(err)
		case k == 0:
			src.ended = true
			return moved, io.ErrUnexpectedEOF
		}
		src.set(flagReadable)
		src.received(int(k))
		p.held += int(k)
		for p.held > 0 {
			dst.hurry()
			dst.clear(flagWritable)
			w, err := p.writeTo(dst)
			if w > 0 {
				dst.sent(w)
				moved += int64(w)
				continue
			}
			if err == errWouldBlock {
				err = dst.waitWritable()
			} else {
				dst.failed(stats.Write, err)
			}
			if err != nil {
				return moved, err
			}
		}
	}
	return moved, nil
}

// sparePipes closes the pipes that are kept for reuse.
func sparePipes() {
	pipes.Lock()
	defer pipes.Unlock()
	for _, p := range pipes.free {
		p.close()
	}
	pipes.free = nil
}
