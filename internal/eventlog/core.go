package eventlog

import (
	"go.uber.org/zap/zapcore"
)

// core turns records into lines. It implements zapcore.Core.
type core struct {
	log  *Log
	with []zapcore.Field
}

// Core is where records come in: it goes beside the core of the structured log, in
// zapcore.NewTee.
func (l *Log) Core() zapcore.Core { return &core{log: l} }

// Enabled implements zapcore.LevelEnabler.
func (c *core) Enabled(l zapcore.Level) bool { return l >= zapcore.InfoLevel }

// With implements zapcore.Core.
func (c *core) With(fields []zapcore.Field) zapcore.Core {
	return &core{log: c.log, with: append(append([]zapcore.Field(nil), c.with...), fields...)}
}

// Check implements zapcore.Core.
func (c *core) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if e.Message == sessionMessage || !c.Enabled(e.Level) {
		return ce
	}
	return ce.AddCore(e, c)
}

// sessionMessage is what the end of every session writes: too many to look at, and
// no line of the categories here.
const sessionMessage = "session"

// Write implements zapcore.Core.
func (c *core) Write(e zapcore.Entry, fields []zapcore.Field) error {
	enc := zapcore.NewMapObjectEncoder()
	for _, f := range c.with {
		f.AddTo(enc)
	}
	for _, f := range fields {
		f.AddTo(enc)
	}
	s := c.log.settings.Load()
	r := record{message: e.Message, fields: enc.Fields}
	k := kindOf(r, s.Format)
	if k == nil {
		return nil
	}
	vdom := r.str("vdom")
	if vdom == "" {
		vdom = "root"
	}
	at := e.Time
	if s.Zone != nil {
		at = at.In(s.Zone)
	}
	return c.log.add(render(s.Format, at, k, vdom, k.fields(r)))
}

// Sync implements zapcore.Core.
func (c *core) Sync() error { return c.log.sync() }
