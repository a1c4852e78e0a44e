package lab

import (
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// Flags are stored as strings, system flags in the spelling of RFC 9051 section
// 2.3.2, keywords as first written; they compare without regard to case.

func hasFlag(flags []string, flag imap.Flag) bool {
	return slices.ContainsFunc(flags, func(f string) bool { return strings.EqualFold(f, string(flag)) })
}

func withFlag(flags []string, flag imap.Flag) []string {
	if hasFlag(flags, flag) {
		return flags
	}
	for _, system := range systemFlags() {
		if strings.EqualFold(string(system), string(flag)) {
			flag = system
		}
	}
	return append(flags, string(flag))
}

func withoutFlag(flags []string, flag imap.Flag) []string {
	return slices.DeleteFunc(flags, func(f string) bool { return strings.EqualFold(f, string(flag)) })
}

func imapFlags(flags []string) []imap.Flag {
	out := make([]imap.Flag, 0, len(flags))
	for _, flag := range flags {
		out = append(out, imap.Flag(flag))
	}
	return out
}
