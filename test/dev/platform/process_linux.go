package platform

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// stat returns a process's status, and its start in ticks since the machine's boot.
func stat(pid int) (status string, started uint64, err error) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return "", 0, fmt.Errorf("cannot find process %d: %w", pid, err)
	}

	return parseStat(string(b))
}

// parseStat reads a process's status and start from the text of /proc/PID/stat.
func parseStat(text string) (status string, started uint64, err error) {
	// The second field is the program's name in parentheses. It may contain spaces
	// and parentheses.
	f := strings.Fields(text[strings.LastIndex(text, ")")+1:])

	const afterName = 3 // the number of the first field after it in proc(5)
	if len(f) <= 22-afterName {
		return "", 0, fmt.Errorf("cannot parse a process's status: %d fields", len(f))
	}

	started, err = strconv.ParseUint(f[22-afterName], 10, 64)
	if err != nil {
		return "", 0, fmt.Errorf("cannot parse a process's start: %w", err)
	}

	return f[0], started, nil
}
