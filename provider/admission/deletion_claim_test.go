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

	"github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenant "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// controlledBy makes a Bucket one that was composed for the claim with a UID.
func controlledBy(uid types.UID) func(*v1alpha1.Bucket) {
	return func(b *v1alpha1.Bucket) {
		b.OwnerReferences = []metav1.OwnerReference{
			{APIVersion: "example.org/v1", Kind: "Other", Name: "other", UID: "0"},
			{APIVersion: "apps.cozystack.io/v1alpha1", Kind: "Bucket", Name: "mine", UID: uid, Controller: new(true)},
		}
	}
}

func TestDeletionOfClaim(t *testing.T) {
	claim := &tenant.Bucket{ObjectMeta: metav1.ObjectMeta{Name: "mine", Namespace: "team-a", UID: "mine"}}
	elsewhere := newBucket(full, controlledBy("mine"))
	elsewhere.Namespace = "team-b"

	cases := map[string]struct {
		reason  string
		claim   *tenant.Bucket
		objects []client.Object
		list    error
		want    verdict
	}{
		"NotEmpty": {
			reason:  "A tenant is told what a tenant can do.",
			objects: []client.Object{newBucket(hollow, controlledBy("mine")), newBucket(full, controlledBy("mine"))},
			want: verdict{Code: http.StatusForbidden, Message: `bucket "full" still holds 3 objects, so nothing was deleted: ` +
				`delete its objects with all their versions, and abort its incomplete uploads; ` +
				`or have an administrator set spec.forProvider.whenNotEmpty of buckets.minio.cistern.dev "photos-full" to Purge, which deletes them too`},
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
		"Purge": {
			reason: "The Bucket decides, as if it were deleted itself.",
			objects: []client.Object{newBucket(full, controlledBy("mine"), func(b *v1alpha1.Bucket) {
				b.Spec.ForProvider.WhenNotEmpty = v1alpha1.WhenNotEmptyPurge
			})},
			want: allowed,
		},
		"AlreadyDeleted": {
			reason: "There is nothing to refuse any more.",
			claim: &tenant.Bucket{ObjectMeta: metav1.ObjectMeta{
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
			list:   &apimeta.NoKindMatchError{GroupKind: v1alpha1.BucketKind.GroupKind()},
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
