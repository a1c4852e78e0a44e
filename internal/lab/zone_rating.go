package lab

// RatingApex is the zone with the ratings of hosts, without the final dot.
const RatingApex = "rating.lab.test"

// ForgedRating is what the forged answers about a host say.
const ForgedRating = "255 Forged"

// ratedHosts are hosts below lab.test that are there for their ratings. What a name
// says in front of -rating is what becomes of the question.
var ratedHosts = []string{
	"news", "games", "malware", "unrated", "forged-rating", "failing-rating", "silent-rating", "odd-rating",
}

// RatingZone answers questions for hosts with a TXT record: the number and the name of
// a category. A host that it does not know is not rated. The time to live is short
// enough to see entries expire.
func RatingZone() Zone {
	const under = "." + RatingApex + "."
	rate := func(host, rating string) string { return host + under + ` 30 IN TXT "` + rating + `"` }
	return Zone{
		Apex: RatingApex + ".",
		Records: []string{
			RatingApex + ". 60 IN SOA ns.lab.test. hostmaster.lab.test. 1 3600 600 86400 15",
			RatingApex + ". 60 IN NS ns.lab.test.",
			rate("lab.test", "52 Information Technology"),
			rate("www.lab.test", "52 Information Technology"),
			rate("1.0.0.127", "52 Information Technology"), // 127.0.0.1, backwards
			"alias.lab.test" + under + " 30 IN CNAME www.lab.test" + under,
			rate("news.lab.test", "36 News and Media"),
			rate("games.lab.test", "20 Games"),
			rate("malware.lab.test", "26 Malicious Websites"),
			rate("forged-rating.lab.test", "36 News and Media"),
			rate("failing-rating.lab.test", "36 News and Media"),
			rate("silent-rating.lab.test", "36 News and Media"),
			rate("odd-rating.lab.test", "not a category"),
		},
		Faults: map[string]Fault{
			"forged-rating.lab.test" + under:  ForgedFirst,
			"failing-rating.lab.test" + under: ServerFailure,
			"silent-rating.lab.test" + under:  NoAnswer,
		},
	}
}
