package process

import "golang.org/x/sys/unix"

// attributes let the kernel kill a process when the thread that started it ends.
func attributes() *unix.SysProcAttr { return &unix.SysProcAttr{Pdeathsig: unix.SIGKILL} }
