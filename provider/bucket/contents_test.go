package bucket

import "testing"

func TestContents(t *testing.T) {
	cases := map[string]struct {
		reason   string
		contents Contents
		empty    bool
		want     string
	}{
		"Nothing": {
			reason: "A bucket without contents is empty.",
			empty:  true, want: "nothing",
		},
		"One": {
			reason:   "One object is in the singular.",
			contents: Contents{Objects: 1}, want: "1 object",
		},
		"Markers": {
			reason:   "A delete marker counts: it hides an object that can be restored.",
			contents: Contents{Markers: 2}, want: "2 delete markers",
		},
		"All": {
			reason:   "Each kind is named.",
			contents: Contents{Objects: 3, Versions: 1, Markers: 2, Uploads: 1},
			want:     "3 objects, 1 noncurrent version, 2 delete markers and 1 incomplete upload",
		},
		"More": {
			reason:   "The text says so if not everything was counted.",
			contents: Contents{Objects: 1000, Uploads: 2, More: true},
			want:     "at least 1000 objects and 2 incomplete uploads",
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := tc.contents.Empty(); got != tc.empty {
				t.Errorf("%s\nEmpty(): want %t, got %t", tc.reason, tc.empty, got)
			}

			if got := tc.contents.String(); got != tc.want {
				t.Errorf("%s\nString(): want %q, got %q", tc.reason, tc.want, got)
			}
		})
	}
}
