package examples

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kyaml "sigs.k8s.io/yaml"

	iam "github.com/cistern-dev/cistern/apis/extras/iam/v1alpha1"
	ilm "github.com/cistern-dev/cistern/apis/extras/ilm/v1alpha1"
	kms "github.com/cistern-dev/cistern/apis/extras/kms/v1alpha1"
	s3 "github.com/cistern-dev/cistern/apis/extras/s3/v1alpha1"
	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// TestExamplesDecode decodes every example of our kinds strictly, so that an unknown
// field fails, and checks that each kind has an example. The end-to-end tests apply
// examples of other kinds.
func TestExamplesDecode(t *testing.T) {
	kinds := map[schema.GroupVersionKind]func() runtime.Object{
		tenantv1alpha1.BucketKind:               func() runtime.Object { return &tenantv1alpha1.Bucket{} },
		miniov1alpha1.BucketKind:                func() runtime.Object { return &miniov1alpha1.Bucket{} },
		miniov1alpha1.UserKind:                  func() runtime.Object { return &miniov1alpha1.User{} },
		miniov1alpha1.PolicyKind:                func() runtime.Object { return &miniov1alpha1.Policy{} },
		miniov1alpha1.ProviderConfigKind:        func() runtime.Object { return &miniov1alpha1.ProviderConfig{} },
		miniov1alpha1.ClusterProviderConfigKind: func() runtime.Object { return &miniov1alpha1.ClusterProviderConfig{} },

		iam.Group_GroupVersionKind:                     func() runtime.Object { return &iam.Group{} },
		iam.GroupUserAttachment_GroupVersionKind:       func() runtime.Object { return &iam.GroupUserAttachment{} },
		iam.GroupPolicyAttachment_GroupVersionKind:     func() runtime.Object { return &iam.GroupPolicyAttachment{} },
		iam.LDAPGroupPolicyAttachment_GroupVersionKind: func() runtime.Object { return &iam.LDAPGroupPolicyAttachment{} },
		iam.LDAPUserPolicyAttachment_GroupVersionKind:  func() runtime.Object { return &iam.LDAPUserPolicyAttachment{} },
		ilm.Tier_GroupVersionKind:                      func() runtime.Object { return &ilm.Tier{} },
		kms.Key_GroupVersionKind:                       func() runtime.Object { return &kms.Key{} },
		s3.BucketPolicy_GroupVersionKind:               func() runtime.Object { return &s3.BucketPolicy{} },
		s3.BucketNotification_GroupVersionKind:         func() runtime.Object { return &s3.BucketNotification{} },
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

		for document := range strings.SplitSeq(string(b), "\n---\n") {
			seen[check(t, path, []byte(document), kinds)] = true
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

// elsewhere are groups whose kinds are checked elsewhere: by the end-to-end tests, or by the tests of
// package monitoring.
var elsewhere = []string{
	"pkg.crossplane.io", "apiextensions.crossplane.io", "protection.crossplane.io", "rbac.authorization.k8s.io", "monitoring.coreos.com",
}

// builtins are the kinds of Kubernetes that only this test checks.
var builtins = map[schema.GroupVersionKind]func() runtime.Object{
	corev1.SchemeGroupVersion.WithKind("ResourceQuota"):       func() runtime.Object { return &corev1.ResourceQuota{} },
	networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy"): func() runtime.Object { return &networkingv1.NetworkPolicy{} },
}

// check decodes a document of a file and returns its kind.
func check(t *testing.T, path string, document []byte, kinds map[schema.GroupVersionKind]func() runtime.Object) schema.GroupVersionKind {
	t.Helper()

	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := kyaml.Unmarshal(document, &head); err != nil {
		t.Fatalf("%s: %v", path, err)
	}

	gvk := schema.FromAPIVersionAndKind(head.APIVersion, head.Kind)

	if newObject, ours := kinds[gvk]; ours {
		if err := kyaml.UnmarshalStrict(document, newObject()); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	} else if builtin, ok := builtins[gvk]; ok {
		if err := kyaml.UnmarshalStrict(document, builtin()); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	} else if !slices.Contains(elsewhere, gvk.Group) {
		t.Errorf("%s: no test checks the kind %s", path, gvk)
	}

	return gvk
}
