package eventlog

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// kind is what the appliance's log has for one message of zap.
type kind struct {
	id        int // 2 digits of the type, 2 of the subtype, 6 of the message
	category  Category
	subtype   string
	eventtype string
	severity  Severity
	desc      string
	fields    func(r record) []Field
}

func (k *kind) typ() string {
	if k.category == Event {
		return "event"
	}
	return "utm"
}

// The messages of records that become lines. Ids below 60000 are the appliance's
// (fidelity page, sections 2.5 and 5.5; 44546, 44547 and 320xx: FortiOS log
// reference); those from 60001 on are ours, for events that it has no message for.
const (
	FailopenEntered = "failopen entered"
	FailopenLeft    = "failopen left"
	LatchSet        = "latch set"
	LatchCleared    = "latch cleared"
	Conserve        = "memory conserve mode"
	Detected        = "content detected"
	FileBlocked     = "file blocked"
	FileExempt      = "file exempt"
	AuditDetected   = "detected after bypass"
	Oversize        = "oversize"
	ScanFailed      = "scan failed"
	URLFiltered     = "url filtered"
	BannedWord      = "banned word"
	SpamDetected    = "spam detected"
	ListFailed      = "block list failed"
	Changed         = "configuration changed"
	LoggedIn        = "admin logged in"
	LoginFailed     = "admin login failed"
	LoggedOut       = "admin logged out"
	LockedOut       = "admin login disabled"
	Refused         = "session refused"
	Dropped         = "session dropped"
	Repeated        = "more of the same"
	NoDescriptor    = "out of descriptors"
	PollFailed      = "poll failed"
	KeepFailed      = "quarantine failed"
	NotKept         = "not quarantined"
	EngineDown      = "scan engine down"
	EngineUp        = "scan engine up"
	Restarted       = "proxy restarted"
)

// kindOf says what line a record becomes; nil for none. The release decides about
// the fields of some.
func kindOf(r record, f Format) *kind {
	switch r.message {
	case FailopenEntered, FailopenLeft, LatchSet, LatchCleared:
		return &kind{100022800, Event, "system", "", Critical, "Scan services session failed", failopenFields}
	case Conserve:
		return conserveKind(r, f)
	case Detected:
		return virusKind(r, 211008192, "infected", infectedFields)
	case AuditDetected:
		return &kind{211060010, Virus, "virus", "infected", Warning, "", auditFields}
	case FileBlocked:
		return virusKind(r, 212008448, "filename", fileBlockedFields)
	case FileExempt:
		return &kind{212008455, Virus, "virus", "filename", Notice, "", fileExemptFields}
	case Oversize:
		return virusKind(r, 213008704, "oversize", oversizeFields)
	case ScanFailed:
		return &kind{200060006, Virus, "virus", "scanerror", Warning, "", scanFailedFields}
	case URLFiltered:
		return urlKind(r)
	case BannedWord:
		return bannedWordKind(r)
	case SpamDetected:
		return &kind{508020503, EmailFilter, "emailfilter", "email", Notice, "", spamFields}
	case Changed:
		return changeKind(r)
	}
	return ownKind(r)
}

// ownKind are the messages without a decision.
func ownKind(r record) *kind {
	switch r.message {
	case LoggedIn:
		return &kind{100032001, Event, "system", "", Information, "Admin login successful", loginFields("login", "success")}
	case LoginFailed:
		return &kind{100032002, Event, "system", "", Warning, "Admin login failed", loginFields("login", "failed")}
	case LoggedOut:
		return &kind{100032003, Event, "system", "", Information, "Admin logout successful", loginFields("logout", "success")}
	case LockedOut:
		return &kind{100032021, Event, "system", "", Warning, "Admin login disabled", loginFields("login", "disabled")}
	case Refused:
		return &kind{100060001, Event, "system", "", Warning, "Proxy session refused", refusedFields}
	case Dropped:
		return &kind{100060002, Event, "system", "", Warning, "Idle proxy session dropped", droppedFields}
	case Restarted:
		return &kind{100060003, Event, "system", "", Notice, "Proxy restarted", func(r record) []Field {
			user, ui := whose(r)
			return []Field{text("user", user), text("ui", ui), number("sessions", r.num("sessions")), text("msg", "The proxy was restarted and its statistics were cleared")}
		}}
	case Repeated:
		return &kind{100060004, Event, "system", "", Warning, "Events not logged one by one", func(r record) []Field {
			fields := []Field{number("count", r.num("not logged")), text("msg", fmt.Sprintf("%d more %s in one second", r.num("not logged"), r.str("events")))}
			if p := service(r); p != "" { // what fails for the whole worker is of no protocol
				fields = append([]Field{text("service", p)}, fields...)
			}
			return fields
		}}
	case KeepFailed, NotKept:
		return &kind{100060010, Event, "system", "", Error, "Quarantine failed", func(r record) []Field {
			return []Field{text("file", r.str("file")), text("error", r.str("error")), text("msg", "A blocked file could not be kept in the quarantine")}
		}}
	case EngineDown:
		return &kind{100060007, Event, "system", "", Error, "Scan engine down", func(r record) []Field {
			return []Field{text("engine", r.str("engine")), text("error", r.str("error")), text("msg", "The scan engine "+r.str("engine")+" does not answer")}
		}}
	case EngineUp:
		return &kind{100060008, Event, "system", "", Notice, "Scan engine up", func(r record) []Field {
			return []Field{text("engine", r.str("engine")), text("version", r.str("version")), text("msg", "The scan engine "+r.str("engine")+" answers")}
		}}
	case ListFailed:
		return &kind{100060009, Event, "system", "", Warning, "Block list failed", listFailedFields}
	case PollFailed:
		return &kind{100060011, Event, "system", "", Error, "Poll failed", func(r record) []Field {
			return []Field{text("error", r.str("error")), text("msg", "The proxy could not learn which sockets are ready")}
		}}
	case NoDescriptor:
		return &kind{100060005, Event, "system", "", Error, "Out of file descriptors", func(r record) []Field {
			return []Field{number("limit", r.num("limit")), text("msg", "A connection to "+r.str("listener")+" was closed: no file descriptor is left")}
		}}
	}
	return nil
}

// service is the protocol as an event names it.
func service(r record) string { return strings.ToLower(r.str("protocol")) }

func failopenFields(r record) []Field {
	state := "activated"
	if r.message == FailopenLeft || r.message == LatchCleared {
		state = "deactivated"
	}
	what := "session fail mode"
	if r.message == LatchSet || r.message == LatchCleared {
		what = "one-shot fail mode"
	}
	fields := []Field{text("service", service(r)), text("mode", r.str("av-failopen")), text("trigger", r.str("trigger")), text("action", r.str("action"))}
	if r.has("entries") {
		fields = append(fields, number("entries", r.num("entries")), number("limit", r.num("limit")))
	}
	if r.has("lasted") {
		fields = append(fields, number("duration", int(r.fields["lasted"].(time.Duration).Seconds())))
	}
	return append(fields, text("msg", fmt.Sprintf("The system has %s %s", state, what)))
}

// conserveKind is the change of memory level: entered, exited, or to and from extreme.
func conserveKind(r record, f Format) *kind {
	id, desc, on, verb := 100022011, "Memory conserve mode entered", "on", "enters"
	if r.str("to") == "normal" {
		id, desc, on, verb = 100022012, "Memory conserve mode exited", "exit", "exits"
	}
	k := &kind{id, Event, "system", "", Critical, desc, nil}
	mode := "memory conserve mode"
	if r.str("to") == "extreme" || r.str("from") == "extreme" && on == "on" {
		mode = "memory extreme mode"
		if r.str("from") == "extreme" {
			verb = "exits"
		}
	}
	mb := func(key string) Field { return bare(key, fmt.Sprintf("%d MB", r.num(key+" MB"))) }
	if f == Format56 {
		k.fields = func(record) []Field {
			return []Field{text("service", "kernel"), text("conserve", on), mb("total"), mb("used"), mb("red"), mb("green"), text("msg", "Kernel "+verb+" "+mode)}
		}
		return k
	}
	k.fields = func(record) []Field {
		total := r.num("total MB")
		free := func(used int) string { return strconv.Itoa(total - used) }
		word := map[string]string{"enters": "has entered", "exits": "exited"}[verb]
		return []Field{bare("conserve", on), number("total", total), bare("free", free(r.num("used MB"))),
			bare("entermargin", free(r.num("red MB"))), bare("exitmargin", free(r.num("green MB"))),
			text("msg", "The system "+word+" "+strings.Replace(mode, "memory ", "", 1))}
	}
	return k
}

// changeKind is one change of the configuration, with the setting's old and new value.
func changeKind(r record) *kind {
	k := &kind{100044546, Event, "system", "", Information, "Attribute configured", nil}
	if r.str("key") != "" {
		k.id, k.desc = 100044547, "Object attribute configured"
	}
	path := strings.ReplaceAll(r.str("path"), " ", ".")
	action := map[string]string{"added": "Add", "deleted": "Delete", "moved": "Move"}[r.str("kind")]
	if action == "" {
		action = "Edit"
	}
	user, ui := whose(r)
	fields := []Field{text("user", user), text("ui", ui), text("action", action), text("cfgpath", path)}
	if key := r.str("key"); key != "" {
		fields = append(fields, text("cfgobj", key))
	}
	if s := r.str("setting"); s != "" && action == "Edit" {
		fields = append(fields, text("cfgattr", fmt.Sprintf("%s[%s->%s]", s, unquoted(r.str("old")), unquoted(r.str("new")))))
	}
	fields = append(fields, text("msg", strings.TrimSpace(action+" "+path+" "+r.str("key"))))
	k.fields = func(record) []Field { return fields }
	return k
}

// unquoted is a value as the appliance's log has it, the beginning of one that is a
// whole page; the configuration's language puts names into quotation marks.
func unquoted(value string) string {
	const longest = 512
	value = strings.NewReplacer(`\"`, "", `\\`, `\`, `"`, "").Replace(value)
	if len(value) > longest {
		return strings.ToValidUTF8(value[:longest], "") + "..."
	}
	return value
}

// whose splits "local:admin" into the user and the way he came; a change that no user
// made, as by a reload, has one word for both.
func whose(r record) (user, ui string) {
	ui, user, ok := strings.Cut(r.str("who"), ":")
	if !ok {
		user = ui
	}
	return user, ui
}

func loginFields(action, status string) func(record) []Field {
	return func(r record) []Field {
		fields := []Field{text("user", r.str("user")), text("ui", r.str("ui")), text("action", action), text("status", status)}
		if src := r.addr("client"); src.IsValid() {
			fields = append(fields, bare("srcip", src.Addr().String()))
		}
		if r.has("reason") {
			fields = append(fields, text("reason", r.str("reason")))
		}
		return append(fields, text("msg", fmt.Sprintf("Administrator %s %s %s from %s", r.str("user"), action, status, r.str("ui"))))
	}
}

func refusedFields(r record) []Field {
	src := r.addr("client")
	return []Field{text("service", service(r)), number("sessionid", r.num("session")), bare("srcip", src.Addr().String()), number("srcport", int(src.Port())),
		text("trigger", r.str("trigger")), number("row", r.num("row")), number("entries", r.num("entries")), number("limit", r.num("limit")),
		text("style", r.str("style")), text("msg", "A proxy session was refused")}
}

func droppedFields(r record) []Field {
	return []Field{text("service", service(r)), number("entry", r.num("entry")), bare("srcip", r.str("client")),
		text("trigger", r.str("trigger")), number("row", r.num("row")), number("rank", r.num("rank")),
		number("idle", int(r.fields["idle"].(time.Duration).Seconds())), bare("takenby", r.addr("taken by client").Addr().String()),
		text("msg", "An idle proxy session was dropped for a newcomer")}
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
