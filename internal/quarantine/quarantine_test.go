package quarantine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// unit is a store with a clock and what it has said of failures.
type unit struct {
	*Store
	t   testing.TB
	dir string

	mu     sync.Mutex // guards the fields below
	now    time.Time
	failed []string
}

func open(t testing.TB, dir string, set Settings) *unit {
	u := &unit{t: t, dir: dir, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	s, err := Open(Options{Dir: dir, Now: u.clock, Failed: func(name string, err error) {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.failed = append(u.failed, name+": "+err.Error())
	}})
	require.NoError(t, err)
	u.Store = s
	t.Cleanup(func() { assert.NoError(t, s.Close(context.Background())) })
	s.Configure(set)
	return u
}

func (u *unit) clock() time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.now
}

func (u *unit) later(d time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.now = u.now.Add(d)
}

func (u *unit) failures() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.failed
}

func item(name, body string) Item {
	return Item{Name: name, Service: "http", Status: "infected", Description: "d", Size: int64(len(body)), Body: strings.NewReader(body)}
}

func (u *unit) keep(name, body string) string {
	u.t.Helper()
	got, err := u.Keep(item(name, body))
	require.NoError(u.t, err)
	u.later(time.Second)
	return got
}

// folder is what the folder holds once everything is done.
func (u *unit) folder() (names []string) {
	u.t.Helper()
	require.NoError(u.t, u.Flush(context.Background()))
	list, err := os.ReadDir(u.dir)
	if !errors.Is(err, os.ErrNotExist) {
		require.NoError(u.t, err)
	}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func (u *unit) names() (names []string) {
	for _, f := range u.List() {
		names = append(names, f.Name)
	}
	return names
}

func TestKeep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "q")
	u := open(t, dir, Settings{On: true})
	assert.NoDirExists(t, dir, "nothing is made before there is something to keep")
	name := u.keep("Over Size.EXE", "123456789")
	assert.Equal(t, "cbf43926.oversize.exe", name, "the name as the appliance forms it; cbf43926 is the check value of CRC-32")
	assert.Equal(t, []string{name, name + ".meta"}, u.folder())
	b, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	assert.Equal(t, "123456789", string(b))
	for _, n := range []string{name, name + ".meta"} {
		info, err := os.Stat(filepath.Join(dir, n))
		require.NoError(t, err)
		assert.EqualValues(t, 0o600, info.Mode().Perm(), n)
	}
	info, err := os.Stat(dir)
	require.NoError(t, err)
	assert.EqualValues(t, 0o700, info.Mode().Perm())

	assert.Equal(t, name, u.keep("other", "123456789"), "the same content is kept once")
	require.Len(t, u.List(), 1)
	f := u.List()[0]
	assert.Equal(t, 1, f.Count)
	assert.Equal(t, time.Second, f.Last.Sub(f.First))
	assert.Equal(t, []string{name, name + ".meta"}, u.folder())
	used, _ := u.Use()
	assert.EqualValues(t, 9, used)
	assert.Empty(t, u.failures())
}

func TestNamesAreHarmless(t *testing.T) {
	for in, want := range map[string]string{
		"":                                "unnamed",
		"../../etc/passwd":                ".._.._etc_passwd",
		"a\r\nb\x00c":                     "ab_c",
		"CON":                             "con",
		"x.meta":                          "x.meta_",
		"x.part":                          "x.part_",
		"...":                             "unnamed",
		"a. . .":                          "a",
		"\u202egnp.exe":                   "_gnp.exe",
		strings.Repeat("x", 10<<10):       strings.Repeat("x", maxProcessed),
		strings.Repeat("\u00fc", 10<<10):  "unnamed",
		`<script>"'&|;$(rm -rf)`:          "_script________rm-rf_",
		"C:\\Windows\\System32\\evil.dll": "c__windows_system32_evil.dll",
	} {
		assert.Equal(t, want, processed(in), "%.40q", in)
	}
}

func TestNotKept(t *testing.T) {
	u := open(t, t.TempDir(), Settings{})
	refused := func(want error, size int) {
		t.Helper()
		_, err := u.Keep(item("a", strings.Repeat("x", size)))
		require.ErrorIs(t, err, want)
	}
	refused(ErrOff, 1)
	u.Configure(Settings{On: true, MaxFile: 10, Quota: 100})
	refused(ErrTooLarge, 11)
	u.Configure(Settings{On: true, Quota: 100})
	refused(ErrTooLarge, 101)
	u.Configure(Settings{On: true})
	refused(ErrTooLarge, maxWaiting+1)
	_, err := u.Keep(Item{Size: 5, Body: strings.NewReader("four")})
	require.Error(t, err)
	u.Configure(Settings{On: true, Quota: 10})
	u.keep("a", "12345")
	refused(ErrFull, 6)
	u.keep("b", "54321")
	assert.EqualValues(t, 0, u.waitingNow(), "nothing stays reserved")
	require.NoError(t, u.Close(context.Background()))
	refused(ErrClosed, 1)
}

func (u *unit) waitingNow() int64 {
	require.NoError(u.t, u.Flush(context.Background()))
	u.Store.mu.Lock()
	defer u.Store.mu.Unlock()
	return u.waiting
}

func TestOldestMakeRoom(t *testing.T) {
	u := open(t, t.TempDir(), Settings{On: true, Quota: 10, Overwrite: true})
	a, b := u.keep("a", "aaaa"), u.keep("b", "bbbb")
	u.keep("again", "aaaa") // a was seen last
	c := u.keep("c", "cccc")
	assert.Equal(t, []string{a, c}, u.names())
	assert.NotContains(t, u.folder(), b)
	d := u.keep("d", strings.Repeat("d", 10))
	assert.Equal(t, []string{d}, u.names())
	assert.Equal(t, []string{d, d + ".meta"}, u.folder())
}

func TestAge(t *testing.T) {
	u := open(t, t.TempDir(), Settings{On: true, Age: time.Hour})
	a := u.keep("a", "a")
	u.later(40 * time.Minute)
	b := u.keep("b", "b")
	u.later(30 * time.Minute)
	u.Configure(Settings{On: true, Age: time.Hour})
	assert.Equal(t, []string{b}, u.names())
	assert.NotContains(t, u.folder(), a)
}

// TestAgesByItself: nobody has to ask.
func TestAgesByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(Options{Dir: t.TempDir()})
		require.NoError(t, err)
		s.Configure(Settings{On: true, Age: time.Hour})
		_, err = s.Keep(item("a", "a"))
		require.NoError(t, err)
		time.Sleep(59 * time.Minute) // the bubble's clock
		synctest.Wait()
		require.Len(t, s.List(), 1)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		require.Empty(t, s.List())
		require.NoError(t, s.Close(context.Background()))
	})
}

func TestDelete(t *testing.T) {
	u := open(t, t.TempDir(), Settings{On: true})
	a, b := u.keep("a", "a"), u.keep("b", "b")
	u.keep("c", "c")
	assert.Zero(t, u.Delete("nothing"))
	assert.Equal(t, 1, u.Delete(a))
	checksum, _, _ := strings.Cut(b, ".")
	assert.Equal(t, 1, u.Delete(checksum))
	assert.Equal(t, 1, u.Purge())
	assert.Empty(t, u.folder())
	used, _ := u.Use()
	assert.Zero(t, used)
	assert.Equal(t, a, u.keep("a", "a"), "a name is free again")
	assert.Equal(t, []string{a, a + ".meta"}, u.folder())
}

func TestRestart(t *testing.T) {
	dir := t.TempDir()
	u := open(t, dir, Settings{On: true})
	a, b := u.keep("a", "aaaa"), u.keep("b", "b")
	u.keep("a", "aaaa")
	before := u.List()
	require.NoError(t, u.Close(context.Background()))

	// What a crash leaves, and what somebody has done to the folder.
	put := func(name, body string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600))
	}
	put("half.part", "x")
	put("noted.meta", `{"name":"noted","sha256":"`+strings.Repeat("ab", 32)+`","size":3}`)
	put("other.meta", `{"name":"../../a","sha256":"`+strings.Repeat("ab", 32)+`","size":0}`)
	put("broken.meta", "{")
	put("long.meta", strings.Repeat("x", 2*maxMeta))
	put("foreign", "not ours")
	put(b, "changed its size")

	u = open(t, dir, Settings{On: true})
	assert.Equal(t, []string{a, "foreign"}, without(u.folder(), ".meta"))
	require.Len(t, u.List(), 1)
	after := u.List()[0]
	for _, f := range before {
		if f.noted = false; f.Name == a {
			assert.Equal(t, f, after)
		}
	}
	u.keep("a", "aaaa")
	assert.Equal(t, 2, u.List()[0].Count, "known content is still known")
}

func without(names []string, suffix string) (rest []string) {
	for _, n := range names {
		if !strings.HasSuffix(n, suffix) {
			rest = append(rest, n)
		}
	}
	return rest
}

// brokenFile fails at one of its steps.
type brokenFile struct {
	file
	at  string
	err error
}

func (b *brokenFile) Write(p []byte) (int, error) {
	if b.at == "write" {
		n, _ := b.file.Write(p[:len(p)/2])
		return n, b.err
	}
	return b.file.Write(p)
}

func (b *brokenFile) Sync() error {
	if b.at == "sync" {
		return b.err
	}
	return b.file.Sync()
}

// breakFiles has the writing of files fail whose name has suffix, as long as full says.
func (u *unit) breakFiles(at, suffix string, err error, full func() bool) {
	u.create = func(path string) (file, error) {
		f, cerr := createFile(path)
		if cerr != nil || !strings.HasSuffix(path, suffix) || !full() {
			return f, cerr
		}
		if at == "create" {
			_ = f.Close()
			return nil, err
		}
		return &brokenFile{f, at, err}, nil
	}
}

func TestDiskFails(t *testing.T) {
	for _, at := range []string{"create", "write", "sync"} {
		for _, suffix := range []string{".a.part", ".meta.part"} {
			t.Run(at+suffix, func(t *testing.T) {
				u := open(t, t.TempDir(), Settings{On: true})
				u.breakFiles(at, suffix, syscall.EIO, func() bool { return true })
				name := u.keep("a", "body")
				assert.Empty(t, u.folder(), "nothing half-written stays")
				assert.Empty(t, u.names())
				require.Len(t, u.failures(), 1)
				assert.Contains(t, u.failures()[0], name)
				assert.EqualValues(t, 0, u.waitingNow())
				u.breakFiles(at, suffix, nil, func() bool { return false })
				assert.Equal(t, name, u.keep("a", "body"), "it goes on when the disk does")
				assert.Len(t, u.folder(), 2)
			})
		}
	}
}

// TestDiskIsFull: with ovrw-old the oldest make room on a full disk too.
func TestDiskIsFull(t *testing.T) {
	for _, overwrite := range []bool{false, true} {
		u := open(t, t.TempDir(), Settings{On: true, Overwrite: overwrite})
		a := u.keep("a", "aaaa")
		require.NoError(t, u.Flush(context.Background()))
		u.breakFiles("write", ".b.part", syscall.ENOSPC, func() bool {
			_, err := os.Stat(filepath.Join(u.dir, a))
			return err == nil
		})
		b := u.keep("b", "bb")
		require.NoError(t, u.Flush(context.Background()))
		if overwrite {
			assert.Equal(t, []string{b}, u.names())
			assert.Empty(t, u.failures())
		} else {
			assert.Equal(t, []string{a}, u.names())
			require.Len(t, u.failures(), 1)
			assert.Contains(t, u.failures()[0], "no space left")
		}
	}
}

// TestDiskHangs: nobody waits for the disk, and what waits for it is bounded.
func TestDiskHangs(t *testing.T) {
	u := open(t, t.TempDir(), Settings{On: true})
	hangs := make(chan struct{})
	u.create = func(path string) (file, error) {
		<-hangs
		return createFile(path)
	}
	body := bytes.Repeat([]byte("x"), 1<<20)
	kept, busy := 0, 0
	for i := range 100 {
		copy(body, fmt.Sprint(i))
		switch _, err := u.Keep(Item{Size: int64(len(body)), Body: bytes.NewReader(body)}); {
		case err == nil:
			kept++
		default:
			require.ErrorIs(t, err, ErrBusy)
			busy++
		}
	}
	assert.Equal(t, maxWaiting>>20, kept)
	assert.Equal(t, 100-kept, busy)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	assert.ErrorIs(t, u.Flush(ctx), context.Canceled)
	assert.ErrorIs(t, u.Close(ctx), context.Canceled)
	assert.Equal(t, kept, u.Purge())
	close(hangs)
	assert.Empty(t, u.folder())
}

// TestBounds: whatever is handed in, removed and aged, the folder holds what the list
// says and never more than the quota.
func TestBounds(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		dir, err := os.MkdirTemp("", "quarantine")
		require.NoError(t, err)
		defer os.RemoveAll(dir)
		const quota = 40
		u := open(t, dir, Settings{On: true, Quota: quota, MaxFile: 20, Age: time.Minute, Overwrite: rapid.Bool().Draw(r, "overwrite")})
		for range rapid.IntRange(1, 30).Draw(r, "steps") {
			switch rapid.IntRange(0, 9).Draw(r, "what") {
			case 0:
				u.Purge()
			case 1:
				u.later(30 * time.Second)
				u.Configure(u.settings())
			default:
				body := strings.Repeat(rapid.StringMatching("[a-e]").Draw(r, "content"), rapid.IntRange(0, 25).Draw(r, "size"))
				_, err := u.Keep(item(rapid.StringMatching("[ab.]{0,3}").Draw(r, "name"), body))
				if err != nil && !errors.Is(err, ErrTooLarge) {
					require.ErrorIs(t, err, ErrFull)
				}
			}
			used, _ := u.Use()
			require.LessOrEqual(t, used, int64(quota))
		}
		var sum int64
		for _, f := range u.List() {
			sum += f.Size
		}
		used, _ := u.Use()
		require.Equal(t, used, sum)
		require.ElementsMatch(t, u.names(), without(u.folder(), ".meta"))
		require.Empty(t, u.failures())
		require.NoError(t, u.Close(context.Background()))
	})
}

func (u *unit) settings() Settings {
	_, set := u.Use()
	return set
}

func TestManyAtOnce(t *testing.T) {
	u := open(t, t.TempDir(), Settings{On: true})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for k := range 20 {
				_, err := u.Keep(item(fmt.Sprint(k), fmt.Sprint("body", (i+k)%20)))
				assert.NoError(t, err)
			}
		})
	}
	wg.Wait()
	assert.Len(t, u.List(), 20)
	assert.Len(t, u.folder(), 40)
	total := 0
	for _, f := range u.List() {
		total += 1 + f.Count
	}
	assert.Equal(t, 160, total)
}
