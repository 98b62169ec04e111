package platform

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// zombie is the status SZOMB of sys/proc.h.
const zombie = 5

// stat returns a process's status, and its start in microseconds since 1970.
func stat(pid int) (status string, started uint64, err error) {
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return "", 0, fmt.Errorf("cannot find process %d: %w", pid, err)
	}

	if info.Proc.P_stat == zombie {
		status = "Z"
	}

	start := info.Proc.P_starttime

	return status, uint64(start.Sec)*1_000_000 + uint64(start.Usec), nil //nolint:gosec // It is after 1970.
}
