package httpproxy

import (
	"utmsim/internal/replacemsg"
	"utmsim/internal/stats"
	"utmsim/proxy"
	"utmsim/scanner"
)

// The file filter tells files by their names: that in the path of a URL, which a
// response may replace in Content-Disposition, and those in a form.

// names is the name in the URL's path, for the file filter.
func (x *exchange) names() []string {
	if x.inPath == "" {
		return nil
	}
	return append(x.named[:0], x.inPath)
}

// puts tells that the request brings the file that its URL names.
func (x *exchange) puts() bool { return string(x.req.text(x.req.method)) == "PUT" }

// filterName asks the file filter about the file that the request names, before its
// server is asked. A request that carries something else has no file yet.
func (x *exchange) filterName() (blocked bool, err error) {
	if !x.up.empty() && !x.puts() {
		return false, nil
	}
	url := x.label()
	dir, place := stats.Down, replacemsg.Downloads
	if x.puts() {
		dir, place = stats.Up, replacemsg.Uploads
	}
	v := x.s.FilterName(&scanner.Object{Kind: scanner.WebRequest, Name: x.file, Names: x.names(), URL: url}, dir)
	switch v.Class {
	case scanner.FileBlocked:
		return true, x.replace(proxy.Detected.String(), x.message(place.For(replacemsg.File), &replacemsg.Values{File: x.file}))
	case scanner.FileExempt:
		x.fileExempt = true
	}
	return false, nil
}
