package ftpproxy

import (
	"context"

	"utmsim/internal/config"
	"utmsim/internal/stats"
	"utmsim/protocols/wire"
)

// upload carries out STOR, APPE and STOU. With splice the server gets the file
// while it is read, all but its end. Without, it hears nothing of STOR and APPE
// before the file was judged, so that one which is blocked leaves no trace there;
// STOU is different, because its first answer tells the client how the server calls
// the file.
func (x *dialogue) upload(ctx context.Context, v verb, line []byte, arg string) error {
	t, ok := x.begin(v, line, arg)
	if !ok {
		return nil
	}
	defer t.end()
	if err := t.reachServer(); err != nil {
		return t.conclude(ctx, err)
	}
	splice := x.passes(config.Splice) || !x.s.Scans() || t.exempt || x.uninspectable()
	if splice || v == verbSTOU {
		return t.conclude(ctx, t.store(ctx, splice))
	}
	return t.conclude(ctx, t.holdBack(ctx))
}

// store has a file judged that the server waits for.
func (t *transfer) store(ctx context.Context, splice bool) error {
	if err := t.start(ctx, true); err != nil {
		return err
	}
	if err := t.open(ctx, wire.Server, wire.Client); err != nil {
		return err
	}
	server := t.x.s.Data(wire.Server)
	hold, err := t.inspect(ctx, stats.Up, wire.Client, server, splice)
	if err != nil {
		return err
	}
	if err := t.judged(hold); err != nil {
		return err
	}
	if err := hold.Release(); err != nil {
		return err
	}
	return server.Flush()
}

// holdBack takes a file, has it judged, and only then tells the server about it.
func (t *transfer) holdBack(ctx context.Context) error {
	t.x.tell(replyReady)
	if err := t.open(ctx, wire.Client); err != nil {
		return err
	}
	hold, err := t.inspect(ctx, stats.Up, wire.Client, nil, false)
	if err != nil {
		return err
	}
	if err := t.judged(hold); err != nil {
		return err
	}
	if err = t.start(ctx, false); err == nil {
		err = t.open(ctx, wire.Server)
	}
	if err != nil {
		hold.Discard()
		return err
	}
	t.inspection.To = t.x.s.Data(wire.Server)
	if err := hold.Release(); err != nil {
		return err
	}
	return t.inspection.To.Flush()
}

// removal is the command that has the server forget what it has stored of a file
// that was blocked; empty when there is none: what APPE has added can't be taken
// back without what was there before.
func (t *transfer) removal() string {
	switch {
	case t.verb == verbSTOR:
		return "DELE" + string(t.line[len("STOR"):])
	case t.verb == verbSTOU && t.stored != "":
		return "DELE " + t.stored + "\r\n"
	}
	return ""
}
