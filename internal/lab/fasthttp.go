package lab

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"syscall"
	"time"
)

// FastHTTP answers GET and HEAD of /bytes/N for a fixed list of sizes, from
// answers built beforehand, with keep-alive and pipelining. It exists so that a
// benchmark measures what stands between client and origin rather than the
// origin; it reads of a request only the target and whether the connection
// stays. Bodies are not accepted: a request that announces one gets 400.
type FastHTTP struct {
	listener net.Listener
	custody  custody
	answers  map[string]fastAnswer
}

// fastAnswer is one complete answer, of which the first head bytes are the head.
type fastAnswer struct {
	whole []byte
	head  int
}

const (
	maxFastHead = 16 << 10  // of one request
	maxFastSize = 256 << 20 // of one object: they are all held in memory
)

// StartFastHTTP listens on address and serves /bytes/N for each of sizes. The
// objects are held in memory, so a size above 256 MiB is an error.
func StartFastHTTP(address string, sizes ...int64) (*FastHTTP, error) {
	o := &FastHTTP{answers: make(map[string]fastAnswer, len(sizes))}
	for _, size := range sizes {
		if size < 0 || size > maxFastSize {
			return nil, fmt.Errorf("preparing an object of %d bytes: the limit is %d", size, maxFastSize)
		}
		o.answers["/bytes/"+strconv.FormatInt(size, 10)] = newFastAnswer(size)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", address, err)
	}
	o.listener = listener
	o.custody.run(listener, func() { _ = listener.Close() }, func() {
		acceptAll(listener, func(conn net.Conn) {
			if !o.custody.run(conn, func() { _ = conn.Close() }, func() { o.converse(conn) }) {
				_ = conn.Close()
			}
		})
	})
	return o, nil
}

// Addr returns the address in use.
func (o *FastHTTP) Addr() string { return o.listener.Addr().String() }

// Close ends all connections and waits for their goroutines.
func (o *FastHTTP) Close() error {
	o.custody.close()
	return nil
}

func newFastAnswer(size int64) fastAnswer {
	head := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n", size)
	whole := append(make([]byte, 0, int64(len(head))+size), head...)
	whole = whole[:int64(len(head))+size]
	fillContent(whole[len(head):], 0)
	return fastAnswer{whole: whole, head: len(head)}
}

// converse answers requests until the client has gone, misbehaves or asks for
// the end. What arrives in one read is answered in one write.
func (o *FastHTTP) converse(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	buf := make([]byte, maxFastHead)
	var batch []byte
	filled := 0
	for filled < len(buf) {
		n, err := conn.Read(buf[filled:])
		if err != nil {
			return
		}
		filled += n
		rest, goOn := o.answer(conn, buf[:filled], &batch)
		if !goOn {
			return
		}
		filled = copy(buf, rest)
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
}

// answer replies to every complete request in arrived and returns what is left.
// It reports false when the connection must end.
func (o *FastHTTP) answer(conn net.Conn, arrived []byte, batch *[]byte) (rest []byte, goOn bool) {
	out := (*batch)[:0]
	goOn = true
	for goOn {
		head, after, complete := bytes.Cut(arrived, []byte("\r\n\r\n"))
		if !complete {
			break
		}
		arrived = after
		var reply []byte
		reply, goOn = o.reply(head)
		if len(out) == 0 && len(after) == 0 || len(reply) > maxFastHead {
			if !write(conn, out) || !write(conn, reply) {
				return nil, false
			}
			out = out[:0]
			continue
		}
		out = append(out, reply...)
	}
	*batch = out
	return arrived, write(conn, out) && goOn
}

func write(conn net.Conn, b []byte) bool {
	if len(b) == 0 {
		return true
	}
	_, err := conn.Write(b)
	return err == nil
}

// reply chooses the answer to one request head and says whether the connection
// stays open after it.
func (o *FastHTTP) reply(head []byte) ([]byte, bool) {
	line, fields, _ := bytes.Cut(head, []byte("\r\n"))
	method, rest, _ := bytes.Cut(line, []byte(" "))
	target, version, _ := bytes.Cut(rest, []byte(" "))
	keep := string(version) == "HTTP/1.1" && !bytes.EqualFold(fieldValue(fields, "connection"), []byte("close"))
	isHead := string(method) == "HEAD"
	if !isHead && string(method) != "GET" || hasBody(fields) {
		return []byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"), false
	}
	answer, ok := o.answers[string(pathOf(target))]
	if !ok {
		return []byte("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), keep
	}
	if isHead {
		return answer.whole[:answer.head], keep
	}
	return answer.whole, keep
}

// pathOf takes scheme and authority off an absolute-form target.
func pathOf(target []byte) []byte {
	const scheme = "http://"
	if !bytes.HasPrefix(target, []byte(scheme)) {
		return target
	}
	if slash := bytes.IndexByte(target[len(scheme):], '/'); slash >= 0 {
		return target[len(scheme)+slash:]
	}
	return []byte("/")
}

func hasBody(fields []byte) bool {
	length := fieldValue(fields, "content-length")
	return len(length) > 0 && string(length) != "0" || len(fieldValue(fields, "transfer-encoding")) > 0
}

// fieldValue returns the value of the first field of that name, or nil.
func fieldValue(fields []byte, name string) []byte {
	for len(fields) > 0 {
		var line []byte
		line, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		if len(line) > len(name) && line[len(name)] == ':' && bytes.EqualFold(line[:len(name)], []byte(name)) {
			return bytes.TrimSpace(line[len(name)+1:])
		}
	}
	return nil
}

// acceptAll hands every connection to serve until the listener is closed. Out
// of descriptors it rests instead of spinning.
func acceptAll(listener net.Listener, serve func(net.Conn)) {
	for {
		conn, err := listener.Accept()
		switch {
		case err == nil:
			serve(conn)
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ECONNABORTED):
			time.Sleep(20 * time.Millisecond) // what has no descriptor waits in the backlog
		default:
			return
		}
	}
}
