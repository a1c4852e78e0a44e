package appliance_test

import (
	"fmt"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
	"utmsim/proxy"
)

const (
	alice = "127.0.0.1"
	bob   = "127.0.0.2"
	carol = "127.0.0.3"
	dave  = "127.0.0.4"
)

// dropTable is a table of n entries under idledrop, with the default threshold of
// 30 seconds, that lets objects of more than a megabyte pass as they come.
func dropTable(n int) string {
	return fmt.Sprintf(tableOfFour+"config system resource-limits\nset proxy %d\nend\n", "5.2", "enable", "idledrop", n)
}

// victim is what the log says about a dropped session.
type victim struct {
	entry         uint32
	client        string
	entries, rank int
	idle          time.Duration
	taken         string
}

func victims(s *site) (list []victim) {
	for _, l := range s.log("session dropped") {
		idle, err := time.ParseDuration(l["idle"].(string))
		require.NoError(s.t, err)
		assert.Equal(s.t, "session", l["trigger"])
		assert.EqualValues(s.t, 12, l["row"])
		list = append(list, victim{
			entry: uint32(l["entry"].(float64)), client: l["client"].(string), entries: int(l["entries of the client"].(float64)),
			rank: int(l["rank"].(float64)), idle: idle, taken: l["taken by client"].(string),
		})
	}
	return list
}

// TestIdleDropOrder has three clients with five, three and one sessions fill a
// table of nine. Idle ones are named after their client and the second of the clock
// at which they came to rest.
func TestIdleDropOrder(t *testing.T) {
	needLoopback(t, alice, bob, carol, dave)
	s := newSite(t, dropTable(9))
	carol0 := s.idle(carol) // the longest idle of all, of the client with the fewest
	s.advance(time.Second)
	bob1 := s.idle(bob)
	s.advance(8 * time.Second)
	alice9a, alice9b := s.idle(alice), s.idle(alice) // since the same instant
	s.advance(10 * time.Second)
	alice19 := s.idle(alice)
	aliceUp, aliceDown := s.uploading(alice), s.downloading(alice)
	s.advance(5 * time.Second)
	bob24 := s.idle(bob)
	bobUp := s.uploading(bob)
	s.advance(31 * time.Second)
	s.settled(9)
	require.Less(t, s.number(alice9a.client), s.number(alice9b.client))
	order := []struct {
		who           task
		client        string
		entries, rank int
		idle          time.Duration
	}{
		{alice9a, alice, 5, 1, 46 * time.Second}, // the most entries, then the longest idle, then the lower number
		{alice9b, alice, 4, 1, 46 * time.Second},
		{bob1, bob, 3, 1, 54 * time.Second}, // alice has three as well, the longest idle since 19
		{alice19, alice, 3, 1, 36 * time.Second},
		{bob24, bob, 2, 2, 31 * time.Second}, // dave has four, none of them idle; alice's two work
		{carol0, carol, 1, 3, 55 * time.Second},
	}
	var newcomers []*client
	var want []victim
	for i, o := range order {
		number := s.number(o.who.client)
		n := s.begin(dave)
		o.who.dropped()
		want = append(want, victim{number, o.client, o.entries, o.rank, o.idle, n.LocalAddr().String()})
		assert.Equal(t, 9, s.inTable(), "after newcomer %d", i+1)
		newcomers = append(newcomers, n)
	}
	saw, _ := s.fetchEICAR(dave)
	assert.Equal(t, refused, saw, "nobody is idle any more")

	for _, c := range []task{aliceUp, aliceDown, bobUp} {
		c.finish()
		c.home()
	}
	for _, n := range newcomers {
		n.home()
	}
	f := s.figures()
	assert.Equal(t, figures{current: 9, limit: 9, peak: 9, setupOK: 15, setupFail: 1, refused: 1, dropped: 6}, f)
	require.NoError(t, s.Engine().Report().Check())
	assert.Equal(t, want, victims(s))
}

// TestASlowReaderGetsTheWholeObject has a client that has not read its object yet
// when the proxy is through with it: what is still in the buffers of the system is
// part of the transfer.
func TestASlowReaderGetsTheWholeObject(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("package net does not tell what the system still has to send")
	}
	needLoopback(t, alice, bob)
	s := newSite(t, dropTable(1))
	c := s.begin(alice)
	const size = 900 << 10
	s.advance(1)
	c.ask(fmt.Sprintf("/bytes/%d", size))
	s.eventually(func() bool { r, _ := s.row(c); return r.State == proxy.RowIdle && r.Idle == 0 }, "object with the system")
	s.advance(31 * time.Second)
	s.begin(bob).home()
	res, err := http.ReadResponse(c.r, nil)
	require.NoError(t, err)
	same(t, lab.NewContent(size), res.Body)
}
