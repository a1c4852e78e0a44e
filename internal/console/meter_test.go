package console

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestMeter(t *testing.T) {
	var m meter
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	const kb = 1000 / 8 // bytes of a kilobit
	m.take(at, 0, totals{}, cpuTime{})
	assert.Equal(t, average{}, m.average(time.Minute))
	for i := range 120 { // ten minutes: 10 sessions, 2 set up, 30 kilobits in and 5 out a second, a virus every 5 seconds
		n := int64(i + 1)
		m.take(at.Add(time.Duration(n)*5*time.Second), 10, totals{n * 10, n * 150 * kb, n * 25 * kb, n}, cpuTime{})
	}
	assert.Equal(t, average{sessions: 10, setups: 2, received: 30, sent: 5, viruses: 12}, m.average(time.Minute))
	assert.Equal(t, average{sessions: 10, setups: 2, received: 30, sent: 5, viruses: 120}, m.average(10*time.Minute))
	at = at.Add(10 * time.Minute)
	m.take(at.Add(5*time.Second), 0, totals{5, 0, 0, 0}, cpuTime{}) // the proxy was restarted, and has set five up since
	assert.Equal(t, int64((11*10+5)/60), m.average(time.Minute).setups)
	assert.Equal(t, int64(11), m.average(time.Minute).viruses)
}

func TestMeterIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m meter
		at := time.Unix(0, 0)
		for range rapid.IntRange(1, 600).Draw(t, "samples") {
			at = at.Add(time.Duration(rapid.Int64Range(0, 20).Draw(t, "seconds")) * time.Second)
			m.take(at, rapid.IntRange(0, 9).Draw(t, "sessions"), totals{setups: rapid.Int64Range(0, 9).Draw(t, "setups")}, cpuTime{})
			a := m.average(sampleKeep)
			require.GreaterOrEqual(t, a.setups, int64(0))
			require.LessOrEqual(t, a.sessions, 9)
		}
		require.Less(t, m.samples[len(m.samples)-1].at.Sub(m.samples[min(1, len(m.samples)-1)].at), sampleKeep)
	})
}

func TestMeterCPU(t *testing.T) {
	var m meter
	at := time.Unix(0, 0)
	m.take(at, 0, totals{}, cpuTime{})
	m.take(at.Add(10*time.Second), 0, totals{}, cpuTime{5 * time.Second, time.Second})
	user, system := m.cpu(at.Add(20*time.Second), cpuTime{15 * time.Second, 2 * time.Second}, 2)
	assert.Equal(t, []float64{50, 5}, []float64{user, system})
	user, _ = m.cpu(at.Add(10500*time.Millisecond), cpuTime{15 * time.Second, 0}, 2) // too soon: since the sample before
	assert.InDelta(t, 71.4, user, 0.1)
	user, system = m.cpu(at, cpuTime{}, 2)
	assert.Zero(t, user+system)
}

func TestProcessTimeGrows(t *testing.T) {
	before, work := processTime(), 0
	for processTime().user == before.user {
		work += strings.Count(strings.Repeat("work", 1<<16), "o")
	}
	assert.Greater(t, processTime().user, before.user, "%d", work)
}

func TestSystemSockets(t *testing.T) {
	found := socketsIn(t, "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"+
		"   0: 0100007F:1F90 0200007F:C350 01 00000010:00000020 00:00000000 00000003     0        0 1\n"+
		"   1: 0100007F:1F90 0300007F:C350 0A 00000000:00000000 00:00000000 00000000\n"+
		"   2: 0100007F:1F90 bad 01 0:0 0 0\n   3: 0100007F:1F90 0400007F:C350 FF 0:0 0 0\n"+
		"   4: 0100007F:1F90 00000000000000000000000001000000:0050 08 00000001:00000000 00:00000000 00000000\n")
	if len(found) == 0 {
		t.Fatal("nothing was read")
	}
	assert.Equal(t, map[string]tcpSocket{
		"127.0.0.2:50000": {"ESTABLISHED", 16, 32, 3}, "127.0.0.3:50000": {"LISTEN", 0, 0, 0}, "[::1]:80": {"CLOSE_WAIT", 1, 0, 0},
	}, found)
}

// socketsIn are the sockets of a table by their peers.
func socketsIn(t *testing.T, table string) map[string]tcpSocket {
	found := map[tcpEnds]tcpSocket{}
	readSockets(strings.NewReader(table), found)
	out := map[string]tcpSocket{}
	for a, s := range found {
		assert.Equal(t, uint16(8080), a.port)
		out[a.peer.String()] = s
	}
	return out
}
