package admission

import (
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// controlledBy makes a Bucket one that was composed for the claim with a UID.
func controlledBy(uid types.UID) func(*miniov1alpha1.Bucket) {
	return func(b *miniov1alpha1.Bucket) {
		b.OwnerReferences = []metav1.OwnerReference{
			{APIVersion: "example.org/v1", Kind: "Other", Name: "other", UID: "0"},
			{APIVersion: "apps.cozystack.io/v1alpha1", Kind: "Bucket", Name: "mine", UID: uid, Controller: new(true)},
		}
	}
}

func purged(b *miniov1alpha1.Bucket) {
	b.Spec.ForProvider.WhenNotEmpty = miniov1alpha1.WhenNotEmptyPurge
}

func retained(b *miniov1alpha1.Bucket) {
	b.Spec.ManagementPolicies = xpv1.ManagementPolicies{xpv1.ManagementActionObserve, xpv1.ManagementActionCreate, xpv1.ManagementActionUpdate}
}

func newClaim(p tenantv1alpha1.DeletionPolicy, change ...func(*tenantv1alpha1.Bucket)) *tenantv1alpha1.Bucket {
	c := &tenantv1alpha1.Bucket{ObjectMeta: metav1.ObjectMeta{Name: "mine", Namespace: "team-a", UID: "mine"}}
	c.Spec.DeletionPolicy = p

	for _, f := range change {
		f(c)
	}

	return c
}

func TestDeletionOfClaim(t *testing.T) {
	// The claim of an API server that knows no defaults.
	claim := newClaim("")
	warned := verdict{Allowed: true, Code: http.StatusOK, Warnings: []string{`bucket "full" stays on the server with all that is in it; its access keys go`}}
	elsewhere := newBucket(full, controlledBy("mine"))
	elsewhere.Namespace = "team-b"

	cases := map[string]struct {
		reason  string
		claim   *tenantv1alpha1.Bucket
		objects []client.Object
		list    error
		want    verdict
	}{
		"NotEmpty": {
			reason:  "A tenant is told what a tenant can do.",
			objects: []client.Object{newBucket(hollow, controlledBy("mine")), newBucket(full, controlledBy("mine"))},
			want: verdict{Code: http.StatusForbidden, Message: `bucket "full" still holds 3 objects, so nothing was deleted: ` +
				`delete its objects with all their versions, and abort its incomplete uploads; ` +
				`or set spec.deletionPolicy of the claim to Delete, which deletes them too, or to Retain, which leaves the bucket on the server`},
		},
		"Empty": {
			reason:  "There is nothing to lose.",
			objects: []client.Object{newBucket(hollow, controlledBy("mine")), newBucket(missing, controlledBy("mine"))},
			want:    allowed,
		},
		"OthersNotEmpty": {
			reason:  "What other claims brought, or no claim, is none of its business.",
			objects: []client.Object{newBucket(full, controlledBy("others")), newBucket(strange), elsewhere},
			want:    allowed,
		},
		"Delete": {
			reason:  "Whoever says Delete wants all to go.",
			claim:   newClaim(tenantv1alpha1.DeletionPolicyDelete),
			objects: []client.Object{newBucket(full, controlledBy("mine"), purged)},
			want:    allowed,
		},
		"DeleteNoMore": {
			reason:  "What was to be deleted a moment ago is lost if the change is not waited for.",
			objects: []client.Object{newBucket(full, controlledBy("mine"), purged)},
			want: verdict{Code: http.StatusForbidden, Message: `the deletion policy of bucket "full" is to be DeleteIfEmpty and still is Delete, ` +
				`so nothing was deleted: try again in a moment; if that does not help, see what the claim's condition Provisioned says`},
		},
		"Retain": {
			reason:  "Nothing is lost, and the tenant learns what its bucket is called.",
			claim:   newClaim(tenantv1alpha1.DeletionPolicyRetain),
			objects: []client.Object{newBucket(full, controlledBy("mine"), retained)},
			want:    warned,
		},
		"RetainSoon": {
			reason:  "Also an empty bucket is to stay.",
			claim:   newClaim(tenantv1alpha1.DeletionPolicyRetain),
			objects: []client.Object{newBucket(hollow, controlledBy("mine"))},
			want: verdict{Code: http.StatusForbidden, Message: `the deletion policy of bucket "empty" is to be Retain and still is DeleteIfEmpty, ` +
				`so nothing was deleted: try again in a moment; if that does not help, see what the claim's condition Provisioned says`},
		},
		"RetainNoMore": {
			reason:  "Until the change is in force the bucket stays, and nothing is lost.",
			claim:   newClaim(tenantv1alpha1.DeletionPolicyDelete),
			objects: []client.Object{newBucket(full, controlledBy("mine"), retained)},
			want:    warned,
		},
		"Locking": {
			reason:  "A bucket with locking is always retained.",
			claim:   newClaim(tenantv1alpha1.DeletionPolicyDeleteIfEmpty, func(c *tenantv1alpha1.Bucket) { c.Spec.Locking = true }),
			objects: []client.Object{newBucket(full, controlledBy("mine"), retained)},
			want:    warned,
		},
		"AlreadyDeleted": {
			reason: "There is nothing to refuse any more.",
			claim: &tenantv1alpha1.Bucket{ObjectMeta: metav1.ObjectMeta{
				Name: "mine", Namespace: "team-a", UID: "mine", DeletionTimestamp: new(metav1.Now()),
			}},
			objects: []client.Object{newBucket(full, controlledBy("mine"))},
			want:    allowed,
		},
		"NoBucket": {
			reason: "A claim that has brought nothing can go.",
			want:   allowed,
		},
		"NoKind": {
			reason: "Nor can there be a Bucket where the kind is not active.",
			list:   &apimeta.NoKindMatchError{GroupKind: miniov1alpha1.BucketKind.GroupKind()},
			want:   allowed,
		},
		"NoList": {
			reason: "What nobody could look for may be lost.",
			list:   errors.New("the cache is not started"),
			want: verdict{Code: http.StatusServiceUnavailable, Message: `cannot tell what would be deleted, so nothing was; try again later: ` +
				`cannot list the Buckets of claim "mine": the cache is not started`},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := &deletion{kube: newKube(t, tc.list, tc.objects...), server: someServer, look: look}
			if tc.claim == nil {
				tc.claim = claim
			}

			got := verdictOf(d.judge(t.Context(), newRequest(t, tc.claim)))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\njudge(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}
