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

// kinds are the kinds whose reconciles are counted.
var kinds = []string{"bucket", "user", "policy"}

// reconcilesNow returns how many reconciles of each kind have succeeded so far.
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

// awaitPolls waits until each kind had so many further polls per resource.
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

// TestCostOfSteadyState polls many unchanged resources, with every setting that they can
// have, and counts the calls of the polls.
func TestCostOfSteadyState(t *testing.T) {
	const (
		polls    = 5
		interval = 2 * time.Second
	)

	// With one worker per kind, at most one poll of a kind is in progress at any time.
	p := startProvider(t, "--poll-interval="+interval.String(), "--max-concurrency=1")
	ns, home := newHome(t)
	all := population(ns, home)

	for _, mg := range all {
		create(t, mg)
	}

	awaitSettled(t, all)
	rotateSome(t, all)

	// A User without grants publishes fewer keys than before.
	if last, ok := all[len(all)-1].(*miniov1alpha1.User); ok {
		await.Change(t, env.Kube, last, func(u *miniov1alpha1.User) { u.Spec.ForProvider.Grants = nil })
		await.For(t, "a Secret without a bucket", func() error { return publishesNoBucket(t, last) })
	}

	awaitSettled(t, all)

	// The first poll after a change may need more calls.
	awaitPolls(t, p, all, 2)

	// Reconciles are counted over a longer time than calls. So all counted calls belong
	// to counted polls, except those of polls in progress at the end.
	before, from := reconcilesNow(t, p), env.Proxy.Now()

	awaitPolls(t, p, all, polls)

	calls, _ := env.Proxy.Calls(from)

	counted := reconcilesNow(t, p)
	for kind := range counted {
		counted[kind] -= before[kind]
	}

	t.Run("MinIO", func(t *testing.T) { checkStorageCalls(t, all, calls, polls, counted) })

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
	key := client.ObjectKey{Namespace: u.Namespace, Name: u.GetWriteConnectionSecretToReference().Name}
	if err := env.Kube.Get(t.Context(), key, s); err != nil {
		return err
	}

	if b, named := s.Data[miniov1alpha1.ConnectionKeyBucketName]; named {
		return fmt.Errorf("it names %q", b)
	}

	return nil
}

// checkKubernetesCalls expects polls to write nothing, and to read no object of the
// resources' namespace: watches supply those.
func checkKubernetesCalls(t *testing.T, namespace string, calls []Call) {
	t.Helper()

	reads := make(map[string]int)

	for _, c := range calls {
		if c.Server != Kubernetes {
			continue
		}

		if c.Write {
			t.Errorf("%s of %s without a change", c.Operation, c.Object)
		} else {
			reads[c.Operation+" "+c.Object]++
		}

		if strings.HasPrefix(c.Object, namespace+"/") {
			t.Errorf("%s of %s, which a watch supplies", c.Operation, c.Object)
		}
	}

	t.Logf("reads of the API server: %v", reads)
}

// mostCalls is how many calls of MinIO one poll makes at most: a Bucket's settings and,
// once an hour, its uploads; a User, its policy and its key; a Policy.
var mostCalls = map[string]int{"bucket": 2, "user": 3, "policy": 1}

// checkStorageCalls wants polls to write nothing, to make no encrypted call, and to make no more
// calls than they need. The calls are of at least a number of polls of each resource, and of at most
// so many of each kind: the last ones may have ended after the calls were counted.
func checkStorageCalls(t *testing.T, all []resource.Managed, calls []Call, each int, most map[string]int) {
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
		n := most[kind]
		t.Logf("%s: %d polls, %d calls of MinIO, %.2f each", kind, n, byKind[kind], float64(byKind[kind])/float64(n))

		// Buckets may be polled together, see TestBucketSnapshots.
		least := mostCalls[kind] * each * countKinds(all)[kind] / 2
		if kind == "bucket" {
			least = 0
		}

		// One poll may be under way.
		if byKind[kind] > mostCalls[kind]*(n+1) || byKind[kind] < least {
			t.Errorf("%s: want at most %d calls for each of %d polls, and at least %d, got %d", kind, mostCalls[kind], n, least, byKind[kind])
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

	// The remaining calls have names that belong to Users: their own, their policies', and
	// those of the buckets on which keys are verified.
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

// newHome creates a namespace, and on MinIO a bucket without a Bucket resource.
func newHome(t *testing.T) (namespace, bucket string) {
	t.Helper()

	namespace = newNamespace(t)
	bucket = namespace + "-home"

	if err := env.Server.S3.MakeBucket(t.Context(), bucket, miniogo.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}

	return namespace, bucket
}

// population returns ten Buckets, ten Users and five Policies. Every other User has a
// Policy.
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

// rotateSome rotates the key of every third User, and waits until the old key is
// removed.
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

// serverCalls are made for the server, not for a resource: the health check, and the
// sizes of all buckets.
var serverCalls = []string{"info", "accountinfo"}

// TestCostOfCreation counts the calls of MinIO from the creation of a resource until it is
// Ready.
func TestCostOfCreation(t *testing.T) {
	ns, home := newHome(t)
	p := startProvider(t)

	// The calls of the provider's start do not count.
	await.For(t, "the provider to start", func() error { _, err := p.Reconciles(t.Context(), "bucket"); return err })

	cases := map[string]struct {
		reason string
		mg     resource.Managed
		// most is the highest number of calls, lastObserve how many of them the last
		// observation makes.
		most, lastObserve int
		encrypted         []string
		// writes are those of the resource itself, each of which wakes what composes it.
		writes []string
	}{
		"Bucket": {
			reason: "A bucket without settings is searched for, created, and observed. The intent to create it is stored, its name, and its status.",
			mg:     newBucket(ns, "cheap"),
			most:   3, lastObserve: 1,
			writes: []string{"PATCH buckets", "PATCH buckets", "PUT buckets/status"},
		},
		"User": {
			reason: "Only one call of a user is encrypted, and two verify the key. Its name is stored with the intent to create it.",
			mg:     newUser(ns, "cheap", miniov1alpha1.Grant{BucketName: home, Access: miniov1alpha1.AccessReadWrite}),
			most:   8, lastObserve: 4,
			encrypted: []string{"add-user"},
			writes:    []string{"PATCH users", "PUT users/status"},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			awaitIdle(t)

			from := env.Proxy.Now()

			create(t, tc.mg)
			awaitSettled(t, []resource.Managed{tc.mg})

			var (
				operations, encrypted, writes []string
				conflicts                     int
			)

			awaitIdle(t)

			calls, _ := env.Proxy.Calls(from)

			for _, c := range calls {
				switch {
				case c.Server == MinIO && slices.Contains(serverCalls, c.Operation):
					// They are made once a minute.
				case c.Server == MinIO:
					operations = append(operations, c.Operation)
				case c.Status == http.StatusConflict:
					conflicts++
				case c.Write && c.Object == client.ObjectKeyFromObject(tc.mg).String():
					writes = append(writes, c.Operation)
				}

				if c.Encrypted {
					encrypted = append(encrypted, c.Operation)
				}
			}

			t.Logf("%d calls of MinIO, %d conflicts: %s", len(operations), conflicts, strings.Join(operations, ", "))

			// An observation whose status update conflicts is repeated.
			if len(operations) > tc.most+conflicts*tc.lastObserve || !slices.Equal(encrypted, tc.encrypted) {
				t.Errorf("%s\nwant at most %d calls, and %d for each conflict; of them encrypted: want %v, got %v",
					tc.reason, tc.most, tc.lastObserve, tc.encrypted, encrypted)
			}

			if !slices.Equal(writes, tc.writes) {
				t.Errorf("%s\nwant the writes %v, got %v", tc.reason, tc.writes, writes)
			}

			if err := env.Kube.Delete(t.Context(), tc.mg); err != nil {
				t.Fatal(err)
			}

			await.Gone(t, env.Kube, tc.mg)
		})
	}
}
