package config

import (
	"net/netip"

	"golang.org/x/crypto/ssh"
)

// Admin is an entry of "config system admin": who may log in to the console over
// the network.
type Admin struct {
	Name      string   `cli:"name" key:"string" max:"64" help:"User name."`
	Profile   string   `cli:"accprofile" max:"35" oneof:"super_admin super_admin_readonly prof_admin" elsewhere:"system accprofile" required:"yes" help:"Access profile for this administrator: super_admin may do everything, every other only reads."`
	Password  Password `cli:"password" help:"Admin user password."`
	PublicKey string   `cli:"ssh-public-key1" max:"1024" help:"Public key of an SSH client. The client is authenticated without being asked for credentials."`
	SecondKey string   `cli:"ssh-public-key2" max:"1024" help:"Public key of an SSH client. The client is authenticated without being asked for credentials."`
	ThirdKey  string   `cli:"ssh-public-key3" max:"1024" help:"Public key of an SSH client. The client is authenticated without being asked for credentials."`
	VDOMs     []string `cli:"vdom" max:"31" ref:"vdom" oneof:"root" help:"Virtual domains of this administrator (none = root); accprofile super_admin has all."`
	Comments  string   `cli:"comments" max:"255" pattern:"lines" help:"Comment."`
}

// SuperAdmin is the profile that may change things.
const SuperAdmin = "super_admin"

// KeptTo are the VDOMs that the account is kept to, where there are VDOMs; none for
// one that may see all.
func (a *Admin) KeptTo() []string {
	switch {
	case a.Profile == SuperAdmin:
		return nil
	case len(a.VDOMs) == 0:
		return []string{RootVDOM}
	}
	return a.VDOMs
}

// Accepts tells whether key is one of the account's.
func (a *Admin) Accepts(key ssh.PublicKey) bool {
	offered := string(key.Marshal())
	for _, text := range a.keys() {
		if own, err := parseKey(text); err == nil && string(own.Marshal()) == offered {
			return true
		}
	}
	return false
}

func (a *Admin) keys() []string { return []string{a.PublicKey, a.SecondKey, a.ThirdKey} }

// parseKey reads a public key as it stands in an authorized_keys file.
func parseKey(text string) (ssh.PublicKey, error) {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(text))
	return key, err
}

// Admin finds an account by name; nil when there is none.
func (s *Snapshot) Admin(name string) *Admin {
	for i := range s.Admins {
		if s.Admins[i].Name == name {
			return &s.Admins[i]
		}
	}
	return nil
}

// checkAdmins looks at public keys, and refuses accounts without a password where
// others than this machine's users could use them.
func checkAdmins(s *Snapshot) *fault {
	for i := range s.Admins {
		a := &s.Admins[i]
		at := place{path: "system admin", key: a.Name}
		for n, text := range a.keys() {
			if _, err := parseKey(text); text != "" && err != nil {
				return at.fault([]string{"ssh-public-key1", "ssh-public-key2", "ssh-public-key3"}[n], "Invalid SSH public key.")
			}
		}
		if g := &s.Global; a.Password == "" && g.SSHPort != 0 && !g.SSHAddress.IsLoopback() {
			return at.fault("password", "Administrator '%s' has no password: SSH may listen on a loopback address only, not on %s", a.Name, g.SSH())
		}
	}
	return nil
}

// SSH is where the SSH console listens; port 0 is nowhere.
func (g *Global) SSH() netip.AddrPort { return netip.AddrPortFrom(g.SSHAddress, g.SSHPort) }
