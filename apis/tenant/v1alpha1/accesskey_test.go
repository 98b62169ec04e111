package v1alpha1

import "testing"

func TestMaskAccessKeyID(t *testing.T) {
	for id, want := range map[string]string{
		"CSTNP6W3RB5N4YU7Z7Z4": "CSTN…Z7Z4",
		"velero-backups":       "vele…kups",
		"velero":               "…",
	} {
		if got := MaskAccessKeyID(id); got != want {
			t.Errorf("MaskAccessKeyID(%q): want %s, got %s", id, want, got)
		}
	}
}

func TestMaskAccessKeyIDs(t *testing.T) {
	cases := map[string]struct {
		reason, text, want string
	}{
		"ID": {
			reason: "The beginning and the end identify a key.",
			text:   "CSTNP6W3RB5N4YU7Z7Z4",
			want:   "CSTN…Z7Z4",
		},
		"Message": {
			reason: "Every ID in a text is masked.",
			text:   `cannot retire "CSTNP6W3RB5N4YU7Z7Z4", CSTNK2V7QX4M3ZT5AAAA: denied`,
			want:   `cannot retire "CSTN…Z7Z4", CSTN…AAAA: denied`,
		},
		"Other": {
			reason: "Other words stay as they are.",
			text:   "CSTNP6W3 CSTNP6W3RB5N4YU7Z7Z4AAAA XCSTNP6W3RB5N4YU7Z7Z4 cistern",
			want:   "CSTNP6W3 CSTNP6W3RB5N4YU7Z7Z4AAAA XCSTNP6W3RB5N4YU7Z7Z4 cistern",
		},
		"Masked": {
			reason: "A masked ID stays as it is.",
			text:   "CSTN…Z7Z4",
			want:   "CSTN…Z7Z4",
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := MaskAccessKeyIDs(tc.text); got != tc.want {
				t.Errorf("%s\nMaskAccessKeyIDs(...): want %s, got %s", tc.reason, tc.want, got)
			}
		})
	}
}
