package appliance

import (
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"utmsim/internal/config"
	"utmsim/internal/eventlog"
	"utmsim/internal/logfile"
)

// newLogger writes one JSON object a line, and hands each record to others.
func newLogger(w *logfile.File, others ...zapcore.Core) *zap.Logger {
	enc := zap.NewProductionEncoderConfig()
	enc.TimeKey, enc.MessageKey = "time", "event"
	enc.EncodeTime = func(t time.Time, e zapcore.PrimitiveArrayEncoder) {
		e.AppendString(t.Format("2006-01-02T15:04:05.000Z07:00"))
	}
	enc.EncodeDuration = zapcore.StringDurationEncoder
	file := zapcore.NewCore(zapcore.NewJSONEncoder(enc), w, zapcore.InfoLevel)
	return zap.New(zapcore.NewTee(append(others, file)...))
}

// logSettings are what the configuration says about the log of the appliance.
func logSettings(snap *config.Snapshot) eventlog.Settings {
	s := eventlog.Settings{
		Zone: snap.Global.Timezone.Location(), Hostname: snap.Global.Hostname, Memory: snap.MemoryLogBytes(), Disk: snap.DiskLog.FileSize(),
		Syslog: eventlog.SyslogSettings{
			Server: snap.Syslog.Address(), Reliable: snap.Syslog.Mode == config.SyslogReliable, Facility: int(snap.Syslog.Facility),
		},
	}
	if snap.Simulator.Persona == config.Persona56 {
		s.Format = eventlog.Format56
	}
	return s
}
