package config

import (
	"reflect"

	"utmsim/failopen"
)

// Choice is a word of the language with its line of help.
type Choice struct {
	Word string
	Help string

	Hint     bool // Word describes what to type (a name, a number), it can't be inserted
	Required bool // help shows it with a star
}

// chooser is what every enum and every set of words implements: its words, at the
// index of their value or, for a set, of their bit.
type chooser interface{ choices() []Choice }

// policyChoices are the words of av-failopen, whose type belongs to failopen.
var policyChoices = []Choice{
	failopen.Pass:     {Word: "pass", Help: "Bypass the antivirus system when memory is low. Antivirus scanning resumes when the low memory condition is resolved."},
	failopen.Off:      {Word: "off", Help: "Stop accepting new AV sessions when entering conserve mode, but continue to process current active sessions."},
	failopen.OneShot:  {Word: "one-shot", Help: "Bypass the antivirus system when memory is low."},
	failopen.IdleDrop: {Word: "idledrop", Help: "Drop connections based on the clients that have the most connections open."},
}

var boolChoices = []Choice{{Word: "disable", Help: "Disable setting."}, {Word: "enable", Help: "Enable setting."}}

// choicesOf are the words of an enum type, nil for any other type.
func choicesOf(t reflect.Type) []Choice {
	if t.Kind() == reflect.Bool {
		return boolChoices
	}
	if t == reflect.TypeFor[failopen.Policy]() {
		return policyChoices
	}
	if c, ok := reflect.Zero(t).Interface().(chooser); ok {
		return c.choices()
	}
	return nil
}

func word(list []Choice, i uint8) string {
	if int(i) >= len(list) {
		return "unknown"
	}
	return list[i].Word
}

// ConsoleOutput is how the console shows long output.
type ConsoleOutput uint8

// The console's output modes.
const (
	OutputStandard ConsoleOutput = iota // no pause
	OutputMore                          // pause after each page
)

func (ConsoleOutput) choices() []Choice {
	return []Choice{{Word: "standard", Help: "Standard output."}, {Word: "more", Help: "More page output."}}
}

// String is the setting's word.
func (e ConsoleOutput) String() string { return word(e.choices(), uint8(e)) }

// VIPType says how a VIP names its server.
type VIPType uint8

// The types of a VIP.
const (
	VIPStaticNAT VIPType = iota // by address
	VIPFQDN                     // by name
)

func (VIPType) choices() []Choice {
	return []Choice{{Word: "static-nat", Help: "Static NAT."}, {Word: "fqdn", Help: "Fully qualified domain name."}}
}

// String is the setting's word.
func (e VIPType) String() string { return word(e.choices(), uint8(e)) }

// Transport is a VIP's transport protocol.
type Transport uint8

// TCP is the one transport that is proxied.
const TCP Transport = 0

func (Transport) choices() []Choice { return []Choice{{Word: "tcp", Help: "TCP."}} }

// String is the setting's word.
func (e Transport) String() string { return word(e.choices(), uint8(e)) }

// PolicyAction is what a policy does with sessions that match it.
type PolicyAction uint8

// The actions of a policy.
const (
	ActionDeny PolicyAction = iota
	ActionAccept
)

func (PolicyAction) choices() []Choice {
	return []Choice{
		{Word: "deny", Help: "Blocks sessions that match the firewall policy."},
		{Word: "accept", Help: "Allows session that match the firewall policy."},
	}
}

// String is the setting's word.
func (e PolicyAction) String() string { return word(e.choices(), uint8(e)) }

// Schedule says when a policy applies.
type Schedule uint8

// ScheduleAlways is the one schedule there is.
const ScheduleAlways Schedule = 0

func (Schedule) choices() []Choice { return []Choice{{Word: "always", Help: "At all times."}} }

// String is the setting's word.
func (e Schedule) String() string { return word(e.choices(), uint8(e)) }

// LogTraffic says which sessions of a policy leave a line in the traffic log.
type LogTraffic uint8

// The traffic log modes.
const (
	LogAll  LogTraffic = iota // every session
	LogUTM                    // sessions with a verdict other than clean
	LogNone                   // none
)

func (LogTraffic) choices() []Choice {
	return []Choice{
		{Word: "all", Help: "Log all sessions accepted or denied by this policy."},
		{Word: "utm", Help: "Log traffic that has a security profile applied to it."},
		{Word: "disable", Help: "Disable all logging for this policy."},
	}
}

// String is the setting's word.
func (e LogTraffic) String() string { return word(e.choices(), uint8(e)) }

// SwitchingProtocols is what becomes of a connection that leaves HTTP (status 101).
type SwitchingProtocols uint8

// The ways to treat a protocol switch.
const (
	SwitchBypass SwitchingProtocols = iota
	SwitchBlock
)

func (SwitchingProtocols) choices() []Choice {
	return []Choice{
		{Word: "bypass", Help: "Bypass connections when switching protocols."},
		{Word: "block", Help: "Block connections when switching protocols."},
	}
}

// String is the setting's word.
func (e SwitchingProtocols) String() string { return word(e.choices(), uint8(e)) }

// TLSMode is what becomes of offers that would make a dialogue opaque: encryption
// and compression inside the session.
type TLSMode uint8

// The ways to treat such offers.
const (
	TLSStrip TLSMode = iota // not offered, and refused when asked for anyway
	TLSPass                 // allowed; the session is not inspected from then on
)

func (TLSMode) choices() []Choice {
	return []Choice{
		{Word: "strip", Help: "Take the offers out and refuse the commands."},
		{Word: "pass", Help: "Let the session go on without inspection, counted as leaked."},
	}
}

// String is the setting's word.
func (e TLSMode) String() string { return word(e.choices(), uint8(e)) }

// DataMode is how data connections with a server are made.
type DataMode uint8

// The modes of data connections with a server.
const (
	DataAsClient DataMode = iota // as the client makes its own
	DataPassive                  // the proxy connects to the server
	DataActive                   // the server connects to the proxy
)

func (DataMode) choices() []Choice {
	return []Choice{
		{Word: "client", Help: "Use the same transmission mode for client and server data sessions."},
		{Word: "passive", Help: "Use passive mode on server data session."},
		{Word: "active", Help: "Use active mode on server data session (not on the appliance)."},
	}
}

// String is the setting's word.
func (e DataMode) String() string { return word(e.choices(), uint8(e)) }

// ScanEngine is one of the engines that judge objects.
type ScanEngine uint8

// The engines.
const (
	EngineBuiltin   ScanEngine = iota // inside the program
	EngineClamd                       // ClamAV's daemon
	EngineICAP                        // an ICAP server
	EngineSimulated                   // verdicts, times and faults by rule
)

func (ScanEngine) choices() []Choice {
	return []Choice{
		{Word: "builtin", Help: "The engine inside the program: EICAR, signatures, archives."},
		{Word: "clamd", Help: "ClamAV's daemon, by INSTREAM over a socket."},
		{Word: "icap", Help: "An ICAP server, by REQMOD and RESPMOD."},
		{Word: "simulated", Help: "Verdicts by rule, with times and faults as configured."},
	}
}

// String is the setting's word.
func (e ScanEngine) String() string { return word(e.choices(), uint8(e)) }

// ErrorAction is what becomes of an object that has no verdict.
type ErrorAction uint8

// The actions for objects without a verdict.
const (
	ErrorBlock ErrorAction = iota // treated as blocked content
	ErrorPass                     // delivered, and counted as leaked
	ErrorReset                    // both connections are reset
)

func (ErrorAction) choices() []Choice {
	return []Choice{
		{Word: "block", Help: "Block the object."},
		{Word: "pass", Help: "Deliver the object unscanned and count its bytes as leaked."},
		{Word: "reset", Help: "Reset the session."},
	}
}

// String is the setting's word.
func (e ErrorAction) String() string { return word(e.choices(), uint8(e)) }

// ServiceCurve is how the service times of simulated scans are spread.
type ServiceCurve uint8

// The curves.
const (
	CurveFixed ServiceCurve = iota
	CurveNormal
	CurveLognormal
)

func (ServiceCurve) choices() []Choice {
	return []Choice{
		{Word: "fixed", Help: "Always the same."},
		{Word: "normal", Help: "Around the average, shorter as often as longer."},
		{Word: "lognormal", Help: "Mostly short and sometimes long."},
	}
}

// String is the setting's word.
func (e ServiceCurve) String() string { return word(e.choices(), uint8(e)) }

// RuleMatch is what a rule of the simulated engine looks at.
type RuleMatch uint8

// The kinds of rules.
const (
	MatchName RuleMatch = iota
	MatchSize
	MatchEvery
	MatchShare
)

func (RuleMatch) choices() []Choice {
	return []Choice{
		{Word: "name", Help: "The object's name."},
		{Word: "size", Help: "The object's size."},
		{Word: "every", Help: "The number of the scan."},
		{Word: "share", Help: "Chance."},
	}
}

// String is the setting's word.
func (e RuleMatch) String() string { return word(e.choices(), uint8(e)) }

// RuleVerdict is what a rule of the simulated engine says.
type RuleVerdict uint8

// The verdicts.
const (
	RuleVirus RuleVerdict = iota
	RuleWorm
	RuleSuspicious
	RuleClean
	RuleEncrypted
	RuleCorrupted
)

func (RuleVerdict) choices() []Choice {
	return []Choice{
		{Word: "virus", Help: "A virus was found."},
		{Word: "worm", Help: "A worm was found."},
		{Word: "suspicious", Help: "Something suspicious was found."},
		{Word: "clean", Help: "Nothing was found; no further rule is asked."},
		{Word: "encrypted", Help: "A part can't be opened without a password."},
		{Word: "corrupted", Help: "A part is damaged."},
	}
}

// String is the setting's word.
func (e RuleVerdict) String() string { return word(e.choices(), uint8(e)) }
