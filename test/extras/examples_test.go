//go:build e2e

package extras

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/component"
)

// TestExamples applies all examples of the long tail server-side, next to those of the native
// kinds that they refer to. Once the provider has worked on them they can be applied again:
// nothing conflicts, and no spec has changed.
func TestExamples(t *testing.T) {
	startProvider(t)

	ns := newNamespace(t)
	prepareExamples(t, ns)

	applied := make(map[string]*unstructured.Unstructured)

	var all []resource.ModernManaged

	for _, manifest := range exampleManifests(t, "extras") {
		mg := decode(t, manifest)
		if mg == nil || mg.GetObjectKind().GroupVersionKind().Group == miniov1alpha1.GroupVersion.Group {
			continue
		}

		o, err := env.Apply(t.Context(), ns, manifest)
		must(t, err)

		mg.SetNamespace(ns)
		all, applied[manifest] = append(all, mg), o
	}

	for _, mg := range all {
		awaitSettled(t, mg)
	}

	for manifest, before := range applied {
		again, err := env.Apply(t.Context(), ns, manifest)
		must(t, err)

		if again.GetGeneration() != before.GetGeneration() || !cmp.Equal(before.Object["spec"], again.Object["spec"]) {
			t.Errorf("%s %s: generation %d became %d: -applied, +got:\n%s", before.GetKind(), before.GetName(),
				before.GetGeneration(), again.GetGeneration(), cmp.Diff(before.Object["spec"], again.Object["spec"]))
		}
	}

	for _, mg := range all {
		must(t, env.Kube.Delete(t.Context(), mg))
	}

	for _, mg := range all {
		await.Gone(t, env.Kube, mg)
	}
}

// examplePolicy stands in for the documents of the examples' Policies.
const examplePolicy = `{"Version":"2012-10-17","Statement":[
	{"Effect":"Allow","Action":["s3:ListBucket"],"Resource":["arn:aws:s3:::example-photos"]}
]}`

// prepareExamples creates what the examples refer to, on MinIO as well, since no
// provider-minio runs here.
func prepareExamples(t *testing.T, ns string) {
	t.Helper()

	for _, o := range append(readExamples(t, "minio"), readExamples(t, "extras")...) {
		name := o.GetName()

		switch o.GetObjectKind().GroupVersionKind().Kind {
		default:
			continue
		case "Bucket":
			must(t, env.Server.S3.MakeBucket(t.Context(), name, miniogo.MakeBucketOptions{}))
		case "User":
			must(t, env.Server.AddUser(t.Context(), name, "example-user-secret"))
		case "Policy":
			must(t, env.Server.AddCannedPolicy(t.Context(), name, []byte(examplePolicy)))
		}

		o.SetNamespace(ns)
		meta.SetExternalName(o, name)
		must(t, env.Kube.Create(t.Context(), o))
	}

	must(t, ldapMinIO.S3.MakeBucket(t.Context(), "cold", miniogo.MakeBucketOptions{}))

	const id, secret = "cold-storage", "cold-storage-secret"

	_, err := ldapMinIO.AddServiceAccount(t.Context(), madmin.AddServiceAccountReq{AccessKey: id, SecretKey: secret})
	must(t, err)
	must(t, env.Kube.Create(t.Context(), &corev1.Secret{
		ObjectMeta: named(ns, "cold-storage"),
		StringData: map[string]string{"secretKey": secret},
	}))
}

// readExamples returns the managed resources among the examples of a directory.
func readExamples(t *testing.T, dir string) []resource.ModernManaged {
	t.Helper()

	var all []resource.ModernManaged

	for _, manifest := range exampleManifests(t, dir) {
		if mg := decode(t, manifest); mg != nil {
			all = append(all, mg)
		}
	}

	return all
}

// exampleManifests returns the examples of a directory. It replaces what differs between
// installations: the URL of another server and the name of the KMS key.
func exampleManifests(t *testing.T, dir string) []string {
	t.Helper()

	all, err := component.Examples(dir)
	must(t, err)

	local := strings.NewReplacer("https://archive.example.org:9000", ldapMinIO.URL(), "minio-default-key", component.KMSKey)
	for i := range all {
		all[i] = local.Replace(all[i])
	}

	return all
}

// decode returns the managed resource in a manifest; nil for any other object.
func decode(t *testing.T, manifest string) resource.ModernManaged {
	t.Helper()

	o, gvk, err := serializer.NewCodecFactory(env.Kube.Scheme()).UniversalDeserializer().Decode([]byte(manifest), nil, nil)
	must(t, err)

	mg, ok := o.(resource.ModernManaged)
	if !ok {
		return nil
	}

	mg.GetObjectKind().SetGroupVersionKind(*gvk)

	return mg
}
