package console

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"
)

// hostKeyName is the SSH host key in the state folder, in OpenSSH's format.
const hostKeyName = "ssh_host_ed25519_key"

// hostKey reads the host key, or makes one that is kept: clients remember it.
func hostKey(dir string) (ssh.Signer, error) {
	path := filepath.Join(dir, hostKeyName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = makeHostKey(dir, path)
	}
	if err != nil {
		return nil, fmt.Errorf("the SSH host key: %w", err)
	}
	key, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("the SSH host key in %s can't be read: %w (remove the file for a new key)", path, err)
	}
	return key, nil
}

// makeHostKey makes a key and moves it into its place when it is whole.
func makeHostKey(dir, path string) ([]byte, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, "utmsim")
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(block)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, hostKeyName+".new*") // readable for its owner alone
	if err != nil {
		return nil, err
	}
	_, err = f.Write(text)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return nil, err
	}
	return text, nil
}
