package lab

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"goftp.io/server/v2"
)

// ftpCommand is a command of ours in the library's form.
type ftpCommand struct {
	name          string
	needs         bool // a parameter
	beforeLogin   bool
	extension     string // what FEAT says of it; "" for a command of RFC 959
	run           func(c *ftpControl, sess *server.Session, param string)
	keepsTheStart bool // REST holds across it
}

// IsExtend is asked for the library's FEAT, which is replaced.
func (f ftpCommand) IsExtend() bool { return false }

// RequireParam says whether the library refuses the command without parameter.
func (f ftpCommand) RequireParam() bool { return f.needs }

// RequireAuth says whether the library refuses the command before login.
func (f ftpCommand) RequireAuth() bool { return !f.beforeLogin }

// Execute runs the command.
func (f ftpCommand) Execute(sess *server.Session, param string) {
	c := controlOf(sess)
	f.run(c, sess, param)
	if !f.keepsTheStart {
		c.restart = 0
	}
}

// ftpCommands are those that touch data connections, and those that the library
// does wrongly or noisily.
func ftpCommands() []ftpCommand {
	return []ftpCommand{
		{name: "PASV", run: (*ftpControl).pasv, keepsTheStart: true},
		{name: "EPSV", run: (*ftpControl).epsv, keepsTheStart: true, extension: "EPSV"},
		{name: "PORT", run: (*ftpControl).port, keepsTheStart: true, needs: true},
		{name: "EPRT", run: (*ftpControl).eprt, keepsTheStart: true, needs: true, extension: "EPRT"},
		{name: "RETR", run: (*ftpControl).retr, needs: true},
		{name: "STOR", run: (*ftpControl).stor, needs: true},
		{name: "APPE", run: (*ftpControl).appe, needs: true},
		{name: "STOU", run: (*ftpControl).stou},
		{name: "REST", run: (*ftpControl).rest, keepsTheStart: true, needs: true, extension: "REST STREAM"},
		{name: "ABOR", run: func(c *ftpControl, _ *server.Session, _ string) { c.say("226 nothing is being transferred any more") }},
		{name: "LIST", run: func(c *ftpControl, sess *server.Session, param string) { c.listing(sess, param, longLine) }},
		{name: "NLST", run: func(c *ftpControl, sess *server.Session, param string) { c.listing(sess, param, ftpInfo.Name) }},
		{name: "MLSD", run: func(c *ftpControl, sess *server.Session, param string) { c.listing(sess, param, factsLine) }, extension: "MLST type*;size*;modify*;"},
		{name: "MLST", run: (*ftpControl).mlst},
		{name: "SIZE", run: (*ftpControl).size, needs: true, extension: "SIZE"},
		{name: "MDTM", run: (*ftpControl).mdtm, needs: true, extension: "MDTM"},
		{name: "STAT", run: (*ftpControl).stat},
		{name: "RMD", run: (*ftpControl).rmd, needs: true},
		{name: "XRMD", run: (*ftpControl).rmd, needs: true},
		{name: "FEAT", run: (*ftpControl).feat, beforeLogin: true},
		{name: "HELP", run: (*ftpControl).help, beforeLogin: true},
	}
}

// commands is the whole set: ours, and of the library's those that are left.
// What is about TLS isn't offered.
func (o *FTP) commands() map[string]server.Command {
	all := make(map[string]server.Command)
	theirs := server.DefaultCommands()
	for _, name := range []string{
		"USER", "PASS", "QUIT", "NOOP", "SYST", "TYPE", "MODE", "STRU", "ALLO", "OPTS", "CLNT",
		"PWD", "XPWD", "CWD", "XCWD", "CDUP", "XCUP", "MKD", "XMKD", "DELE", "RNFR", "RNTO",
	} {
		all[name] = theirs[name]
	}
	all["PASS"] = anyPassword{theirs["PASS"]}
	for _, command := range ftpCommands() {
		all[command.name] = command
	}
	return all
}

// anyPassword lets a password be empty, as that of anonymous may.
type anyPassword struct{ server.Command }

// RequireParam implements server.Command.
func (anyPassword) RequireParam() bool { return false }

func (c *ftpControl) rest(_ *server.Session, param string) {
	offset, err := strconv.ParseInt(param, 10, 64)
	if err != nil || offset < 0 {
		c.say("501 not an offset")
		return
	}
	c.restart = offset
	c.say(fmt.Sprintf("350 the next transfer starts at %d", offset))
}

func (c *ftpControl) feat(*server.Session, string) {
	lines := []string{"211-Extensions supported:"}
	for _, command := range ftpCommands() {
		if command.extension != "" {
			lines = append(lines, " "+command.extension)
		}
	}
	c.say(append(lines, " TVFS", " UTF8", "211 End")...)
}

func (c *ftpControl) help(*server.Session, string) {
	var names []string
	for name := range c.origin.commands() {
		names = append(names, name)
	}
	slices.Sort(names)
	c.say("214-Commands:", " "+strings.Join(names, " "), "214 End")
}

func (c *ftpControl) size(sess *server.Session, param string) {
	info, err := c.origin.files.info(sess.BuildPath(param))
	if err != nil || info.IsDir() {
		c.say("550 no such file")
		return
	}
	c.say(fmt.Sprintf("213 %d", info.Size()))
}

func (c *ftpControl) mdtm(sess *server.Session, param string) {
	info, err := c.origin.files.info(sess.BuildPath(param))
	if err != nil || info.IsDir() {
		c.say("550 no such file")
		return
	}
	c.say("213 " + info.ModTime().UTC().Format("20060102150405"))
}

func (c *ftpControl) mlst(sess *server.Session, param string) {
	path := sess.BuildPath(param)
	info, err := c.origin.files.info(path)
	if err != nil {
		c.say("550 " + err.Error())
		return
	}
	info.name = path
	c.say("250-Listing", " "+factsLine(info), "250 End")
}

func (c *ftpControl) stat(sess *server.Session, param string) {
	if param == "" {
		c.say("211-"+MailDomain+" FTP server", " Logged in as "+sess.LoginUser(), " TYPE: binary; STRU: file; MODE: stream", "211 End")
		return
	}
	entries, err := c.origin.files.list(sess.BuildPath(withoutOptions(param)))
	if err != nil {
		c.say("550 " + err.Error())
		return
	}
	lines := []string{"213-Status follows"}
	for _, entry := range entries {
		lines = append(lines, " "+longLine(entry))
	}
	c.say(append(lines, "213 End")...)
}

func (c *ftpControl) rmd(sess *server.Session, param string) {
	if err := c.origin.files.DeleteDir(nil, sess.BuildPath(param)); err != nil {
		c.say("550 " + err.Error())
		return
	}
	c.say("250 directory removed")
}

// withoutOptions drops what clients borrow from ls: LIST -la.
func withoutOptions(param string) string {
	for strings.HasPrefix(param, "-") {
		_, param, _ = strings.Cut(param, " ")
	}
	return param
}

// longLine is how ls -l writes a file, in the form that clients parse.
func longLine(info ftpInfo) string {
	when := info.ModTime().UTC().Format("Jan _2 15:04")
	if time.Since(info.ModTime()) > 180*24*time.Hour {
		when = info.ModTime().UTC().Format("Jan _2  2006")
	}
	return fmt.Sprintf("%s 1 lab lab %12d %s %s", info.Mode(), info.Size(), when, info.Name())
}

// factsLine is an entry of RFC 3659 section 7.2.
func factsLine(info ftpInfo) string {
	kind := "file"
	if info.IsDir() {
		kind = "dir"
	}
	return fmt.Sprintf("type=%s;size=%d;modify=%s; %s", kind, info.Size(), info.ModTime().UTC().Format("20060102150405"), info.Name())
}
