package appliance_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/stretchr/testify/assert"

	"utmsim/internal/lab"
)

// rules are what clients may see while traffic runs.
type rules struct {
	mayRefuse bool // newcomers may be reset, or closed
	mayBypass bool // newcomers may get what is not scanned
	mayDrop   bool // sessions between two requests may be reset
	mayCut    bool // sessions may be reset at any time
}

// traffic is many clients that open sessions, use them, hold them and close them.
// They check everything that they get.
type traffic struct {
	s     *site
	rules rules
	stop  chan struct{}
	wg    sync.WaitGroup

	requests, refused, dropped, bypassed, blocked atomic.Int64
}

// dialers is how many clients run at once, from several addresses.
const dialers = 64

// maxHeld is how many sessions each of them holds at most: together they want more
// than a table of 100 has room for.
const maxHeld = 5

// startTraffic lets clients loose until end is called.
func startTraffic(s *site, r rules) *traffic {
	l := &traffic{s: s, rules: r, stop: make(chan struct{})}
	for i := range dialers {
		l.wg.Go(func() { l.dialer(uint64(i)) })
	}
	return l
}

// end stops the clients; they have closed all sessions when it returns.
func (l *traffic) end() {
	close(l.stop)
	l.wg.Wait()
}

// held is an open session of a dialer.
type held struct {
	*client
	used    bool  // it has had an answer
	known   sight // whether it is scanned, once it is known
	objects *rand.Rand
}

func (l *traffic) dialer(seed uint64) {
	dice := rand.New(rand.NewPCG(seed, 1))
	from := "127.0.0.1"
	if manyLoopbacks() {
		from = fmt.Sprintf("127.0.0.%d", 1+seed%16)
	}
	var open []*held
	defer func() {
		for _, h := range open {
			h.Close()
		}
	}()
	for {
		select {
		case <-l.stop:
			return
		default:
		}
		switch n := dice.IntN(10); {
		case len(open) == 0 || n < 4 && len(open) < maxHeld:
			if h := l.open(from, dice); h != nil {
				open = append(open, h)
			}
		case n < 8:
			at := dice.IntN(len(open))
			if !l.use(open[at]) {
				open = append(open[:at], open[at+1:]...)
			}
		default:
			at := dice.IntN(len(open))
			open[at].leave(dice)
			open = append(open[:at], open[at+1:]...)
		}
	}
}

// leave closes a session at rest, now and then with a reset.
func (h *held) leave(dice *rand.Rand) {
	if dice.IntN(4) == 0 {
		_ = h.SetLinger(0) // a failure leaves the close an orderly one
	}
	h.Close()
}

// open makes a session and uses it once. nil: it was refused.
func (l *traffic) open(from string, dice *rand.Rand) *held {
	c, err := l.s.connect(from, l.s.vip)
	if err != nil {
		l.ended(err, false)
		return nil
	}
	h := &held{client: c, objects: dice}
	if !l.use(h) {
		return nil
	}
	return h
}

// ended counts an end before an answer, if the rules allow it.
func (l *traffic) ended(err error, used bool) {
	reset := errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
	switch {
	case (reset || errors.Is(err, io.EOF)) && !used && l.rules.mayRefuse:
		l.refused.Add(1)
	case reset && used && l.rules.mayDrop:
		l.dropped.Add(1)
	default:
		assert.NoError(l.s.t, err, "a session that had an answer before: %t", used)
	}
}

// use makes one request. It is false when the session has come to its end.
func (l *traffic) use(h *held) bool {
	ask, check := l.request(h)
	_, err := io.WriteString(h, ask)
	if err == nil {
		_, err = h.r.Peek(1)
	}
	if err != nil {
		l.ended(err, h.used)
		h.Close()
		return false
	}
	res, body, err := h.answer("")
	if err != nil {
		assert.True(l.s.t, l.rules.mayCut, "an answer that was cut: %v", err)
		h.Close()
		return false
	}
	l.requests.Add(1)
	h.used = true
	check(res, body)
	return true
}

// request chooses a request and says how its answer is checked.
func (l *traffic) request(h *held) (ask string, check func(*http.Response, []byte)) {
	t, dice := l.s.t, h.objects
	switch dice.IntN(4) {
	case 0:
		return h.head("GET", "/eicar.com") + "\r\n", func(res *http.Response, body []byte) { l.judge(h, sightOf(res, body)) }
	case 1:
		body := content(dice.Int64N(20 << 10))
		head := h.head("POST", "/upload") + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body))
		return head + string(body), func(res *http.Response, got []byte) {
			assert.Equal(t, fmt.Sprintf("200 OK size %d\nsha256 %x\n", len(body), sha256.Sum256(body)), res.Status+" "+string(got))
		}
	case 2:
		return h.head("GET", "/") + "\r\n", func(res *http.Response, got []byte) { assert.Len(t, got, 1024, "%s", res.Status) }
	}
	size := dice.Int64N(40 << 10)
	path := fmt.Sprintf("/bytes/%d", size)
	if dice.IntN(2) == 0 {
		path += "?chunked=1"
	}
	return h.head("GET", path) + "\r\n", func(res *http.Response, got []byte) {
		assert.True(t, bytes.Equal(content(size), got), "%s: %s and %d bytes", path, res.Status, len(got))
	}
}

// judge checks what the session makes of the EICAR file: for all its life the same.
func (l *traffic) judge(h *held, saw sight) {
	t := l.s.t
	if h.known == "" {
		h.known = saw
		switch saw {
		case blocked:
			l.blocked.Add(1)
		case unscanned:
			l.bypassed.Add(1)
		}
	}
	assert.Equal(t, h.known, saw)
	assert.True(t, saw == blocked || saw == unscanned && l.rules.mayBypass, "%s", saw)
}

// content is the origin's object of n bytes.
func content(n int64) []byte {
	b, _ := io.ReadAll(lab.NewContent(n)) // generated: it can't fail
	return b
}

// manyLoopbacks tells whether clients can have different addresses.
var manyLoopbacks = sync.OnceValue(func() bool { return canListen("127.0.0.16") })

// bound is how many entries there may be now.
type bound struct {
	s    *site
	stop chan struct{}
	wg   sync.WaitGroup

	mu      sync.Mutex // guards the fields below
	limit   int
	allowed int // more than limit when it was lowered below what was in use
	samples int
	most    int
}

// watchBound looks at the table all the time.
func watchBound(s *site, limit int) *bound {
	b := &bound{s: s, stop: make(chan struct{}), limit: limit, allowed: limit}
	b.wg.Go(func() {
		tick := time.NewTicker(100 * time.Microsecond)
		defer tick.Stop()
		for {
			select {
			case <-b.stop:
				return
			case <-tick.C:
				b.sample()
			}
		}
	})
	return b
}

func (b *bound) sample() {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.s.inTable()
	assert.LessOrEqual(b.s.t, n, b.allowed, "entries; the limit is %d", b.limit)
	b.allowed = max(b.limit, min(b.allowed, n))
	b.samples++
	b.most = max(b.most, n)
}

// change tells that the limit is changed by what put does.
func (b *bound) change(limit int, put func()) {
	b.mu.Lock()
	if limit > b.limit {
		b.limit, b.allowed = limit, max(limit, b.allowed)
	}
	b.mu.Unlock()
	put()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.limit = limit
	b.allowed = max(limit, b.s.inTable())
}

func (b *bound) end() {
	close(b.stop)
	b.wg.Wait()
}

// quiet tells that all clients have ended, by a failure.
func (l *traffic) quiet() bool { return l.s.t.Failed() }
