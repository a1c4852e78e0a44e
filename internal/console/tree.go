package console

import (
	"math"
	"slices"
	"time"

	"utmsim/internal/config"
	"utmsim/protocols"
)

// configuration is the language of what stands between config and end.
func configuration() *language {
	return &language{run: (*call).configure, choices: (*shell).configChoices}
}

// newTree declares the commands of the top level. Inside config every line goes
// to the configuration language instead.
func newTree(persona config.Persona) *node {
	settings := configuration()
	return &node{children: []*node{
		{word: "config", help: "Configure object.", other: settings},
		{word: "get", help: "Get dynamic and system information.", other: settings, children: []*node{
			{word: "system", help: "system", other: settings, children: []*node{
				{word: "performance", help: "System performance.", children: []*node{
					{word: "status", help: "System performance status.", run: (*call).performance},
				}},
				{word: "status", help: "System status.", run: (*call).status},
			}},
			{word: "test", help: "Test applications.", children: applications()},
			{word: "webfilter", help: "webfilter", other: settings, children: []*node{
				{word: "ftgd-statistics", help: "Display rating cache and daemon statistics.", run: (*call).ftgdStatistics},
			}},
		}},
		{word: "show", help: "Show configuration.", other: settings},
		{word: "diagnose", help: "Diagnose facility.", children: []*node{
			{word: "antivirus", help: "AntiVirus.", children: []*node{
				{word: "quarantine", help: "Quarantine.", children: quarantineCommands()},
			}},
			{word: "debug", help: "Debug facility.", children: []*node{
				{word: "crashlog", help: "Crash log.", children: []*node{
					{word: "clear", help: "Clear the crash log.", run: (*call).clearCrashlog},
					{word: "read", help: "Read the crash log.", run: (*call).readCrashlog},
				}},
			}},
			{word: "hardware", help: "Hardware.", children: []*node{
				{word: "sysinfo", help: "System information.", children: []*node{sysinfo(persona)}},
			}},
			{word: "sys", help: "System.", children: []*node{
				{word: "session", help: "Sessions of the proxy.", children: sessionCommands()},
				{word: "top", help: "What takes processor and memory.", run: (*call).top, children: []*node{
					{word: "<DELAY>", help: "Seconds between two pages (default = <5>).", arg: integer("delay", 1, maxDelay), run: (*call).top, children: []*node{
						{word: "<LINES>", help: "Rows (default = <20>).", arg: integer("lines", 1, maxLines), run: (*call).top},
					}},
				}},
			}},
			{word: "test", help: "Test daemon.", children: []*node{
				{word: "application", help: "Application tests.", children: applications()},
			}},
			{word: "sim", help: "The simulator itself (not on the appliance).", children: simulator()},
		}},
		{word: "execute", help: "Execute static commands.", children: []*node{
			{word: "backup", help: "Backup.", children: []*node{
				{word: "config", help: "Print the configuration as a file, or keep it.", run: (*call).showBackup, children: []*node{
					{word: "flash", help: "Backup the configuration to flash disk: to the state folder.", run: (*call).backup, children: []*node{
						{word: "<COMMENT>", help: "Comment.", arg: anyText("comment"), run: (*call).backup},
					}},
				}},
			}},
			{word: "factoryreset", help: "Reset to factory default.", run: (*call).factoryReset},
			{word: "log", help: "Log.", children: logCommands()},
			{word: "restore", help: "Restore.", children: []*node{
				{word: "config", help: "Restore the configuration.", children: []*node{
					{word: "flash", help: "Restore the configuration from flash disk.", children: []*node{
						{word: "<REVISION>", help: "Revision ID.", arg: integer("revision", 1, math.MaxInt32), run: (*call).restore},
					}},
				}},
			}},
			{word: "revision", help: "Revisions.", children: []*node{
				{word: "list", help: "List revisions.", children: []*node{
					{word: "config", help: "Backups of the configuration on flash disk.", run: (*call).listRevisions},
				}},
			}},
			{word: "shutdown", help: "Shutdown appliance.", run: (*call).shutdown},
		}},
		{word: "exit", help: "Exit the CLI.", run: (*call).exit},
		{word: "quit", help: "Exit the CLI.", run: (*call).exit, hidden: true},
	}}
}

// sysinfo is the command that shows conserve mode in a release.
func sysinfo(persona config.Persona) *node {
	if persona == config.Persona56 {
		return &node{word: "conserve", help: "Memory conserve mode.", run: (*call).conserve}
	}
	return &node{word: "shm", help: "Shared memory.", run: (*call).shm}
}

// newScopeTree is the top level's tree as it holds in config global and config
// vdom: what else is possible there (end, next, edit) is the configuration's.
func newScopeTree(persona config.Persona) *node {
	t := newTree(persona)
	t.other = configuration()
	t.children = slices.DeleteFunc(t.children, func(n *node) bool { return n.word == "exit" || n.word == "quit" })
	return t
}

// applications are the nodes of "get test", which is the same as "diagnose test
// application".
func applications() []*node {
	var out []*node
	for _, m := range menus() {
		level := &node{word: "<Integer>", help: "Test level.", arg: integer("level", 0, math.MaxInt64), run: m.level}
		out = append(out, &node{word: m.word, help: m.help, run: m.usage, children: []*node{level}})
	}
	return out
}

// Bounds of what the simulator's own commands take.
const (
	maxFill = 1_000_000       // entries; the largest table there can be
	maxIdle = 365 * 24 * 3600 // seconds
	maxDial = 24 * time.Hour  // of what slows scans down
)

// simulator are the commands that are ours, below "diagnose sim".
func simulator() []*node {
	client := func(then ...*node) *node {
		return &node{word: "client", help: "Whose entries they are (default = <" + fillClient.String() + ">).", children: []*node{
			{word: "<ADDR>", help: "IP address.", arg: address("client"), run: (*call).fill, children: then},
		}}
	}
	idle := func(then ...*node) *node {
		return &node{word: "idle", help: "How long they have been idle already (default = <0>).", children: []*node{
			{word: "<SECONDS>", help: "Seconds.", arg: integer("idle", 0, maxIdle), run: (*call).fill, children: then},
		}}
	}
	count := &node{word: "<N>", help: "How many entries.", arg: integer("count", 1, maxFill), run: (*call).fill,
		children: []*node{client(idle()), idle(client())}}

	return []*node{
		{word: "drain", help: "Take out the entries that fill put in.", run: (*call).drain},
		{word: "explain", help: "Why a session was refused, bypassed or dropped.", children: explainCommands()},
		{word: "failopen", help: "State of each protocol, and why.", run: (*call).failopen},
		{word: "fill", help: "Put entries without a session into the session table.", children: []*node{
			{word: "<PROTOCOL>", help: "Protocol.", arg: oneOf("protocol", protocolWords()), children: []*node{count}},
		}},
		{word: "leak", help: "What was delivered that no scanner saw.", run: (*call).leak, children: []*node{
			{word: "sessions", help: "The newest sessions that it concerns.", run: (*call).leakSessions, children: []*node{
				{word: "<COUNT>", help: "How many (default = <20>).", arg: integer("count", 1, maxLeakView), run: (*call).leakSessions},
			}},
		}},
		{word: "lists", help: "What the block lists have said about hosts.", run: (*call).lists},
		{word: "memory", help: "The memory model.", run: (*call).memory, children: []*node{
			{word: "auto", help: "Count only what is in use.", run: (*call).autoMemory},
			{word: "<PERCENT>", help: "Memory that is to be in use now, in percent of the total.", arg: integer("percent", 0, 100), run: (*call).setMemory},
		}},
		{word: "scanner", help: "The scan engines.", run: (*call).scanner, children: []*node{
			{word: "errors", help: "Let scans fail.", children: []*node{
				{word: "<PERCENT>", help: "How many of them, in percent.", arg: integer("percent", 0, 100), run: (*call).scanErrors},
			}},
			{word: "latency", help: "Let scans take longer.", children: []*node{
				{word: "<TIME>", help: "By how much: 250ms, 2s.", arg: duration("time", maxDial), run: (*call).scanLatency},
			}},
			{word: "normal", help: "Let scans go on as they are.", run: (*call).scanNormal},
			{word: "stall", help: "Let no scan go on for a while.", children: []*node{
				{word: "<TIME>", help: "For how long: 500ms, 30s, 5m.", arg: duration("time", maxDial), run: (*call).scanStall},
			}},
		}},
		{word: "switches", help: "Every disputed reading, its setting, its sources.", run: (*call).switches},
	}
}

func protocolWords() []config.Choice {
	var out []config.Choice
	for _, p := range protocols.All {
		out = append(out, config.Choice{Word: p.Word(), Help: p.String() + " proxy."})
	}
	return out
}
