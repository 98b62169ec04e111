package component

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/cistern-dev/cistern/test/dev/tools"
)

// Apply applies a manifest server-side, in a namespace, as kubectl does: it fails if another
// client owns a field with another value. It returns what the API server stores.
func (e *Env) Apply(ctx context.Context, namespace, manifest string, opts ...client.PatchOption) (*unstructured.Unstructured, error) {
	o := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(manifest), &o.Object); err != nil {
		return nil, fmt.Errorf("cannot decode a manifest: %w", err)
	}

	o.SetNamespace(namespace)

	content, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("cannot encode a manifest: %w", err)
	}

	err = e.Kube.Patch(ctx, o, client.RawPatch(types.ApplyPatchType, content), append(opts, client.FieldOwner("kubectl"))...)
	if err != nil {
		return nil, fmt.Errorf("cannot apply %s %q: %w", o.GetKind(), o.GetName(), err)
	}

	return o, nil
}

// Examples returns the manifests in a directory of the examples.
func Examples(dir string) ([]string, error) {
	repo, err := tools.RepoDir()
	if err != nil {
		return nil, err
	}

	files, err := filepath.Glob(filepath.Join(repo, "examples", dir, "*.yaml"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("there are no examples in %q: %w", dir, err)
	}

	var all []string

	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("cannot read an example: %w", err)
		}

		all = append(all, strings.Split(string(text), "\n---\n")...)
	}

	return all, nil
}
