// Package icap is the scan engine that asks an ICAP server (RFC 3507): what clients
// send goes to it as the body of a request (REQMOD), what they get as the body of a
// response (RESPMOD).
//
// The package does not look into objects, except that it takes content codings off.
// It never takes over what a server makes of an object: a server that answers with
// anything but the same content has refused it. Whatever a server does other than to
// answer in the words of its protocol is an error and never a verdict.
package icap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"utmsim/scanner"
	"utmsim/scanner/remote"
)

// Name is what verdicts of this engine carry as their Engine.
const Name = "icap"

// Options say where the services are. Address and both services are required.
type Options struct {
	Address        string // host:port
	Reqmod         string // the service for what clients send, without a leading slash
	Respmod        string // the service for what clients get
	NoPreview      bool   // send everything at once, whatever the server offers
	ConnectTimeout time.Duration
}

// Engine is a scanner.Scanner.
type Engine struct {
	pool    remote.Pool
	reqmod  *service
	respmod *service
	preview bool
}

// service is one of the server's services and what its OPTIONS have said.
type service struct {
	method string
	uri    string
	host   string

	mu      sync.Mutex // guards the fields below
	known   options
	expires time.Time // of known; zero: nothing is known
}

// options is what a server says about a service (RFC 3507 section 4.10.2).
type options struct {
	methods        []string
	preview        int // bytes; -1: none wanted
	maxConnections int // 0: not said
	ttl            time.Duration
	tag            string // changes with the server's signatures
}

// optionsTTL is for servers that do not say how long their options hold.
const optionsTTL = time.Hour

// New returns an engine; it connects when it is first needed.
func New(o Options) *Engine {
	e := &Engine{preview: !o.NoPreview}
	e.pool.Network, e.pool.Address, e.pool.ConnectTimeout = "tcp", o.Address, o.ConnectTimeout
	e.reqmod = &service{method: "REQMOD", uri: "icap://" + o.Address + "/" + o.Reqmod, host: o.Address}
	e.respmod = &service{method: "RESPMOD", uri: "icap://" + o.Address + "/" + o.Respmod, host: o.Address}
	return e
}

// Close closes the connections that wait for work. Scans that run come to their
// end, later ones fail.
func (e *Engine) Close() error {
	e.pool.Close()
	return nil
}

// Ping asks both services for their options, on a new connection, and returns the
// tags of what they know. Scans use the connection afterwards.
func (e *Engine) Ping(ctx context.Context) (version string, err error) {
	c, err := e.pool.TryFresh(ctx)
	if err != nil {
		return "", err
	}
	release := c.Bind(ctx)
	again := false
	defer func() {
		if release() && err == nil && again {
			e.pool.Put(c)
			return
		}
		e.pool.Discard(c)
	}()
	for _, s := range []*service{e.reqmod, e.respmod} {
		var o options
		if o, again, err = s.ask(ctx, c); err != nil {
			return "", err
		}
		e.learn(s, o)
		if version += o.tag; s == e.reqmod {
			version += " "
		}
	}
	return version, nil
}

// learn keeps what a service has said.
func (e *Engine) learn(s *service, o options) {
	s.mu.Lock()
	s.known, s.expires = o, time.Now().Add(o.ttl)
	s.mu.Unlock()
	limit := 0
	for _, s := range []*service{e.reqmod, e.respmod} {
		s.mu.Lock()
		if n := s.known.maxConnections; n > 0 && (limit == 0 || n < limit) {
			limit = n
		}
		s.mu.Unlock()
	}
	e.pool.Limit(limit)
}

// current are the options of a service as far as they still hold.
func (s *service) current() (options, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known, time.Now().Before(s.expires)
}

// Scan implements scanner.Scanner.
func (e *Engine) Scan(ctx context.Context, obj *scanner.Object) (scanner.Verdict, error) {
	if err := ctx.Err(); err != nil {
		return scanner.Verdict{}, err
	}
	s := e.respmod
	if obj.Kind == scanner.WebRequest || obj.Kind == scanner.Post {
		s = e.reqmod
	}
	return remote.Retry(ctx, &e.pool, func(get func(context.Context) (*remote.Conn, error)) (scanner.Verdict, error) {
		return remote.Judge(obj, func(r io.Reader) (scanner.Verdict, error) {
			c, err := get(ctx)
			if err != nil {
				return scanner.Verdict{}, err
			}
			return e.exchange(ctx, s, c, obj, r)
		})
	})
}

// exchange has content judged and gives the connection back.
func (e *Engine) exchange(ctx context.Context, s *service, c *remote.Conn, obj *scanner.Object, r io.Reader) (v scanner.Verdict, err error) {
	release := c.Bind(ctx)
	again := false
	defer func() {
		if release() && err == nil && again {
			e.pool.Put(c)
			return
		}
		e.pool.Discard(c)
	}()
	o, known := s.current()
	if !known {
		if o, again, err = s.ask(ctx, c); err != nil {
			return v, stale(ctx, c, err)
		}
		e.learn(s, o)
		if !again {
			return v, errors.New("the ICAP server closes the connection behind its options")
		}
		again = false
	}
	if !slices.Contains(o.methods, s.method) {
		return v, fmt.Errorf("the ICAP service %s does not offer %s", s.uri, s.method)
	}
	t := &transfer{service: s, conn: c, ctx: ctx, obj: obj, content: r, preview: -1}
	if e.preview {
		t.preview = o.preview
	}
	v, again, err = t.run()
	return v, stale(ctx, c, err)
}

// errSilent says that a connection has ended before there was any byte of an answer.
var errSilent = errors.New("no answer")

// stale marks the error of a connection that the server may have closed long ago.
func stale(ctx context.Context, c *remote.Conn, err error) error {
	if err != nil && c.Reused && ctx.Err() == nil && errors.Is(err, errSilent) {
		return fmt.Errorf("%w: %v", remote.ErrStale, err)
	}
	return err
}
