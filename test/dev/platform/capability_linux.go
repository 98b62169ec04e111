package platform

import (
	"os"
	"strconv"
	"strings"
)

// hasCapability reports whether this process has a capability, by its number in
// capabilities(7).
func hasCapability(number int) bool {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false
	}

	return parseCapability(string(b), number)
}

// parseCapability reads a capability from the text of /proc/PID/status.
func parseCapability(status string, number int) bool {
	for line := range strings.Lines(status) {
		if set, ok := strings.CutPrefix(line, "CapEff:"); ok {
			mask, err := strconv.ParseUint(strings.TrimSpace(set), 16, 64)

			return err == nil && mask&(1<<number) != 0
		}
	}

	return false
}
