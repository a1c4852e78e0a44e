package console

import (
	"fmt"
	"runtime"
	"time"
)

// performance prints "get system performance status" (fidelity page, section 2.4).
// The processor is the share of this machine that the program takes, so that only
// user and system time can be told apart; memory is the memory model's.
func (c *call) performance() error {
	console := c.shell.console
	now := time.Now()
	user, system := console.meter.cpu(now, processTime(), runtime.NumCPU())
	console.meter.read(now, c.engine())
	u, s := int(user+0.5), int(system+0.5)
	fmt.Fprintf(c.out, "CPU states: %d%% user %d%% system 0%% nice %d%% idle 0%% iowait 0%% irq 0%% softirq\n", u, s, max(0, 100-u-s))
	m := c.engine().Memory()
	total, used := max(m.Total>>10, 1), m.Used>>10
	free := max(total-used, 0)
	fmt.Fprintf(c.out, "Memory: %dk total, %dk used (%d%%), %dk free (%d%%)\n", total, used, used*100/total, free, free*100/total)
	one, ten, thirty := console.meter.average(time.Minute), console.meter.average(10*time.Minute), console.meter.average(sampleKeep)
	fmt.Fprintf(c.out, "Average network usage: %d / %d kbps in 1 minute, %d / %d kbps in 10 minutes, %d / %d kbps in 30 minutes\n",
		one.received, one.sent, ten.received, ten.sent, thirty.received, thirty.sent)
	fmt.Fprintf(c.out, "Average sessions: %d sessions in 1 minute, %d sessions in 10 minutes, %d sessions in 30 minutes\n",
		one.sessions, ten.sessions, thirty.sessions)
	fmt.Fprintf(c.out, "Average session setup rate: %d sessions per second in last 1 minute, %d sessions per second in last 10 minutes, %d sessions per second in last 30 minutes\n",
		one.setups, ten.setups, thirty.setups)
	fmt.Fprintf(c.out, "Virus caught: %d total in 1 minute\n", one.viruses)
	fmt.Fprintf(c.out, "Uptime: %s\n", uptime(time.Since(console.started)))
	return nil
}

func uptime(up time.Duration) string {
	return fmt.Sprintf("%d days,  %d hours,  %d minutes", int(up.Hours())/24, int(up.Hours())%24, int(up.Minutes())%60)
}
