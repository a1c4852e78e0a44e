package appliance_test

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/appliance"
)

// failsToStart starts the appliance, wants an error and that nothing is left of the
// attempt. It returns the error's text.
func failsToStart(t *testing.T, start func() error) string {
	t.Helper()
	warmUp(t)
	goroutines, files := runtime.NumGoroutine(), openFiles()
	err := start()
	require.Error(t, err)
	eventually(t, func() bool { return runtime.NumGoroutine() <= goroutines }, "goroutines left")
	eventually(t, func() bool { return openFiles() <= files }, "descriptors left")
	return err.Error()
}

// taken is a port of loopback on which somebody else listens.
func taken(t *testing.T) int {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, ln.Close()) })
	return ln.Addr().(*net.TCPAddr).Port
}

const oneVIP = `config firewall vip
    edit "web"
        set extip 127.0.0.1
        set extport %d
        set mappedip 127.0.0.1
        set mappedport 80
        set portforward enable
    next
end
config firewall policy
    edit 1
        set dstaddr "web"
        set action accept
        set service "HTTP"
        set utm-status enable
    next
end
`

const oneForwardProxy = `config web-proxy explicit
    set status enable
    set incoming-ip 127.0.0.1
    set http-incoming-port %d
end
`

func TestAPortInUseIsNamedWithItsOwner(t *testing.T) {
	for owner, config := range map[string]string{`firewall vip "web"`: oneVIP, "web-proxy explicit": oneForwardProxy} {
		t.Run(owner, func(t *testing.T) {
			port := taken(t)
			text := failsToStart(t, func() error {
				_, err := appliance.Start(appliance.Options{Config: []appliance.Source{text("utm.conf", fmt.Sprintf(config, port))}, StateDir: t.TempDir()})
				return err
			})
			assert.Contains(t, text, fmt.Sprintf("can't listen on 127.0.0.1:%d for %s: ", port, owner))
		})
	}
}

// TestAPortInUseChangesNothing: a change that asks for a port in use is refused by a
// running appliance, which goes on as before.
func TestAPortInUseChangesNothing(t *testing.T) {
	a, err := appliance.Start(appliance.Options{StateDir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, a.Stop()) })
	port := taken(t)
	s := &site{t: t, Lab: &appliance.Lab{Appliance: a}}
	before := s.exec("show")
	out, ok := s.try("config web-proxy explicit", "set status enable", "set incoming-ip 127.0.0.1", fmt.Sprintf("set http-incoming-port %d", port), "end")
	assert.False(t, ok)
	assert.Contains(t, out, fmt.Sprintf("can't listen on 127.0.0.1:%d for web-proxy explicit: ", port))
	assert.Equal(t, before, s.exec("show"))
}

func TestTwoOwnersOfOneAddress(t *testing.T) {
	config := fmt.Sprintf(oneVIP+oneForwardProxy, 9, 9)
	text := failsToStart(t, func() error {
		_, err := appliance.Start(appliance.Options{Config: []appliance.Source{text("utm.conf", config)}, StateDir: t.TempDir()})
		return err
	})
	assert.Equal(t, "utm.conf:21: port 9 is the extport of 'web'; object check operator error, -45, discard the setting (return code 1)", text)
}

func TestAWrongConfigurationIsNamedWithItsLine(t *testing.T) {
	for _, test := range []struct{ name, config, want string }{
		{"a value out of range", "config system resource-limits\n    set proxy 0\nend\n", ":2: node_check_object fail! for proxy 0; value parse error before '0' (return code -651)"},
		{"no number", "config system simulator\n\n    set idle-threshold soon\nend\n", ":3: invalid unsigned integer value: soon; value parse error before 'soon' (return code -651)"},
		{"no such choice", "# a comment\nconfig system global\n    set av-failopen block\nend\n", ":3: command parse error before 'block' (return code -61)"},
		{"no such profile", fmt.Sprintf(oneVIP, 9) + "config firewall policy\n    edit 1\n        set av-profile \"strict\"\n    next\nend\n", ":20: entry not found in datasource; value parse error before 'strict' (return code -3)"},
		{"not closed", "config system global\n    set hostname \"here\"\n", ":1: 'config system global' is not closed: the file ends before its end"},
		{"no configuration", "hello\n", ":1: Unknown action 0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			file, state := filepath.Join(t.TempDir(), "utm.conf"), filepath.Join(t.TempDir(), "state")
			require.NoError(t, os.WriteFile(file, []byte(test.config), 0o600))
			text := failsToStart(t, func() error {
				_, err := appliance.Start(appliance.Options{Config: []appliance.Source{appliance.FileSource(file)}, StateDir: state})
				return err
			})
			assert.Equal(t, file+test.want, text)
			assert.NoDirExists(t, state, "nothing was begun")
		})
	}
}

func TestAMissingConfigurationIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "none.conf")
	text := failsToStart(t, func() error {
		_, err := appliance.Start(appliance.Options{Config: []appliance.Source{appliance.FileSource(file)}, StateDir: t.TempDir()})
		assert.ErrorIs(t, err, fs.ErrNotExist)
		return err
	})
	assert.Contains(t, text, file)
}

func TestAStateFolderInUse(t *testing.T) {
	s := newSite(t, "")
	before := s.idle(alice)
	text := failsToStart(t, func() error {
		_, err := appliance.Start(appliance.Options{StateDir: s.state})
		return err
	})
	assert.Contains(t, text, s.state)
	assert.Contains(t, text, "--state")
	before.finish()
	assert.NotEmpty(t, s.log("started"), "the log is still that of the first")
	assert.Len(t, s.entries, len(s.log("started"))+len(s.log("session"))+len(s.log("stopped")))
}

func TestAStateFolderThatCanNotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	text := failsToStart(t, func() error {
		_, err := appliance.Start(appliance.Options{StateDir: filepath.Join(file, "state")})
		return err
	})
	assert.Contains(t, text, "--state")
	assert.Contains(t, text, file)
}

// TestALabBesideALab has the port of an origin taken and is told of --offset.
func TestALabBesideALab(t *testing.T) {
	const originPort = 18080
	port := taken(t)
	text := failsToStart(t, func() error {
		_, err := appliance.StartLab(port-originPort, appliance.Options{StateDir: t.TempDir()})
		return err
	})
	assert.Contains(t, text, fmt.Sprintf("starting the HTTP origin: listening on 127.0.0.1:%d: ", port))
	assert.Contains(t, text, " (another lab may be running: try --offset 1000)")
}

func TestAnOffsetThatIsTooLarge(t *testing.T) {
	text := failsToStart(t, func() error {
		_, err := appliance.StartLab(60000, appliance.Options{StateDir: t.TempDir()})
		return err
	})
	assert.Equal(t, "--offset 60000: want 0 to 47455, so that every port stays below 65536", text)
}
