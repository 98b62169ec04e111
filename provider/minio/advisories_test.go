package minio

import "testing"

func TestAdvisories(t *testing.T) {
	cases := map[string]struct {
		reason   string
		versions []string
		known    int
		dated    bool
	}{
		"Community": {reason: "The last release of community MinIO.", versions: []string{"2026-02-12T20:18:48Z"}, known: 7, dated: true},
		"Old":       {reason: "An older one has one more.", versions: []string{"2025-09-07T16:13:09Z"}, known: 8, dated: true},
		"Fixed":     {reason: "A release with the fixes.", versions: []string{"RELEASE.2026-04-11T00-00-00Z"}, dated: true},
		"Fork":      {reason: "A fork with version numbers.", versions: []string{"1.0.0"}},
		"OneIsOld":  {reason: "The oldest node counts.", versions: []string{"2026-05-01T00:00:00Z", "2026-02-12T20:18:48Z"}, known: 7, dated: true},
		"OneIsAway": {reason: "A node that is offline has no version.", versions: []string{"2026-05-01T00:00:00Z", ""}, dated: true},
		"Mixed":     {reason: "A node of unknown age may have more.", versions: []string{"2026-02-12T20:18:48Z", "1.0.0"}, known: 7},
		"Nothing":   {reason: "Nothing is known without a version."},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			info := serverInfo{}
			for _, v := range tc.versions {
				info.Servers = append(info.Servers, serverNode{Version: v})
			}

			if known, dated := advisoriesOf(info); len(known) != tc.known || dated != tc.dated {
				t.Errorf("%s\nwant %d advisories, %t, got %v, %t", tc.reason, tc.known, tc.dated, known, dated)
			}
		})
	}
}
