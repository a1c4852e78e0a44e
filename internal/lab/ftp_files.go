package lab

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"goftp.io/server/v2"
)

const (
	// BigFileSize is the size of /big.bin, whose bytes are those of NewContent.
	BigFileSize = 100 << 20

	incoming        = "/incoming"
	maxIncoming     = 256 << 20 // bytes, uploads under way included
	maxIncomingName = 500       // files and folders
)

// What the files can't do.
var (
	errNoFile    = errors.New("no such file or directory")
	errIsFolder  = errors.New("that is a directory")
	errNotFolder = errors.New("that is not a directory")
	errNotEmpty  = errors.New("the directory is not empty")
	errReadPart  = errors.New("only " + incoming + " is writable")
	errThere     = errors.New("that is already there")
	errNoNames   = errors.New("there are too many files")
	errBeyond    = errors.New("the file is shorter than that")
)

// ftpFiles is the tree of the FTP server, in memory; it implements
// server.Driver. Contents are replaced, never changed: who has one may go on
// reading it.
type ftpFiles struct {
	mu    sync.Mutex // guards the fields below
	nodes map[string]*ftpNode
	used  int64 // bytes below incoming, uploads under way included
	named int   // the last name given by freeName
}

type ftpNode struct {
	folder    bool
	content   []byte
	generated int64 // size of a file that exists as a formula only; 0 for others
	changed   time.Time
}

func newFTPFiles() *ftpFiles {
	readme := "This is the FTP server of the lab.\r\n\r\n" +
		"eicar.com  the EICAR test file\r\neicar.zip  the same in an archive\r\n" +
		"big.bin    100 MiB that are nothing in particular\r\nincoming/  takes uploads\r\n" +
		"samples/   more to try a scanner on, where it was stocked\r\n"
	date := firstMailDate()
	return &ftpFiles{nodes: map[string]*ftpNode{
		"/":           {folder: true, changed: date},
		"/readme.txt": {content: []byte(readme), changed: date},
		"/eicar.com":  {content: EICAR(), changed: date},
		"/eicar.zip":  {content: EICARZip(), changed: date},
		"/big.bin":    {generated: BigFileSize, changed: date},
		incoming:      {folder: true, changed: date},
	}}
}

func (n *ftpNode) size() int64 { return int64(len(n.content)) + n.generated }

// ftpInfo is an entry of a listing; it implements fs.FileInfo.
type ftpInfo struct {
	name string
	node ftpNode
}

func (i ftpInfo) Name() string       { return i.name }
func (i ftpInfo) Size() int64        { return i.node.size() }
func (i ftpInfo) ModTime() time.Time { return i.node.changed }
func (i ftpInfo) IsDir() bool        { return i.node.folder }
func (i ftpInfo) Sys() any           { return nil }

// Mode implements fs.FileInfo.
func (i ftpInfo) Mode() fs.FileMode {
	if i.node.folder {
		return fs.ModeDir | 0o755
	}
	return 0o644
}

func (f *ftpFiles) info(name string) (ftpInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	node := f.nodes[name]
	if node == nil {
		return ftpInfo{}, errNoFile
	}
	return ftpInfo{path.Base(name), *node}, nil
}

// list returns the entries of a folder by name, or the one file.
func (f *ftpFiles) list(name string) ([]ftpInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	node := f.nodes[name]
	if node == nil {
		return nil, errNoFile
	}
	if !node.folder {
		return []ftpInfo{{path.Base(name), *node}}, nil
	}
	var entries []ftpInfo
	for other, node := range f.nodes {
		if other != "/" && path.Dir(other) == name {
			entries = append(entries, ftpInfo{path.Base(other), *node})
		}
	}
	slices.SortFunc(entries, func(a, b ftpInfo) int { return strings.Compare(a.name, b.name) })
	return entries, nil
}

// open returns a file to read and its size.
func (f *ftpFiles) open(name string) (io.ReadSeeker, int64, error) {
	info, err := f.info(name)
	if err != nil {
		return nil, 0, err
	}
	if info.IsDir() {
		return nil, 0, errIsFolder
	}
	if info.node.generated > 0 {
		return NewContent(info.node.generated), info.node.generated, nil
	}
	return bytes.NewReader(info.node.content), info.Size(), nil
}

func (f *ftpFiles) content(name string) ([]byte, bool) {
	info, err := f.info(name)
	return info.node.content, err == nil && !info.IsDir()
}

// writable checks that a file may be stored and returns what stays in front of
// an upload that starts at offset.
func (f *ftpFiles) writable(name string, offset int64) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.mayWriteLocked(name); err != nil {
		return nil, err
	}
	node := f.nodes[name]
	switch {
	case node != nil && node.folder:
		return nil, errIsFolder
	case node == nil && f.countLocked() >= maxIncomingName:
		return nil, errNoNames
	case offset == 0:
		return nil, nil
	case node == nil || offset > node.size():
		return nil, errBeyond
	}
	return node.content[:offset:offset], nil
}

// mayWriteLocked checks that name lies in a folder below incoming.
func (f *ftpFiles) mayWriteLocked(name string) error {
	if !strings.HasPrefix(name, incoming+"/") {
		return errReadPart
	}
	parent := f.nodes[path.Dir(name)]
	if parent == nil {
		return errNoFile
	}
	if !parent.folder {
		return errNotFolder
	}
	return nil
}

func (f *ftpFiles) countLocked() int {
	count := 0
	for name := range f.nodes {
		if strings.HasPrefix(name, incoming+"/") {
			count++
		}
	}
	return count
}

// freeName returns a name in incoming that isn't in use.
func (f *ftpFiles) freeName() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		f.named++
		if name := fmt.Sprintf("%s/stou%04d", incoming, f.named); f.nodes[name] == nil {
			return name
		}
	}
}

// ftpUpload collects an upload in memory and takes the room for it as it comes.
type ftpUpload struct {
	files  *ftpFiles
	pieces [][]byte
	taken  int64
}

// Write implements io.Writer.
func (u *ftpUpload) Write(p []byte) (int, error) {
	u.files.mu.Lock()
	room := u.files.used+int64(len(p)) <= maxIncoming
	if room {
		u.files.used += int64(len(p))
		u.taken += int64(len(p))
	}
	u.files.mu.Unlock()
	if !room {
		return 0, errNoRoom
	}
	u.pieces = append(u.pieces, bytes.Clone(p)) // io.Copy writes 32 KiB at a time
	return len(p), nil
}

// release gives back the room of what wasn't stored.
func (u *ftpUpload) release() {
	u.files.mu.Lock()
	defer u.files.mu.Unlock()
	u.files.used -= u.taken
	u.taken = 0
}

// put stores an upload behind front under name.
func (f *ftpFiles) put(name string, front []byte, upload *ftpUpload, now time.Time) error {
	content := slices.Concat(append([][]byte{front}, upload.pieces...)...)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.mayWriteLocked(name); err != nil { // its folder may have gone meanwhile
		return err
	}
	old := int64(0)
	if node := f.nodes[name]; node != nil {
		if node.folder {
			return errIsFolder
		}
		old = node.size()
	}
	used := f.used - upload.taken + int64(len(content)) - old
	if used > maxIncoming {
		return errNoRoom
	}
	f.used, upload.taken = used, 0
	f.nodes[name] = &ftpNode{content: content, changed: now}
	return nil
}

// Stat implements server.Driver.
func (f *ftpFiles) Stat(_ *server.Context, name string) (os.FileInfo, error) { return f.info(name) }

// ListDir implements server.Driver.
func (f *ftpFiles) ListDir(_ *server.Context, name string, each func(os.FileInfo) error) error {
	entries, err := f.list(name)
	for _, entry := range entries {
		if err == nil {
			err = each(entry)
		}
	}
	return err
}
