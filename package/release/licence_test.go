package release

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/mod/modfile"
)

// TestLicence checks the licences of modules that the packages link.
func TestLicence(t *testing.T) {
	t.Parallel()

	b, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}

	f, err := modfile.Parse("go.mod", b, nil)
	if err != nil {
		t.Fatal(err)
	}

	versions := map[string]string{}
	for _, r := range f.Require {
		versions[r.Mod.Path] = r.Mod.Version
	}

	cases := map[string]struct {
		reason string
		want   string
	}{
		"github.com/minio/madmin-go/v3":    {reason: "Its text does not say whether later versions apply.", want: "AGPL-3.0-only"},
		"github.com/minio/minio-go/v7":     {reason: "A licence without a name in its file is known by its text.", want: "Apache-2.0"},
		"github.com/hashicorp/go-plugin":   {reason: "A weak copyleft licence is known.", want: "MPL-2.0"},
		"github.com/alecthomas/kong":       {reason: "COPYING holds a licence too.", want: "MIT"},
		"golang.org/x/sys":                 {reason: "A file of patents is no licence.", want: "BSD-3-Clause"},
		"github.com/klauspost/compress":    {reason: "All licences of a file apply.", want: "Apache-2.0 AND BSD-3-Clause AND MIT"},
		"github.com/Masterminds/not-there": {reason: "A module that is not there was not linked."},
	}
	for path, tc := range cases {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()

			version := versions[path]
			if version == "" {
				version = "v1.0.0"
			}

			got, err := licence(path, version)
			if got != tc.want || (err != nil) != (tc.want == "") {
				t.Errorf("%s\nlicence(%q): want %q, got %q, error %v", tc.reason, path, tc.want, got, err)
			}
		})
	}
}
