package lab

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// The groups of the lab.
const (
	GroupTest     = "lab.test"
	GroupBinaries = "lab.binaries"
)

const (
	// MaxArticleSize is the largest article the lab takes, in bytes.
	MaxArticleSize = 32 << 20

	maxNewsArticles = 20_000
	maxNewsSize     = 256 << 20 // bytes; the oldest articles go first
)

// Article is one article of the lab.
type Article struct {
	ID       string   // Message-ID with its angle brackets
	Groups   []string // of the lab, that it is in
	Received time.Time
	Content  []byte // head, empty line and body with CRLF, not to be changed
}

// newsStore holds the groups and their articles.
type newsStore struct {
	mu       sync.Mutex // guards the fields below
	groups   []*newsGroup
	articles []*Article // oldest first
	byID     map[string]*Article
	size     int64
}

// newsGroup numbers the articles of one group (RFC 3977 section 6).
type newsGroup struct {
	name, purpose string
	created       time.Time
	low, high     int // high < low when empty
	entries       []newsEntry
}

type newsEntry struct {
	number  int
	article *Article
}

// What a store can't take.
var (
	errDuplicate = errors.New("the article is already here")
	errNoGroup   = errors.New("no such newsgroup here")
	errBadHead   = errors.New("the head lacks From, Subject, Newsgroups or a proper Message-ID")
	errBadBytes  = errors.New("NUL, CR or LF stands outside of a line end")
)

func newNewsStore() *newsStore {
	n := &newsStore{byID: make(map[string]*Article)}
	for _, g := range []newsGroup{
		{name: GroupTest, purpose: "Trying things out"},
		{name: GroupBinaries, purpose: "Files, clean and infected"},
	} {
		n.groups = append(n.groups, &newsGroup{name: g.name, purpose: g.purpose, created: firstMailDate(), low: 1})
	}
	for _, article := range firstArticles() {
		n.enterLocked(&article)
	}
	return n
}

// parseArticle checks what came over the wire. With inject the fields that a
// posting agent leaves to its server are put in front (RFC 5537 section 3.5);
// nothing else is changed.
func parseArticle(content []byte, inject bool, now time.Time) (*Article, error) {
	if bytes.IndexByte(content, 0) >= 0 || hasBareLineEnd(content) {
		return nil, errBadBytes
	}
	fields := fieldsOf(content)
	id := valueOf(fields, "Message-ID")
	if inject {
		content, id = injectFields(content, fields, id, now)
	}
	groups := valueOf(fields, "Newsgroups")
	if groups == "" || valueOf(fields, "From") == "" || valueOf(fields, "Subject") == "" || !properID(id) {
		return nil, errBadHead
	}
	article := &Article{ID: id, Received: now, Content: content}
	for name := range strings.SplitSeq(groups, ",") {
		if name = strings.TrimSpace(name); !slices.Contains(article.Groups, name) {
			article.Groups = append(article.Groups, name)
		}
	}
	return article, nil
}

// injectFields puts Path, Date and Message-ID in front where they are missing.
func injectFields(content []byte, fields []field, id string, now time.Time) ([]byte, string) {
	front := ""
	if valueOf(fields, "Path") == "" {
		front += "Path: news." + MailDomain + "!not-for-mail\r\n"
	}
	if valueOf(fields, "Date") == "" {
		front += "Date: " + now.UTC().Format(time.RFC1123Z) + "\r\n"
	}
	if id == "" {
		id = newStamp()
		front += "Message-ID: " + id + "\r\n"
	}
	return append([]byte(front), content...), id
}

// properID checks the form of RFC 3977 section 3.6.
func properID(id string) bool {
	if len(id) < 3 || len(id) > 250 || id[0] != '<' || id[len(id)-1] != '>' {
		return false
	}
	return !strings.ContainsFunc(id[1:len(id)-1], func(c rune) bool { return c <= ' ' || c == '>' || c >= 0x7f })
}

func hasBareLineEnd(content []byte) bool {
	ends := bytes.Count(content, []byte("\r\n"))
	return bytes.Count(content, []byte("\r")) != ends || bytes.Count(content, []byte("\n")) != ends
}

// add stores an article in those of its groups that exist.
func (n *newsStore) add(article *Article) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.byID[article.ID] != nil {
		return errDuplicate
	}
	article.Groups = slices.DeleteFunc(article.Groups, func(name string) bool { return n.groupLocked(name) == nil })
	if len(article.Groups) == 0 {
		return errNoGroup
	}
	for len(n.articles) > 0 && (len(n.articles) >= maxNewsArticles || n.size+int64(len(article.Content)) > maxNewsSize) {
		n.expireLocked()
	}
	n.enterLocked(article)
	return nil
}

func (n *newsStore) enterLocked(article *Article) {
	n.articles = append(n.articles, article)
	n.byID[article.ID] = article
	n.size += int64(len(article.Content))
	for _, name := range article.Groups {
		g := n.groupLocked(name)
		g.high++
		g.entries = append(g.entries, newsEntry{g.high, article})
	}
}

// expireLocked removes the oldest article, which is the first of its groups.
func (n *newsStore) expireLocked() {
	oldest := n.articles[0]
	n.articles = n.articles[1:]
	n.size -= int64(len(oldest.Content))
	delete(n.byID, oldest.ID)
	for _, name := range oldest.Groups {
		g := n.groupLocked(name)
		g.entries = g.entries[1:]
		g.low = g.high + 1
		if len(g.entries) > 0 {
			g.low = g.entries[0].number
		}
	}
}

func (n *newsStore) groupLocked(name string) *newsGroup {
	for _, g := range n.groups {
		if g.name == name {
			return g
		}
	}
	return nil
}

// group returns a group as it is now.
func (n *newsStore) group(name string) (newsGroup, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	g := n.groupLocked(name)
	if g == nil {
		return newsGroup{}, false
	}
	return g.copyLocked(), true
}

// all returns all groups as they are now.
func (n *newsStore) all() []newsGroup {
	n.mu.Lock()
	defer n.mu.Unlock()
	var groups []newsGroup
	for _, g := range n.groups {
		groups = append(groups, g.copyLocked())
	}
	return groups
}

// copyLocked shares the entries: they are only ever appended to or resliced.
func (g *newsGroup) copyLocked() newsGroup {
	c := *g
	c.entries = g.entries[:len(g.entries):len(g.entries)]
	return c
}

// article finds an article by its Message-ID.
func (n *newsStore) article(id string) (*Article, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	article := n.byID[id]
	return article, article != nil
}

// since returns the articles received at or after a time, oldest first.
func (n *newsStore) since(when time.Time) []*Article {
	n.mu.Lock()
	defer n.mu.Unlock()
	var found []*Article
	for _, article := range n.articles {
		if !article.Received.Before(when) {
			found = append(found, article)
		}
	}
	return found
}

// at returns the index of the first entry whose number is at least number.
func (g *newsGroup) at(number int) int {
	i, _ := slices.BinarySearchFunc(g.entries, number, func(e newsEntry, number int) int { return e.number - number })
	return i
}

// between returns the entries from low to high, both included.
func (g *newsGroup) between(low, high int) []newsEntry {
	from := g.at(low)
	to := g.at(high)
	if to < len(g.entries) && g.entries[to].number == high {
		to++
	}
	if to < from {
		return nil
	}
	return g.entries[from:to]
}

// overview returns the fields of OVER for an article (RFC 3977 section 8.3).
func (a *Article) overview() string {
	fields := fieldsOf(a.Content)
	lines := bytes.Count(a.Content[headEnd(a.Content):], []byte("\n"))
	columns := []string{}
	for _, name := range []string{"Subject", "From", "Date", "Message-ID", "References"} {
		columns = append(columns, strings.ReplaceAll(valueOf(fields, name), "\t", " "))
	}
	return strings.Join(columns, "\t") + fmt.Sprintf("\t%d\t%d", len(a.Content), lines)
}
