package stats

import (
	"errors"
	"fmt"
	"strings"

	"utmsim/protocols"
)

// Violation is an invariant that a report breaks. Number is that of the list in
// section 6 of the fidelity notes:
//
//	1  poll's first figure is the sum of all events
//	2  poll's second figure is at most the first, the third at least their ratio
//	3  conn_ok + conn_inp is at most setup_ok: a session connects once or not at all
//	4  detected is the sum of the detections
//	5  current <= peak <= limit, and all protocols together within the pool
//	6  spamadd >= spamdel, suspend >= resume
//	7  there is a Last Error exactly when an Error Count of the block is not zero
//
// The eighth concerns the rendering. A limit that was lowered below what is in
// use breaks the fifth and is no fault.
type Violation struct {
	Number int
	Text   string
}

func (v *Violation) Error() string { return fmt.Sprintf("invariant %d: %s", v.Number, v.Text) }

// Check returns every violation the report shows, joined, or nil. It holds when
// traffic rests; between two additions of a running session it need not.
func (r *Report) Check() error {
	c := checker{r: r}
	if r.WorkerAccounting.Lines != nil {
		c.poll()
		c.lastError(&r.Worker)
	}
	for _, p := range protocols.All {
		c.connects(&r.Accounting[p])
		c.detected(p)
		c.pairs(&r.Accounting[p])
		c.lastError(&r.Stat[p])
	}
	c.common()
	return errors.Join(c.found...)
}

type checker struct {
	r     *Report
	found []error
}

func (c *checker) want(number int, ok bool, format string, args ...any) {
	if !ok {
		c.found = append(c.found, &Violation{number, fmt.Sprintf(format, args...)})
	}
}

// pollWorker and pollProtocol name the terms of the identity once more, so that
// a missing word in a tag shows.
var (
	pollWorker   = [...]string{"cmdb", "scan", "acceptor"}
	pollProtocol = [...]string{"urlfilter", "clt", "srv", "datalisten", "dataclt", "datasrv"}
)

func (c *checker) poll() {
	events := sumOf(&c.r.WorkerAccounting, pollWorker[:])
	for p := range c.r.Accounting {
		events += sumOf(&c.r.Accounting[p], pollProtocol[:])
	}
	a, _ := c.r.WorkerAccounting.Get("poll")
	b, _ := c.r.WorkerAccounting.Get("poll/rounds")
	most, _ := c.r.WorkerAccounting.Get("poll/most")
	c.want(1, a == events, "poll=%d, but all events together are %d", a, events)
	c.want(2, b <= a, "poll=%d/%d: more rounds than events", a, b)
	c.want(2, most*b >= a, "poll=%d/%d/%d: the largest round is below the average", a, b, most)
}

func (c *checker) connects(b *Block) {
	setup := sumOf(b, []string{"setup_ok"})
	connects := sumOf(b, []string{"conn_ok", "conn_inp"})
	c.want(3, connects <= setup, "%s: conn_ok+conn_inp=%d, setup_ok=%d", b.Title, connects, setup)
}

// verdictNouns are the words in front of "detected" whose parts invariant 4 adds up.
var verdictNouns = [protocols.Count][]string{
	protocols.HTTP: {"Web responses"},
	protocols.SMTP: {"Emails"},
	protocols.POP3: {"Emails"},
	protocols.IMAP: {"Emails"},
	protocols.FTP:  {"Files", "Upload files"},
	protocols.NNTP: {"Articles"},
}

func (c *checker) detected(p protocols.Protocol) {
	b := &c.r.Stat[p]
	for _, noun := range verdictNouns[p] {
		oversize := noun
		if p == protocols.HTTP {
			oversize = "Web requests" // the odd label of the documented block
		}
		parts := sumOf(b, []string{
			noun + " infected with worms", noun + " infected with viruses", noun + " infected with susp",
			noun + " file blocked", noun + " bannedword detected",
			oversize + " oversize pass", oversize + " oversize block",
		})
		total, _ := b.Get(noun + " detected")
		c.want(4, total == parts, "%s: %s detected %d, its parts together %d", b.Title, noun, total, parts)
	}
}

func (c *checker) common() {
	all := 0
	for _, p := range protocols.All {
		e := c.r.Common[p]
		all += e.Current
		c.want(5, e.Current <= e.Peak, "%s Common: current %d above peak %d", p, e.Current, e.Peak)
		c.want(5, e.Peak <= e.Limit, "%s Common: peak %d above limit %d", p, e.Peak, e.Limit)
	}
	c.want(5, c.r.Pool == 0 || all <= c.r.Pool, "%d entries in a pool of %d", all, c.r.Pool)
}

func (c *checker) pairs(b *Block) {
	for _, pair := range [...][2]string{{"spamadd", "spamdel"}, {"suspend", "resume"}} {
		begun, _ := b.Get(pair[0])
		ended, _ := b.Get(pair[1])
		c.want(6, begun >= ended, "%s: %s=%d below %s=%d", b.Title, pair[0], begun, pair[1], ended)
	}
}

func (c *checker) lastError(b *Block) {
	errorCount := int64(0)
	for i := range b.Lines {
		if strings.HasPrefix(b.Lines[i].Label, "Error Count ") {
			errorCount += b.Lines[i].Value
		}
	}
	last, _ := b.Get("Last Error")
	c.want(7, (last != 0) == (errorCount != 0), "%s: Last Error %d with %d errors counted", b.Title, last, errorCount)
}

// sumOf adds the lines with these labels; a label the block lacks counts as 0.
func sumOf(b *Block, labels []string) int64 {
	n := int64(0)
	for _, label := range labels {
		v, _ := b.Get(label)
		n += v
	}
	return n
}
