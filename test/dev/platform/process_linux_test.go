package platform

import "testing"

func TestParseStat(t *testing.T) {
	t.Parallel()

	const rest = " 1 2 2 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 9 10 11"

	cases := map[string]struct {
		reason  string
		text    string
		status  string
		started uint64
		wantErr bool
	}{
		"Plain": {reason: "The status is field 3, and the start is field 22.", text: "17 (dev) S" + rest, status: "S", started: 4711},
		"Parentheses": {
			reason: "A program's name may contain parentheses and fields.",
			text:   "17 (a) R 1 (b) Z" + rest, status: "Z", started: 4711,
		},
		"Short": {reason: "A text with too few fields is an error.", text: "17 (dev) S 1 2", wantErr: true},
		"Empty": {reason: "An empty text is an error.", text: "", wantErr: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			status, started, err := parseStat(tc.text)
			if status != tc.status || started != tc.started || (err != nil) != tc.wantErr {
				t.Errorf("%s\nparseStat(): %q, %d, error %v", tc.reason, status, started, err)
			}
		})
	}
}

// FuzzParseStat checks that parseStat returns either a status or an error.
func FuzzParseStat(f *testing.F) {
	f.Add("17 (dev) S 1 2 2 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 9")
	f.Add(") ) )")

	f.Fuzz(func(t *testing.T, text string) {
		status, _, err := parseStat(text)
		if (err == nil) == (status == "") {
			t.Errorf("parseStat(%q): status %q, error %v", text, status, err)
		}
	})
}
