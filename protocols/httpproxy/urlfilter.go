package httpproxy

import (
	"context"

	"utmsim/internal/replacemsg"
	"utmsim/internal/urlfilter"
	"utmsim/proxy"
)

// judgeURL has the request judged by its URL, before its server hears of it. done
// tells that the client was answered instead.
func (x *exchange) judgeURL(ctx context.Context) (done bool, err error) {
	u := x.wanted()
	v, err := x.s.JudgeURL(ctx, &u)
	switch {
	case err != nil:
		return true, err
	case v.Blocked():
		return true, x.blockURL(v)
	}
	x.exempt = v.Outcome == proxy.URLExempt
	return false, nil
}

// wanted is what the request asks for. CONNECT tells the host alone. A request of
// HTTP/1.0 without a host means the address that its client has connected to.
func (x *exchange) wanted() proxy.URL {
	u := proxy.URL{URL: urlfilter.URL{Host: string(x.req.text(x.to.host)), Port: x.to.port}}
	if u.Host == "" {
		door := x.s.Door()
		u.Host, u.Port = door.Addr().Unmap().String(), door.Port()
	}
	usual := uint16(defaultPort)
	if x.to.form == authorityForm {
		usual = defaultTLSPort
		x.url = "https://" + string(x.req.text(x.to.text)) + "/"
	} else {
		u.Path = missingPath(&x.req, x.to) + string(x.req.text(x.to.path))
	}
	u.Words = x.label()
	if u.Port == usual {
		u.Port = 0
	}
	return u
}

// defaultTLSPort is the port that nearly every CONNECT asks for.
const defaultTLSPort = 443

// blockURL answers a request that is blocked by its URL. What an unwilling client of a
// tunnel would send next is no HTTP.
func (x *exchange) blockURL(v proxy.URLVerdict) error {
	x.persist = x.persist && x.to.form != authorityForm
	return x.replace(v.Outcome.String(), x.message(urlMessages[v.Outcome], &replacemsg.Values{Category: v.Category}))
}

// urlMessages are the pages for the outcomes that block.
var urlMessages = [...]replacemsg.Kind{
	proxy.URLListed: replacemsg.URLBlock, proxy.URLCategory: replacemsg.CategoryBlock, proxy.URLUnrated: replacemsg.URLFilterError,
}
