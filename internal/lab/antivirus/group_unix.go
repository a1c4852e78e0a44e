//go:build !windows

package antivirus

import (
	"os/exec"
	"syscall"
)

// ownGroup starts cmd in a process group of its own: c-icap has children.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // it may have ended
