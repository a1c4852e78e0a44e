package lab

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"strconv"
	"strings"
)

const maxPageObjects = 1000

// pageKind is a kind of object a page refers to.
type pageKind struct {
	name, extension, mediaType string
	reference                  string // HTML with one %d for the object's number
	body                       func(number int) []byte
}

// pageKinds returns the kinds in the order in which a page takes turns.
func pageKinds() []pageKind {
	return []pageKind{
		{"css", "css", "text/css; charset=utf-8",
			`<link rel="stylesheet" href="/page/css/%d.css" onload="arrived()">`, pageStyle},
		{"js", "js", "text/javascript; charset=utf-8",
			`<script src="/page/js/%d.js"></script>`, pageScript},
		{"img", "png", "image/png",
			`<img src="/page/img/%d.png" width="16" height="16" alt="" onload="arrived()">`, pageImage},
	}
}

// servePage answers a page whose text ends up saying how many of its objects
// the browser has loaded: "50 of 50".
func servePage(w http.ResponseWriter, r *http.Request) {
	n, err := querySize(r.URL.Query(), "n", 50)
	if err == nil && n > maxPageObjects {
		err = fmt.Errorf("a page has at most %d objects", maxPageObjects)
	}
	if err != nil {
		badRequest(w, err)
		return
	}
	var page strings.Builder
	fmt.Fprintf(&page, `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>lab page</title>
<script>var loaded = 0; function arrived() { loaded++; var p = document.getElementById("loaded"); p.textContent = loaded + " of %d"; }</script></head>
<body><p id="loaded">0 of %d</p>
`, n, n)
	kinds := pageKinds()
	for i := range int(n) {
		fmt.Fprintf(&page, kinds[i%len(kinds)].reference+"\n", i)
	}
	page.WriteString("</body></html>\n")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(page.Len()))
	_, _ = w.Write([]byte(page.String()))
}

func servePageObject(w http.ResponseWriter, r *http.Request) {
	kind, number, err := pageObject(r.PathValue("kind"), r.PathValue("name"))
	if err != nil {
		sendText(w, http.StatusNotFound, err.Error()+"\n")
		return
	}
	body := kind.body(number)
	w.Header().Set("Content-Type", kind.mediaType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}

func pageObject(kindName, file string) (pageKind, int, error) {
	for _, kind := range pageKinds() {
		digits, ok := strings.CutSuffix(file, "."+kind.extension)
		if kind.name != kindName || !ok {
			continue
		}
		number, err := strconv.Atoi(digits)
		if err == nil && number >= 0 && number < maxPageObjects {
			return kind, number, nil
		}
	}
	return pageKind{}, 0, errors.New("the page has no such object")
}

func pageStyle(number int) []byte {
	return fmt.Appendf(nil, ".lab%d { color: #%06x; }\n", number, contentWord(uint64(number))&0xffffff)
}

func pageScript(number int) []byte {
	return fmt.Appendf(nil, "arrived(); // object %d\n", number)
}

// pageImage is a square of one colour per number.
func pageImage(number int) []byte {
	word := contentWord(uint64(number))
	square := image.NewPaletted(image.Rect(0, 0, 16, 16),
		color.Palette{color.RGBA{R: uint8(word), G: uint8(word >> 8), B: uint8(word >> 16), A: 255}})
	var out bytes.Buffer
	if err := png.Encode(&out, square); err != nil {
		panic(fmt.Sprintf("lab: drawing a square in memory: %v", err))
	}
	return out.Bytes()
}
