package scanner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// judge finds "bad" in an object and counts.
type judge struct {
	mu    sync.Mutex
	asked int
	err   error
}

func (j *judge) Scan(_ context.Context, obj *Object) (Verdict, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.asked++
	if j.err != nil {
		return Verdict{}, j.err
	}
	b := make([]byte, obj.Size)
	_, _ = obj.Body.ReadAt(b, 0) // all of it lies in memory
	if bytes.Contains(b, []byte("bad")) {
		return Verdict{Class: Virus, Name: "bad", Part: strings.TrimPrefix(obj.Name+"!inside", "!")}, nil
	}
	return Verdict{}, nil
}

func content(name, data string) *Object {
	return &Object{Name: name, Body: strings.NewReader(data), Size: int64(len(data))}
}

func TestCache(t *testing.T) {
	j, version := new(judge), "1"
	c := NewCache(3)
	s := c.Wrap(j, func() string { return version })
	scan := func(o *Object, want Verdict, asked int) {
		t.Helper()
		v, err := s.Scan(t.Context(), o)
		require.NoError(t, err)
		assert.Equal(t, want, v)
		assert.Equal(t, asked, j.asked)
	}
	bad := func(part string) Verdict { return Verdict{Class: Virus, Name: "bad", Part: part} }
	long := strings.Repeat("x", 200_000)
	scan(content("a", "bad"), bad("a!inside"), 1)
	scan(content("a", "bad"), bad("a!inside"), 1)
	scan(content("b", "bad"), bad("b!inside"), 1)
	scan(content("", "bad"), bad("inside"), 1)
	scan(&Object{Name: "f", Flat: []byte("bad"), Body: strings.NewReader("bad"), Size: 3}, bad("f!inside"), 1)
	scan(content("a", long), Verdict{}, 2)
	scan(content("a", long), Verdict{}, 2)

	o := content("a", "bad")
	o.Encodings = []string{"gzip"}
	scan(o, bad("a!inside"), 3)
	o = content("a", "bad")
	o.Limits.Nest = 3
	scan(o, bad("a!inside"), 4)
	assert.Equal(t, 3, c.Len())
	scan(content("a", "bad"), bad("a!inside"), 5) // it had to make room

	version = "2"
	scan(content("a", "bad"), bad("a!inside"), 6)
	scan(content("a", "bad"), bad("a!inside"), 6)
	hits, misses := c.Counts()
	assert.EqualValues(t, 6, misses)
	assert.EqualValues(t, 6, hits)
}

func TestCacheKeepsNoErrors(t *testing.T) {
	j := &judge{err: errors.New("no answer")}
	s := NewCache(3).Wrap(j, func() string { return "" })
	for range 2 {
		_, err := s.Scan(t.Context(), content("", "bad"))
		require.Error(t, err)
	}
	j.err = nil
	v, err := s.Scan(t.Context(), content("", "bad"))
	require.NoError(t, err)
	assert.Equal(t, Virus, v.Class)
	_, err = s.Scan(t.Context(), &Object{Body: strings.NewReader("short"), Size: 7})
	require.Error(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Scan(ctx, content("", "bad"))
	require.ErrorIs(t, err, context.Canceled)
}

// TestCacheForgetsWhatChangedMeanwhile: a verdict of signatures that are gone when it
// comes is not kept.
func TestCacheForgetsWhatChangedMeanwhile(t *testing.T) {
	version := 0
	j := new(judge)
	s := NewCache(3).Wrap(j, func() string { version++; return fmt.Sprint(version) })
	for range 2 {
		_, err := s.Scan(t.Context(), content("", "bad"))
		require.NoError(t, err)
	}
	assert.Equal(t, 2, j.asked)
}

func TestCacheUnderLoad(t *testing.T) {
	c := NewCache(10)
	s := c.Wrap(new(judge), func() string { return "" })
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for k := range 200 {
				name := fmt.Sprint("bad", (i+k)%20)
				v, err := s.Scan(context.Background(), content(name, name))
				assert.NoError(t, err)
				assert.Equal(t, name+"!inside", v.Part)
			}
		})
	}
	wg.Wait()
	assert.Equal(t, 10, c.Len())
}
