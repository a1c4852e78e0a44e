package config

import (
	"fmt"
	"strings"
)

// CLIError is an error in the appliance's own words (fidelity page, section 3.4).
// Lines are printed as they are, blank ones too, and Code in a closing line; a
// Code of 0 has no closing line.
type CLIError struct {
	Lines []string
	Code  int
}

// Output is the whole text that a console prints.
func (e *CLIError) Output() []string {
	if e.Code == 0 {
		return e.Lines
	}
	return append(e.Lines[:len(e.Lines):len(e.Lines)], fmt.Sprintf("Command fail. Return code %d", e.Code))
}

// Error is the text on one line, for logs and for errors that name a file.
func (e *CLIError) Error() string {
	var parts []string
	for _, l := range e.Lines {
		if l != "" {
			parts = append(parts, l)
		}
	}
	text := strings.Join(parts, "; ")
	if e.Code == 0 {
		return text
	}
	return fmt.Sprintf("%s (return code %d)", text, e.Code)
}

// FileError is an error in a configuration file.
type FileError struct {
	Name string // of the file
	Line int    // from 1
	Err  error  // a *CLIError when the file is text but a line of it is wrong
}

func (e *FileError) Error() string { return fmt.Sprintf("%s:%d: %v", e.Name, e.Line, e.Err) }
func (e *FileError) Unwrap() error { return e.Err }

func unknownWord(text string) *CLIError {
	return &CLIError{Lines: []string{"", fmt.Sprintf("command parse error before '%s'", text)}, Code: -61}
}

func incomplete() *CLIError {
	return &CLIError{Lines: []string{"incomplete command in the end"}, Code: -160}
}

// wrongValue is the common shape of errors about a value.
func wrongValue(code int, text, reason string) *CLIError {
	return &CLIError{Lines: []string{reason, "", fmt.Sprintf("value parse error before '%s'", text)}, Code: code}
}

func badInteger(text string) *CLIError {
	return wrongValue(-651, text, "invalid unsigned integer value: "+text)
}

// rejected is a value of the right form that a check of the setting refuses.
func rejected(name, text string) *CLIError {
	return wrongValue(-651, text, fmt.Sprintf("node_check_object fail! for %s %s", name, text))
}

func badAddress(text string) *CLIError { return wrongValue(-8, text, "invalid ip address") }

func noEntry(text string) *CLIError { return wrongValue(-3, text, "entry not found in datasource") }

func keyExists(text string) *CLIError { return wrongValue(-5, text, "key already exists") }

func tooLong(text string, limit int) *CLIError {
	return &CLIError{Lines: []string{
		fmt.Sprintf("string value is too long. the size is %d, the limit is %d", len(text), limit),
		fmt.Sprintf("value parse error before '%s'", text),
	}, Code: -1}
}

func inUse(n int) *CLIError {
	return &CLIError{Lines: []string{fmt.Sprintf("The entry is used by other %d entries", n)}, Code: -23}
}

// Denied is the answer to what an account may not do. That the appliance refuses
// with code -37 is known, its words here are ours.
func Denied() *CLIError {
	return &CLIError{Lines: []string{"Permission denied. Insufficient privileges."}, Code: -37}
}

// discarded is the answer to end or next when what was entered is not accepted as
// a whole; the change is dropped.
func discarded(message string) *CLIError {
	return &CLIError{Lines: []string{message, "object check operator error, -45, discard the setting"}, Code: 1}
}

// unknownAction is the answer to a verb that does not exist; the top level adds a 0.
func unknownAction(top bool) *CLIError {
	if top {
		return &CLIError{Lines: []string{"Unknown action 0"}}
	}
	return &CLIError{Lines: []string{"Unknown action"}}
}
