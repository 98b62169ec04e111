//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/api"
	"github.com/cistern-dev/cistern/test/await"
)

// TestTenantReplacesByForce has a tenant replace its claim with kubectl replace --force, which
// deletes it and creates another one. While the bucket holds objects that is denied and changes
// nothing; after that the other claim gets another bucket, and the first one's keys end.
func TestTenantReplacesByForce(t *testing.T) {
	t.Parallel()

	newVictim(t)

	f := newTenant(t)
	f.claim(t, "forced", "{users: {reader: {readonly: true}}}")
	before := waitReady(t, f.ns, "forced")
	s3, bucket := tenantClient(t, before), before.Spec.BucketName

	if err := put(t.Context(), s3, bucket, "precious"); err != nil {
		t.Fatal(err)
	}

	replace := []string{"replace", "--force", "--timeout=3m", "-f", "-"}
	await.For(t, "the replacement to be denied", func() error {
		_, err := f.try(claimManifest("forced", "{}"), replace...)
		if err == nil {
			t.Fatal("want the replacement to be denied")
		}

		// The webhook also denies what it cannot find out in time.
		if !strings.Contains(err.Error(), `bucket "`+bucket+`" still holds 1 object`) {
			return err
		}

		return nil
	})
	wantObjectIntact(t, bucket)
	wantCredentials(t, f.ns, "forced", "", "reader")

	if err := remove(t.Context(), s3, bucket, "precious"); err != nil {
		t.Fatal(err)
	}

	await.For(t, "the claim to be replaced", func() error {
		_, err := f.try(claimManifest("forced", "{quota: 1Gi}"), replace...)

		return err
	})

	// The Secret of the first claim may still exist for a moment.
	await.For(t, "the Secret of the other claim", func() error {
		info, err := api.BucketInfo(t.Context(), kube, f.ns, "forced", "")
		if err == nil && info.Spec.BucketName == bucket {
			err = errors.New("it is that of the first claim")
		}

		return err
	})

	after := waitReady(t, f.ns, "forced")
	waitUsers(t, f.ns, "forced", "")
	waitKeyRejected(t, before)
	testAllowed(t, after)

	if exists, err := admin.S3.BucketExists(t.Context(), bucket); err != nil || exists {
		t.Errorf("want the first bucket to be deleted, got %t, %v", exists, err)
	}
}

// TestTwoManagersOfClaim has two managers apply one claim. A field that both set is a conflict,
// which the second one reads; users are merged, and each manager removes its own only.
func TestTwoManagersOfClaim(t *testing.T) {
	t.Parallel()

	f := newTenant(t)
	apply := func(manager, spec string, flags ...string) (stdin string, args []string) {
		return claimManifest("shared", spec), append([]string{"apply", "--server-side", "--field-manager=" + manager, "-f", "-"}, flags...)
	}

	stdin, args := apply("one", "{quota: 1Gi, users: {one: {readonly: false}}}")
	f.kubectl(t, stdin, args...)
	waitUsers(t, f.ns, "shared", "", "one")

	stdin, args = apply("two", "{users: {two: {readonly: true}}}")
	f.kubectl(t, stdin, args...)
	waitUsers(t, f.ns, "shared", "", "one", "two")

	stdin, args = apply("two", "{quota: 2Gi, users: {two: {readonly: true}}}")
	f.denied(t, stdin, args, `conflict with "one": .spec.quota`)
	f.kubectl(t, stdin, append(args, "--force-conflicts")...)
	bucketSettings["Quota"].waitFor(t, getClaim(t, f.ns, "shared").Status.BucketName, "2147483648")

	// The other manager turns the first one's user into another.
	stdin, args = apply("two", "{users: {one: {readonly: true}, two: {readonly: true}}}")
	f.denied(t, stdin, args, `conflict with "one": .spec.users.one.readonly`)

	one := getBucketInfo(t, f.ns, "shared", "one")
	stdin, args = apply("one", "{}")
	f.kubectl(t, stdin, args...)
	waitUsers(t, f.ns, "shared", "", "two")
	waitKeyRejected(t, one)
	wantCredentials(t, f.ns, "shared", "", "two")
}

// TestTenantRotatesAllTheTime changes the trigger of a claim again and again, with the longest
// overlap. It checks that only so many keys of the user exist at a time, and that the last key
// works.
func TestTenantRotatesAllTheTime(t *testing.T) {
	t.Parallel()

	// A user's own key, and the current and two earlier ones.
	const most, changes = 3, 6

	// The time between two keys at least.
	const floor = 10 * time.Second

	newVictim(t)

	f := newTenant(t)
	f.claim(t, "restless", "{rotation: {overlap: 720h}}")
	last := waitReady(t, f.ns, "restless")
	user := last.Spec.SecretS3.AccessKeyID

	for i := range changes {
		// Changes within seconds make one key.
		for j := range 5 {
			f.claim(t, "restless", fmt.Sprintf("{rotation: {overlap: 720h, trigger: '%d-%d'}}", i, j))
		}

		await.For(t, "another key", func() error {
			info := getBucketInfo(t, f.ns, "restless", "")
			if info.Spec.SecretS3.AccessKeyID == last.Spec.SecretS3.AccessKeyID {
				return errors.New("it is the same")
			}

			last = info

			return nil
		})

		keys, err := admin.ListServiceAccounts(t.Context(), user)
		if err != nil || len(keys.Accounts) > most {
			t.Errorf("want at most %d keys, got %d, %v", most, len(keys.Accounts), err)
		}
	}

	waitReady(t, f.ns, "restless")
	wantCredentials(t, f.ns, "restless", "")
	testAllowed(t, getBucketInfo(t, f.ns, "restless", ""))

	u := &miniov1alpha1.User{}
	name, _ := connectionNames(t, f.ns, "restless", "")

	if err := kube.Get(t.Context(), client.ObjectKey{Namespace: f.ns, Name: name}, u); err != nil {
		t.Fatal(err)
	}

	if n := len(u.Status.AtProvider.RetiringKeys); n > 2 {
		t.Errorf("want at most two earlier keys, got %d", n)
	}

	// The API keeps whole seconds.
	s, least := u.Status.AtProvider, time.Duration(u.Status.AtProvider.Generation)*floor-time.Second
	if took := s.RotatedAt.Sub(u.CreationTimestamp.Time); took < least {
		t.Errorf("want %d keys to be made in %s at least, it took %s", s.Generation, least, took)
	}
}

// TestClaimPausedBeyondOverlap lets the platform team pause a claim for longer than the interval and
// the overlap of its rotation. It checks that the tenant reads that the claim is paused, that the
// key in its Secret works all the time, and that it gets the next one afterwards.
func TestClaimPausedBeyondOverlap(t *testing.T) {
	t.Parallel()

	const overlap = time.Second

	f := newTenant(t)
	f.claim(t, "paused", "{rotation: {interval: 1m, overlap: 1s}}")
	before := waitReady(t, f.ns, "paused")

	// A tenant cannot do this.
	mustKubectl(t, "", "annotate", "--namespace", f.ns, "buckets.apps.cozystack.io/paused", meta.AnnotationKeyReconciliationPaused+"=true")
	f.waitReads(t, "paused", "Synced False ReconcilePaused")

	u := &miniov1alpha1.User{}
	name, _ := connectionNames(t, f.ns, "paused", "")

	await.For(t, "the User to have its next key", func() error {
		if err := kube.Get(t.Context(), client.ObjectKey{Namespace: f.ns, Name: name}, u); err != nil {
			return err
		}

		if u.Status.AtProvider.Generation == 0 {
			return errors.New("it has the first one")
		}

		return nil
	})
	time.Sleep(10 * overlap)

	if info := getBucketInfo(t, f.ns, "paused", ""); info.Spec.SecretS3 != before.Spec.SecretS3 {
		t.Error("want the Secret to be as before while the claim is paused")
	}

	testAllowed(t, before)

	if !slices.ContainsFunc(u.Status.AtProvider.RetiringKeys, func(k miniov1alpha1.RetiringKey) bool {
		return k.AccessKeyID == before.Spec.SecretS3.AccessKeyID
	}) {
		t.Errorf("want the key in the Secret to be kept, got %+v", u.Status.AtProvider.RetiringKeys)
	}

	mustKubectl(t, "", "annotate", "--namespace", f.ns, "buckets.apps.cozystack.io/paused", meta.AnnotationKeyReconciliationPaused+"-")
	await.For(t, "the Secret to hold another key", func() error {
		if getBucketInfo(t, f.ns, "paused", "").Spec.SecretS3.AccessKeyID == before.Spec.SecretS3.AccessKeyID {
			return errors.New("it holds the first one")
		}

		return nil
	})
	waitKeyRejected(t, before)

	waitProvisioned(t, f.ns, "paused", tenantv1alpha1.ReasonProvisioned, "")
}
