package admission

import (
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// controlledBy makes the claim with a UID control a Bucket.
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
	// A claim without its defaults.
	claim := newClaim("")
	warned := response{Allowed: true, Code: http.StatusOK, Warnings: []string{
		`bucket "full" stays on the server with all its contents; its access keys are deleted`,
	}}
	elsewhere := newBucket(full, controlledBy("mine"))
	elsewhere.Namespace = "team-b"

	cases := map[string]struct {
		reason  string
		claim   *tenantv1alpha1.Bucket
		objects []client.Object
		list    error
		want    response
	}{
		"NotEmpty": {
			reason:  "The message says what a tenant can do.",
			objects: []client.Object{newBucket(empty, controlledBy("mine")), newBucket(full, controlledBy("mine"))},
			want: response{Code: http.StatusForbidden, Message: `bucket "full" still holds 3 objects, so nothing was deleted: ` +
				`delete its objects with all their versions, and abort its incomplete uploads; ` +
				`or set spec.deletionPolicy of the claim to Delete, which deletes them too, or to Retain, which leaves the bucket on the server`},
		},
		"Empty": {
			reason:  "There is nothing to lose.",
			objects: []client.Object{newBucket(empty, controlledBy("mine")), newBucket(missing, controlledBy("mine"))},
			want:    allowed,
		},
		"OthersNotEmpty": {
			reason:  "Buckets of other claims, or of none, do not matter.",
			objects: []client.Object{newBucket(full, controlledBy("others")), newBucket(unknownContents), elsewhere},
			want:    allowed,
		},
		"Delete": {
			reason:  "A claim with the policy Delete may lose everything.",
			claim:   newClaim(tenantv1alpha1.DeletionPolicyDelete),
			objects: []client.Object{newBucket(full, controlledBy("mine"), purged)},
			want:    allowed,
		},
		"DeleteNoMore": {
			reason:  "The Bucket would still be purged although the claim no longer wants it.",
			objects: []client.Object{newBucket(full, controlledBy("mine"), purged)},
			want: response{Code: http.StatusForbidden, Message: `bucket "full" still has the deletion policy Delete, ` +
				`not DeleteIfEmpty as the claim wants, so nothing was deleted: try again in a moment; ` +
				`if that does not help, see the claim's condition Provisioned`},
		},
		"Retain": {
			reason:  "Nothing is lost, and a warning names the bucket.",
			claim:   newClaim(tenantv1alpha1.DeletionPolicyRetain),
			objects: []client.Object{newBucket(full, controlledBy("mine"), retained)},
			want:    warned,
		},
		"RetainSoon": {
			reason:  "The Bucket would still be deleted although the claim wants it retained.",
			claim:   newClaim(tenantv1alpha1.DeletionPolicyRetain),
			objects: []client.Object{newBucket(empty, controlledBy("mine"))},
			want: response{Code: http.StatusForbidden, Message: `bucket "empty" still has the deletion policy DeleteIfEmpty, ` +
				`not Retain as the claim wants, so nothing was deleted: try again in a moment; ` +
				`if that does not help, see the claim's condition Provisioned`},
		},
		"RetainNoMore": {
			reason:  "The Bucket is still retained, so nothing is lost.",
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
			reason: "The deletion has been accepted already.",
			claim: &tenantv1alpha1.Bucket{ObjectMeta: metav1.ObjectMeta{
				Name: "mine", Namespace: "team-a", UID: "mine", DeletionTimestamp: new(metav1.Now()),
			}},
			objects: []client.Object{newBucket(full, controlledBy("mine"))},
			want:    allowed,
		},
		"NoBucket": {
			reason: "A claim without a Bucket can be deleted.",
			want:   allowed,
		},
		"NoKind": {
			reason: "There are no Buckets while their kind is not active.",
			list:   &apimeta.NoKindMatchError{GroupKind: miniov1alpha1.BucketKind.GroupKind()},
			want:   allowed,
		},
		"NoList": {
			reason: "Unknown Buckets may be lost.",
			list:   errors.New("the API server does not answer"),
			want: response{Code: http.StatusServiceUnavailable, Message: `cannot tell what would be deleted, ` +
				`so nothing was deleted; try again later: cannot list the Buckets of claim "mine": the API server does not answer`},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := newDeletion(newKube(t, tc.list, tc.objects...), listContents)
			if tc.claim == nil {
				tc.claim = claim
			}

			got := responseOf(d.review(t.Context(), newRequest(t, tc.claim)))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\nreview(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestDeletionOrphans(t *testing.T) {
	denied := response{Code: http.StatusForbidden, Message: `bucket and access keys of claim "mine" would stay without a claim, ` +
		`so nothing was deleted: delete the claim without --cascade=orphan, and without the finalizer "orphan"; ` +
		`to keep the bucket, set spec.deletionPolicy to Retain before`}
	finalizer := newClaim("", func(c *tenantv1alpha1.Bucket) { c.Finalizers = []string{"orphan"} })
	deleted := newClaim("", func(c *tenantv1alpha1.Bucket) {
		c.DeletionTimestamp, c.Finalizers = new(metav1.Now()), []string{"composite.apiextensions.crossplane.io"}
	})

	cases := map[string]struct {
		reason  string
		claim   *tenantv1alpha1.Bucket
		options string
		want    response
	}{
		"Policy": {
			reason:  "The request asks for it, as kubectl delete --cascade=orphan does.",
			options: `{"kind": "DeleteOptions", "apiVersion": "meta.k8s.io/v1", "propagationPolicy": "Orphan"}`,
			want:    denied,
		},
		"Deprecated": {
			reason:  "The request asks for it in the deprecated way.",
			options: `{"orphanDependents": true}`,
			want:    denied,
		},
		"Finalizer": {
			reason:  "The finalizer decides if the request does not.",
			claim:   finalizer,
			options: `{}`,
			want:    denied,
		},
		"FinalizerWithoutOptions": {
			reason: "The same without any options.",
			claim:  finalizer,
			want:   denied,
		},
		"SecondDeletion": {
			reason:  "A deletion that waits for a finalizer can still be changed.",
			claim:   deleted,
			options: `{"propagationPolicy": "Orphan"}`,
			want:    denied,
		},
		"Background": {
			reason:  "Namespaces are deleted in this way.",
			options: `{"propagationPolicy": "Background"}`,
			want:    allowed,
		},
		"PolicyBeforeFinalizer": {
			reason:  "Kubernetes removes the finalizer if the request names another policy.",
			claim:   finalizer,
			options: `{"propagationPolicy": "Foreground"}`,
			want:    allowed,
		},
		"DeprecatedBeforeFinalizer": {
			reason:  "The same in the deprecated way.",
			claim:   finalizer,
			options: `{"orphanDependents": false}`,
			want:    allowed,
		},
		"Unreadable": {
			reason:  "Dependents may be orphaned.",
			options: `[]`,
			want: response{Code: http.StatusServiceUnavailable, Message: "cannot decode the options of the deletion, so nothing was deleted: " +
				"json: cannot unmarshal array into Go value of type v1.DeleteOptions"},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if tc.claim == nil {
				tc.claim = newClaim("")
			}

			req := newRequest(t, tc.claim)
			req.Options.Raw = []byte(tc.options)

			d := newDeletion(newKube(t, nil, newBucket(empty, controlledBy("mine"))), listContents)
			if diff := cmp.Diff(tc.want, responseOf(d.review(t.Context(), req))); diff != "" {
				t.Errorf("%s\nreview(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestRelease reviews the removal of the last finalizer from a deleted claim.
func TestRelease(t *testing.T) {
	deleted := func(p tenantv1alpha1.DeletionPolicy) *tenantv1alpha1.Bucket {
		return newClaim(p, func(c *tenantv1alpha1.Bucket) {
			c.DeletionTimestamp, c.Finalizers = new(metav1.Now()), []string{"example.org/mine"}
		})
	}

	cases := map[string]struct {
		reason  string
		claim   *tenantv1alpha1.Bucket
		objects []client.Object
		list    error
		want    response
	}{
		"NotEmpty": {
			reason:  "The bucket was filled after the deletion of the claim.",
			claim:   deleted(""),
			objects: []client.Object{newBucket(full, controlledBy("mine"))},
			want: response{Code: http.StatusForbidden, Message: `bucket "full" still holds 3 objects, so nothing was deleted: ` +
				`delete its objects with all their versions, and abort its incomplete uploads, then remove the finalizer`},
		},
		"PolicyChanged": {
			reason:  "The Bucket does not get a policy that the claim got after its deletion.",
			claim:   deleted(tenantv1alpha1.DeletionPolicyDelete),
			objects: []client.Object{newBucket(full, controlledBy("mine"))},
			want: response{Code: http.StatusForbidden, Message: `bucket "full" still holds 3 objects, so nothing was deleted: ` +
				`delete its objects with all their versions, and abort its incomplete uploads, then remove the finalizer`},
		},
		"Empty":    {reason: "Nothing is left.", claim: deleted(""), objects: []client.Object{newBucket(empty, controlledBy("mine"))}, want: allowed},
		"Purged":   {reason: "Its contents go too.", claim: deleted(""), objects: []client.Object{newBucket(full, controlledBy("mine"), purged)}, want: allowed},
		"Retained": {reason: "It is to stay.", claim: deleted(""), objects: []client.Object{newBucket(full, controlledBy("mine"), retained)}, want: allowed},
		"NoList": {
			reason: "Unknown Buckets may be full.",
			claim:  deleted(""),
			list:   errors.New("the API server does not answer"),
			want: response{Code: http.StatusServiceUnavailable, Message: `cannot tell what would be deleted, ` +
				`so the finalizer stays; try again later: cannot list the Buckets of claim "mine": the API server does not answer`},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			req := newRequest(t, tc.claim)
			req.Operation = admissionv1.Update

			d := newDeletion(newKube(t, tc.list, tc.objects...), listContents)
			if diff := cmp.Diff(tc.want, responseOf(d.review(t.Context(), req))); diff != "" {
				t.Errorf("%s\nreview(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}
