package appliance

import (
	"sync"

	"utmsim/internal/lab"
	"utmsim/scanner/samples"
)

// Samples are what the lab's web and file server offer to try scanners on. The
// origins import nothing of ours, so they are made here, once.
func Samples() []lab.Sample { return samplesOnce() }

var samplesOnce = sync.OnceValue(func() (list []lab.Sample) {
	for _, f := range samples.All() {
		list = append(list, lab.Sample{Name: f.Name, Content: f.Data})
	}
	return list
})
