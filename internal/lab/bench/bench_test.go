package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"utmsim/internal/lab"
)

// fakeFails tells the stand-in for utmsim to complain and end.
const fakeFails = "BENCH_TEST_FAKE_FAILS"

// TestMain lets this test binary be what the harness starts besides: origin and
// relay (Child), and a stand-in for utmsim.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == ChildWord {
		os.Exit(Child(os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
	}
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		if err := standIn(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m) // every process has a goroutine that waits for it
}

// standIn takes the arguments of "utmsim serve" and relays from and to where the
// configuration says.
func standIn(arguments []string) error {
	if os.Getenv(fakeFails) != "" {
		return errors.New("the configuration is not to my taste")
	}
	if len(arguments) != 4 || arguments[0] != "-c" || arguments[2] != "--state" {
		return fmt.Errorf("unexpected arguments %q", arguments)
	}
	text, err := os.ReadFile(arguments[1])
	if err != nil {
		return err
	}
	value := func(name string) string {
		return regexp.MustCompile(`set ` + name + ` (\S+)`).FindStringSubmatch(string(text))[1]
	}
	relay, err := lab.StartRelay(value("extip")+":"+value("extport"), value("mappedip")+":"+value("mappedport"))
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, relay.Close())
}

func newSite(t *testing.T) *Site {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	return &Site{Protocol: shortProtocol(t, "http"), Folder: t.TempDir(), Self: self, Utmsim: self, Module: t.TempDir()}
}

// shortProtocol is a protocol with objects of little size.
func shortProtocol(t *testing.T, name string) Protocol {
	t.Helper()
	p, err := named(name, Protocols(), func(p Protocol) string { return p.Name })
	require.NoError(t, err)
	p.Sizes = shortSizes(p.Sizes.Small)
	return p
}

func quick() Settings {
	return Settings{Duration: 30 * time.Millisecond, Connections: 4, Idle: []int{5, 20}, Settle: time.Millisecond, Rounds: 2}
}

func TestRunComparesSideBySide(t *testing.T) {
	var log bytes.Buffer
	contenders, err := chosen("direct,relay,utmsim,utmsim-bypass", Protocols()[0].Contenders, func(c Contender) string { return c.Name })
	require.NoError(t, err)
	report, err := Run(context.Background(), newSite(t), contenders, Protocols()[0].Measures(), quick(), &log)
	require.NoError(t, err, log.String())
	require.Len(t, report.Contenders, 4)
	for i, row := range report.Contenders {
		assert.Equal(t, contenders[i].Name, row.Name)
		assert.Empty(t, row.Notes)
		for _, key := range []string{"transactions_per_s", "sessions_per_s", "large_mb_per_s", "oversize_mb_per_s", "parallel_mb_per_s"} {
			cell := row.Figures[key]
			assert.Len(t, cell.Rounds, 2, "%s of %s", key, row.Name)
			assert.Positive(t, cell.Median)
			assert.Positive(t, cell.Ratio)
		}
		assert.Positive(t, row.Figures["p99_ms"].Median)
		assert.InDelta(t, 0, row.Figures["p99_ms"].Ratio, 0, "not a ratio")
		_, hasCPU := row.Figures["cpu_us_per_tx"]
		_, hasMemory := row.Figures["idle_20_kib"]
		measurable := row.Name != "direct" && runtime.GOOS == "linux"
		assert.Equal(t, measurable, hasCPU)
		assert.Equal(t, measurable, hasMemory)
		if measurable {
			assert.Len(t, row.Figures["idle_20_kib"].Rounds, 1, "once is enough")
		}
	}
	assert.InDelta(t, 1, report.Contenders[0].Figures["transactions_per_s"].Ratio, 0)
	assert.Equal(t, 4*(2*5+1), strings.Count(log.String(), "\n"), "a line a measure")
}

func TestRunLeavesOutWhatIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	site := newSite(t)
	site.Utmsim = ""
	contenders := Protocols()[0].Contenders
	var log bytes.Buffer
	report, err := Run(context.Background(), site, contenders, Protocols()[0].Measures()[1:2], quick(), &log)
	require.NoError(t, err)
	skipped := map[string]string{}
	for _, row := range report.Contenders {
		skipped[row.Name] = row.Skipped
	}
	assert.Empty(t, skipped["direct"])
	assert.Empty(t, skipped["relay"])
	assert.Equal(t, "haproxy is not installed", skipped["haproxy"])
	assert.Contains(t, skipped["utmsim"], "utmsim does not build: ")
	assert.Contains(t, log.String(), "haproxy is left out: haproxy is not installed\n")
	var table bytes.Buffer
	require.NoError(t, report.WriteMarkdown(&table))
	assert.Contains(t, table.String(), "- HAProxy http: left out: haproxy is not installed\n")
	assert.NotContains(t, table.String(), "| HAProxy")
}

func TestRunEndsWithWhatAContenderSaid(t *testing.T) {
	t.Setenv(fakeFails, "yes")
	contenders, err := chosen("direct,relay,utmsim", Protocols()[0].Contenders, func(c Contender) string { return c.Name })
	require.NoError(t, err)
	_, err = Run(context.Background(), newSite(t), contenders, Protocols()[0].Measures()[:1], quick(), io.Discard)
	require.ErrorContains(t, err, "it said: the configuration is not to my taste")
}

func TestRunEndsWhenInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancelling := Measure{Name: "interrupted", Take: func(context.Context, Subject, Settings) (Sample, error) {
		cancel()
		return Sample{}, nil
	}}
	_, err := Run(ctx, newSite(t), Protocols()[0].Contenders[:2], []Measure{cancelling}, quick(), io.Discard)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "measuring interrupted of direct")
}

func TestHAProxyServes(t *testing.T) {
	if _, err := exec.LookPath("haproxy"); err != nil {
		require.NotEqual(t, "required", os.Getenv("UTMSIM_REAL"), "haproxy is required here")
		t.Skip("haproxy is not installed")
	}
	report, err := Run(context.Background(), newSite(t), Protocols()[0].Contenders[:3], Protocols()[0].Measures()[:1], quick(), io.Discard)
	require.NoError(t, err)
	row := report.Contenders[2]
	assert.Equal(t, "haproxy", row.Name)
	assert.Positive(t, row.Figures["transactions_per_s"].Ratio)
}

// TestEveryProtocol takes every measure of every contender, for every protocol,
// with the program as it is now: the figures mean nothing, but none may fail.
func TestEveryProtocol(t *testing.T) {
	program := buildProgram(t)
	for _, protocol := range Protocols() {
		t.Run(protocol.Name, func(t *testing.T) {
			site := newSite(t)
			site.Utmsim, site.Protocol = program, shortProtocol(t, protocol.Name)
			var log bytes.Buffer
			report, err := Run(context.Background(), site, protocol.Contenders, site.Protocol.Measures(), short(), &log)
			require.NoError(t, err, log.String())
			for _, row := range report.Contenders {
				if row.Name == "haproxy" && row.Skipped != "" {
					require.NotEqual(t, "required", os.Getenv("UTMSIM_REAL"), row.Skipped)
					continue
				}
				assert.Empty(t, row.Skipped)
				assert.Empty(t, row.Notes, row.Name)
				for _, key := range []string{"transactions_per_s", "sessions_per_s", "large_mb_per_s", "oversize_mb_per_s", "parallel_mb_per_s"} {
					assert.Positive(t, row.Figures[key].Median, "%s of %s", key, row.Name)
				}
			}
		})
	}
}

// short is over when everything was done once: a run ends behind what it has begun.
func short() Settings {
	return Settings{Duration: 20 * time.Millisecond, Connections: 2, Idle: []int{5}, Settle: time.Millisecond, Rounds: 1}
}

// buildProgram builds utmsim as the harness does.
func buildProgram(t *testing.T) string {
	t.Helper()
	module, err := filepath.Abs("../../..")
	require.NoError(t, err)
	site := &Site{Folder: t.TempDir(), Module: module}
	program, err := site.buildUtmsim(context.Background())
	require.NoError(t, err)
	return program
}

func TestHAProxyConfiguration(t *testing.T) {
	text := haproxyHTTP("127.0.0.1:1", "127.0.0.1:2", 9800)
	assert.Contains(t, text, "    bind 127.0.0.1:1\n")
	assert.Contains(t, text, "    server origin 127.0.0.1:2\n")
	assert.Equal(t, 2, strings.Count(text, "    maxconn 9800\n"))
	assert.NotContains(t, haproxyHTTP("127.0.0.1:1", "127.0.0.1:2", 0), "maxconn")
}

func TestUtmsimConfiguration(t *testing.T) {
	site := newSite(t)
	scanning := utmsimConfig("http", true, "set keepalive-timeout 300")(site, "127.0.0.1:1", "127.0.0.1:2")
	bypassed := utmsimConfig("http", false, "set keepalive-timeout 300")(site, "127.0.0.1:1", "127.0.0.1:2")
	assert.Contains(t, scanning, "            set oversize-limit 1\n            set keepalive-timeout 300\n")
	for _, line := range []string{"set extport 1", "set mappedport 2", `set av-profile "default"`, "set utm-status enable"} {
		assert.Contains(t, scanning, "        "+line+"\n")
	}
	assert.Equal(t, strings.Replace(scanning, "utm-status enable", "utm-status disable", 1), bypassed)
}

func TestMainProgram(t *testing.T) {
	file := filepath.Join(t.TempDir(), "report.json")
	var stdout, stderr bytes.Buffer
	status := Main(context.Background(), []string{"-protocol", "http,pop3", "-short", "-which", "direct, relay", "-measures", "sessions", "-duration", "20ms", "-rounds", "1", "-json", file},
		nil, &stdout, &stderr)
	require.Zero(t, status, stderr.String())
	assert.Contains(t, stdout.String(), "| proxy | scans | new sessions/s |\n|---|---|---|\n| none (limit) | no | ")
	assert.Contains(t, stdout.String(), "| plain Go relay, two io.Copy | no | ")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var reports []Report
	require.NoError(t, json.Unmarshal(text, &reports))
	require.Len(t, reports, 2)
	for i, protocol := range []string{"http", "pop3"} {
		assert.Equal(t, protocol, reports[i].Protocol)
		require.Len(t, reports[i].Contenders, 2)
		assert.Positive(t, reports[i].Contenders[1].Figures["sessions_per_s"].Median)
	}

	assert.Equal(t, 1, Main(context.Background(), []string{"-protocol", "http", "-short", "-which", "direct", "-measures", "sessions", "-duration", "1ms", "-rounds", "1", "-json", t.TempDir()},
		nil, io.Discard, &stderr))
}

func TestMainRefusesWrongUsage(t *testing.T) {
	tests := []struct {
		arguments []string
		want      string
	}{
		{[]string{"-nothing"}, "flag provided but not defined"},
		{[]string{"direct"}, `"direct" is not a flag`},
		{[]string{"-protocol", "gopher"}, `reading -protocol: there is no "gopher"; choose from http, smtp, pop3, imap, ftp, nntp`},
		{[]string{"-which", "direct,squid"}, `reading -which: there is no "squid"; choose from direct, relay, haproxy, utmsim, utmsim-bypass`},
		{[]string{"-measures", "all"}, `choose from keepalive, sessions, large, oversize, parallel, idle`},
		{[]string{"-idle", "0"}, `reading -idle: "0" is not a number`},
		{[]string{"-idle", "5,x"}, `reading -idle: "x" is not a number`},
		{[]string{"-idle", "100001"}, `"100001" is not a number from 1 to 100000`},
		{[]string{"-idle", "9,5"}, "9,5 is not ascending"},
		{[]string{"-duration", "0"}, "reading -duration: 0s"},
		{[]string{"-duration", "1h"}, "reading -duration: 1h0m0s"},
		{[]string{"-settle", "-1s"}, "reading -settle: -1s"},
		{[]string{"-connections", "0"}, "reading -connections: 0"},
		{[]string{"-rounds", "0"}, "reading -rounds: 0"},
	}
	for _, test := range tests {
		t.Run(strings.Join(test.arguments, " "), func(t *testing.T) {
			var stderr bytes.Buffer
			assert.Equal(t, 2, Main(context.Background(), test.arguments, nil, io.Discard, &stderr))
			assert.Contains(t, stderr.String(), test.want)
		})
	}
	assert.Zero(t, Main(context.Background(), []string{"-h"}, nil, io.Discard, io.Discard))
}

func TestChildRefusesWhatItIsNot(t *testing.T) {
	for _, arguments := range [][]string{nil, {"origin"}, {"origin", "gopher", "1"}, {"origin", "http", "x"}, {"origin", "smtp", "1"}, {"server", "http", "1"}} {
		var stdout, stderr bytes.Buffer
		assert.Equal(t, 1, Child(arguments, strings.NewReader(""), &stdout, &stderr))
		assert.Empty(t, stdout.String())
		assert.NotEmpty(t, stderr.String())
	}
	var stdout bytes.Buffer
	assert.Zero(t, Child([]string{"relay", "http", "127.0.0.1:1"}, strings.NewReader(""), &stdout, io.Discard))
	assert.Regexp(t, `^127\.0\.0\.1:\d+\n$`, stdout.String())
}

func TestStartSelfQuotesAChildThatFails(t *testing.T) {
	_, err := newSite(t).startSelf("origin", "gopher", "1")
	require.ErrorContains(t, err, `starting origin gopher 1: it said: starting a child: there is no "gopher"`)
}

func TestReport(t *testing.T) {
	report := Report{
		Protocol: "http", Began: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Machine: "a machine",
		Settings: Settings{Duration: time.Second, Connections: 64, Rounds: 3},
		columns:  []Column{{Key: "rate", Title: "tx/s", Ratio: true}, {Key: "cpu", Title: "CPU us/tx", Digits: 1}},
		Contenders: []Row{
			{Name: "direct", Title: "none"}, {Name: "fast", Title: "fast one", Scans: true}, {Name: "gone", Title: "gone one", Skipped: "not here"},
		},
	}
	values := func(rate, cpu float64) Sample { return Sample{Values: map[string]float64{"rate": rate, "cpu": cpu}} }
	report.Contenders[0].settle([]Sample{{Values: map[string]float64{"rate": 100_000}}, {Values: map[string]float64{"rate": 50_000}}, {Values: map[string]float64{"rate": 200_000}}})
	report.Contenders[1].settle([]Sample{values(50_000, 10), values(40_000, 30), {Values: map[string]float64{"rate": 60_000}, Notes: []string{"3 failed (reset)"}}})
	report.compare()
	var table bytes.Buffer
	require.NoError(t, report.WriteMarkdown(&table))
	assert.Equal(t, `HTTP, 2026-01-02T03:04:05Z, a machine; 3 rounds of 1s, 64 connections, medians; in brackets the ratio to none in the same round.

| proxy | scans | tx/s | CPU us/tx |
|---|---|---|---|
| none | no | 100,000 (1.00) | - |
| fast one | yes | 50,000 (0.50) | 20.0 |

- fast one: 3 failed (reset)
- gone one: left out: not here
`, table.String())
}

func TestThousands(t *testing.T) {
	tests := []struct {
		value  float64
		digits int
		want   string
	}{
		{0, 0, "0"}, {999, 0, "999"}, {1000, 0, "1,000"}, {1234567.89, 1, "1,234,567.9"}, {-1234.5, 1, "-1,234.5"}, {-123, 0, "-123"},
	}
	for _, test := range tests {
		assert.Equal(t, test.want, thousands(test.value, test.digits))
	}
}
