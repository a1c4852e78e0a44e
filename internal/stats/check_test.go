package stats

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/protocols"
)

func numbers(t *testing.T, err error) []int {
	t.Helper()
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	require.True(t, ok)
	var list []int
	for _, e := range joined.Unwrap() {
		v, ok := e.(*Violation)
		require.True(t, ok, e)
		list = append(list, v.Number)
	}
	return list
}

func set(t *testing.T, b *Block, label string, value int64) {
	t.Helper()
	l := b.line(label)
	require.NotNil(t, l, label)
	l.Value = value
}

func TestCheckNamesEachViolation(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, r *Report)
		want  []int
	}{
		{"poll is not the sum", func(t *testing.T, r *Report) { set(t, &r.WorkerAccounting, "poll", 721391) }, []int{1}},
		{"data events are not in poll", func(t *testing.T, r *Report) { set(t, &r.Accounting[protocols.FTP], "dataclt", 1) }, []int{1}},
		{"more rounds than events", func(t *testing.T, r *Report) { set(t, &r.WorkerAccounting, "poll/rounds", 721393) }, []int{2}},
		{"largest round below average", func(t *testing.T, r *Report) { set(t, &r.WorkerAccounting, "poll/most", 1) }, []int{2}},
		{"connects without session", func(t *testing.T, r *Report) { set(t, &r.Accounting[protocols.IMAP], "conn_ok", 1) }, []int{3}},
		{"detected without detection", func(t *testing.T, r *Report) { set(t, &r.Stat[protocols.HTTP], "Web responses detected", 15) }, []int{4}},
		{"oversize not in detected", func(t *testing.T, r *Report) { set(t, &r.Stat[protocols.HTTP], "Web requests oversize block", 1) }, []int{4}},
		{"upload not in detected", func(t *testing.T, r *Report) {
			set(t, &r.Stat[protocols.FTP], "Upload files infected with worms", 1)
		}, []int{4}},
		{"mail not in detected", func(t *testing.T, r *Report) {
			for _, p := range []protocols.Protocol{protocols.SMTP, protocols.POP3, protocols.IMAP} {
				set(t, &r.Stat[p], "Emails file blocked", 1)
			}
		}, []int{4, 4, 4}},
		{"article not in detected", func(t *testing.T, r *Report) { set(t, &r.Stat[protocols.NNTP], "Articles oversize pass", 1) }, []int{4}},
		{"above the peak", func(_ *testing.T, r *Report) { r.Common[protocols.POP3].Current = 1 }, []int{5}},
		{"peak above the limit", func(_ *testing.T, r *Report) { r.Common[protocols.POP3].Peak = 8033 }, []int{5}},
		{"all above the pool", func(_ *testing.T, r *Report) {
			r.Common[protocols.SMTP] = Common{Current: 8025, Peak: 8025, Limit: 8032}
		}, []int{5}},
		{"own pools have no sum", func(_ *testing.T, r *Report) {
			r.Pool = 0
			r.Common[protocols.SMTP] = Common{Current: 8025, Peak: 8025, Limit: 8032}
		}, nil},
		{"resumed too often", func(t *testing.T, r *Report) { set(t, &r.Accounting[protocols.SMTP], "resume", 1) }, []int{6}},
		{"query ended twice", func(t *testing.T, r *Report) { set(t, &r.Accounting[protocols.SMTP], "spamdel", 1) }, []int{6}},
		{"errors without a last one", func(t *testing.T, r *Report) { set(t, &r.Stat[protocols.HTTP], "Last Error", 0) }, []int{7}},
		{"a last error without errors", func(t *testing.T, r *Report) { set(t, &r.Stat[protocols.FTP], "Last Error", 5) }, []int{7}},
		{"the worker's last error", func(t *testing.T, r *Report) { set(t, &r.Worker, "Error Count (poll)", 1) }, []int{7}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := sampleReport()
			c.spoil(t, r)
			assert.Equal(t, c.want, numbers(t, r.Check()))
		})
	}
}

func TestViolationNamesTheLine(t *testing.T) {
	r := sampleReport()
	set(t, &r.Accounting[protocols.IMAP], "conn_ok", 1)
	assert.EqualError(t, r.Check(), "invariant 3: IMAP Accounting: conn_ok+conn_inp=1, setup_ok=0")
}
