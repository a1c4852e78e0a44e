package ftpproxy

import (
	"bytes"
	"context"
	"errors"

	"utmsim/protocols/wire"
)

// reachServer connects to a passive server. An active one connects when it has the
// command.
func (t *transfer) reachServer() error {
	if t.x.server.way != wayDial {
		return nil
	}
	_, err := t.x.s.DialData(wire.Server, t.x.server.port)
	return cantOpen(err)
}

// cantOpen makes the failure of a data connection one that the client hears of.
func cantOpen(err error) error {
	if err == nil || errors.Is(err, errAborted) || errors.Is(err, errGivenUp) || errors.Is(err, errGone) {
		return err
	}
	var o *over
	if errors.As(err, &o) {
		return err
	}
	return &refused{reply: replyCantOpen, cause: err}
}

// open makes the data connections that are not there yet, in the given order.
func (t *transfer) open(ctx context.Context, sides ...wire.Side) error {
	if err := t.x.s.Client().Flush(); err != nil {
		return &over{err}
	}
	t.opening = true
	defer func() { t.opening = false }()
	for _, side := range sides {
		if t.x.s.Data(side) != nil {
			continue
		}
		err := t.openOne(side)
		for errors.Is(err, errAnswered) {
			if err = t.takeAnswer(ctx); err == nil {
				err = t.openOne(side)
			}
		}
		if err != nil {
			return cantOpen(err)
		}
	}
	return nil
}

func (t *transfer) openOne(side wire.Side) (err error) {
	s, stat := t.x.s, &t.x.s.Stats().FTP.Stat
	t.from = side
	switch {
	case side == wire.Server:
		_, err = s.AcceptData(side)
	case t.x.client.way == wayDial:
		if _, err = s.DialData(side, t.x.client.port); err == nil {
			stat.DataActive.Inc()
		}
	default:
		if _, err = s.AcceptData(side); err == nil {
			stat.DataPassive.Inc()
		}
	}
	return err
}

// takeAnswer takes what the server has said before there was a data connection: that
// it has sent everything already, or that it gives up.
func (t *transfer) takeAnswer(ctx context.Context) error {
	r, err := t.x.read(ctx)
	switch {
	case errors.Is(err, errAborted):
		return err
	case err != nil:
		return &over{err}
	case r.Code/100 == 1:
		return nil
	}
	t.sent, t.final = false, bytes.Clone(r.Raw)
	if r.Code/100 != 2 {
		return errGivenUp
	}
	return nil
}

// overhear looks for what ends a wait of the transfer: an ABOR of the client, and
// while a data connection is waited for also its leave, and the server's word.
func (t *transfer) overhear() error {
	if t.x.aborts() {
		return errAborted
	}
	if t.x.s.DataGone(t.receiver()) {
		return errGone
	}
	if !t.opening {
		return nil
	}
	if _, err := t.x.s.Peek(wire.Client, t.x.options().LineLimit); err != nil {
		return errAborted
	}
	said, err := t.x.s.Peek(wire.Server, maxReply)
	if t.sent && (len(said) > 0 || err != nil && t.from == wire.Server) {
		return errAnswered
	}
	return nil
}
