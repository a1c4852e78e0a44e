package eventlog

// urlKind is a line of the web filter about a URL, by what has decided (FortiOS log
// reference, messages 12544 to 12546, 12800, 12801, 13056 and 13312).
func urlKind(r record) *kind {
	blocked := r.blocked()
	switch decision := r.str("decision"); {
	case decision == "list" && blocked:
		return urlLine(315012544, "urlfilter", Warning, "URL was blocked because it is in the URL filter list", listFields)
	case decision == "exempt":
		return urlLine(315012545, "urlfilter", Information, "URL was exempted because it is in the URL filter list", listFields)
	case decision == "list":
		return urlLine(315012546, "urlfilter", Information, "URL was allowed because it is in the URL filter list", listFields)
	case decision == "category" && blocked:
		return urlLine(316013056, "ftgd_blk", Warning, "URL belongs to a denied category in policy", categoryFields)
	case decision == "category":
		return urlLine(317013312, "ftgd_allow", Notice, "URL belongs to an allowed category in policy", categoryFields)
	case blocked:
		return urlLine(318012800, "ftgd_err", Error, "A rating error occurs", ratingErrorFields)
	}
	return urlLine(318012801, "ftgd_err", Warning, "A rating error occurs", ratingErrorFields)
}

// urlLine is a kind whose fields are those of every line about a URL and more.
func urlLine(id int, eventtype string, severity Severity, msg string, more func(record) []Field) *kind {
	return &kind{id, WebFilter, "webfilter", eventtype, severity, "", func(r record) []Field {
		fields := append(utm(r, msg), text("hostname", r.str("host")), text("reqtype", "direct"))
		return append(append(fields, more(r)...), place(r)...)
	}}
}

func listFields(r record) []Field {
	return []Field{number("urlfilteridx", r.num("entry")), text("urlfilterlist", r.str("list"))}
}

func categoryFields(r record) []Field {
	return []Field{text("method", r.str("method")), number("cat", r.num("category")), text("catdesc", r.str("category name"))}
}

func ratingErrorFields(r record) []Field { return []Field{text("error", r.str("error"))} }
