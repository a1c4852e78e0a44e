package console

import (
	"fmt"
	"strconv"
	"strings"

	"utmsim/internal/config"
)

// Reading is something about the appliance that its documentation leaves open or
// contradicts itself in. Texts are Markdown; numbers in brackets are the sources of
// docs/decisions.md, whose table is made from these.
type Reading struct {
	Topic    string
	Readings string
	Default  string
	Switch   string                        // that changes it, "none" without one
	value    func(*config.Snapshot) string // of the switch; nil without one, or where there are several
}

// Readings are all disputed readings.
func Readings() []Reading {
	return []Reading{
		{"Max Concurrent Connections",
			"the most allowed at one time [1]; the peak, the only way to read 76 beside 8/8032 in the sample of [1]",
			"the peak since the start",
			"`max-concurrent` `peak`, `limit`", sim(func(m *config.Simulator) fmt.Stringer { return m.MaxConcurrent })},
		{"scope of the table",
			"one maximum for all protocols together [1]; a pool for each proxy [12, 17, and the POP3 example of 1]",
			"one table",
			"`pool` `shared`, `per-protocol`", sim(func(m *config.Simulator) fmt.Stringer { return m.Pool })},
		{"size of the table",
			"8032 in both public samples [1, 5]; by model and memory [12]",
			"8032",
			"`config system resource-limits`, `set proxy`", proxyLimit},
		{"a protocol enters failopen",
			"when no entry is free [12]; when a connection finds no room",
			"with the last free entry",
			"`enter` `zero-free`, `first-refusal`", sim(func(m *config.Simulator) fmt.Stringer { return m.Enter })},
		{"a protocol leaves failopen",
			"until entries are free again [1]; hysteresis is known of memory only",
			"as soon as one entry is free for it",
			"none", nil},
		{"`av-failopen-session disable`, full table",
			"refused [26, 27]; not said [1]",
			"refused, no failopen state, no event",
			"the setting itself", sessionTrigger},
		{"`av-failopen-session` in memory conserve mode",
			"irrelevant [6, 7]; overrides `av-failopen` [some answers in 27]",
			"irrelevant",
			"none", nil},
		{"a full table is conserve mode",
			"yes [1, 8]; a condition of its own [27]",
			"two triggers, never merged, shown side by side",
			"none", nil},
		{"idledrop takes",
			"idle sessions of the clients with most sessions [1]; connections of these clients [13]",
			"idle sessions only",
			"`idledrop` `idle`, `any`", sim(func(m *config.Simulator) fmt.Stringer { return m.IdleDrop })},
		{"what clears the latch of one-shot",
			"`av-failopen` set to `pass` or `off` [1]; any change, or a restart [27]",
			"`pass` or `off`; a restart of the program",
			"`latch-clear` `documented`, `any-change`", sim(func(m *config.Simulator) fmt.Stringer { return m.LatchClear })},
		{"conserve mode, 5.0 to 5.4",
			"in below 20 % free, out at 30 % [12, 14]; by memory size [10]",
			"20 % and 30 %",
			"`persona 5.2`", sim(func(m *config.Simulator) fmt.Stringer { return m.Persona })},
		{"conserve mode, 5.6 and later",
			"in above 88 %, out below 82 %, extreme above 95 % [6, 7, 11]; three entry levels [a later text of 10]",
			"leave, enter, refuse",
			"`persona 5.6`; `config system global`, `set memory-use-threshold-*`", sim(func(m *config.Simulator) fmt.Stringer { return m.Persona })},
		{"changes of the configuration in conserve mode",
			"refused [27, 35]; not mentioned for 5.x",
			"refused in persona `5.6` only",
			"`persona`", sim(func(m *config.Simulator) fmt.Stringer { return m.Persona })},
		{"values of `av-failopen`",
			"four [1]; three, without idledrop, later [4, 6]",
			"four in persona `5.2`, three in `5.6`",
			"`persona`", sim(func(m *config.Simulator) fmt.Stringer { return m.Persona })},
		{"a simple entry of a URL filter",
			"a setting of later releases says whether hosts below it are meant [36]; earlier ones have no such setting [36]",
			"hosts below it too",
			"`config webfilter urlfilter`, `set include-subdomains`", nil},
		{"level 4 shows",
			"HTTP [the shortened sample of 1]; every protocol [the text of 1]",
			"every protocol",
			"none", nil},
	}
}

// sim reads a switch of "config system simulator".
func sim(get func(*config.Simulator) fmt.Stringer) func(*config.Snapshot) string {
	return func(s *config.Snapshot) string { return get(&s.Simulator).String() }
}

func proxyLimit(s *config.Snapshot) string { return strconv.Itoa(s.Resource.Proxy) }

func sessionTrigger(s *config.Snapshot) string { return onOff(s.Global.AVFailopenSession) }

func onOff(on bool) string {
	if on {
		return "enable"
	}
	return "disable"
}

// switches prints the disputed readings and how they are set: "diagnose sim
// switches".
func (c *call) switches() error {
	snap := c.shell.console.opts.Store.Snapshot()
	plain := strings.NewReplacer("`", "").Replace
	for i, r := range Readings() {
		if i > 0 {
			fmt.Fprintln(c.out)
		}
		fmt.Fprintf(c.out, "%s\n  readings: %s\n  default:  %s\n  switch:   %s", plain(r.Topic), plain(r.Readings), plain(r.Default), plain(r.Switch))
		if r.value != nil {
			fmt.Fprintf(c.out, " (now %s)", r.value(snap))
		}
		fmt.Fprintln(c.out)
	}
	fmt.Fprintln(c.out, "\nNumbers in brackets are the sources in docs/decisions.md.")
	return nil
}
