package sessiontable

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"utmsim/protocols"
)

var sizes = []int{100, 8032, 1_000_000}

// spread names how many clients share the entries; 0 stands for one client each.
var spreads = []struct {
	name    string
	clients int
}{{"one client", 1}, {"1000 clients", 1000}, {"all distinct", 0}}

func address(i int) netip.Addr {
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], 10<<24+uint32(i))
	return netip.AddrFrom4(a)
}

// crowd is a table with size entries at rest, one after the other, and the entries
// in an order in which their places in memory tell nothing.
func crowd(b require.TestingT, size, clients int, room int) (*Table, []*Entry) {
	if clients == 0 {
		clients = size
	}
	t := New(Limits{Pool: size + room})
	entries := make([]*Entry, size)
	for i := range entries {
		e := &Entry{Key: Key{Client: address(i % clients)}}
		require.True(b, t.Admit(int64(i), e))
		e.Rest(int64(i))
		entries[i] = e
	}
	r := rand.New(rand.NewPCG(1, 2))
	r.Shuffle(size, func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
	return t, entries
}

// BenchmarkAdmitRelease is one session that comes and goes in a table far from full.
func BenchmarkAdmitRelease(b *testing.B) {
	for _, size := range sizes {
		for _, s := range spreads {
			b.Run(fmt.Sprintf("%d/%s", size, s.name), func(b *testing.B) {
				t, _ := crowd(b, size, s.clients, size)
				e := &Entry{Key: Key{Client: address(1 << 23)}}
				if s.clients == 1 {
					e.Client = address(0)
				}
				b.ReportAllocs()
				b.ResetTimer()
				now := int64(size)
				for b.Loop() {
					now++
					if !t.Admit(now, e) {
						b.Fatal("no room")
					}
					e.Rest(now)
					if !t.Release(e) {
						b.Fatal("not there")
					}
				}
			})
		}
	}
}

// BenchmarkTurnover replaces a random entry by another of the same client, far from
// the limit. With a million entries it mostly waits for memory: what it touches is
// in no cache.
func BenchmarkTurnover(b *testing.B) {
	for _, size := range sizes {
		for _, s := range spreads {
			b.Run(fmt.Sprintf("%d/%s", size, s.name), func(b *testing.B) {
				t, entries := crowd(b, size, s.clients, size)
				r := rand.New(rand.NewPCG(3, 4))
				e := &Entry{Key: entries[0].Key}
				b.ReportAllocs()
				b.ResetTimer()
				now := int64(size)
				for b.Loop() {
					now++
					i := r.IntN(size)
					old := entries[i]
					e.Client = old.Client
					if !t.Admit(now, e) || !t.Release(old) {
						b.Fatal("no room")
					}
					e.Rest(now)
					entries[i], e = e, old
				}
			})
		}
	}
}

// BenchmarkIdledrop admits to a full table all of whose sessions are idle, so that
// each admission drops one; the newcomer comes from the victim's client or, with all
// distinct, from another one each time.
func BenchmarkIdledrop(b *testing.B) {
	for _, size := range sizes {
		for _, s := range spreads {
			b.Run(fmt.Sprintf("%d/%s", size, s.name), func(b *testing.B) {
				t, _ := crowd(b, size, s.clients, 0)
				e := &Entry{Key: Key{Client: address(0)}}
				b.ReportAllocs()
				b.ResetTimer()
				now := int64(size)
				for b.Loop() {
					now++
					v, outcome := t.AdmitDropping(now, e, DropRule{Idle: 30})
					if outcome != Replaced {
						b.Fatal(outcome)
					}
					e.Rest(now)
					e = v.Entry
				}
			})
		}
	}
}

// BenchmarkIdledropBusy is BenchmarkIdledrop while the other sessions work: between
// two newcomers eight sessions wake and rest again, and every second newcomer
// comes from one of a few clients.
func BenchmarkIdledropBusy(b *testing.B) {
	for _, size := range sizes {
		for _, s := range spreads {
			b.Run(fmt.Sprintf("%d/%s", size, s.name), func(b *testing.B) {
				t, entries := crowd(b, size, s.clients, 0)
				r := rand.New(rand.NewPCG(3, 4))
				e := &Entry{}
				b.ReportAllocs()
				b.ResetTimer()
				now := int64(size)
				for b.Loop() {
					now++
					for range 8 {
						w := entries[r.IntN(size)]
						w.Wake()
						w.Rest(now)
					}
					e.Client = address(r.IntN(max(1, size>>(4*(now&1)))))
					v, outcome := t.AdmitDropping(now, e, DropRule{Idle: 5})
					if outcome != Replaced {
						b.Fatal(outcome)
					}
					e.Rest(now)
					e = v.Entry
				}
			})
		}
	}
}

// BenchmarkIdledropNobodyIdle refuses newcomers because every session works. The first
// search, which finds that out session by session, is told apart.
func BenchmarkIdledropNobodyIdle(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			t, entries := crowd(b, size, 1000, 0)
			for _, e := range entries {
				e.Wake()
			}
			e := &Entry{Key: Key{Client: address(0)}}
			now := int64(size)
			begun := time.Now()
			t.AdmitDropping(now, e, DropRule{})
			first := time.Since(begun)
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				now++
				if _, outcome := t.AdmitDropping(now, e, DropRule{}); outcome != Refused {
					b.Fatal(outcome)
				}
			}
			b.ReportMetric(float64(first.Microseconds()), "us-first")
		})
	}
}

func BenchmarkRestWake(b *testing.B) {
	_, entries := crowd(b, 100, 1, 0)
	b.Run("one", func(b *testing.B) {
		e := entries[0]
		b.ReportAllocs()
		for b.Loop() {
			e.Wake()
			e.Rest(200)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		next := make(chan *Entry, len(entries))
		for _, e := range entries {
			next <- e
		}
		b.RunParallel(func(pb *testing.PB) {
			e := <-next
			for pb.Next() {
				e.Wake()
				e.Rest(200)
			}
		})
	})
}

func BenchmarkPhantoms(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				before := heapInUse()
				t := New(Limits{Pool: n})
				if t.FillPhantoms(1, Key{Client: address(0), Proto: protocols.HTTP}, n, 0) != n {
					b.Fatal("not filled")
				}
				b.ReportMetric(float64(heapInUse()-before)/float64(n), "B/phantom")
				if t.DrainPhantoms() != n {
					b.Fatal("not drained")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/phantom")
		})
	}
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
