package console

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"

	"utmsim/internal/config"
	"utmsim/proxy"
)

// maxLine is the longest line that is executed, in bytes, with the lines that its
// quotes continue: the longest values of the appliance are replacement messages
// of 32 KiB.
const maxLine = 64 << 10

// shell executes the lines of one console session, one after the other.
type shell struct {
	console *Console
	operator
	editor   *config.Editor
	open     openLine
	logs     logFilter                  // of "execute log"
	sessions sessionFilter              // of "diagnose sys session"
	confirm  func(question string) bool // nil: nobody can be asked, so nobody is

	// live shows changing pages until the user has seen enough; nil without a
	// terminal.
	live    func(every time.Duration, draw func(key byte, rows int) string) error
	current string // the line being executed
	left    bool   // the session is over
}

// operator is who gives the lines of a session.
type operator struct {
	who   string
	view  bool     // nothing may be changed
	vdoms []string // that the session is kept to, where there are VDOMs; nil: none
}

func newShell(c *Console, u operator) *shell {
	s := &shell{console: c, operator: u, logs: newLogFilter()}
	if s.editor = c.opts.Store.Edit(u.who); u.view {
		s.editor = c.opts.Store.View(u.who)
	}
	if len(u.vdoms) > 0 {
		s.editor.Confine(u.vdoms)
	}
	return s
}

// execute runs one line and returns what it prints, whole lines. The error is the
// appliance's answer to a line that is wrong or can't be carried out;
// config.ErrOpenQuote says that the line goes on behind its end.
func (s *shell) execute(line string) (string, error) {
	if len(line) > maxLine {
		return "", errTooLong()
	}
	if !utf8.ValidString(line) {
		return "", errOurs("the line is not UTF-8 text and was not executed")
	}
	s.current = strings.Map(printable, line)
	command, filterWords, piped := splitPipe(s.current)
	words, err := config.Tokenize(command)
	if err != nil {
		if errors.Is(err, config.ErrOpenQuote) {
			return "", err
		}
		return "", errOurs("%v", err)
	}
	if !piped {
		return s.run(words)
	}
	if len(words) == 0 {
		return "", errUnknownAction()
	}
	f, err := parseFilter(filterWords)
	if err != nil {
		return "", err
	}
	out, err := s.run(words)
	if err != nil {
		return out, err
	}
	return f.apply(out), nil
}

// printable drops control characters: a terminal's line noise is no input. Tabs
// and the line ends inside quotes stay.
func printable(r rune) rune {
	if r < ' ' && r != '\t' && r != '\n' || r == 0x7f {
		return -1
	}
	return r
}

// run executes the words of a line.
func (s *shell) run(words []config.Word) (string, error) {
	if len(words) == 0 {
		return "", nil
	}
	root := s.root()
	if root == nil {
		if ask := s.confirm; ask != nil {
			if q := s.editor.Question(words); q != "" && !ask(q) {
				return "", nil
			}
		}
		return s.configure(words)
	}
	if err := checkVerb(root, words[0]); err != nil {
		return "", err
	}
	c := &call{shell: s, words: words, args: map[string]string{}, out: new(strings.Builder)}
	run, err := root.walk(c)
	if err != nil {
		return "", err
	}
	err = run(c)
	return c.out.String(), err
}

// checkVerb is the answer to a first word that is no verb. One that would be a
// verb in small letters is a parse error on the appliance (fidelity page, section
// 3.2).
func checkVerb(root *node, w config.Word) error {
	_, m := root.find(w.Text)
	_, small := root.find(strings.ToLower(w.Text))
	switch {
	case w.Quoted:
		return errUnknownAction()
	case m != none || root.other != nil:
		return nil
	case small != none:
		return errUnknownWord(w.Text)
	}
	return errUnknownAction()
}

// root is the grammar that holds where the session is; nil inside config, where
// lines are the editor's.
func (s *shell) root() *node {
	path := s.editor.Path()
	grammar := &s.console.trees[s.console.opts.Store.Snapshot().Simulator.Persona]
	switch {
	case len(path) == 0:
		return grammar.top
	case len(path) == 1 && path[0] == "global", len(path) == 2 && path[0] == "vdom":
		return grammar.scope
	}
	return nil
}

// prompt is the prompt of the next line.
func (s *shell) prompt() string {
	host, sign := shorten(s.console.opts.Store.Snapshot().Global.Hostname), "#"
	if s.view {
		sign = "$"
	}
	if !s.editor.InConfig() {
		return fmt.Sprintf("%s %s ", host, sign)
	}
	return fmt.Sprintf("%s (%s) %s ", host, shorten(s.editor.Prompt()), sign)
}

// promptWord is how many characters a word of the prompt has at most.
const promptWord = 16

// shorten keeps a word of the prompt short as the appliance does, which writes
// "profile-protocol-options" as "profile-protoc~l": the characters that there is
// room for, with a tilde for the last but one.
func shorten(word string) string {
	r := []rune(word)
	for i := range r {
		if r[i] < ' ' {
			r[i] = '?'
		}
	}
	if len(r) > promptWord {
		r = r[:promptWord]
		r[promptWord-2] = '~'
	}
	return string(r)
}

// configure hands the whole line to the editor. Whoever turns virtual domains on or
// off on a terminal is logged out, as was asked.
func (s *shell) configure(words []config.Word) (string, error) {
	before := s.multiVDOM()
	lines, err := s.editor.Execute(words)
	s.left = s.left || s.confirm != nil && err == nil && s.multiVDOM() != before
	return plainText(lines), err
}

func (s *shell) multiVDOM() bool { return s.console.opts.Store.Snapshot().Global.VDOMAdmin }

// configure hands the whole line to the editor.
func (c *call) configure() error {
	text, err := c.shell.configure(c.words)
	c.out.WriteString(text)
	return err
}

func (s *shell) configChoices(words []config.Word) []config.Choice { return s.editor.Complete(words) }

func (c *call) engine() *proxy.Engine { return c.shell.console.opts.Engine }

// acts is what a command calls before it changes something other than the
// configuration, whose changes the store guards and reports. It refuses those who
// may only look, and logs the command.
func (c *call) acts() error {
	if c.shell.view {
		return config.Denied()
	}
	c.shell.console.opts.Log.Info("console command", zap.String("who", c.shell.who), zap.String("line", c.shell.current))
	return nil
}

// confirmed asks the question that stands before a command that can't be undone,
// and on yes does what acts does. Where nobody can be asked the answer is yes.
func (c *call) confirmed(question string) (bool, error) {
	if c.shell.view {
		return false, config.Denied()
	}
	if ask := c.shell.confirm; ask != nil && !ask(question+"\nDo you want to continue? (y/n)") {
		return false, nil
	}
	return true, c.acts()
}

// exit ends the session.
func (c *call) exit() error {
	c.shell.left = true
	return nil
}

// shutdown asks for the end of the appliance, which ends this session too.
func (c *call) shutdown() error {
	if yes, err := c.confirmed("This operation will shutdown the system !"); !yes || err != nil {
		return err
	}
	c.out.WriteString("The system is going down NOW !!\n")
	c.shell.left = true
	c.shell.console.opts.Shutdown()
	return nil
}
