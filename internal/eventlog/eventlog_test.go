package eventlog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newLog(t *testing.T, s Settings) (*Log, *zap.Logger) {
	t.Helper()
	l, err := New(t.TempDir(), s)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l, zap.New(l.Core())
}

// content is what the engine says of every object.
func content(outcome string) []zap.Field {
	return []zap.Field{zap.Uint64("session", 7), zap.String("protocol", "HTTP"), zap.String("vdom", "root"), zap.Int("policy", 2),
		zap.String("profile", "default"), zap.Stringer("client", netip.MustParseAddrPort("10.0.0.1:4711")),
		zap.Stringer("server", netip.MustParseAddrPort("[::ffff:192.0.2.7]:80")), zap.String("direction", "incoming"),
		zap.String("file", "a.com"), zap.String("url", "http://h/a.com"), zap.Int64("size", 68), zap.String("outcome", outcome)}
}

// aboutContent is how content appears in a line, from policyid to direction.
const aboutContent = ` policyid=2 msg=%q action=%q service="HTTP" sessionid=7 srcip=10.0.0.1 dstip=192.0.2.7 srcport=4711 dstport=80 proto=6 direction="incoming"`

func TestEveryKindOfLine(t *testing.T) {
	content := func(outcome string, more ...zap.Field) []zap.Field { return append(content(outcome), more...) }
	for _, c := range []struct {
		message  string
		fields   []zap.Field
		category Category
		want     string // from logid on
	}{
		{FailopenEntered, []zap.Field{zap.String("protocol", "POP3"), zap.String("vdom", "root"), zap.String("trigger", "session"), zap.String("action", "refuse"),
			zap.String("av-failopen", "off"), zap.Int("entries", 4), zap.Int("limit", 8032)}, Event,
			`logid=0100022800 type=event subtype=system level=critical vd="root" logdesc="Scan services session failed" service="pop3" mode="off" trigger="session" action="refuse" entries=4 limit=8032 msg="The system has activated session fail mode"`},
		{FailopenLeft, []zap.Field{zap.String("protocol", "POP3"), zap.String("av-failopen", "off"), zap.Duration("lasted", 61*time.Second)}, Event,
			`logid=0100022800 type=event subtype=system level=critical vd="root" logdesc="Scan services session failed" service="pop3" mode="off" trigger="" action="" duration=61 msg="The system has deactivated session fail mode"`},
		{LatchSet, []zap.Field{zap.String("protocol", "all"), zap.String("av-failopen", "one-shot"), zap.String("trigger", "memory"), zap.String("action", "bypass")}, Event,
			`logid=0100022800 type=event subtype=system level=critical vd="root" logdesc="Scan services session failed" service="all" mode="one-shot" trigger="memory" action="bypass" msg="The system has activated one-shot fail mode"`},
		{Conserve, conserve("normal", "conserve"), Event,
			`logid=0100022011 type=event subtype=system level=critical vd="root" logdesc="Memory conserve mode entered" conserve=on total=1000 free=100 entermargin=200 exitmargin=300 msg="The system has entered conserve mode"`},
		{Conserve, conserve("conserve", "normal"), Event,
			`logid=0100022012 type=event subtype=system level=critical vd="root" logdesc="Memory conserve mode exited" conserve=exit total=1000 free=100 entermargin=200 exitmargin=300 msg="The system exited conserve mode"`},
		{Detected, content("detected", zap.String("class", "virus"), zap.String("name", "EICAR_TEST_FILE"), zap.String("checksum", "6851cf3c"), zap.String("quarskip", "No-skip")), Virus,
			`logid=0211008192 type=utm subtype=virus eventtype=infected level=warning vd="root"` + fmt.Sprintf(aboutContent, "File is infected.", "blocked") +
				` filename="a.com" checksum="6851cf3c" filesize=68 quarskip="No-skip" virus="EICAR_TEST_FILE" dtype="Virus" ref="http://www.fortinet.com/ve?vn=EICAR_TEST_FILE" virusid=2172 url="http://h/a.com" profile="default"`},
		{Detected, content("clean", zap.String("class", "worm"), zap.String("name", "W")), Virus,
			`logid=0211008193 type=utm subtype=virus eventtype=infected level=notice vd="root"` + fmt.Sprintf(aboutContent, "File is infected.", "passthrough") +
				` filename="a.com" filesize=68 quarskip="File-was-not-quarantined" virus="W" dtype="Worm" url="http://h/a.com" profile="default"`},
		{AuditDetected, content("unscanned", zap.String("class", "virus"), zap.String("name", "EICAR_TEST_FILE")), Virus,
			`logid=0211060010 type=utm subtype=virus eventtype=infected level=warning vd="root"` + fmt.Sprintf(aboutContent, "File was infected and has passed unscanned.", "passthrough") +
				` filename="a.com" filesize=68 quarskip="File-was-not-quarantined" virus="EICAR_TEST_FILE" dtype="Virus" url="http://h/a.com" profile="default"`},
		{Oversize, content("oversize"), Virus,
			`logid=0213008704 type=utm subtype=virus eventtype=oversize level=warning vd="root"` + fmt.Sprintf(aboutContent, "Size limit is exceeded.", "blocked") +
				` filename="a.com" filesize=68 quarskip="File-was-not-quarantined" url="http://h/a.com" profile="default"`},
		{Oversize, content("unscanned"), Virus,
			`logid=0213008705 type=utm subtype=virus eventtype=oversize level=notice vd="root"` + fmt.Sprintf(aboutContent, "Size limit is exceeded.", "passthrough") +
				` filename="a.com" filesize=68 quarskip="File-was-not-quarantined" url="http://h/a.com" profile="default"`},
		{ScanFailed, content("scan-error", zap.Error(errors.New("no answer"))), Virus,
			`logid=0200060006 type=utm subtype=virus eventtype=scanerror level=warning vd="root"` + fmt.Sprintf(aboutContent, "File could not be scanned.", "blocked") +
				` error="no answer" url="http://h/a.com" profile="default"`},
		{Changed, []zap.Field{zap.String("who", "local:root"), zap.String("kind", "changed"), zap.String("path", "system global"), zap.String("key", ""),
			zap.String("setting", "av-failopen"), zap.String("old", "pass"), zap.String("new", "off")}, Event,
			`logid=0100044546 type=event subtype=system level=information vd="root" logdesc="Attribute configured" user="root" ui="local" action="Edit" cfgpath="system.global" cfgattr="av-failopen[pass->off]" msg="Edit system.global"`},
		{Changed, []zap.Field{zap.String("who", "reload"), zap.String("kind", "added"), zap.String("path", "firewall policy"), zap.String("key", "8")}, Event,
			`logid=0100044547 type=event subtype=system level=information vd="root" logdesc="Object attribute configured" user="reload" ui="reload" action="Add" cfgpath="firewall.policy" cfgobj="8" msg="Add firewall.policy 8"`},
		{Refused, []zap.Field{zap.Uint64("session", 9), zap.String("protocol", "SMTP"), zap.Stringer("client", netip.MustParseAddrPort("10.0.0.1:4711")),
			zap.Uint8("row", 9), zap.String("trigger", "session"), zap.Int("entries", 4), zap.Int("limit", 4), zap.String("style", "reset")}, Event,
			`logid=0100060001 type=event subtype=system level=warning vd="root" logdesc="Proxy session refused" service="smtp" sessionid=9 srcip=10.0.0.1 srcport=4711 trigger="session" row=9 entries=4 limit=4 style="reset" msg="A proxy session was refused"`},
		{Dropped, []zap.Field{zap.Uint32("entry", 5), zap.String("protocol", "SMTP"), zap.Stringer("client", netip.MustParseAddr("10.0.0.1")), zap.Int("rank", 1),
			zap.Duration("idle", 40*time.Second), zap.Uint8("row", 12), zap.String("trigger", "session"), zap.Stringer("taken by client", netip.MustParseAddrPort("10.0.0.2:1"))}, Event,
			`logid=0100060002 type=event subtype=system level=warning vd="root" logdesc="Idle proxy session dropped" service="smtp" entry=5 srcip=10.0.0.1 trigger="session" row=12 rank=1 idle=40 takenby=10.0.0.2 msg="An idle proxy session was dropped for a newcomer"`},
		{Restarted, []zap.Field{zap.String("who", "local:root"), zap.Int("sessions", 3)}, Event,
			`logid=0100060003 type=event subtype=system level=notice vd="root" logdesc="Proxy restarted" user="root" ui="local" sessions=3 msg="The proxy was restarted and its statistics were cleared"`},
		{Repeated, []zap.Field{zap.String("events", "sessions refused"), zap.String("protocol", "HTTP"), zap.Int("not logged", 90)}, Event,
			`logid=0100060004 type=event subtype=system level=warning vd="root" logdesc="Events not logged one by one" service="http" count=90 msg="90 more sessions refused in one second"`},
		{EngineDown, []zap.Field{zap.String("engine", "clamd"), zap.Error(errors.New("refused"))}, Event,
			`logid=0100060007 type=event subtype=system level=error vd="root" logdesc="Scan engine down" engine="clamd" error="refused" msg="The scan engine clamd does not answer"`},
		{KeepFailed, []zap.Field{zap.String("file", "6851cf3c.a.com"), zap.Error(errors.New("no space left"))}, Event,
			`logid=0100060010 type=event subtype=system level=error vd="root" logdesc="Quarantine failed" file="6851cf3c.a.com" error="no space left" msg="A blocked file could not be kept in the quarantine"`},
		{EngineUp, []zap.Field{zap.String("engine", "clamd"), zap.String("version", "ClamAV 1.4.6")}, Event,
			`logid=0100060008 type=event subtype=system level=notice vd="root" logdesc="Scan engine up" engine="clamd" version="ClamAV 1.4.6" msg="The scan engine clamd answers"`},
		{PollFailed, []zap.Field{zap.Error(errors.New("epoll_pwait: input/output error"))}, Event,
			`logid=0100060011 type=event subtype=system level=error vd="root" logdesc="Poll failed" error="epoll_pwait: input/output error" msg="The proxy could not learn which sockets are ready"`},
		{Repeated, []zap.Field{zap.String("events", "failed polls"), zap.Int("not logged", 40)}, Event,
			`logid=0100060004 type=event subtype=system level=warning vd="root" logdesc="Events not logged one by one" count=40 msg="40 more failed polls in one second"`},
		{NoDescriptor, []zap.Field{zap.Int("limit", 100), zap.String("listener", "127.0.0.1:80")}, Event,
			`logid=0100060005 type=event subtype=system level=error vd="root" logdesc="Out of file descriptors" limit=100 msg="A connection to 127.0.0.1:80 was closed: no file descriptor is left"`},
	} {
		l, log := newLog(t, Settings{Memory: 1 << 20})
		log.Info(c.message, c.fields...)
		lines := l.Lines(c.category)
		require.Len(t, lines, 1, c.message)
		head, rest, _ := strings.Cut(lines[0].Text, "logid=")
		assert.Equal(t, lines[0].Time.Format("date=2006-01-02 time=15:04:05 "), head)
		assert.Equal(t, c.want, "logid="+rest, c.message)
	}
}

func conserve(from, to string) []zap.Field {
	return []zap.Field{zap.String("from", from), zap.String("to", to), zap.Int64("total MB", 1000), zap.Int64("used MB", 900),
		zap.Int64("red MB", 800), zap.Int64("green MB", 700), zap.Int64("extreme MB", 950)}
}

func TestLinesAreOfTheZone(t *testing.T) {
	zone := time.FixedZone("far away", 14*3600)
	l, log := newLog(t, Settings{Memory: 1 << 20, Format: Format56, Zone: zone})
	began := time.Now().Truncate(time.Second)
	log.Warn(Conserve, conserve("normal", "conserve")...)
	line := l.Lines(Event)[0]
	value := func(key string) string {
		v, ok := line.Value(key)
		require.True(t, ok, key)
		return v
	}
	assert.Equal(t, "+1400", value("tz"))
	at, err := time.ParseInLocation("2006-01-02 15:04:05", value("date")+" "+value("time"), zone)
	require.NoError(t, err)
	assert.WithinRange(t, at, began, time.Now())
	assert.Equal(t, strconv.FormatInt(line.Time.UnixNano(), 10), value("eventtime"))
}

func TestLaterReleaseQuotesAndTellsTheTimeInNanoseconds(t *testing.T) {
	l, log := newLog(t, Settings{Memory: 1 << 20, Format: Format56})
	log.Warn(Conserve, conserve("normal", "conserve")...)
	line := l.Lines(Event)[0]
	ns, ok := line.Value("eventtime")
	require.True(t, ok)
	assert.Equal(t, strconv.FormatInt(line.Time.UnixNano(), 10), ns)
	_, rest, _ := strings.Cut(line.Text, " tz=")
	assert.Equal(t, `"`+line.Time.Format("-0700")+`" logid="0100022011" type="event" subtype="system" level="critical" vd="root" logdesc="Memory conserve mode entered" `+
		`service="kernel" conserve="on" total="1000 MB" used="900 MB" red="800 MB" green="700 MB" msg="Kernel enters memory conserve mode"`, rest)
}

func TestOtherRecordsAreNoLines(t *testing.T) {
	l, log := newLog(t, Settings{Memory: 1 << 20})
	log.Info("session", content("clean")...)
	log.Info("started")
	for _, c := range Categories() {
		assert.Empty(t, l.Lines(c))
	}
}

func TestContentCannotForgeFields(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringOf(rapid.OneOf(rapid.Just('"'), rapid.Just('\\'), rapid.Just('\n'), rapid.Just('='), rapid.Just(' '), rapid.Rune())).Draw(t, "name")
		line := render(Format56, time.Unix(0, 0), &kind{id: 211008192, category: Virus, subtype: "virus", severity: Warning}, "root",
			[]Field{text("filename", name), text("last", "x")})
		assert.NotContains(t, line.Text, "\n")
		last, ok := line.Value("last")
		require.True(t, ok)
		assert.Equal(t, "x", last)
	})
}

func TestMemoryKeepsTheNewest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r ring
		r.limit(int64(rapid.IntRange(0, 300).Draw(t, "max")))
		var all []string
		var bytes int
		for i := range rapid.IntRange(0, 60).Draw(t, "lines") {
			text := strings.Repeat(string(rune('a'+i%26)), rapid.IntRange(1, 40).Draw(t, "length"))
			r.add(Line{Category: Event, Text: text})
			all, bytes = append(all, text), bytes+len(text)
			for int64(bytes) > r.max && len(all) > 0 {
				bytes, all = bytes-len(all[0]), all[1:]
			}
			var kept []string
			for _, l := range r.lines(Event) {
				kept = append(kept, l.Text)
			}
			require.Equal(t, append([]string(nil), all...), kept)
		}
	})
}

func TestFindOnDiskAndInMemory(t *testing.T) {
	l, log := newLog(t, Settings{Memory: 1 << 20, Disk: 1 << 20})
	for i := range 30 {
		log.Info(Refused, zap.Int("session", i), zap.String("protocol", map[bool]string{true: "HTTP", false: "POP3"}[i%3 == 0]))
	}
	for _, disk := range []bool{false, true} {
		lines, found, err := l.Find(Query{Category: Event, Disk: disk, Start: 1, Count: 3, Fields: map[string]string{"service": "http"}})
		require.NoError(t, err)
		assert.Equal(t, 10, found)
		require.Len(t, lines, 3)
		for i, want := range []string{"27", "24", "21"} {
			id, _ := Line{Text: lines[i]}.Value("sessionid")
			assert.Equal(t, want, id)
		}
		lines, _, err = l.Find(Query{Category: Event, Disk: disk, Start: 9, Count: 5, Fields: map[string]string{"service": "http"}})
		require.NoError(t, err)
		require.Len(t, lines, 2, "the oldest two")
		lines, found, err = l.Find(Query{Category: Virus, Disk: disk, Start: 1, Count: 5})
		require.NoError(t, err)
		assert.Empty(t, lines)
		assert.Zero(t, found)
	}
}

func TestSyslogOverUDP(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer pc.Close()
	_, log := newLog(t, Settings{Hostname: "FGT lab", Syslog: SyslogSettings{Server: pc.LocalAddr().String(), Facility: 23}})
	log.Warn(Conserve, conserve("normal", "conserve")...)
	b := make([]byte, 4096)
	n, _, err := pc.ReadFrom(b)
	require.NoError(t, err)
	assert.Regexp(t, `^<186>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d) FGTlab utmsim \d+ event - date=\S+ time=\S+ logid=0100022011 `, string(b[:n]))
}

// A stream server that goes away and comes back gets what was said meanwhile.
func TestSyslogOverTCPCountsOctetsAndComesBack(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	_, log := newLog(t, Settings{Hostname: "FGT", Syslog: SyslogSettings{Server: ln.Addr().String(), Reliable: true, Facility: 16}})
	say := func(n int) { log.Info(Restarted, zap.String("who", "local:root"), zap.Int("sessions", n)) }
	say(1)
	conn, err := ln.Accept()
	require.NoError(t, err)
	assert.Contains(t, message(t, bufio.NewReader(conn)), " sessions=1 ")
	require.NoError(t, conn.(*net.TCPConn).SetLinger(0))
	conn.Close()
	// What is written before the reset has been noticed is lost: the sender can't know.
	accepted := make(chan net.Conn)
	go func() {
		c, err := ln.Accept()
		if err != nil {
			close(accepted)
			return
		}
		accepted <- c
	}()
	for n := 2; ; n++ {
		say(n)
		select {
		case conn, ok := <-accepted:
			require.True(t, ok)
			defer conn.Close()
			assert.Contains(t, message(t, bufio.NewReader(conn)), " sessions=")
			return
		default:
		}
	}
}

// message reads one message with octet counting.
func message(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	length, err := r.ReadString(' ')
	require.NoError(t, err)
	n, err := strconv.Atoi(strings.TrimSpace(length))
	require.NoError(t, err)
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	require.NoError(t, err)
	return string(b)
}

func TestSyslogServerThatIsAwayCostsNothingButItsLines(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := ln.Addr().String()
	require.NoError(t, ln.Close())
	l, log := newLog(t, Settings{Syslog: SyslogSettings{Server: addr, Reliable: true}})
	const surplus = 50
	for range syslogQueue + 1 + surplus {
		log.Info(Restarted)
	}
	assert.GreaterOrEqual(t, l.Lost().Syslog, uint64(surplus), "one may be with the sender already")
	require.NoError(t, l.Configure(Settings{}), "ends the sender")
	assert.EqualValues(t, syslogQueue+1+surplus, l.Lost().Syslog)
}

// A syslog server that takes its time with what still waits for it, when another is
// named, keeps nobody waiting who logs.
func TestASenderThatIsRetiredKeepsNobodyWaiting(t *testing.T) {
	l, log := newLog(t, Settings{Memory: 1 << 20})
	slow, release := &sender{queue: make(chan Line)}, make(chan struct{})
	slow.life, slow.end = context.WithCancel(t.Context())
	slow.done.Go(func() { <-release })
	slow.dropped.Add(7)
	l.syslog = slow
	configured := make(chan error, 1)
	go func() { configured <- l.Configure(Settings{Memory: 1 << 20, Hostname: "another"}) }()
	_, open := <-slow.queue
	require.False(t, open, "it is being retired")
	logged := make(chan struct{})
	go func() { log.Info(Restarted); close(logged) }()
	select {
	case <-logged:
	case <-time.After(time.Minute):
		assert.Fail(t, "who logs waits")
	}
	close(release)
	require.NoError(t, <-configured)
	<-logged
	assert.Len(t, l.Lines(Event), 1)
	assert.EqualValues(t, 7, l.Lost().Syslog)
}

func TestConfigureRefusesAFolderThatCannotBe(t *testing.T) {
	l, log := newLog(t, Settings{Memory: 1 << 20})
	l.dir = "/dev/null/log"
	require.ErrorContains(t, l.Configure(Settings{Disk: 1 << 20}), "making the folder of the log")
	log.Info(Restarted)
	assert.Len(t, l.Lines(Event), 1, "the old settings stay")
}

func BenchmarkLine(b *testing.B) {
	l, err := New(b.TempDir(), Settings{Memory: 1 << 20})
	require.NoError(b, err)
	defer l.Close()
	log := zap.New(l.Core())
	fields := append(content("detected"), zap.String("class", "virus"), zap.String("name", "W"))
	b.ReportAllocs()
	for b.Loop() {
		log.Warn(Detected, fields...)
	}
}
