package console

import (
	"errors"
	"fmt"

	"utmsim/internal/config"
)

// The appliance's error texts (fidelity page, section 3.4). Those about values
// are the same that the configuration language gives.

func errUnknownWord(text string) *config.CLIError {
	return &config.CLIError{Lines: []string{"", fmt.Sprintf("command parse error before '%s'", text)}, Code: -61}
}

func errIncomplete() *config.CLIError {
	return &config.CLIError{Lines: []string{"incomplete command in the end"}, Code: -160}
}

func errUnknownAction() *config.CLIError {
	return &config.CLIError{Lines: []string{"Unknown action 0"}}
}

func errNotNumber(text string) *config.CLIError {
	return errValue(-651, text, "invalid unsigned integer value: "+text)
}

func errRejected(name, text string) *config.CLIError {
	return errValue(-651, text, fmt.Sprintf("node_check_object fail! for %s %s", name, text))
}

func errNotAddress(text string) *config.CLIError {
	return errValue(-8, text, "invalid ip address")
}

func errValue(code int, text, reason string) *config.CLIError {
	return &config.CLIError{Lines: []string{reason, "", fmt.Sprintf("value parse error before '%s'", text)}, Code: code}
}

// errOurs is an error whose text is the simulator's own: the appliance has none,
// or none that is public. Its code is -1, the appliance's for a refused value.
func errOurs(format string, args ...any) *config.CLIError {
	return &config.CLIError{Lines: []string{fmt.Sprintf(format, args...)}, Code: -1}
}

func errTooLong() *config.CLIError {
	return errOurs("the line is longer than %d bytes and was not executed", maxLine)
}

// errText is the whole text of an error, lines without their ends. An error that
// is not in the appliance's words (a listener that can't be bound at a commit)
// is shown like one of ours.
func errText(err error) []string {
	var cli *config.CLIError
	if !errors.As(err, &cli) {
		cli = errOurs("%v", err)
	}
	return cli.Output()
}

// errOccupied says that a state folder belongs to a running program.
func errOccupied(dir string) error {
	return fmt.Errorf("another utmsim is running with this state folder (%s): stop it, or choose another folder with --state", dir)
}
