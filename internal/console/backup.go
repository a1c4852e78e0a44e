package console

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"utmsim/internal/config"
)

// Backups of the configuration stand in a folder of the state folder, one file a
// revision: N.conf, which ends with a comment about it.
const (
	backupFolder = "config"
	backupSuffix = ".conf"
	maxBackups   = 20 // the oldest give way
)

// revision is a backup.
type revision struct {
	number int
	at     time.Time
	about  string // the comment
}

func (c *call) backupDir() string { return filepath.Join(c.shell.console.opts.StateDir, backupFolder) }

// showBackup is "execute backup config": the file itself.
func (c *call) showBackup() error {
	if c.confined() {
		return config.Denied() // it has all VDOMs
	}
	return c.shell.console.opts.Store.Write(c.out, false)
}

// backup is "execute backup config flash [COMMENT]".
func (c *call) backup() error {
	if err := c.acts(); err != nil {
		return err
	}
	list, err := revisions(c.backupDir())
	if err != nil {
		return errOurs("%v", err)
	}
	next := 1
	if len(list) > 0 {
		next = list[len(list)-1].number + 1
	}
	var text strings.Builder
	if err := c.shell.console.opts.Store.Write(&text, false); err != nil {
		return errOurs("%v", err)
	}
	fmt.Fprintf(&text, "\n#%s#%s\n", c.shell.who, strings.Map(visible, strings.ReplaceAll(c.args["comment"], "\n", " ")))
	if err := writeBackup(c.backupDir(), next, text.String()); err != nil {
		return errOurs("%v", err)
	}
	for len(list) >= maxBackups {
		if err := os.Remove(revisionPath(c.backupDir(), list[0].number)); err != nil {
			return errOurs("removing the oldest backup: %v", err)
		}
		list = list[1:]
	}
	fmt.Fprintf(c.out, "Please wait...\nConfig backed up to flash disk done: revision %d.\n", next)
	return nil
}

func revisionPath(dir string, n int) string { return filepath.Join(dir, strconv.Itoa(n)+backupSuffix) }

// writeBackup puts a whole file into its place.
func writeBackup(dir string, n int, text string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), revisionPath(dir, n))
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// revisions are the backups of a folder, oldest first.
func revisions(dir string) ([]revision, error) {
	files, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []revision
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), backupSuffix)
		n, err := strconv.Atoi(name)
		if !ok || err != nil || n < 1 {
			continue
		}
		info, err := f.Info()
		if err != nil {
			continue // it has just been removed
		}
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return nil, err
		}
		lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		list = append(list, revision{n, info.ModTime(), strings.TrimPrefix(lines[len(lines)-1], "#")})
	}
	slices.SortFunc(list, func(a, b revision) int { return a.number - b.number })
	return list, nil
}

// listRevisions is "execute revision list config".
func (c *call) listRevisions() error {
	list, err := revisions(c.backupDir())
	if err != nil {
		return errOurs("%v", err)
	}
	fmt.Fprintf(c.out, "%-5s%-21s%-24s%s\n", "ID", "TIME", "ADMIN", "COMMENT")
	for _, r := range list {
		who, comment, _ := strings.Cut(r.about, "#")
		fmt.Fprintf(c.out, "%-5d%-21s%-24s%s\n", r.number, c.local(r.at).Format(time.DateTime), who, comment)
	}
	return nil
}

// restore is "execute restore config flash REVISION".
func (c *call) restore() error {
	path := revisionPath(c.backupDir(), c.number("revision", 0))
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return errValue(-3, c.args["revision"], "entry not found in datasource")
	}
	if err != nil {
		return errOurs("%v", err)
	}
	if yes, err := c.confirmed("This operation will overwrite the current setting and could possibly reboot the system!"); !yes || err != nil {
		return err
	}
	report, err := c.shell.console.opts.Store.Replace(c.shell.who, config.Input{Name: filepath.Base(path), Reader: bytes.NewReader(text)})
	if err != nil {
		return errOurs("%v", err)
	}
	for _, line := range report.Summary() {
		fmt.Fprintln(c.out, line)
	}
	c.out.WriteString("Config restored.\n")
	return nil
}

// factoryReset is "execute factoryreset": the factory configuration, and a proxy
// as after a start. This session and its connection stay.
func (c *call) factoryReset() error {
	if yes, err := c.confirmed("This operation will reset the system to factory default!"); !yes || err != nil {
		return err
	}
	if _, err := c.shell.console.opts.Store.Replace(c.shell.who); err != nil {
		return errOurs("%v", err)
	}
	fmt.Fprintf(c.out, "System is reset to factory default, %d connections closed.\n", c.engine().Restart())
	return nil
}
