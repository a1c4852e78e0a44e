package ftpproxy

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"strings"

	"utmsim/proxy"
)

// target is the server that an explicit client names when it logs in.
type target struct {
	host string
	port uint16
}

// ftpPort is the port of a server that is named without one.
const ftpPort = 21

// parseLogin reads user@host, user@host:port or user@[address]:port. ok is false
// when no server is named, or not properly.
func parseLogin(arg string) (user string, to target, ok bool) {
	i := strings.LastIndexByte(arg, '@')
	if i < 1 {
		return arg, target{}, false
	}
	user, host := arg[:i], strings.TrimSpace(arg[i+1:])
	to.port = ftpPort
	if rest, isPort := strings.CutPrefix(host, "["); isPort {
		inside, behind, closed := strings.Cut(rest, "]")
		if ip, err := netip.ParseAddr(inside); !closed || err != nil || ip.Is4() {
			return user, target{}, false
		}
		to.host, host = inside, behind
	} else if to.host, host, ok = strings.Cut(host, ":"); ok {
		host = ":" + host
	}
	if text, more := strings.CutPrefix(host, ":"); more {
		n, err := decimal(text, 65535)
		if err != nil || n == 0 {
			return user, target{}, false
		}
		to.port = uint16(n)
	} else if host != "" {
		return user, target{}, false
	}
	return user, to, isHost(to.host)
}

// isHost tells names and addresses from what can be neither.
func isHost(host string) bool {
	if host == "" || len(host) > 253 {
		return false
	}
	for _, c := range []byte(host) {
		if !isNameChar(c) && c != '-' && c != '.' && c != '_' && c != ':' {
			return false
		}
	}
	return true
}

// alone answers an explicit client that has not named its server yet.
func (x *dialogue) alone(ctx context.Context, v verb, arg string) error {
	switch v {
	case verbQUIT:
		x.tell(replyGoodbye)
		return io.EOF
	case verbNOOP:
		x.tell(replyOK)
		return nil
	case verbFEAT:
		x.tell(replyNoFeatures)
		return nil
	case verbUSER:
		return x.login(ctx, arg)
	}
	x.tell(replyName)
	return nil
}

// login connects the server that the client names and passes the user's name on.
func (x *dialogue) login(ctx context.Context, arg string) error {
	user, to, ok := parseLogin(arg)
	if !ok {
		x.tell(replyName)
		return nil
	}
	err := x.s.ConnectTo(ctx, to.host, to.port)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return err
	case errors.Is(err, proxy.ErrForbidden):
		x.refuse(replyForbidden)
		return nil
	default:
		x.tell(replyUnreachable)
		return err
	}
	x.named = to
	if err := x.greeted(ctx); err != nil {
		return err
	}
	return x.pass(ctx, verbUSER, []byte("USER "+user+"\r\n"), user)
}

// greeted takes the greeting of a server that was named; one that has no room is
// heard by the client.
func (x *dialogue) greeted(ctx context.Context) error {
	x.expect(expected{verb: verbGreeting}) // so that its end is told
	defer func() { x.awaited = nil }()
	for {
		r, err := x.read(ctx)
		switch {
		case err != nil:
			return err
		case r.Code/100 == 2:
			return nil
		case r.Code/100 != 1:
			if _, err := x.s.Client().Write(r.Raw); err != nil {
				return err
			}
			return io.EOF
		}
	}
}

// loginAgain handles USER when there is a server already: another user, or the same
// after REIN.
func (x *dialogue) loginAgain(ctx context.Context, line []byte, arg string) error {
	user, to, ok := parseLogin(arg)
	switch {
	case !ok:
		return x.pass(ctx, verbUSER, line, arg)
	case to != x.named:
		x.tell(replyOtherServer)
		return nil
	}
	return x.pass(ctx, verbUSER, []byte("USER "+user+"\r\n"), user)
}
