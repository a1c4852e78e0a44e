//go:build race

package sessiontable

// slowness is how many times fewer rounds are played where everything is slow.
const slowness = 5
