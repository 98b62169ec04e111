package build

import (
	"path/filepath"
	"testing"
)

func TestXpkgProgram(t *testing.T) {
	if err := xpkgProgram(filepath.Join("..", "..")).Check(); err != nil {
		t.Errorf("xpkgProgram(): %v", err)
	}
}

func TestInstalledName(t *testing.T) {
	cases := map[string]struct {
		reason   string
		registry string
		want     string
	}{
		"Host": {reason: "The host is not part of the name.", registry: "10.89.0.1:25000", want: "cistern-dev-provider-minio"},
		"Path": {
			reason:   "A path in the registry is part of the name.",
			registry: "registry.example.org/team/mirror", want: "team-mirror-cistern-dev-provider-minio",
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := InstalledName(tc.registry, "provider-minio"); got != tc.want {
				t.Errorf("%s\nInstalledName(%q, ...): want %q, got %q", tc.reason, tc.registry, tc.want, got)
			}
		})
	}
}
