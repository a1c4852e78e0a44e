package lab

import (
	"io"
	"path"
	"strings"
	"time"

	"goftp.io/server/v2"
)

// DeleteDir implements server.Driver: an empty folder below incoming.
func (f *ftpFiles) DeleteDir(_ *server.Context, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.mayWriteLocked(name); err != nil {
		return err
	}
	node := f.nodes[name]
	switch {
	case node == nil:
		return errNoFile
	case !node.folder:
		return errNotFolder
	}
	for other := range f.nodes {
		if path.Dir(other) == name {
			return errNotEmpty
		}
	}
	delete(f.nodes, name)
	return nil
}

// DeleteFile implements server.Driver.
func (f *ftpFiles) DeleteFile(_ *server.Context, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.mayWriteLocked(name); err != nil {
		return err
	}
	node := f.nodes[name]
	switch {
	case node == nil:
		return errNoFile
	case node.folder:
		return errIsFolder
	}
	f.used -= node.size()
	delete(f.nodes, name)
	return nil
}

// Rename implements server.Driver: both names lie below incoming, and what has
// the new name already stays.
func (f *ftpFiles) Rename(_ *server.Context, from, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.mayWriteLocked(from); err != nil {
		return err
	}
	if err := f.mayWriteLocked(to); err != nil {
		return err
	}
	if f.nodes[from] == nil {
		return errNoFile
	}
	if f.nodes[to] != nil || strings.HasPrefix(to, from+"/") {
		return errThere
	}
	for name, node := range f.below(from) {
		delete(f.nodes, name)
		f.nodes[to+strings.TrimPrefix(name, from)] = node
	}
	return nil
}

// below returns a node and everything under it, by name.
func (f *ftpFiles) below(name string) map[string]*ftpNode {
	found := make(map[string]*ftpNode)
	for other, node := range f.nodes {
		if other == name || strings.HasPrefix(other, name+"/") {
			found[other] = node
		}
	}
	return found
}

// MakeDir implements server.Driver.
func (f *ftpFiles) MakeDir(_ *server.Context, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.mayWriteLocked(name); err != nil {
		return err
	}
	switch {
	case f.nodes[name] != nil:
		return errThere
	case f.countLocked() >= maxIncomingName:
		return errNoNames
	}
	f.nodes[name] = &ftpNode{folder: true, changed: time.Now()}
	return nil
}

// GetFile implements server.Driver; our own RETR doesn't ask for it.
func (f *ftpFiles) GetFile(_ *server.Context, name string, offset int64) (int64, io.ReadCloser, error) {
	file, size, err := f.open(name)
	if err == nil {
		_, err = file.Seek(offset, io.SeekStart)
	}
	if err != nil {
		return 0, nil, err
	}
	return size - offset, io.NopCloser(file), nil
}

// PutFile implements server.Driver; our own STOR doesn't ask for it.
func (f *ftpFiles) PutFile(_ *server.Context, name string, r io.Reader, offset int64) (int64, error) {
	front, err := f.writable(name, max(offset, 0))
	if err != nil {
		return 0, err
	}
	upload := &ftpUpload{files: f}
	defer upload.release()
	n, err := io.Copy(upload, r)
	if err != nil {
		return n, err
	}
	return n, f.put(name, front, upload, time.Now())
}
