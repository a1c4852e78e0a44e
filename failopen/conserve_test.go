package failopen

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestLevels uses the thresholds that public outputs of real units show.
func TestLevels(t *testing.T) {
	for _, c := range []struct {
		total               int64 // MiB
		red, green, extreme int64
	}{
		{1918, 1687, 1572, 1822},
		{997, 877, 817, 947},
		{994, 874, 815, 944},
	} {
		assert.Equal(t, Levels{Red: c.red, Green: c.green, Extreme: c.extreme}, PercentThresholds().Of(c.total*MiB))
	}
	// A unit shows 997 MB, red 877 MB and, with green at 70 %, 698 MB: only a total
	// that is more than 997 whole MiB gives all three.
	th := Thresholds{Red: 88, Green: 70, Extreme: 95}
	l := th.Of(997*MiB + MiB/4)
	assert.EqualValues(t, 877, l.Red)
	assert.EqualValues(t, 698, l.Green)
}

// step is one Update, in MiB of use, and the level it must lead to.
type step struct {
	used int64
	want Memory
}

func TestConserveMode(t *testing.T) {
	const odd = MiB - 1 // bytes beyond a whole MiB
	for _, c := range []struct {
		name  string
		th    Thresholds
		total int64
		steps []step // used in bytes
	}{
		{"5.6+ on the unit with 1918 MB", PercentThresholds(), 1918 * MiB, []step{
			{0, Normal},
			{1687 * MiB, Normal},
			{1687*MiB + odd, Normal}, // still 1687 MB
			{1688 * MiB, Conserve},   // the recorded entry: used 1688, red 1687
			{1600 * MiB, Conserve},
			{1572 * MiB, Conserve},
			{1571*MiB + odd, Normal},
			{1600 * MiB, Normal},
			{1822 * MiB, Conserve},
			{1823 * MiB, Extreme},
			{1822 * MiB, Conserve},
			{1918 * MiB, Extreme},
			{1572 * MiB, Conserve},
			{1918 * MiB, Extreme},
			{100 * MiB, Normal},
		}},
		{"classic", ClassicThresholds(), 1000 * MiB, []step{
			{800 * MiB, Normal}, // exactly 20 % free
			{800*MiB + 1, Conserve},
			{1000 * MiB, Conserve}, // there is no extreme level
			{700*MiB + 1, Conserve},
			{700 * MiB, Normal}, // exactly 30 % free
			{800 * MiB, Normal},
			{5000 * MiB, Conserve}, // more than there is
		}},
		{"classic counts bytes", ClassicThresholds(), 128 * MiB, []step{
			{102 * MiB, Normal},
			{102*MiB + MiB/2, Conserve}, // 25.5 MiB free of 128: 19.9 %
		}},
		{"memory not accounted", PercentThresholds(), 0, []step{{1, Normal}, {1 << 40, Normal}}},
		{"no thresholds", Thresholds{}, MiB, []step{{MiB, Normal}}},
		{"green above red does not flap", Thresholds{Red: 70, Green: 97, Extreme: 99}, 100 * MiB, []step{
			{80 * MiB, Conserve}, {80 * MiB, Conserve}, {70 * MiB, Normal},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := ConserveMode{Thresholds: c.th}
			level := Normal
			for i, s := range c.steps {
				got, changed := m.Update(s.used, c.total)
				assert.Equal(t, s.want, got, "step %d: %d bytes", i, s.used)
				assert.Equal(t, s.want != level, changed, "step %d", i)
				assert.Equal(t, got, m.Level())
				level = got
			}
		})
	}
}

func TestConserveModeFollowsNewThresholds(t *testing.T) {
	m := ConserveMode{Thresholds: PercentThresholds()}
	_, _ = m.Update(96*MiB, 100*MiB)
	require.Equal(t, Extreme, m.Level())
	m.Thresholds = ClassicThresholds()
	level, changed := m.Update(96*MiB, 100*MiB)
	assert.Equal(t, Conserve, level)
	assert.True(t, changed)
	m.Thresholds = Thresholds{Red: 97, Green: 97, Extreme: 97}
	level, _ = m.Update(96*MiB, 100*MiB)
	assert.Equal(t, Normal, level)
}

// TestConserveModeHysteresis: between green and red the level never begins, and
// never ends, conserve mode; outside, history does not matter.
func TestConserveModeHysteresis(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		green := rapid.IntRange(70, 95).Draw(t, "green")
		red := rapid.IntRange(green, 96).Draw(t, "red")
		extreme := rapid.IntRange(red, 97).Draw(t, "extreme")
		m := ConserveMode{Thresholds: Thresholds{Red: red, Green: green, Extreme: extreme}}
		total := rapid.Int64Range(MiB, 1<<40).Draw(t, "total")
		l := m.Thresholds.Of(total)
		for range 20 {
			used := rapid.Int64Range(0, total).Draw(t, "used")
			before := m.Level()
			level, _ := m.Update(used, total)
			mb := used / MiB
			switch {
			case mb > l.Extreme:
				require.Equal(t, Extreme, level)
			case mb > l.Red:
				require.Equal(t, Conserve, level)
			case mb < l.Green:
				require.Equal(t, Normal, level)
			default:
				require.Equal(t, before == Normal, level == Normal)
				require.NotEqual(t, Extreme, level)
			}
		}
	})
}
