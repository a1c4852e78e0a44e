package logfile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func logPath(t testing.TB) string { return filepath.Join(t.TempDir(), "utmsim.log") }

func mustOpen(t testing.TB, path string, max int64, keep int) *File {
	t.Helper()
	f, err := Open(path, max, keep)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, f.Close()) })
	return f
}

func write(t require.TestingT, f *File, entries ...string) {
	for _, e := range entries {
		n, err := f.Write([]byte(e))
		require.NoError(t, err)
		require.Equal(t, len(e), n)
	}
}

func content(t require.TestingT, path string) string {
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

func TestEntriesReachTheFile(t *testing.T) {
	path := logPath(t)
	f, err := Open(path, 1000, 2)
	require.NoError(t, err)
	write(t, f, "one\n", "two\n", "")
	require.NoError(t, f.Sync())
	assert.Equal(t, "one\ntwo\n", content(t, path))
	write(t, f, "three\n")
	require.NoError(t, f.Close())
	assert.Equal(t, "one\ntwo\nthree\n", content(t, path))

	f, err = Open(path, 1000, 2)
	require.NoError(t, err)
	write(t, f, "four\n")
	require.NoError(t, f.Close())
	assert.Equal(t, "one\ntwo\nthree\nfour\n", content(t, path), "opening again appends")
	assert.Zero(t, f.Dropped())
}

func TestEntriesReachTheFileWithinASecond(t *testing.T) {
	path := logPath(t)
	synctest.Test(t, func(t *testing.T) {
		f, err := Open(path, 1000, 2)
		require.NoError(t, err)
		for range 3 {
			write(t, f, "entry\n")
			before := content(t, path)
			time.Sleep(flushEvery) // of the bubble's clock
			synctest.Wait()
			assert.Equal(t, before+"entry\n", content(t, path))
		}
		require.NoError(t, f.Close())
	})
}

func TestAFullBufferIsWritten(t *testing.T) {
	path := logPath(t)
	f := mustOpen(t, path, 1<<30, 0)
	entry := strings.Repeat("x", 999) + "\n"
	const n = 10 * bufferSize / 1000
	for range n {
		write(t, f, entry)
	}
	huge := strings.Repeat("y", 3*bufferSize) + "\n"
	write(t, f, huge, entry)
	require.NoError(t, f.Sync())
	assert.Equal(t, strings.Repeat(entry, n)+huge+entry, content(t, path))
	require.NoError(t, f.Close())
	assert.LessOrEqual(t, cap(f.pending.bytes), 2*bufferSize, "a huge entry does not stay in memory")
	assert.LessOrEqual(t, cap(f.idle.bytes), 2*bufferSize)
}

func TestRotation(t *testing.T) {
	path := logPath(t)
	f := mustOpen(t, path, 10, 2)
	write(t, f, "11111\n", "222\n", "33333\n", "44444\n", "5\n", "66666666\n")
	require.NoError(t, f.Sync())
	assert.Equal(t, "66666666\n", content(t, path))
	assert.Equal(t, "44444\n5\n", content(t, path+".1"))
	assert.Equal(t, "33333\n", content(t, path+".2"))
	assert.NoFileExists(t, path+".3")
	assert.Zero(t, f.Dropped())
}

func TestRotationWithoutOldFiles(t *testing.T) {
	path := logPath(t)
	f := mustOpen(t, path, 10, 0)
	write(t, f, "11111\n", "22222\n")
	require.NoError(t, f.Sync())
	assert.Equal(t, "22222\n", content(t, path))
	assert.NoFileExists(t, path+".1")
}

func TestOpenFindsOldFiles(t *testing.T) {
	path := logPath(t)
	for name, text := range map[string]string{"": "far too long for the new limit\n", ".1": "a\n", ".2": "b\n", ".3": "c\n", ".4": "d\n"} {
		require.NoError(t, os.WriteFile(path+name, []byte(text), 0o600))
	}
	f := mustOpen(t, path, 10, 2)
	assert.NoFileExists(t, path+".3")
	assert.NoFileExists(t, path+".4")
	write(t, f, "new\n")
	require.NoError(t, f.Sync())
	assert.Equal(t, "new\n", content(t, path))
	assert.Equal(t, "far too long for the new limit\n", content(t, path+".1"))
	assert.Equal(t, "a\n", content(t, path+".2"))
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	blocked := filepath.Join(dir, "blocked.log")
	require.NoError(t, os.MkdirAll(filepath.Join(blocked+".1", "full"), 0o700))
	for _, tc := range []struct {
		path string
		max  int64
		keep int
		want string
	}{
		{filepath.Join(dir, "a.log"), 0, 1, "size limit is 0 bytes"},
		{filepath.Join(dir, "a.log"), 10, -1, "number of old files is -1"},
		{filepath.Join(dir, "none", "a.log"), 10, 1, "opening log " + filepath.Join(dir, "none", "a.log")},
		{dir, 10, 1, "not a regular file"},
		{os.DevNull, 10, 1, "not a regular file"},
		{blocked, 10, 0, "removing old log"},
	} {
		_, err := Open(tc.path, tc.max, tc.keep)
		assert.ErrorContains(t, err, tc.want)
	}
}

func TestWriteRefusesWhatFitsNoFile(t *testing.T) {
	path := logPath(t)
	f := mustOpen(t, path, 10, 1)
	n, err := f.Write([]byte("0123456789\n"))
	assert.Zero(t, n)
	assert.ErrorContains(t, err, "longer than a file may be (10)")
	assert.EqualValues(t, 1, f.Dropped())
	write(t, f, "012345678\n")
	require.NoError(t, f.Sync())
	assert.Equal(t, "012345678\n", content(t, path))
}

func TestClosed(t *testing.T) {
	f, err := Open(logPath(t), 10, 1)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, f.Close())
	_, err = f.Write([]byte("x"))
	require.ErrorIs(t, err, os.ErrClosed)
	require.ErrorIs(t, f.Sync(), os.ErrClosed)
}

func TestManyWriters(t *testing.T) {
	path := logPath(t)
	const writers, each = 8, 2000
	f := mustOpen(t, path, 16<<10, 1000)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				fmt.Fprintf(f, "writer %d entry %d\n", w, i)
				if i%500 == 0 {
					assert.NoError(t, f.Sync())
				}
			}
		})
	}
	wg.Wait()
	require.NoError(t, f.Sync())
	next := make([]int, writers)
	for _, line := range strings.SplitAfter(strings.TrimSuffix(everything(t, path), "\n"), "\n") {
		var w, i int
		_, err := fmt.Sscanf(line, "writer %d entry %d", &w, &i)
		require.NoError(t, err, "%q", line)
		require.Equal(t, next[w], i)
		next[w]++
	}
	for _, n := range next {
		assert.Equal(t, each, n)
	}
	assert.Zero(t, f.Dropped())
}

// everything returns all the files, the oldest first.
func everything(t require.TestingT, path string) string {
	files, err := filepath.Glob(path + ".*")
	require.NoError(t, err)
	var b strings.Builder
	for n := len(files); n > 0; n-- {
		b.WriteString(content(t, fmt.Sprint(path, ".", n)))
	}
	return b.String() + content(t, path)
}

// Whatever is written, and however often it is synced and opened again: the files hold
// the latest entries, whole and in order, and keep to their limits.
func TestFilesHoldTheLatestEntries(t *testing.T) {
	dir := t.TempDir()
	var trial atomic.Int64
	rapid.Check(t, func(t *rapid.T) {
		path := filepath.Join(dir, fmt.Sprint("log", trial.Add(1)))
		limit, keep := rapid.Int64Range(8, 64).Draw(t, "max"), rapid.IntRange(0, 4).Draw(t, "keep")
		f, err := Open(path, limit, keep)
		require.NoError(t, err)
		var all []string
		for i := range rapid.IntRange(0, 60).Draw(t, "entries") {
			entry := fmt.Sprintf("%d%s\n", i, strings.Repeat(".", rapid.IntRange(0, 5).Draw(t, "dots")))
			write(t, f, entry)
			all = append(all, entry)
			switch rapid.IntRange(0, 9).Draw(t, "then") {
			case 0:
				require.NoError(t, f.Sync())
			case 1:
				require.NoError(t, f.Close())
				f, err = Open(path, limit, keep)
				require.NoError(t, err)
			}
		}
		require.NoError(t, f.Close())

		held := everything(t, path)
		assert.True(t, strings.HasSuffix(strings.Join(all, ""), held))
		for n := range keep + 1 {
			text, err := os.ReadFile(f.old(n))
			if errors.Is(err, os.ErrNotExist) {
				assert.Equal(t, strings.Join(all, ""), held, "while there is a free number nothing is lost")
				break
			}
			assert.LessOrEqual(t, int64(len(text)), limit)
			assert.True(t, len(text) == 0 || bytes.HasSuffix(text, []byte("\n")), "whole entries")
		}
		assert.NoFileExists(t, f.old(keep+1))
		assert.Zero(t, f.Dropped())
	})
}

// smallDisk is a disk with room for a number of bytes, over real files.
type smallDisk struct{ room atomic.Int64 }

type smallFile struct {
	sink
	disk *smallDisk
}

func (d *smallDisk) open(path string) (sink, int64, error) {
	s, size, err := openFile(path)
	return smallFile{s, d}, size, err
}

func (f smallFile) Write(p []byte) (int, error) {
	fits := min(len(p), int(f.disk.room.Load()))
	n, err := f.sink.Write(p[:fits])
	f.disk.room.Add(-int64(n))
	if err == nil && fits < len(p) {
		err = syscall.ENOSPC
	}
	return n, err
}

func TestAFullDiskDropsAndRecovers(t *testing.T) {
	path := logPath(t)
	disk := new(smallDisk)
	disk.room.Store(100)
	f, err := open(path, 12, 3, disk.open)
	require.NoError(t, err)
	write(t, f, "11111\n", "22222\n", "33333\n")
	require.NoError(t, f.Sync())
	disk.room.Store(3) // half of the next
	write(t, f, "44444\n", "55555\n")
	require.ErrorIs(t, f.Sync(), syscall.ENOSPC)
	assert.EqualValues(t, 2, f.Dropped())
	assert.Equal(t, "33333\n", content(t, path), "no torn entry")

	disk.room.Store(0)
	for range 10 {
		write(t, f, "66666\n")
		require.ErrorIs(t, f.Sync(), syscall.ENOSPC)
	}
	assert.EqualValues(t, 12, f.Dropped())
	assert.Equal(t, "11111\n22222\n33333\n", everything(t, path), "nothing old goes for what can't be written")

	disk.room.Store(100)
	require.NoError(t, f.Sync())
	write(t, f, "77777\n", "88888\n")
	require.NoError(t, f.Close())
	assert.Equal(t, "11111\n22222\n33333\n77777\n88888\n", everything(t, path))
	assert.EqualValues(t, 12, f.Dropped())
}

func TestWholeEntriesBeforeTheDiskWasFullStay(t *testing.T) {
	path := logPath(t)
	disk := new(smallDisk)
	disk.room.Store(15)
	f, err := open(path, 100, 3, disk.open)
	require.NoError(t, err)
	write(t, f, "11111\n", "22222\n", "33333\n", "44444\n")
	require.ErrorIs(t, f.Close(), syscall.ENOSPC)
	assert.Equal(t, "11111\n22222\n", content(t, path))
	assert.EqualValues(t, 2, f.Dropped())
}

func TestAFileMadeShorterByOthersIsNotPadded(t *testing.T) {
	path := logPath(t)
	disk := new(smallDisk)
	disk.room.Store(26)
	f, err := open(path, 100, 3, disk.open)
	require.NoError(t, err)
	write(t, f, strings.Repeat("x", 23)+"\n")
	require.NoError(t, f.Sync())
	require.NoError(t, os.Truncate(path, 0))
	write(t, f, "11111\n")
	require.ErrorIs(t, f.Sync(), syscall.ENOSPC)
	assert.Equal(t, "11", content(t, path))
	require.NoError(t, f.Close())
}

func TestAFailedRotationDropsAndRecovers(t *testing.T) {
	path := logPath(t)
	f := mustOpen(t, path, 6, 1)
	obstacle := filepath.Join(path+".1", "full")
	require.NoError(t, os.MkdirAll(obstacle, 0o700)) // a directory in the way
	write(t, f, "11111\n", "22222\n")
	assert.ErrorContains(t, f.Sync(), "rotating log "+path)
	assert.EqualValues(t, 1, f.Dropped())
	write(t, f, "33333\n")
	assert.Error(t, f.Sync())
	assert.EqualValues(t, 2, f.Dropped())
	assert.Equal(t, "11111\n", content(t, path), "the file keeps to its limit")

	require.NoError(t, os.RemoveAll(path+".1"))
	write(t, f, "44444\n")
	require.NoError(t, f.Sync())
	assert.Equal(t, "44444\n", content(t, path))
	assert.Equal(t, "11111\n", content(t, path+".1"))
}

func TestAVanishedFolderDropsAndRecovers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	require.NoError(t, os.Mkdir(dir, 0o700))
	path := filepath.Join(dir, "utmsim.log")
	f := mustOpen(t, path, 6, 1)
	write(t, f, "11111\n")
	require.NoError(t, f.Sync())
	away := dir + ".away"
	if err := os.Rename(dir, away); err != nil {
		t.Skip("this system renames no folder with an open file in it: ", err)
	}
	write(t, f, "22222\n")
	assert.ErrorIs(t, f.Sync(), os.ErrNotExist)
	assert.EqualValues(t, 1, f.Dropped())

	require.NoError(t, os.Rename(away, dir))
	write(t, f, "33333\n")
	require.NoError(t, f.Sync())
	assert.Equal(t, "33333\n", content(t, path))
	assert.Equal(t, "11111\n", content(t, path+".1"))
}

func TestWritersGoOnWhileTheDiskIsBusy(t *testing.T) {
	path := logPath(t)
	f := mustOpen(t, path, 1<<20, 1)
	f.disk.Lock() // somebody writes or rotates
	write(t, f, "one\n", "two\n")
	f.disk.Unlock()
	require.NoError(t, f.Sync())
	assert.Equal(t, "one\ntwo\n", content(t, path))
}

func TestAsTheLogOfZap(t *testing.T) {
	path := logPath(t)
	f := mustOpen(t, path, 1<<20, 1)
	var _ zapcore.WriteSyncer = f
	core := zapcore.NewCore(zapcore.NewJSONEncoder(zapcore.EncoderConfig{MessageKey: "msg"}), f, zap.InfoLevel)
	log := zap.New(core)
	log.Info("session ended", zap.String("protocol", "http"))
	require.NoError(t, log.Sync())
	assert.Equal(t, `{"msg":"session ended","protocol":"http"}`+"\n", content(t, path))
}

func BenchmarkWrite(b *testing.B) {
	line := []byte(strings.Repeat("x", 199) + "\n")
	f := mustOpen(b, logPath(b), 64<<20, 1)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Write(line); err != nil {
			b.Fatal(err)
		}
	}
}
