package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// offers are the words that Complete gives at the end of a line, hints in <>, words
// with a star in front when required.
func offers(t *testing.T, e *Editor, line string) string {
	t.Helper()
	words, err := Tokenize(line)
	require.NoError(t, err)
	if line == "" || strings.HasSuffix(line, " ") {
		words = append(words, Word{Column: len(line)})
	}
	var list []string
	for _, c := range e.Complete(words) {
		w := c.Word
		if c.Hint && w != enter.Word {
			w = "<" + w + ">"
		}
		if c.Required {
			w = "*" + w
		}
		list = append(list, w)
	}
	return strings.Join(list, " ")
}

func TestComplete(t *testing.T) {
	s := newSession(t, NewStore())
	_, err := s.e.store.Load("f", strings.NewReader("config firewall address\nedit \"my LAN\"\nnext\nend\n"+vipText("by name", 81)))
	require.NoError(t, err)
	const global = "admin-lockout-duration admin-lockout-threshold admin-ssh-address admin-ssh-grace-time admin-ssh-password admin-ssh-port admintimeout av-failopen av-failopen-session hostname memory-use-threshold-extreme memory-use-threshold-green memory-use-threshold-red post-login-banner pre-login-banner timezone vdom-admin"
	for _, step := range []struct {
		at    string            // line executed before
		lines map[string]string // begun line -> offers
	}{
		{"", map[string]string{
			"":                           "config get show",
			"s":                          "show",
			"x":                          "",
			"config ":                    "system firewall antivirus webfilter spamfilter web-proxy ftp-proxy log",
			"config fire":                "firewall",
			"config firewall ":           "profile-protocol-options vip policy",
			"conf fi p":                  "profile-protocol-options policy",
			"config nothing ":            "",
			"config firewall vip ":       "<Enter>",
			"config global ":             "",
			"config vdom ":               "",
			"show ":                      "full-configuration system firewall antivirus webfilter spamfilter web-proxy ftp-proxy log",
			"show f":                     "full-configuration firewall ftp-proxy",
			"show full-configuration sy": "system",
			"show firewall vip ":         `<Enter> "by name"`,
			"show firewall vip b":        `<Enter> "by name"`,
			"get system ":                "global admin console dns resource-limits replacemsg vdom-property simulator",
			"nonsense ":                  "",
		}},
		{"config system global", map[string]string{
			"":                                "set unset select unselect append get show abort end",
			"set ":                            global,
			"set av":                          "av-failopen av-failopen-session",
			"set foo ":                        "",
			"set av-failopen ":                "pass off one-shot idledrop",
			"set av-failopen o":               "off one-shot",
			"set av-failopen off ":            "<Enter>",
			"set av-failopen-session ":        "disable enable",
			"set hostname ":                   "<hostname>",
			"set memory-use-threshold-red 8":  "<memory-use-threshold-red>",
			"set memory-use-threshold-red 8 ": "<Enter>",
			"unset host":                      "hostname",
			"unset hostname ":                 "<Enter>",
			"show ":                           "full-configuration <Enter>",
			"show full ":                      "<Enter>",
			"get ":                            "<Enter>",
			"end ":                            "<Enter>",
			"config ":                         "",
		}},
		{"end", nil},
		{"config firewall policy", map[string]string{
			"":            "edit delete purge rename clone move get show abort end",
			"edit ":       "*<policyid>",
			"move ":       "",
			"delete ":     "",
			"purge ":      "<Enter>",
			"move 1 ":     "after before",
			"rename 1 ":   "to",
			"rename 1 to": "to",
			"move 1 b":    "before",
		}},
		{"edit 1", map[string]string{
			"":                              "set unset select unselect append get show next abort end",
			"set d":                         "*dstaddr",
			"set dstaddr ":                  `all "by name" "my LAN"`,
			"set dstaddr all ":              `"by name" "my LAN" <Enter>`,
			`set dstaddr "by name" all `:    `"my LAN" <Enter>`,
			"set dstaddr b":                 `"by name"`,
			`set dstaddr my\ L`:             `"my LAN"`,
			"set service ":                  "ALL HTTP SMTP POP3 IMAP FTP NNTP",
			"set profile-protocol-options ": "default",
			"set schedule ":                 "always",
		}},
		{"abort", nil},
		{"config firewall vip", map[string]string{
			"edit ":                 `*<name> "by name"`,
			"delete ":               `"by name"`,
			`rename "by name" to `:  "*<name>",
			`move "by name" after `: `"by name"`,
		}},
		{"end", nil},
		{"config firewall profile-protocol-options", nil},
		{"edit default", map[string]string{"config ": "http smtp pop3 imap ftp nntp", "config http ": "<Enter>"}},
		{"config http", map[string]string{
			"set options ":               "clientcomfort oversize",
			"set options clientcomfort ": "oversize <Enter>",
			"set ports ":                 "<ports>",
			"set ports 80 ":              "<ports> <Enter>",
			"set tls ":                   "",
		}},
		{"end", nil},
		{"config smtp", map[string]string{
			"set options ":  "fragmail oversize splice",
			"set tls ":      "strip pass",
			"set comfort-i": "",
		}},
		{"end", nil},
		{"config pop3", map[string]string{"set options ": "fragmail oversize", "set idle-": "idle-timeout"}},
		{"end", nil},
		{"config nntp", map[string]string{"set options ": "oversize splice", "set tls ": "strip pass"}},
		{"end", nil},
		{"end", nil},
		{"config system dns", map[string]string{"set primary ": "<primary>"}},
		{"end", nil},
		{"config system vdom-property", map[string]string{"edit ": "*<name> root"}},
		{"end", nil},
		{"config system global", nil},
		{"set vdom-admin enable", nil},
		{"end", map[string]string{
			"": "config get show", "config ": "global vdom", "config system ": "", "config vdom ": "<Enter>",
			"get ": "", "show ": "full-configuration",
		}},
		{"config vdom", map[string]string{"": "edit delete end", "edit ": "*<name> root", "edit root ": "<Enter>", "delete ": ""}},
		{"edit guests", map[string]string{
			"": "config get show next end", "config ": "firewall antivirus webfilter spamfilter web-proxy ftp-proxy", "get ": "firewall antivirus webfilter spamfilter web-proxy ftp-proxy",
			"config firewall vip ": "<Enter>", "show firewall vip ": "<Enter>",
		}},
		{"next", map[string]string{"edit ": "*<name> root guests", "delete ": "guests", "delete guests ": "<Enter>"}},
		{"edit root", map[string]string{"show firewall vip ": `<Enter> "by name"`, "config antivirus ": "filepattern profile"}},
		{"end", nil},
		{"config global", map[string]string{"config ": "system antivirus webfilter log", "show ": "full-configuration system antivirus webfilter log", "config antivirus ": "engine quarantine"}},
		{"config system vdom-property", map[string]string{"edit ": "*<name> root guests"}},
		{"end", nil},
		{"config system admin", nil},
		{"edit helper", map[string]string{"set vdom ": "root guests"}},
		{"abort", nil},
		{"config system global", nil},
		{"end", nil},
		{"end", nil},
		{"config vdom", nil},
		{"delete guests", map[string]string{"edit ": "*<name> root", "delete ": ""}},
		{"end", nil},
		{"config global", nil},
		{"config system global", nil},
		{"set vdom-admin disable", nil},
		{"end", nil},
	} {
		if step.at != "" {
			s.ok(step.at)
		}
		for line, want := range step.lines {
			assert.Equal(t, want, offers(t, s.e, line), "%s | %q", step.at, line)
		}
	}
	s.ok("config system simulator", "set persona 5.6", "end", "config system global")
	assert.Equal(t, "pass off one-shot", offers(t, s.e, "set av-failopen "))
}

func TestHelpTexts(t *testing.T) {
	s := newSession(t, NewStore())
	help := func(words ...string) string {
		var list []Word
		for _, w := range words {
			list = append(list, Word{Text: w})
		}
		c := s.e.Complete(list)
		require.Len(t, c, 1)
		return c[0].Help
	}
	s.ok("config system global")
	assert.Equal(t, "FortiGate unit's hostname.", help("set", "hostname"))
	assert.Equal(t, "Bypass the antivirus system when memory is low.", help("set", "av-failopen", "one"))
	assert.Equal(t, "Enter an integer value from <70> to <97> (default = <88>).", help("set", "memory-use-threshold-red", ""))
	assert.Equal(t, "Enter a string of at most 35 characters.", help("set", "hostname", ""))
	s.ok("end", "config web-proxy explicit")
	assert.Equal(t, "Enter integer values from <1> to <65535> (default = <443>).", help("set", "connect-ports", ""))
	assert.Equal(t, "Enter an IPv4 or IPv6 address.", help("set", "incoming-ip", ""))
}
