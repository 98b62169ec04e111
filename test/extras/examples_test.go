//go:build e2e

package extras

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/component"
	"github.com/cistern-dev/cistern/test/dev/tools"
)

// TestExamples applies all examples of the long tail, and those of the native kinds that
// they refer to.
func TestExamples(t *testing.T) {
	startProvider(t)

	ns := newNamespace(t)
	prepareExamples(t, ns)

	all := slices.DeleteFunc(readExamples(t, "extras"), func(mg resource.ModernManaged) bool {
		return mg.GetObjectKind().GroupVersionKind().Group == miniov1alpha1.GroupVersion.Group
	})

	for _, mg := range all {
		mg.SetNamespace(ns)
		must(t, env.Kube.Create(t.Context(), mg))
	}

	for _, mg := range all {
		awaitSettled(t, mg)
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

// readExamples returns the managed resources among the examples of a directory. It
// replaces what differs between installations: the URL of another server and the name
// of the KMS key.
func readExamples(t *testing.T, dir string) []resource.ModernManaged {
	t.Helper()

	repo, err := tools.RepoDir()
	must(t, err)

	files, err := filepath.Glob(filepath.Join(repo, "examples", dir, "*.yaml"))
	must(t, err)

	decoder := serializer.NewCodecFactory(env.Kube.Scheme()).UniversalDeserializer()
	local := strings.NewReplacer("https://archive.example.org:9000", ldapMinIO.URL(), "minio-default-key", component.KMSKey)

	var all []resource.ModernManaged

	for _, file := range files {
		text, err := os.ReadFile(file)
		must(t, err)

		for document := range strings.SplitSeq(local.Replace(string(text)), "\n---\n") {
			o, gvk, err := decoder.Decode([]byte(document), nil, nil)
			must(t, err)

			if mg, ok := o.(resource.ModernManaged); ok {
				mg.GetObjectKind().SetGroupVersionKind(*gvk)
				all = append(all, mg)
			}
		}
	}

	if len(all) == 0 {
		t.Fatalf("there are no examples in %q", dir)
	}

	return all
}
