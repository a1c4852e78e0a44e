package httpproxy

// label puts into words what the request asks for: its URL, and its file name.
func (x *exchange) label() string {
	if x.url != "" {
		return x.url
	}
	b := append(x.scratch.text[:0], "http://"...)
	if host := x.req.text(x.to.text); len(host) > 0 {
		b = append(b, host...)
	} else if a := x.s.ServerAddr(); a.IsValid() {
		b = a.AppendTo(b)
	}
	n := len(b)
	b = append(b, missingPath(&x.req, x.to)...)
	b = append(b, x.req.text(x.to.path)...)
	x.scratch.text = b
	x.url = string(b)
	if x.file = fileOfPath(x.url[n:]); x.file == "" {
		x.file = cleanName(x.url[len("http://"):n])
	}
	return x.url
}
