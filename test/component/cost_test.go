//go:build e2e

package component

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	miniogo "github.com/minio/minio-go/v7"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// kinds are the controllers whose reconciles the provider's metrics count.
var kinds = []string{"bucket", "user", "policy"}

// reconcilesNow returns how many reconciles of each kind the provider has ended.
func reconcilesNow(t *testing.T, p *Provider) map[string]int {
	t.Helper()

	now := make(map[string]int)

	for _, k := range kinds {
		var err error
		if now[k], err = p.Reconciles(t.Context(), k); err != nil {
			t.Fatal(err)
		}
	}

	return now
}

// awaitPolls waits until all resources were polled a number of times more.
func awaitPolls(t *testing.T, p *Provider, all []resource.Managed, polls int) {
	t.Helper()

	begin := reconcilesNow(t, p)

	await.For(t, fmt.Sprintf("%d polls of each", polls), func() error {
		for kind, n := range countKinds(all) {
			now, err := p.Reconciles(t.Context(), kind)
			if err != nil || now-begin[kind] < polls*n {
				return errors.Join(err, fmt.Errorf("%d of %s", now-begin[kind], kind))
			}
		}

		return nil
	})
}

// TestCostOfSteadyState leaves many resources alone, with all that they can
// have, and counts what the provider asks for meanwhile.
func TestCostOfSteadyState(t *testing.T) {
	const (
		polls    = 5
		interval = 2 * time.Second
	)

	// With one worker a kind, one poll of it at most is under way at any moment.
	p := startProvider(t, "--poll-interval="+interval.String(), "--max-concurrency=1")
	ns, home := newHome(t)
	all := population(ns, home)

	for _, mg := range all {
		create(t, mg)
	}

	awaitSettled(t, all)
	rotateSome(t, all)

	// One that has no bucket any more publishes less than it did.
	if last, ok := all[len(all)-1].(*miniov1alpha1.User); ok {
		await.Change(t, env.Kube, last, func(u *miniov1alpha1.User) { u.Spec.ForProvider.Grants = nil })
		await.For(t, "a Secret without a bucket", func() error { return publishesNoBucket(t, last) })
	}

	awaitSettled(t, all)

	// The first poll after a change may look closer.
	awaitPolls(t, p, all, 2)

	// The polls that are counted begin before the calls and end after them: their
	// calls are all there are, but for those of polls that are under way at the end.
	before, from := reconcilesNow(t, p), env.Proxy.Now()

	awaitPolls(t, p, all, polls)

	calls, _ := env.Proxy.Calls(from)

	counted := reconcilesNow(t, p)
	for kind := range counted {
		counted[kind] -= before[kind]
	}

	t.Run("MinIO", func(t *testing.T) { checkStorageCalls(t, all, calls, counted) })

	t.Run("Kubernetes", func(t *testing.T) { checkKubernetesCalls(t, ns, calls) })

	for _, mg := range all {
		if err := env.Kube.Delete(t.Context(), mg); err != nil {
			t.Error(err)
		}
	}

	for _, mg := range all {
		await.Gone(t, env.Kube, mg)
	}
}

// publishesNoBucket returns an error while a User's Secret names a bucket.
func publishesNoBucket(t *testing.T, u *miniov1alpha1.User) error {
	t.Helper()

	s := &corev1.Secret{}
	if err := env.Kube.Get(t.Context(), client.ObjectKey{Namespace: u.Namespace, Name: u.GetWriteConnectionSecretToReference().Name}, s); err != nil {
		return err
	}

	if b, named := s.Data[miniov1alpha1.ConnectionKeyBucketName]; named {
		return fmt.Errorf("it names %q", b)
	}

	return nil
}

// checkKubernetesCalls wants polls to write nothing, and to read nothing that is in a
// namespace: what they need of their resources is told by watches.
func checkKubernetesCalls(t *testing.T, namespace string, calls []Call) {
	t.Helper()

	reads := make(map[string]int)

	for _, c := range calls {
		if c.Server != Kubernetes {
			continue
		}

		if c.Write {
			t.Errorf("%s of %s, though nothing changed", c.Operation, c.Object)
		} else {
			reads[c.Operation+" "+c.Object]++
		}

		if strings.HasPrefix(c.Object, namespace+"/") {
			t.Errorf("%s of %s, though it is known", c.Operation, c.Object)
		}
	}

	t.Logf("reads of the API server, of the configuration: %v", reads)
}

// checkStorageCalls wants polls, so many of each kind, to write nothing, to need nothing dear, and to
// cost two calls at most.
func checkStorageCalls(t *testing.T, all []resource.Managed, calls []Call, polls map[string]int) {
	t.Helper()

	byKind, byOperation := make(map[string]int), make(map[string]int)

	for _, c := range calls {
		if c.Server != MinIO {
			continue
		}

		if c.Write || c.Encrypted {
			t.Errorf("%s of %s, though nothing changed", c.Operation, c.Object)
		}

		kind := kindOf(all, c)
		byKind[kind]++
		byOperation[kind+": "+c.Operation]++
	}

	for _, kind := range kinds {
		n := polls[kind]
		t.Logf("%s: %d polls, %d calls of MinIO, %.2f each", kind, n, byKind[kind], float64(byKind[kind])/float64(n))

		// Buckets may be polled together, see TestBucketSnapshots.
		least := n / 2
		if kind == "bucket" {
			least = 0
		}

		// One poll may be under way, and the last ones ended without a call counted.
		if byKind[kind] > 2*(n+1) || byKind[kind] < least {
			t.Errorf("%s: want 1 or 2 calls for each of %d polls, got %d", kind, n, byKind[kind])
		}
	}

	t.Logf("calls of MinIO: %v", byOperation)
}

// kindOf returns the kind of the resource that a call of MinIO is for.
func kindOf(all []resource.Managed, c Call) string {
	for _, mg := range all {
		if mg.GetName() != c.Object {
			continue
		}

		switch mg.(type) {
		case *miniov1alpha1.Bucket:
			return "bucket"
		case *miniov1alpha1.Policy:
			return "policy"
		}
	}

	if c.Object == "" {
		return "provider configuration"
	}

	// Users and their policies have names of their own, and keys are proven on
	// buckets of nobody here.
	return "user"
}

func countKinds(all []resource.Managed) map[string]int {
	n := make(map[string]int)

	for _, mg := range all {
		switch mg.(type) {
		case *miniov1alpha1.Bucket:
			n["bucket"]++
		case *miniov1alpha1.User:
			n["user"]++
		case *miniov1alpha1.Policy:
			n["policy"]++
		}
	}

	return n
}

// newHome makes a namespace, and a bucket that no resource is about.
func newHome(t *testing.T) (namespace, bucket string) {
	t.Helper()

	namespace = newNamespace(t)
	bucket = namespace + "-home"

	if err := env.Server.S3.MakeBucket(t.Context(), bucket, miniogo.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}

	return namespace, bucket
}

// population returns resources of every kind: ten Buckets and Users and five
// Policies. Every other User holds a Policy.
func population(ns, home string) []resource.Managed {
	all := make([]resource.Managed, 0, 25)

	for i := range 10 {
		b := newBucket(ns, fmt.Sprintf("steady-%d", i))
		b.Spec.ForProvider = everySetting()
		all = append(all, b)
	}

	for i := range 5 {
		p := &miniov1alpha1.Policy{ObjectMeta: metav1.ObjectMeta{Name: policyName(ns, i), Namespace: ns}}
		p.Spec.ForProvider.Document = policyDocument("s3:GetObject")
		all = append(all, p)
	}

	for i := range 10 {
		u := newUser(ns, fmt.Sprintf("steady-%d", i), miniov1alpha1.Grant{BucketName: home, Access: miniov1alpha1.AccessReadWrite})
		if i%2 == 0 {
			u.Spec.ForProvider.Policies = []miniov1alpha1.PolicyAttachment{{PolicyName: policyName(ns, i/2)}}
		}

		all = append(all, u)
	}

	return all
}

func policyName(ns string, i int) string { return fmt.Sprintf("%s-policy-%d", ns, i) }

// rotateSome gives every third User a new key, and waits until the old one is
// gone.
func rotateSome(t *testing.T, all []resource.Managed) {
	t.Helper()

	var rotated []*miniov1alpha1.User

	for i, mg := range all {
		if u, ok := mg.(*miniov1alpha1.User); ok && i%3 == 0 {
			await.Change(t, env.Kube, u, func(u *miniov1alpha1.User) {
				u.Spec.ForProvider.Rotation = &miniov1alpha1.Rotation{Trigger: "now", Overlap: &metav1.Duration{}}
			})

			rotated = append(rotated, u)
		}
	}

	for _, u := range rotated {
		await.For(t, u.Name+" to be rotated", func() error {
			if err := settled(t.Context(), u); err != nil {
				return err
			}

			if s := u.Status.AtProvider; s.Generation != 1 || len(s.RetiringKeys) > 0 || s.AccessKeyID == "" {
				return fmt.Errorf("generation %d, retiring %v", s.Generation, s.RetiringKeys)
			}

			return nil
		})
	}
}

func awaitSettled(t *testing.T, all []resource.Managed) {
	t.Helper()

	for _, mg := range all {
		await.For(t, mg.GetName()+" to be ready", func() error { return settled(t.Context(), mg) })
	}
}

// aboutTheServer are calls that are for no resource: the check of the server, and that
// of how much its buckets hold.
var aboutTheServer = []string{"info", "accountinfo"}

// TestCostOfCreation counts the calls of MinIO that it takes to make a resource,
// until it is ready and known to be.
func TestCostOfCreation(t *testing.T) {
	ns, home := newHome(t)
	p := startProvider(t)

	// What it asks for when it begins is not for a resource.
	await.For(t, "the provider to begin", func() error { _, err := p.Reconciles(t.Context(), "bucket"); return err })

	cases := map[string]struct {
		reason string
		mg     resource.Managed
		// most calls; look is how many of them are for the last look.
		most, look int
		encrypted  []string
	}{
		"Bucket": {
			reason: "A bucket without settings is looked for, made, and looked at.",
			mg:     newBucket(ns, "cheap"),
			most:   3,
			look:   1,
		},
		"User": {
			reason:    "Of a user's calls only one is encrypted; the key is proven by two.",
			mg:        newUser(ns, "cheap", miniov1alpha1.Grant{BucketName: home, Access: miniov1alpha1.AccessReadWrite}),
			most:      8,
			look:      4,
			encrypted: []string{"add-user"},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			awaitIdle(t)

			from := env.Proxy.Now()

			create(t, tc.mg)
			awaitSettled(t, []resource.Managed{tc.mg})

			var (
				operations, encrypted []string
				conflicts             int
			)

			awaitIdle(t)

			calls, _ := env.Proxy.Calls(from)

			for _, c := range calls {
				switch {
				case c.Server == MinIO && slices.Contains(aboutTheServer, c.Operation):
					// Once a minute, whatever is made.
				case c.Server == MinIO:
					operations = append(operations, c.Operation)
				case c.Status == http.StatusConflict:
					conflicts++
				}

				if c.Encrypted {
					encrypted = append(encrypted, c.Operation)
				}
			}

			t.Logf("%d calls of MinIO, %d conflicts: %s", len(operations), conflicts, strings.Join(operations, ", "))

			// A look that cannot be recorded is repeated.
			if len(operations) > tc.most+conflicts*tc.look || !slices.Equal(encrypted, tc.encrypted) {
				t.Errorf("%s\nwant at most %d calls, and %d for each conflict; of them encrypted: want %v, got %v",
					tc.reason, tc.most, tc.look, tc.encrypted, encrypted)
			}

			if err := env.Kube.Delete(t.Context(), tc.mg); err != nil {
				t.Fatal(err)
			}

			await.Gone(t, env.Kube, tc.mg)
		})
	}
}
