package minio

import (
	"testing"
)

func TestOutdated(t *testing.T) {
	cases := map[string]struct {
		reason   string
		versions []string
		want     bool
	}{
		"Nothing": {reason: "A server without a version serves the API all the same."},
		"Now":     {reason: "The version of a release.", versions: []string{"2026-02-12T20:18:48Z"}},
		"First":   {reason: "The oldest release that is new enough.", versions: []string{"2025-10-15T17:29:55Z"}},
		"Old":     {reason: "The release before.", versions: []string{"2025-09-07T16:13:09Z"}, want: true},
		"OldTag":  {reason: "The tag of an image.", versions: []string{"RELEASE.2025-09-07T16-13-09Z"}, want: true},
		"OldHotfix": {
			reason:   "A hotfix is as old as its release.",
			versions: []string{"RELEASE.2025-09-07T16-13-09Z.hotfix.1a2b3c4d5"},
			want:     true,
		},
		"OldBuild": {reason: "A private build.", versions: []string{"DEVELOPMENT.2024-01-01T00-00-00Z"}, want: true},
		"Tag":      {reason: "The tag of an image.", versions: []string{"RELEASE.2025-10-15T17-29-55Z"}},
		"GoGet":    {reason: "A build of unknown age.", versions: []string{"DEVELOPMENT.GOGET"}},
		"Fork":     {reason: "The version of a fork.", versions: []string{"1.0.0-alpha.64"}},
		"OneIsOld": {
			reason:   "A deployment is as old as its oldest server.",
			versions: []string{"2026-02-12T20:18:48Z", "2025-09-07T16:13:09Z"},
			want:     true,
		},
		"OneIsAway":   {reason: "A server that is offline has no version.", versions: []string{"2026-02-12T20:18:48Z", ""}},
		"Nonsense":    {reason: "The version holds no time.", versions: []string{"..", "RELEASE", "RELEASE."}},
		"Impossible":  {reason: "The time does not exist.", versions: []string{"RELEASE.2025-13-41T99-99-99Z"}},
		"WrongLayout": {reason: "The time has another layout.", versions: []string{"RELEASE.2024"}},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			info := serverInfo{}
			for _, v := range tc.versions {
				info.Servers = append(info.Servers, serverNode{Version: v})
			}

			if got := outdated(info); got != tc.want {
				t.Errorf("%s\noutdated(...): want %t, got %t", tc.reason, tc.want, got)
			}
		})
	}
}

func FuzzReleaseTime(f *testing.F) {
	f.Add("2026-02-12T20:18:48Z")
	f.Add("RELEASE.2025-09-07T16-13-09Z.hotfix.1a2b3c4d5")
	f.Add("DEVELOPMENT.GOGET")

	f.Fuzz(func(t *testing.T, version string) {
		if at, ok := releaseTime(version); ok == at.IsZero() && at.Year() != 1 {
			t.Errorf("releaseTime(%q): got %s, %t", version, at, ok)
		}
	})
}
