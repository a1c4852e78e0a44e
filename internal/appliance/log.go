package appliance

import (
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

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
