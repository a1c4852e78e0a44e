package transcript

import (
	"context"
	"strings"

	"utmsim/internal/resolver"
	"utmsim/internal/resolver/rating"
)

// ratings knows a category for every host, by its first label.
type ratings struct{ gate <-chan struct{} }

// Rate implements proxy.Rater. The category of a host that begins with waiting is there
// when the gate opens.
func (r ratings) Rate(ctx context.Context, host string) (rating.Rating, error) {
	label, _, _ := strings.Cut(host, ".")
	switch label {
	case "news":
		return rating.Rating{Category: 36, Name: "News and Media", News: resolver.First}, nil
	case "malware":
		return rating.Rating{Category: 26, Name: "Malicious <Sites>"}, nil
	case "nameless":
		return rating.Rating{Category: 26}, nil
	case "busy":
		return rating.Rating{}, rating.ErrBusy
	case "silent":
		return rating.Rating{News: resolver.First}, rating.ErrTimeout
	case "silence-known":
		return rating.Rating{}, rating.ErrTimeout
	case "failing":
		return rating.Rating{News: resolver.First}, resolver.ErrServer
	case "waiting":
		select {
		case <-r.gate:
			return rating.Rating{Category: 52, News: resolver.First}, nil
		case <-ctx.Done():
			return rating.Rating{}, ctx.Err()
		}
	}
	return rating.Rating{Name: "Unrated"}, nil
}
