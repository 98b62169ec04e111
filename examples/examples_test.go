package examples

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kyaml "sigs.k8s.io/yaml"

	minio "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenant "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// TestExamplesDecode decodes every example strictly: a field that the API does
// not have fails. Kinds of others are tried by the end-to-end tests.
func TestExamplesDecode(t *testing.T) {
	kinds := map[schema.GroupVersionKind]func() runtime.Object{
		tenant.BucketKind:               func() runtime.Object { return &tenant.Bucket{} },
		minio.BucketKind:                func() runtime.Object { return &minio.Bucket{} },
		minio.UserKind:                  func() runtime.Object { return &minio.User{} },
		minio.PolicyKind:                func() runtime.Object { return &minio.Policy{} },
		minio.ProviderConfigKind:        func() runtime.Object { return &minio.ProviderConfig{} },
		minio.ClusterProviderConfigKind: func() runtime.Object { return &minio.ClusterProviderConfig{} },
	}
	seen := map[schema.GroupVersionKind]bool{}

	err := filepath.WalkDir(".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yaml" {
			return err
		}

		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}

		var head struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
		}
		if err := kyaml.Unmarshal(b, &head); err != nil {
			t.Errorf("%s: %v", path, err)
			return nil
		}

		gvk := schema.FromAPIVersionAndKind(head.APIVersion, head.Kind)
		seen[gvk] = true

		if newObject, ours := kinds[gvk]; ours {
			if err := kyaml.UnmarshalStrict(b, newObject()); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		} else if gvk.Group != "pkg.crossplane.io" && gvk.Group != "apiextensions.crossplane.io" && gvk.Group != "rbac.authorization.k8s.io" {
			t.Errorf("%s: %s is a kind that nobody checks", path, gvk)
		}

		return nil
	})
	if err != nil {
		t.Fatal(err)
	}

	for gvk := range kinds {
		if !seen[gvk] {
			t.Errorf("no example of %s", gvk)
		}
	}
}
