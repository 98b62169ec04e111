package advisories

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestModulesHaveNoKnownHoles checks the modules that the packages are built from.
func TestModulesHaveNoKnownHoles(t *testing.T) {
	t.Parallel()

	gomod, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}

	if err := CheckModules(gomod); err != nil {
		t.Error(err)
	}
}

// TestCheckProgram wants the modules to be found that a program is built from.
func TestCheckProgram(t *testing.T) {
	t.Parallel()

	program := filepath.Join(t.TempDir(), "program")

	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./testdata/program")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cannot build a program: %v: %s", err, out)
	}

	versions, err := modules(program)
	if err != nil {
		t.Fatal(err)
	}

	if versions["golang.org/x/mod"] == "" {
		t.Errorf("the modules of the program are %v, want golang.org/x/mod among them", versions)
	}

	if err := CheckProgram(program); err != nil {
		t.Error(err)
	}

	if err := CheckProgram("advisories.go"); err == nil {
		t.Error("a file that is no program passed")
	}
}

func TestCheckModules(t *testing.T) {
	t.Parallel()

	cases := map[string]struct {
		gomod string
		want  []string
	}{
		"Old": {
			gomod: "require google.golang.org/grpc v1.79.3",
			want:  []string{"google.golang.org/grpc v1.79.3", "GHSA-hrxh-6v49-42gf", "v1.83.2"},
		},
		"OldIndirect": {
			gomod: "require go.opentelemetry.io/otel v1.41.0 // indirect",
			want:  []string{"GHSA-5wrp-cwcj-q835"},
		},
		"ReplacedByOld": {
			gomod: "require google.golang.org/grpc v1.85.0\nreplace google.golang.org/grpc => google.golang.org/grpc v1.79.3",
			want:  []string{"google.golang.org/grpc v1.79.3"},
		},
		"Several": {
			gomod: "require (\ngoogle.golang.org/grpc v1.79.3\ngithub.com/google/cel-go v0.27.0\n)",
			want:  []string{"google.golang.org/grpc", "github.com/google/cel-go"},
		},
		"Mended":     {gomod: "require google.golang.org/grpc v1.83.2"},
		"Unknown":    {gomod: "require example.org/module v0.0.1"},
		"NoVersions": {gomod: ""},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			err := CheckModules([]byte("module example.org/m\n\ngo 1.26.0\n\n" + tc.gomod + "\n"))
			if (err != nil) != (len(tc.want) > 0) {
				t.Fatalf("CheckModules: error %v, want one that says %q", err, tc.want)
			}

			for _, w := range tc.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("CheckModules: error %q does not say %q", err, w)
				}
			}
		})
	}
}
