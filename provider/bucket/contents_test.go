package bucket

import "testing"

func TestLeft(t *testing.T) {
	cases := map[string]struct {
		reason string
		left   Contents
		empty  bool
		want   string
	}{
		"Nothing": {reason: "Nothing is left.", empty: true, want: "nothing"},
		"One":     {reason: "One is not many.", left: Contents{Objects: 1}, want: "1 object"},
		"Markers": {reason: "A marker is something too: it hides what can be had back.", left: Contents{Markers: 2}, want: "2 delete markers"},
		"All": {
			reason: "Each kind is named.",
			left:   Contents{Objects: 3, Versions: 1, Markers: 2, Uploads: 1},
			want:   "3 objects, 1 noncurrent version, 2 delete markers and 1 incomplete upload",
		},
		"More": {reason: "What was not counted is not denied.", left: Contents{Objects: 1000, Uploads: 2, More: true}, want: "at least 1000 objects and 2 incomplete uploads"},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := tc.left.Empty(); got != tc.empty {
				t.Errorf("%s\nEmpty(): want %t, got %t", tc.reason, tc.empty, got)
			}

			if got := tc.left.String(); got != tc.want {
				t.Errorf("%s\nString(): want %q, got %q", tc.reason, tc.want, got)
			}
		})
	}
}
