package console

import "fmt"

// lists prints what the block lists have said: "diagnose sim lists".
func (c *call) lists() error {
	reports := c.engine().Lists()
	if len(reports) == 0 {
		fmt.Fprintf(c.out, "no block list was asked yet\n")
		return nil
	}
	fmt.Fprintf(c.out, "%-32s%10s%10s%12s%10s\n", "list", "asked", "listed", "not listed", "failed")
	for _, r := range reports {
		fmt.Fprintf(c.out, "%-32s%10d%10d%12d%10d\n", r.Zone, r.Asked, r.Listed, r.NotListed, r.Failed)
	}
	return nil
}
