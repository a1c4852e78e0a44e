package console

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBackupsAreBounded(t *testing.T) {
	u := newUnit(t)
	for range maxBackups + 5 {
		_, ok := u.exec("execute backup config flash")
		require.True(t, ok)
	}
	list, err := revisions(filepath.Join(u.opts.StateDir, backupFolder))
	require.NoError(t, err)
	require.Len(t, list, maxBackups)
	assert.Equal(t, 6, list[0].number)
	files, err := os.ReadDir(filepath.Join(u.opts.StateDir, backupFolder))
	require.NoError(t, err)
	assert.Len(t, files, maxBackups)
	info, err := files[0].Info()
	require.NoError(t, err)
	if os.PathSeparator == '/' {
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "it has password hashes")
	}
}

// TestBackupIsTheWhole: what comes back is what was there, line for line, however
// often it went round.
func TestBackupIsTheWhole(t *testing.T) {
	u := newUnit(t, "#config-version=FGT60D", "config strange object", "    edit 1", "        set text \"a", "b\"", "    next", "end",
		"config system admin", "edit admin", "set password \"pw\"", "next", "end")
	before, ok := u.exec("execute backup config")
	require.True(t, ok)
	for range 3 {
		out, ok := u.exec("execute backup config flash", "execute factoryreset", "execute revision list config | grep -c test")
		require.True(t, ok, out)
		last := strings.TrimSpace(out[strings.LastIndex(strings.TrimSpace(out), "\n"):])
		out, ok = u.exec("execute restore config flash " + last)
		require.True(t, ok, out)
	}
	after, ok := u.exec("execute backup config")
	require.True(t, ok)
	assert.Equal(t, before, after)
	assert.NotContains(t, after, `"pw"`)
	assert.True(t, u.store.Snapshot().Admin("admin").Password.Matches("pw"))
}

func TestRestoreOfABadFileChangesNothing(t *testing.T) {
	u := newUnit(t)
	_, ok := u.exec("execute backup config flash")
	require.True(t, ok)
	path := revisionPath(filepath.Join(u.opts.StateDir, backupFolder), 1)
	require.NoError(t, os.WriteFile(path, []byte("#x\nconfig system global\nset hostname ok\nset av-failopen nonsense\nend\n"), 0o600))
	out, ok := u.exec("execute restore config flash 1")
	assert.False(t, ok)
	assert.Contains(t, out, "1.conf:4:")
	assert.Equal(t, "FGT", u.store.Snapshot().Global.Hostname)
}

// TestQuestionsAreAsked: what can't be undone is asked about on a terminal.
func TestQuestionsAreAsked(t *testing.T) {
	u := newUnit(t, "config system global", "set hostname unit", "end")
	sit(t, u, Interactive{}, func(d *desk) {
		d.press("execute factoryreset\rn")
		assert.Contains(t, d.text(), "This operation will reset the system to factory default!\nDo you want to continue? (y/n)n\n\nunit #")
		d.press("execute factoryreset\ry")
		assert.Equal(t, "FGT #", d.last())
		d.press("config antivirus profile\rpurge\rn")
		assert.Contains(t, d.text(), "This operation will clear all table!\nDo you want to continue? (y/n)n\n\nFGT (profile) #")
		d.press("show | grep -c edit\r")
		assert.Contains(t, d.text(), "grep -c edit\n1\n")
		d.press("purge\ryshow | grep -c edit\r")
		assert.Contains(t, d.text(), "grep -c edit\n0\n")
		d.press("abort\r")
	})
}

func TestTop(t *testing.T) {
	u := newUnit(t)
	u.exec("diagnose sim fill http 100")
	sit(t, u, Interactive{Rows: 12}, func(d *desk) {
		d.press("diagnose sys top 2\r")
		page := d.text()
		assert.Regexp(t, `^Run Time:  -?\d+ days, -?\d+ hours and -?\d+ minutes\n\d+U, 0N, \d+S, \d+I, 0WA, 0HI, 0SI, 0ST; 1024T, 761F\n`, page)
		assert.Contains(t, page, "http        - normal    entries=100/8032")
		u.exec("diagnose sim fill http 1")
		synctest.Wait()
		assert.Contains(t, d.text(), "entries=100/8032", "nothing changes by itself")
		d.press("m")
		assert.Contains(t, d.text(), "entries=101/8032")
		assert.Regexp(t, `(?m)^ +proxyworker +\d+ +S +[\d.]+ +25\.6\n +scanunit`, d.text(), "by memory")
		u.exec("diagnose sim fill http 1")
		d.wait(2)
		assert.Contains(t, d.text(), "entries=102/8032")
		d.press("q")
		assert.Equal(t, "FGT #", d.last())
	})
	sit(t, u, Interactive{Cols: 80, Rows: 4}, func(d *desk) { // no more rows than there are
		d.press("diagnose sys top 1 50\r")
		assert.Equal(t, 3, strings.Count(d.text()+"\n", "\n"))
		d.press("\x03emd\r")
		assert.Contains(t, d.text(), "Unknown action 0")
	})
}
