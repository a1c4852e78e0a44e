package config

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/failopen"
	"utmsim/protocols"
)

// TestDeclaration checks what every declared object and setting must have.
func TestDeclaration(t *testing.T) {
	var check func(path string, o *object)
	check = func(path string, o *object) {
		names := map[string]bool{}
		all := o.settings
		if o.table {
			require.NotNil(t, o.key, "%s is a table without a key", path)
			all = append(all[:len(all):len(all)], o.key)
		}
		for _, s := range all {
			at := path + " " + s.name
			assert.False(t, names[s.name], "%s stands twice", at)
			names[s.name] = true
			assert.NotEmpty(t, s.help, "%s has no help", at)
			if s.kind == kindString {
				assert.Positive(t, s.limit, "%s has no largest length", at)
			}
			if s.kind == kindInteger {
				assert.Less(t, s.min, s.max, "%s has no range", at)
			}
			if s.list {
				assert.True(t, s.required || len(s.def) == 0, "%s: an empty value could not be told from the factory's", at)
			}
			for _, p := range s.targets() {
				if p == s.ref {
					assert.True(t, slices.ContainsFunc(language.subs, func(o *object) bool { return o.table && o.name == p }), "%s refers to %s", at, p)
				}
			}
		}
		for _, sub := range o.subs {
			assert.NotEmpty(t, sub.help, "%s %s has no help", path, sub.name)
			check(path+" "+sub.name, sub)
		}
	}
	check("", language)
}

// TestWordsAreValues sets every choice of every setting and expects the field to
// print the same word.
func TestWordsAreValues(t *testing.T) {
	var check func(o *object)
	check = func(o *object) {
		for _, s := range o.settings {
			for i, c := range s.choices {
				require.NotEmpty(t, c.Help, "%s %s", s.name, c.Word)
				v := reflect.New(o.typ).Elem()
				field := v.FieldByIndex(s.index)
				s.decode([]string{c.Word}, field)
				switch {
				case s.kind == kindSet:
					assert.EqualValues(t, 1<<s.bits[i], field.Uint(), "%s %s", s.name, c.Word)
				case field.Kind() == reflect.Bool:
					assert.Equal(t, c.Word == "enable", field.Bool(), s.name)
				case s.list:
					assert.Equal(t, c.Word, field.Index(0).Interface().(fmt.Stringer).String(), s.name)
				default:
					assert.Equal(t, c.Word, field.Interface().(fmt.Stringer).String(), s.name)
				}
			}
		}
		for _, sub := range o.subs {
			check(sub)
		}
	}
	check(language)
	assert.Equal(t, "unknown", Persona(9).String())
}

func TestFactory(t *testing.T) {
	s := NewStore().Snapshot()
	none := netip.IPv4Unspecified()
	assert.Equal(t, Global{
		SSHAddress: netip.MustParseAddr("127.0.0.1"), SSHPassword: true, SSHGrace: 2 * time.Minute,
		LockoutThreshold: 3, LockoutDuration: time.Minute, AdminTimeout: 5 * time.Minute,
		Hostname: "FGT", AVFailopen: failopen.Pass, MemoryRed: 88, MemoryGreen: 82, MemoryExtreme: 95,
	}, s.Global)
	assert.Equal(t, []Admin{{Name: "admin", Profile: SuperAdmin, VDOMs: []string{}}}, s.Admins)
	assert.Equal(t, OutputMore, s.Console.Output)
	assert.Equal(t, DNS{Primary: none, Secondary: none, Port: 53, Timeout: 2 * time.Second, Retry: 2, CacheLimit: 5000, CacheTTL: 30 * time.Minute}, s.DNS)
	assert.Empty(t, s.DNS.Servers())
	assert.Equal(t, 8032, s.Resource.Proxy)
	assert.Empty(t, s.VDOMProperties)
	assert.Equal(t, Simulator{
		IdleThreshold: 30 * time.Second, MemoryTotal: 1 << 30, MemoryBase: 256 << 20, MemorySession: 64 << 10,
		ConnectTimeout: 10 * time.Second, ExchangeTimeout: time.Minute, ShutdownGrace: 10 * time.Second,
	}, s.Simulator)
	options := s.Options("default")
	require.NotNil(t, options)
	assert.Equal(t, HTTPOptions{
		Inspection: Inspection{Ports: []uint16{80}, Status: true, OversizeLimit: 10 << 20, UncompressedOversizeLimit: 10 << 20, UncompressedNestLimit: 12},
		Comforting: Comforting{ComfortInterval: 10 * time.Second, ComfortAmount: 1}, BlockPageStatusCode: 403,
		KeepaliveTimeout: time.Minute, HeaderLimit: 64 << 10,
	}, options.HTTP)
	assert.Same(t, &options.HTTP.Inspection, options.Inspection(protocols.HTTP))
	assert.Same(t, &options.HTTP.Comforting, options.Comforting(protocols.HTTP))
	assert.Nil(t, options.Dialogue(protocols.HTTP))
	assert.Equal(t, SMTPOptions{
		Inspection: Inspection{Ports: []uint16{25}, Status: true, Options: Splice, OversizeLimit: 10 << 20, UncompressedOversizeLimit: 10 << 20, UncompressedNestLimit: 12},
		Dialogue:   Dialogue{IdleTimeout: 5 * time.Minute, LineLimit: 16 << 10},
	}, options.SMTP)
	assert.Same(t, &options.SMTP.Inspection, options.Inspection(protocols.SMTP))
	assert.Same(t, &options.SMTP.Dialogue, options.Dialogue(protocols.SMTP))
	assert.Nil(t, options.Comforting(protocols.SMTP))
	assert.Equal(t, POP3Options{
		Inspection: Inspection{Ports: []uint16{110}, Status: true, OversizeLimit: 10 << 20, UncompressedOversizeLimit: 10 << 20, UncompressedNestLimit: 12},
		Dialogue:   Dialogue{IdleTimeout: 10 * time.Minute, LineLimit: 16 << 10},
	}, options.POP3)
	assert.Same(t, &options.POP3.Inspection, options.Inspection(protocols.POP3))
	assert.Same(t, &options.POP3.Dialogue, options.Dialogue(protocols.POP3))
	assert.Equal(t, FTPOptions{
		Inspection: Inspection{
			Ports: []uint16{21}, Status: true, Options: Splice | BypassREST | BypassMODE,
			OversizeLimit: 10 << 20, UncompressedOversizeLimit: 10 << 20, UncompressedNestLimit: 12,
		},
		Comforting: Comforting{ComfortInterval: 10 * time.Second, ComfortAmount: 1},
		Dialogue:   Dialogue{IdleTimeout: 15 * time.Minute, LineLimit: 16 << 10},
	}, options.FTP)
	assert.Same(t, &options.FTP.Inspection, options.Inspection(protocols.FTP))
	assert.Same(t, &options.FTP.Dialogue, options.Dialogue(protocols.FTP))
	assert.Same(t, &options.FTP.Comforting, options.Comforting(protocols.FTP))
	assert.Same(t, &options.FTP.DataConnections, options.DataConnections(protocols.FTP))
	assert.Nil(t, options.DataConnections(protocols.HTTP))
	assert.Equal(t, NNTPOptions{
		Inspection: Inspection{Ports: []uint16{119}, Status: true, Options: Splice, OversizeLimit: 10 << 20, UncompressedOversizeLimit: 10 << 20, UncompressedNestLimit: 12},
		Dialogue:   Dialogue{IdleTimeout: 10 * time.Minute, LineLimit: 16 << 10},
	}, options.NNTP)
	assert.Same(t, &options.NNTP.Inspection, options.Inspection(protocols.NNTP))
	assert.Same(t, &options.NNTP.Dialogue, options.Dialogue(protocols.NNTP))
	assert.Nil(t, options.Comforting(protocols.NNTP))
	av := s.AVProfile("default")
	require.NotNil(t, av)
	assert.True(t, av.Protocol(protocols.HTTP).Options.Has(AVScan))
	assert.False(t, av.HTTP.Options.Has(AVMonitor))
	assert.Equal(t, AVProtocol{Options: AVScan}, *av.Protocol(protocols.SMTP))
	assert.Equal(t, AVProtocol{Options: AVScan}, *av.Protocol(protocols.POP3))
	assert.Equal(t, AVProtocol{Options: AVScan}, *av.Protocol(protocols.FTP))
	assert.Equal(t, AVProtocol{Options: AVScan}, *av.Protocol(protocols.NNTP))
	assert.Equal(t, Engine{
		Engines: []ScanEngine{EngineBuiltin}, SignatureFiles: []string{}, ScanBacklog: 1024, AuditMemory: 64 << 20, ScanTimeout: 30 * time.Second, HealthInterval: 10 * time.Second,
		Clamd: ClamdEngine{StreamMax: 25 << 20, ConnectTimeout: 5 * time.Second},
		ICAP:  ICAPEngine{Reqmod: "avscan", Respmod: "avscan", Preview: true, ConnectTimeout: 5 * time.Second},
		Simulated: SimulatedEngine{
			Wrap: []ScanEngine{}, Seed: 1, StallFor: 5 * time.Second, CrashFor: 5 * time.Second, Rules: []SimulatedRule{},
		},
	}, s.Engine)
	assert.Empty(t, s.VIPs)
	assert.Empty(t, s.Policies)
	assert.Equal(t, WebProxy{IncomingIP: none, Port: 8080, ConnectPorts: []uint16{443}, Options: "default"}, s.WebProxy)
	assert.Equal(t, FTPProxy{IncomingIP: none, Port: 21, Options: "default"}, s.FTPProxy)
	assert.Nil(t, s.Options("x"))
	assert.Nil(t, s.AVProfile("x"))
	assert.Nil(t, s.VIP("x"))
	assert.Zero(t, s.VDOMLimit("root"))
	assert.Zero(t, s.Simulator.Limit(protocols.POP3))
}
