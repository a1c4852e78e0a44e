package httpproxy

import (
	"utmsim/internal/config"
	"utmsim/internal/replacemsg"
	"utmsim/proxy"
)

// interim passes one of not too many 1xx on.
func (x *exchange) interim() error {
	if x.interims++; x.interims > maxInterim {
		return fault{502, "there are too many interim responses"}
	}
	return x.passInterim()
}

// passInterim passes a 1xx on at once. HTTP/1.0 has none.
func (x *exchange) passInterim() error {
	if _, err := declared(&x.res); err != nil {
		return err
	}
	said, err := connectionOf(&x.res, false)
	if err != nil || x.req.minor == 0 {
		return err
	}
	x.draft.begin(&x.res)
	x.draft.hops(said, optionNone)
	x.scratch.response = x.draft.apply(x.scratch.response[:0])
	client := x.s.Client()
	if _, err := client.Write(x.scratch.response); err != nil {
		return err
	}
	return client.Flush()
}

// switchProtocols handles 101: what follows is no HTTP any more and can't be
// inspected.
func (x *exchange) switchProtocols() error {
	said, err := connectionOf(&x.res, false)
	switch {
	case err != nil:
		return x.badReply(err.Error())
	case !x.upgrade || !said.upgrade || !x.up.done():
		return x.badReply("nobody asked for another protocol")
	case x.s.Options().HTTP.SwitchingProtocols == config.SwitchBlock:
		return x.blockSwitch()
	}
	x.draft.begin(&x.res)
	x.draft.hops(said, optionUpgrade)
	x.down = body{}
	if _, err := x.s.Client().Write(x.replyHead()); err != nil {
		return err
	}
	return proxy.ErrTunnel
}

// blockSwitch answers instead of a 101 that the options don't allow. Nothing of
// the other protocol has passed.
func (x *exchange) blockSwitch() error {
	x.s.CloseServer()
	return x.replace("blocked", x.message(replacemsg.SwitchingProtocols, new(replacemsg.Values)))
}
