package console

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

const logOutQuestion = "You will be logged out for the operation to take effect.\nDo you want to continue? (y/n)"

// TestVDOMsOnTerminal turns virtual domains on and off on a terminal: a question is
// asked, and whoever says yes is logged out.
func TestVDOMsOnTerminal(t *testing.T) {
	u := newUnit(t)
	multi := func() bool { return u.store.Snapshot().Global.VDOMAdmin }
	sit(t, u, Interactive{}, func(d *desk) {
		d.press("config system global\rset vdom-admin enable\rend\r")
		assert.False(t, multi())
		d.press("n")
		assert.Equal(t, "FGT # config system global\n\nFGT (global) # set vdom-admin enable\n\nFGT (global) # end\n"+logOutQuestion+"n\n\nFGT (global) #", d.text())
		d.press("set hostname x\rend\ry")
		require.NoError(t, d.over())
	})
	assert.True(t, multi())
	sit(t, u, Interactive{}, func(d *desk) {
		d.press("conf gl\rconf sys glo\rset hostname FGT\rend\r")
		d.press("conf sys glo\rset vdom-admin disable\rend\ry")
		require.NoError(t, d.over())
		assert.Equal(t, 1, strings.Count(d.text(), logOutQuestion), "other changes need no question")
	})
	assert.False(t, multi())
}

// TestScriptEndsInVDOM leaves a script inside scopes, where nothing is open, and
// inside an object.
func TestScriptEndsInVDOM(t *testing.T) {
	u := newUnit(t)
	_, ok := u.exec("config system global", "set vdom-admin enable", "end", "config vdom", "edit guests", "get test http 44")
	assert.True(t, ok, "scripts go on in the new layout")
	out, ok := u.exec("config vdom", "edit guests", "config firewall vip")
	assert.False(t, ok)
	assert.Contains(t, out, "config vdom guests firewall vip is not closed with end")
}

// TestVDOMAccount logs in accounts that are kept to VDOMs.
func TestVDOMAccount(t *testing.T) {
	u := newSSHUnit(t,
		"config vdom", "edit guests", "next", "edit other", "end",
		"config system admin",
		"edit helper", "set accprofile prof_admin", "set vdom guests", "next",
		"edit reader", "set accprofile super_admin_readonly", "next",
		"edit boss", "set accprofile super_admin", "set vdom guests", "end")
	u.exec("config vdom", "edit guests", "diagnose sim fill http 2", "next", "edit other", "diagnose sim fill ftp 1")
	run := func(user, line string) string {
		session, err := u.dial(t, user, ssh.Password("")).NewSession()
		require.NoError(t, err)
		out, err := session.Output(line)
		if err != nil {
			require.IsType(t, &ssh.ExitError{}, err)
		}
		return string(out)
	}
	assert.Equal(t, 2, strings.Count(run("helper", "get test proxyworker 44"), "vd=guests"))
	assert.NotContains(t, run("helper", "get test proxyworker 44"), "vd=other")
	assert.NotContains(t, run("helper", "end\nget test proxyworker 44"), "vd=other", "nor outside of its VDOM")
	assert.Contains(t, run("helper", "get system status"), "Current virtual domain: guests\n")
	assert.Contains(t, run("helper", "end\nconfig vdom\nedit other"), "Return code -37")
	assert.Contains(t, run("helper", "end\nconfig global"), "Return code -61")
	assert.Contains(t, run("helper", "execute backup config"), "Return code -37")
	assert.Contains(t, run("helper", "end\nshow"), "Return code -37")
	assert.Contains(t, run("helper", "get test proxyworker 2"), "Return code -37", "it only reads")
	assert.Contains(t, run("reader", "get system status"), "Current virtual domain: root\n")
	assert.NotContains(t, run("reader", "get test proxyworker 44"), "id=")
	assert.Equal(t, 3, strings.Count(run("boss", "get test proxyworker 44"), "id="), "super_admin has all")
	assert.Contains(t, run("boss", "execute backup config"), "edit other\n")
}
