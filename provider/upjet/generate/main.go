// Command generate writes the Go types of the long tail's kinds, with the methods that
// upjet needs, into a directory. It removes the generated files of earlier runs.
package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/crossplane/upjet/v2/pkg/pipeline"
	tjtypes "github.com/crossplane/upjet/v2/pkg/types"

	"github.com/cistern-dev/cistern/provider/upjet"
)

type cli struct {
	Dir string `arg:"" help:"Directory to write to, in the module." type:"path"`
}

func main() {
	c := &cli{}
	k := kong.Parse(c, kong.Description("Generate the APIs of the long tail."))
	k.FatalIfErrorf(c.Run(context.Background()))
}

// Run generates the files.
func (c *cli) Run(ctx context.Context) error {
	if err := clean(c.Dir); err != nil {
		return err
	}

	tmp, err := os.MkdirTemp("", "cistern-upjet-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)

	if err := prepare(ctx, tmp); err != nil {
		return err
	}

	p := upjet.Provider()

	// upjet also writes a controller and examples for each kind. Both are discarded:
	// package upjet is one controller for all kinds, and examples are written by hand.
	(&pipeline.PipelineRunner{
		DirAPIs:               c.Dir,
		DirControllers:        filepath.Join(tmp, "controllers"),
		DirExamples:           filepath.Join(tmp, "examples"),
		DirHack:               tmp,
		ModulePathAPIs:        p.ModulePath + "/apis/" + filepath.Base(c.Dir),
		ModulePathControllers: p.ModulePath + "/controllers",
		Scope:                 tjtypes.CRDScopeNamespaced,
	}).Run(p)

	if err := fixProviderConfig(c.Dir); err != nil {
		return err
	}

	return clearExecutable(c.Dir)
}

// prepare provides what upjet needs: a licence header, which is empty, and goimports
// on the PATH.
func prepare(ctx context.Context, tmp string) error {
	if err := os.WriteFile(filepath.Join(tmp, "boilerplate.go.txt"), nil, 0o600); err != nil {
		return err
	}

	cmd := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(tmp, "bin", "goimports"), "golang.org/x/tools/cmd/goimports")
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot build goimports: %w\n%s", err, output)
	}

	return os.Setenv("PATH", filepath.Join(tmp, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// clean removes the generated files of earlier runs.
func clean(dir string) error {
	return forEachGenerated(dir, os.Remove)
}

// providerConfigRule is the rule of the native kinds, see miniov1alpha1.UserSpec: on another
// server the external name may belong to another resource.
const providerConfigRule = `// +kubebuilder:validation:XValidation:` +
	`rule="has(self.providerConfigRef) == has(oldSelf.providerConfigRef) && (!has(self.providerConfigRef) || self.providerConfigRef == oldSelf.providerConfigRef)",` +
	`message="providerConfigRef is fixed at creation: make a new resource to use another server"`

// specType matches the beginning of the type of a kind's spec.
var specType = regexp.MustCompile(`(?m)^type \w+Spec struct \{$`)

// fixProviderConfig adds providerConfigRule to the spec of each kind: upjet has no option for
// it.
func fixProviderConfig(dir string) error {
	return forEachGenerated(dir, func(path string) error {
		if !strings.HasSuffix(path, "_types.go") {
			return nil
		}

		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}

		if n := len(specType.FindAllIndex(content, -1)); n != 1 {
			return fmt.Errorf("%s: want one type of a spec, found %d", path, n)
		}

		return os.WriteFile(path, specType.ReplaceAll(content, []byte(providerConfigRule+"\n$0")), 0o600)
	})
}

// clearExecutable clears the executable bit that upjet sets on generated files.
func clearExecutable(dir string) error {
	return forEachGenerated(dir, func(path string) error { return os.Chmod(path, 0o644) })
}

// forEachGenerated calls f with each generated file.
func forEachGenerated(dir string, f func(path string) error) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}

	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasPrefix(e.Name(), "zz_") {
			return err
		}

		return f(path)
	})
}
