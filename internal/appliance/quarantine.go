package appliance

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"utmsim/internal/config"
	"utmsim/internal/quarantine"
)

// quarantineGrace is how long a disk is waited for at the end.
const quarantineGrace = 5 * time.Second

// openQuarantine opens the folder of what was blocked. What is in it stays there, and
// ages, when nothing more is to be kept.
func (a *Appliance) openQuarantine() (*quarantine.Store, error) {
	s, err := quarantine.Open(quarantine.Options{
		Dir: filepath.Join(a.opts.StateDir, "quarantine"),
		Failed: func(name string, err error) {
			a.log.Error("quarantine failed", zap.String("file", name), zap.Error(err))
		},
	})
	if err != nil {
		return nil, fmt.Errorf("%w (move the folder away if it can't be mended)", err)
	}
	s.Configure(quarantineSettings(&a.store.Snapshot().Quarantine))
	return s, nil
}

func quarantineSettings(q *config.Quarantine) quarantine.Settings {
	return quarantine.Settings{
		On: q.Destination == config.DestinationDisk, MaxFile: q.MaxFileSize, Quota: q.Quota, Age: q.AgeLimit,
		Overwrite: q.LowSpace == config.OverwriteOld,
	}
}

// closeQuarantine writes what waits.
func (a *Appliance) closeQuarantine() error {
	ctx, cancel := context.WithTimeoutCause(context.Background(), quarantineGrace, fmt.Errorf("the disk has not answered for %s", quarantineGrace))
	defer cancel()
	return a.held.Close(ctx)
}
