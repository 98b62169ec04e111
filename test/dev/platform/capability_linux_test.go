package platform

import "testing"

func TestParseCapability(t *testing.T) {
	t.Parallel()

	for name, tc := range map[string]struct {
		reason, status string
		want           bool
	}{
		"Root":      {"Root of a machine has all capabilities.", "Name:\tdev\nCapEff:\t000001ffffffffff\n", true},
		"Container": {"Root of an ordinary container lacks it.", "Name:\tdev\nCapEff:\t00000000a80425fb\n", false},
		"User":      {"A user has none.", "CapInh:\t0000000000200000\nCapEff:\t0000000000000000\n", false},
		"Alone":     {"It is bit 21.", "CapEff:\t0000000000200000\n", true},
		"None":      {"Another system has no such line.", "", false},
		"Odd":       {"What cannot be read counts as none.", "CapEff:\tall\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			if got := parseCapability(tc.status, capSysAdmin); got != tc.want {
				t.Errorf("%s\nparseCapability(): %t", tc.reason, got)
			}
		})
	}
}
