package config

import (
	"cmp"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var offset = regexp.MustCompile(`^\(GMT(?:([+-]\d+):(\d\d))?\) .`)

// TestTimezones: each number is there once, and has rules whose offset is at some time
// of the year, now or in the past, the one that the appliance names.
func TestTimezones(t *testing.T) {
	assert.Equal(t, time.Local, Timezone(0).Location())
	seen := map[string]bool{}
	for i, z := range timezones {
		assert.Regexp(t, `^[0-8]\d$`, z.number)
		assert.False(t, seen[z.number], z.number)
		seen[z.number] = true
		at := Timezone(i + 1)
		assert.Equal(t, z.number, at.String())
		require.Equal(t, z.place, at.Location().String(), z.help)
		named := offset.FindStringSubmatch(z.help)
		require.NotNil(t, named, z.help)
		want, err := time.ParseDuration(cmp.Or(named[1], "0") + "h" + cmp.Or(named[2], "0") + "m")
		require.NoError(t, err)
		had := map[time.Duration]bool{}
		for month := time.Date(1995, 1, 1, 0, 0, 0, 0, time.UTC); month.Year() < 2027; month = month.AddDate(0, 1, 0) {
			_, seconds := month.In(at.Location()).Zone()
			had[time.Duration(seconds)*time.Second] = true
		}
		assert.True(t, had[want], "%s is %s", z.help, z.place)
	}
}

// TestTimezoneSetting: the console takes the appliance's numbers; a name, as later
// releases have them, is kept from a file.
func TestTimezoneSetting(t *testing.T) {
	s, report := loaded(t, "config system global\nset timezone 04\nend\n")
	assert.Empty(t, report.Summary())
	assert.Equal(t, "America/Los_Angeles", s.Snapshot().Global.Timezone.Location().String())
	s, report = loaded(t, "config system global\nset timezone \"Europe/London\"\nend\n")
	assert.Equal(t, []string{"test.conf:2: 'set timezone' of system global is not simulated"}, report.Summary())
	assert.Equal(t, time.Local, s.Snapshot().Global.Timezone.Location())
	assert.Contains(t, reload(t, s), "set timezone \"Europe/London\"\n")
}
