package console

import (
	"fmt"
	"time"

	"utmsim/internal/quarantine"
)

// quarantineCommands are the commands below "diagnose antivirus quarantine".
func quarantineCommands() []*node {
	return []*node{
		{word: "delete", help: "Delete a file from the quarantine.", children: []*node{
			{word: "<FILE>", help: "Name or checksum.", arg: anyText("file"), run: (*call).deleteQuarantined},
		}},
		{word: "list", help: "List the quarantined files.", run: (*call).listQuarantined},
		{word: "purge", help: "Delete all files from the quarantine.", run: (*call).purgeQuarantine},
	}
}

const quarantineStamp = "2006-01-02 15:04:05"

// listQuarantined is "diagnose antivirus quarantine list". Duplicates are counted under
// DC and not stored.
func (c *call) listQuarantined() error {
	store := c.shell.console.opts.Quarantine
	if store == nil {
		return errOurs("there is no quarantine")
	}
	used, set := store.Use()
	files := store.List()
	row := func(cells ...any) { fmt.Fprintf(c.out, "%-9s%10v %-20s%-20s%-8s%-10s%5v %-9s%s  %s\n", cells...) }
	row("CHECKSUM", "SIZE", "FIRST-TIMESTAMP", "LAST-TIMESTAMP", "SERVICE", "STATUS", "DC", "TTL", "FILENAME", "DESCRIPTION")
	for i := range files {
		f := &files[i]
		row(f.Checksum, f.Size, c.local(f.First).Format(quarantineStamp), c.local(f.Last).Format(quarantineStamp),
			f.Service, f.Status, f.Count, timeToLive(f, set.Age), f.Name, f.Description)
	}
	state := "off"
	if set.On {
		state = "on"
	}
	fmt.Fprintf(c.out, "%d files, %d of %d bytes, quarantine %s\n", len(files), used, set.Quota, state)
	return nil
}

// timeToLive is how long a file will stay, as hh:mm.
func timeToLive(f *quarantine.File, age time.Duration) string {
	if age == 0 {
		return "FOREVER"
	}
	left := max(0, age-time.Since(f.Last)).Round(time.Minute)
	return fmt.Sprintf("%02d:%02d", left/time.Hour, left%time.Hour/time.Minute)
}

// deleteQuarantined is "diagnose antivirus quarantine delete FILE".
func (c *call) deleteQuarantined() error {
	return c.removeQuarantined(func(s *quarantine.Store) int { return s.Delete(c.args["file"]) })
}

// purgeQuarantine is "diagnose antivirus quarantine purge".
func (c *call) purgeQuarantine() error {
	return c.removeQuarantined((*quarantine.Store).Purge)
}

func (c *call) removeQuarantined(remove func(*quarantine.Store) int) error {
	if err := c.acts(); err != nil {
		return err
	}
	n := 0
	if store := c.shell.console.opts.Quarantine; store != nil {
		n = remove(store)
	}
	fmt.Fprintf(c.out, "%d files deleted\n", n)
	return nil
}
