package lab

import (
	"fmt"
	"net/http"
	"strings"
)

// Sample is a file for whoever wants to try a scanner.
type Sample struct {
	Name    string // without a folder
	Content []byte
}

// Stock puts samples into the folder samples of the web and of the file server.
func (l *Lab) Stock(samples []Sample) {
	if l.http != nil {
		l.http.Stock(samples)
	}
	if l.ftp != nil {
		l.ftp.files.stock(samples)
	}
}

// Stock has the server offer samples below /samples/, in the place of those before.
func (o *HTTP) Stock(samples []Sample) { o.samples.Store(&samples) }

func (o *HTTP) stocked() []Sample {
	if list := o.samples.Load(); list != nil {
		return *list
	}
	return nil
}

func (o *HTTP) serveSamples(w http.ResponseWriter, _ *http.Request) {
	var list strings.Builder
	for _, s := range o.stocked() {
		fmt.Fprintf(&list, "%8d  %s\n", len(s.Content), s.Name)
	}
	sendText(w, http.StatusOK, list.String())
}

func (o *HTTP) serveSample(w http.ResponseWriter, r *http.Request) {
	for _, s := range o.stocked() {
		if s.Name == r.PathValue("name") {
			serveFile("application/octet-stream", "", s.Content)(w, r)
			return
		}
	}
	sendText(w, http.StatusNotFound, "there is no such sample; /samples/ lists them\n")
}

// stock makes the folder samples.
func (f *ftpFiles) stock(samples []Sample) {
	f.mu.Lock()
	defer f.mu.Unlock()
	date := firstMailDate()
	f.nodes["/samples"] = &ftpNode{folder: true, changed: date}
	for _, s := range samples {
		f.nodes["/samples/"+s.Name] = &ftpNode{content: s.Content, changed: date}
	}
}
