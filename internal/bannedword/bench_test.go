package bannedword

import (
	"fmt"
	"strings"
	"testing"
)

// page is HTML of about n bytes.
func page(n int) []byte {
	const paragraph = `<div class="post"><p>It was a bright cold day in <b>April</b>, and the clocks were striking <a href="/thirteen">thirteen</a>. Ruß &amp; Staub.</p></div>` + "\n"
	return []byte("<!DOCTYPE html><html><head><title>page</title></head><body>\n" + strings.Repeat(paragraph, n/len(paragraph)+1))
}

func words(n int) []Pattern {
	list := make([]Pattern, n)
	for i := range list {
		list[i] = Pattern{Text: fmt.Sprintf("forbidden%05d", i*7919%100000), Score: 10}
		if i%10 == 9 {
			list[i] = Pattern{Kind: Regexp, Text: fmt.Sprintf(`/\bnever%05d\s+said\b/i`, i), Score: 10}
		}
	}
	return list
}

func BenchmarkAdd(b *testing.B) {
	for _, size := range []int{1 << 10, 8 << 10, 1 << 20} {
		for _, n := range []int{10, 1000} {
			b.Run(fmt.Sprintf("%dKiB/%dwords", size>>10, n), func(b *testing.B) {
				l, content := mustCompile(b, words(n)...), page(size)
				b.SetBytes(int64(len(content)))
				b.ReportAllocs()
				for b.Loop() {
					j := l.Begin()
					if err := j.Add(b.Context(), Body, content, "text/html; charset=utf-8"); err != nil || j.Result(10).Detected {
						b.Fatal(err)
					}
					j.End()
				}
			})
		}
	}
}
