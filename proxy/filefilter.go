package proxy

import (
	"io"

	"utmsim/internal/filefilter"
	"utmsim/internal/stats"
	"utmsim/protocols"
	"utmsim/scanner"
	"utmsim/scanner/coding"
)

// fileFilterName is the engine of verdicts on names and types.
const fileFilterName = "file filter"

// FilterName decides about a file by its names alone, before anybody is asked for it.
// The verdict is FileBlocked, FileExempt, or clean where more has to be known; the first
// two are counted and logged. Who was told of an exempt file says so in its Inspection.
func (s *Session) FilterName(obj *scanner.Object, dir stats.Direction) scanner.Verdict {
	if s.policy.files == nil || s.unscanned {
		return scanner.Verdict{}
	}
	d, ok := s.policy.files.ByName(obj.Names)
	v := fileVerdict(d)
	if !ok || v.Class == scanner.Clean {
		return scanner.Verdict{}
	}
	h := &Hold{s: s, in: &Inspection{Object: *obj, Dir: dir}, Verdict: v}
	counters := s.verdicts(dir)
	if v.Class == scanner.FileExempt {
		h.Outcome = Unscanned
		if s.entry.Proto == protocols.HTTP {
			s.vdom.stats.HTTP.Stat.RequestsFileExempt.Inc()
		} else {
			counters.FileExempt()
		}
		s.eng.fileExempt(h)
		return v
	}
	h.Outcome = Detected
	if s.entry.Proto == protocols.HTTP {
		s.vdom.stats.HTTP.Stat.RequestFileBlocked()
	} else {
		counters.FileBlocked()
	}
	s.eng.fileBlocked(h)
	return v
}

// FiltersFiles tells that files are told by their names and types, so that names are
// worth looking for.
func (s *Session) FiltersFiles() bool { return s.policy.files != nil && !s.unscanned }

// fileVerdict is a decision of the file filter in the form of a verdict: clean where it
// lets the file go on to the scanner.
func fileVerdict(d filefilter.Decision) scanner.Verdict {
	switch {
	case d.Rule == "" || d.Action == filefilter.Allow:
		return scanner.Verdict{}
	case d.Action == filefilter.Exempt:
		return scanner.Verdict{Class: scanner.FileExempt, Name: d.Rule, Engine: fileFilterName}
	}
	return scanner.Verdict{Class: scanner.FileBlocked, Name: d.Rule, Engine: fileFilterName}
}

// filterByName decides about the object before anything of it is read. done: it has an
// outcome.
func (h *Hold) filterByName() (done bool) {
	d, ok := h.s.policy.files.ByName(h.in.Object.Names)
	return ok && h.filtered(fileVerdict(d))
}

// filterByType decides about the object by its names and by what is held of it, if it
// is a file itself and not only made of files.
func (h *Hold) filterByType() (done bool) {
	if h.in.Split != nil && h.in.Object.Kind != scanner.File {
		return false
	}
	obj, gathered := h.object()
	defer gathered.done()
	v := h.s.filter(obj)
	if v.Class != scanner.Clean {
		h.fileType = fileType(obj)
	}
	if v.Class == scanner.FileBlocked && h.ended {
		h.keepBad([]scanner.Object{*obj}, []scanner.Verdict{v})
	}
	return h.filtered(v)
}

// filtered takes a verdict of the file filter for the object's outcome.
func (h *Hold) filtered(v scanner.Verdict) (done bool) {
	counters := h.s.verdicts(h.in.Dir)
	h.Verdict = v
	switch v.Class {
	case scanner.FileBlocked:
		h.Outcome = Detected
		counters.FileBlocked()
		h.s.eng.fileBlocked(h)
		return true
	case scanner.FileExempt:
		h.Outcome, h.leak = Unscanned, stats.LeakExempt
		counters.FileExempt()
		h.s.eng.fileExempt(h)
		return true
	}
	return false
}

// filter is the verdict of the file filter on an object.
func (s *Session) filter(obj *scanner.Object) scanner.Verdict {
	files := s.policy.files
	if d, ok := files.ByName(obj.Names); ok {
		return fileVerdict(d)
	}
	t := filefilter.None
	if files.NeedsType() {
		t = fileType(obj)
	}
	return fileVerdict(files.Decide(obj.Names, t))
}

// fileType is what kind of file an object is. Text that has no name and stands in a
// message is what people write to each other and no file.
func fileType(obj *scanner.Object) filefilter.Type {
	t := filefilter.Detect(headOf(obj))
	if len(obj.Names) == 0 && t.Text() && (obj.Kind == scanner.Mail || obj.Kind == scanner.Article) {
		return filefilter.None
	}
	return t
}

// headOf is the beginning of an object without its content codings; as it travels if
// they are not true.
func headOf(obj *scanner.Object) []byte {
	if len(obj.Encodings) == 0 && obj.Flat != nil {
		return obj.Flat[:min(len(obj.Flat), filefilter.HeadLength)]
	}
	head := make([]byte, filefilter.HeadLength)
	c := coding.Open(obj)
	defer c.Close()
	n, _ := io.ReadFull(c, head) // what could not be read is not looked at
	if n == 0 {
		n, _ = io.ReadFull(coding.Raw(obj), head)
	}
	return head[:n]
}

// filterParts is the verdict of the file filter on each part of an object, nil where
// there is nothing to filter. What a file that is not to be scanned stands in is not
// scanned either: its other parts are.
func (s *Session) filterParts(parts []scanner.Object) []scanner.Verdict {
	if s.policy.files == nil {
		return nil
	}
	verdicts := make([]scanner.Verdict, len(parts))
	for i := range parts {
		verdicts[i] = s.filter(&parts[i])
		if verdicts[i].Class != scanner.Clean {
			verdicts[i].Part = parts[i].Name
			continue
		}
		for k := i - parts[i].Inner; k < i && verdicts[i].Class == scanner.Clean; k++ {
			if verdicts[k].Class == scanner.FileExempt {
				verdicts[i] = verdicts[k]
			}
		}
	}
	return verdicts
}
