package httpproxy

// label is the URL that the request asks for, in words.
func (x *exchange) label() string {
	url, _ := x.describe(nil)
	return url
}

// describe puts into words what the request asks for, and a content type with it,
// which costs one piece of memory for both. It sets the file name.
func (x *exchange) describe(contentType []byte) (url, kind string) {
	if x.url != "" {
		return x.url, string(contentType)
	}
	b := append(x.scratch.text[:0], "http://"...)
	if host := x.req.text(x.to.text); len(host) > 0 {
		b = append(b, host...)
	} else if a := x.s.ServerAddr(); a.IsValid() {
		b = a.AppendTo(b)
	} else if x.s.FiltersURLs() {
		b = x.s.Door().AppendTo(b)
	}
	path := len(b)
	b = append(b, missingPath(&x.req, x.to)...)
	b = append(b, x.req.text(x.to.path)...)
	end := len(b)
	b = append(b, contentType...)
	x.scratch.text = b
	words := string(b)
	x.url, kind = words[:end], words[end:]
	if x.file = fileOfPath(x.url[path:]); x.file != "" {
		x.inPath = x.file
	} else {
		x.file = cleanName(x.url[len("http://"):path])
	}
	return x.url, kind
}
