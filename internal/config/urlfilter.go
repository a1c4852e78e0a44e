package config

import (
	"net/netip"
	"time"
)

// WebRating is "config ftgd-wf" of a web filter profile: what becomes of hosts by their
// categories.
type WebRating struct {
	Options RatingOptions    `cli:"options" foreign:"http-err-detail rate-image-urls rate-server-ip redir-block strict-blocking connect-request-bypass ftgd-disable rate-crl-urls rate-css-urls rate-javascript-urls" help:"Options for FortiGuard Web Filter."`
	Filters []CategoryFilter `cli:"filters" help:"FortiGuard filters."`
}

// CategoryFilter is an entry of "config filters". What no entry names is allowed.
type CategoryFilter struct {
	ID       int            `cli:"id" key:"integer" range:"0-255" help:"ID number."`
	Category int            `cli:"category" default:"0" range:"0-255" help:"Categories and groups the filter examines (0 = unrated)."`
	Action   CategoryAction `cli:"action" default:"monitor" foreign:"warning authenticate" help:"Action to take for matches."`
	Log      bool           `cli:"log" default:"enable" help:"Enable/disable logging."`
}

// URLFilter is an entry of "config webfilter urlfilter".
type URLFilter struct {
	ID                int        `cli:"id" key:"integer" range:"1-4294967295" help:"ID."`
	Name              string     `cli:"name" max:"63" help:"Name of URL filter list."`
	Comment           string     `cli:"comment" max:"255" pattern:"lines" help:"Optional comments."`
	IPAddrBlock       bool       `cli:"ip-addr-block" default:"disable" help:"Enable/disable blocking URLs when the hostname appears as an IP address."`
	IncludeSubdomains bool       `cli:"include-subdomains" default:"enable" help:"Enable/disable matching subdomains with simple URLs."`
	Entries           []URLEntry `cli:"entries" help:"URL filter entries."`
}

// URLEntry is an entry of "config entries" of a URL filter; the first that matches
// decides.
type URLEntry struct {
	ID     int       `cli:"id" key:"integer" range:"0-4294967295" help:"Id."`
	URL    string    `cli:"url" max:"511" required:"yes" help:"URL to be filtered."`
	Type   URLType   `cli:"type" default:"simple" help:"Filter type (simple, regex, or wildcard)."`
	Action URLAction `cli:"action" default:"exempt" foreign:"pass" help:"Action to take for URL filter matches."`
	Status bool      `cli:"status" default:"enable" help:"Enable/disable this URL filter."`
}

// Rating is "config webfilter rating": where the categories of hosts are asked for.
type Rating struct {
	Server      netip.Addr    `cli:"server" default:"0.0.0.0" help:"IP address of the DNS server that knows the ratings; without it every rating is an error."`
	Port        uint16        `cli:"port" default:"53" range:"1-65535" help:"Port of the server."`
	Zone        string        `cli:"zone" max:"200" pattern:"fqdn" help:"Zone that a host is looked up under: a TXT record with number and name of the category."`
	Timeout     time.Duration `cli:"timeout" unit:"ms" default:"2000" range:"10-60000" help:"Milliseconds that one try waits for the answer."`
	Tries       int           `cli:"tries" default:"2" range:"1-10" help:"How often a server that stays silent is asked."`
	Outstanding int           `cli:"outstanding" default:"256" range:"1-256" help:"Hosts that may be asked for at once; further ones are submit errors."`
	CacheLimit  int           `cli:"cache-limit" default:"5000" range:"0-1000000" help:"Ratings that are kept."`
	CacheTTL    time.Duration `cli:"cache-ttl" unit:"s" default:"3600" range:"0-86400" help:"Longest time in seconds that a rating is kept."`
}

// Address is where the server listens; not valid without one.
func (r *Rating) Address() netip.AddrPort {
	if !r.Server.IsValid() || r.Server.IsUnspecified() {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(r.Server, r.Port)
}
