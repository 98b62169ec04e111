package minio

import (
	"testing"

	"github.com/minio/madmin-go/v3"
)

func TestOutdated(t *testing.T) {
	cases := map[string]struct {
		reason   string
		versions []string
		want     bool
	}{
		"Nothing":     {reason: "A server that tells no version speaks the API."},
		"Now":         {reason: "What released servers say.", versions: []string{"2026-02-12T20:18:48Z"}},
		"First":       {reason: "The oldest one that will do.", versions: []string{"2025-10-15T17:29:55Z"}},
		"Old":         {reason: "One before.", versions: []string{"2025-09-07T16:13:09Z"}, want: true},
		"OldTag":      {reason: "What images are called.", versions: []string{"RELEASE.2025-09-07T16-13-09Z"}, want: true},
		"OldHotfix":   {reason: "A mended one is as old.", versions: []string{"RELEASE.2025-09-07T16-13-09Z.hotfix.1a2b3c4d5"}, want: true},
		"OldBuild":    {reason: "A build of one's own.", versions: []string{"DEVELOPMENT.2024-01-01T00-00-00Z"}, want: true},
		"Tag":         {reason: "What images are called.", versions: []string{"RELEASE.2025-10-15T17-29-55Z"}},
		"GoGet":       {reason: "A build whose age nobody knows.", versions: []string{"DEVELOPMENT.GOGET"}},
		"Fork":        {reason: "A number of another project.", versions: []string{"1.0.0-alpha.64"}},
		"OneIsOld":    {reason: "A deployment is as old as its oldest server.", versions: []string{"2026-02-12T20:18:48Z", "2025-09-07T16:13:09Z"}, want: true},
		"OneIsAway":   {reason: "A server that is away tells no version.", versions: []string{"2026-02-12T20:18:48Z", ""}},
		"Nonsense":    {reason: "No time.", versions: []string{"..", "RELEASE", "RELEASE."}},
		"Impossible":  {reason: "No time either.", versions: []string{"RELEASE.2025-13-41T99-99-99Z"}},
		"WrongLayout": {reason: "A time of another layout.", versions: []string{"RELEASE.2024"}},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			info := madmin.InfoMessage{}
			for _, v := range tc.versions {
				info.Servers = append(info.Servers, madmin.ServerProperties{Version: v})
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
