package eventlog

// virusKind is a line of the antivirus: the id is that of blocking; one higher, and
// a notice, is passing all the same.
func virusKind(r record, id int, eventtype string, fields func(record) []Field) *kind {
	k := &kind{id, Virus, "virus", eventtype, Warning, "", fields}
	if !r.blocked() {
		k.id, k.severity = id+1, Notice
	}
	return k
}

func infectedFields(r record) []Field {
	msg := "File is infected."
	if r.str("class") == "suspicious" {
		msg = "File is suspicious."
	}
	fields := append(utm(r, msg), file(r)...)
	fields = append(fields, text("virus", r.str("name")), text("dtype", capital(r.str("class"))))
	if r.str("name") == "EICAR_TEST_FILE" {
		fields = append(fields, text("ref", "http://www.fortinet.com/ve?vn=EICAR_TEST_FILE"), number("virusid", 2172))
	}
	return append(fields, place(r)...)
}

// auditFields are those of a detection in a session that had passed by then.
func auditFields(r record) []Field {
	fields := append(utm(r, "File was infected and has passed unscanned."), file(r)...)
	return append(append(fields, text("virus", r.str("name")), text("dtype", capital(r.str("class")))), place(r)...)
}

func fileBlockedFields(r record) []Field {
	fields := append(utm(r, "File was blocked by file filter."), file(r)...)
	fields = append(fields, text("filtername", r.str("filter")), text("filetype", r.str("type")))
	return append(fields, place(r)...)
}

func fileExemptFields(r record) []Field {
	fields := append(utm(r, "File was exempted by file filter."), file(r)...)
	return append(append(fields, text("filtername", r.str("filter"))), place(r)...)
}

func oversizeFields(r record) []Field {
	fields := append(utm(r, "Size limit is exceeded."), file(r)...)
	return append(fields, place(r)...)
}

func scanFailedFields(r record) []Field {
	fields := append(utm(r, "File could not be scanned."), text("error", r.str("error")))
	return append(fields, place(r)...)
}

func webKind(r record, id int, eventtype string, fields func(record) []Field) *kind {
	k := &kind{id, WebFilter, "webfilter", eventtype, Warning, "", fields}
	if !r.blocked() {
		k.id, k.severity = id+1, Notice
	}
	return k
}

// bannedWordKind is a line of the web filter or of the mail filter, as the protocol
// asks for.
func bannedWordKind(r record) *kind {
	fields := func(msg string) func(record) []Field {
		return func(r record) []Field {
			return append(append(utm(r, msg), text("keyword", r.str("words")), number("score", r.num("score"))), place(r)...)
		}
	}
	switch service(r) {
	case "http":
		return webKind(r, 314012288, "content", fields("Banned word found on web page."))
	case "ftp":
		return webKind(r, 314012288, "content", fields("Banned word found in file."))
	case "nntp":
		return webKind(r, 314012288, "content", fields("Banned word found in article."))
	}
	return &kind{508020500, EmailFilter, "emailfilter", "email", Notice, "", func(r record) []Field {
		return append(mailFields(r, "Banned word found in mail."), text("keyword", r.str("words")), number("score", r.num("score")), text("profile", r.str("profile")))
	}}
}

// spamFields are those of a mail, or a client, that one of the lists has.
func spamFields(r record) []Field {
	msg := "The sender is on the black list."
	switch {
	case r.has("zone"):
		msg = "The host is listed in " + r.str("zone") + "."
	case r.has("host"):
		msg = "The host is on the black list."
	}
	fields := mailFields(r, msg)
	if r.has("host") {
		fields = append(fields, text("bannedip", r.str("host")))
	}
	if r.str("reason") != "" {
		fields = append(fields, text("reason", r.str("reason")))
	}
	return append(fields, text("profile", r.str("profile")))
}

// mailFields are the fields that lines about spam begin with. A client that is turned
// away has sent no mail yet.
func mailFields(r record, msg string) []Field {
	fields := utm(r, msg)
	for _, name := range []string{"from", "to", "subject"} {
		if r.str(name) != "" {
			fields = append(fields, text(name, r.str(name)))
		}
	}
	if r.has("size") {
		fields = append(fields, number("size", r.num("size")))
	}
	return fields
}

func listFailedFields(r record) []Field {
	return []Field{text("service", service(r)), text("server", r.str("zone")), bare("host", r.str("host")), text("error", r.str("error")),
		text("msg", "The block list "+r.str("zone")+" did not say whether it has "+r.str("host"))}
}

// utm are the fields that all lines about content begin with.
func utm(r record, msg string) []Field {
	src, dst := r.addr("client"), r.addr("server")
	action := "blocked"
	switch {
	case r.str("outcome") == "tagged":
		action = "tagged"
	case !r.blocked():
		action = "passthrough"
	}
	fields := []Field{number("policyid", r.num("policy")), text("msg", msg), text("action", action), text("service", r.str("protocol")),
		number("sessionid", r.num("session")), bare("srcip", src.Addr().String())}
	if dst.IsValid() {
		fields = append(fields, bare("dstip", dst.Addr().String()))
	}
	fields = append(fields, number("srcport", int(src.Port())))
	if dst.IsValid() {
		fields = append(fields, number("dstport", int(dst.Port())))
	}
	fields = append(fields, number("proto", 6))
	if r.has("direction") {
		fields = append(fields, text("direction", r.str("direction")))
	}
	return fields
}

// file are the fields about the file itself.
func file(r record) []Field {
	fields := []Field{text("filename", r.str("file"))}
	if r.has("checksum") {
		fields = append(fields, text("checksum", r.str("checksum")))
	}
	if r.has("size") {
		fields = append(fields, number("filesize", r.num("size")))
	}
	return append(fields, text("quarskip", quarskip(r)))
}

// quarskip tells what the quarantine has to do with a record about a file.
func quarskip(r record) string {
	if word := r.str("quarskip"); word != "" {
		return word
	}
	return "File-was-not-quarantined"
}

// place are the fields that a line about content ends with.
func place(r record) []Field {
	var fields []Field
	if u := r.str("url"); u != "" {
		fields = append(fields, text("url", u))
	}
	return append(fields, text("profile", r.str("profile")))
}
