package admission

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// TestDeletionBelievesNoBucket sends reviews that did not come from the API server. It expects no
// bucket to be listed but that of the Bucket which the API server has.
func TestDeletionBelievesNoBucket(t *testing.T) {
	unknownBucket := func(name, uid, namespace string) response {
		return response{Code: http.StatusServiceUnavailable, Message: "cannot tell what would be deleted, so nothing was deleted; try again later: " +
			`there is no Bucket "` + name + `" with UID "` + uid + `" in namespace "` + namespace + `"`}
	}

	cases := map[string]struct {
		reason string
		bucket *miniov1alpha1.Bucket
		stored []client.Object
		want   response
	}{
		"ExternalName": {
			reason: "The bucket is that of the stored Bucket, whatever the review says.",
			bucket: newBucket(empty, func(b *miniov1alpha1.Bucket) { meta.SetExternalName(b, full) }),
			stored: []client.Object{newBucket(empty)},
			want:   allowed,
		},
		"NoBucket": {
			reason: "The Bucket does not exist.",
			bucket: newBucket(full),
			want:   unknownBucket("photos-full", "photos", "team-a"),
		},
		"OtherUID": {
			reason: "The Bucket was deleted, and one of the same name created.",
			bucket: newBucket(full, func(b *miniov1alpha1.Bucket) { b.UID = "other" }),
			stored: []client.Object{newBucket(full)},
			want:   unknownBucket("photos-full", "other", "team-a"),
		},
		"NoUID": {
			reason: "Names of Buckets are known to many, UIDs are not.",
			bucket: newBucket(full, func(b *miniov1alpha1.Bucket) { b.UID = "" }),
			stored: []client.Object{newBucket(full, func(b *miniov1alpha1.Bucket) { b.UID = "" })},
			want:   unknownBucket("photos-full", "", "team-a"),
		},
		"OtherNamespace": {
			reason: "The Bucket of that name is in another namespace.",
			bucket: newBucket(full, func(b *miniov1alpha1.Bucket) { b.Namespace = "team-b" }),
			stored: []client.Object{newBucket(full)},
			want:   unknownBucket("photos-full", "photos", "team-b"),
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := newDeletion(newKube(t, nil, tc.stored...), listContents)
			if diff := cmp.Diff(tc.want, responseOf(d.review(t.Context(), newRequest(t, tc.bucket)))); diff != "" {
				t.Errorf("%s\nreview(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestDeletionBelievesNoClaim sends the review of a claim with the UID of another one. It expects
// the other claim's bucket not to be listed.
func TestDeletionBelievesNoClaim(t *testing.T) {
	forged := newClaim("", func(c *tenantv1alpha1.Bucket) { c.Name = "forged" })

	d := newDeletion(newKube(t, nil, newBucket(full, controlledBy("mine"))), listNothing)
	if diff := cmp.Diff(allowed, responseOf(d.review(t.Context(), newRequest(t, forged)))); diff != "" {
		t.Errorf("review(...): -want, +got:\n%s", diff)
	}
}

// TestDeletionDecodesNoMore sends the review of a claim with a field that cannot be decoded. It
// expects the field not to matter: some quantities take hours to decode.
func TestDeletionDecodesNoMore(t *testing.T) {
	req := newRequest(t, newClaim(""))
	req.OldObject.Raw = []byte(`{"metadata": {"name": "mine", "namespace": "team-a", "uid": "mine"}, "spec": {"quota": "a lot"}}`)

	d := newDeletion(newKube(t, nil), listNothing)
	if diff := cmp.Diff(allowed, responseOf(d.review(t.Context(), req))); diff != "" {
		t.Errorf("review(...): -want, +got:\n%s", diff)
	}
}

// TestDeletionListsOneNamespace sends reviews of claims that lack what every claim has. It expects
// no Buckets to be listed: those of all namespaces together may be many.
func TestDeletionListsOneNamespace(t *testing.T) {
	for name, change := range map[string]func(*tenantv1alpha1.Bucket){
		"NoNamespace": func(c *tenantv1alpha1.Bucket) { c.Namespace = "" },
		"NoUID":       func(c *tenantv1alpha1.Bucket) { c.UID = "" },
	} {
		t.Run(name, func(t *testing.T) {
			want := response{Code: http.StatusServiceUnavailable, Message: "cannot tell what would be deleted, so nothing was deleted; try again later: " +
				`the review of claim "mine" lacks its namespace or its UID`}

			d := newDeletion(newKube(t, nil), listNothing)
			if diff := cmp.Diff(want, responseOf(d.review(t.Context(), newRequest(t, newClaim("", change))))); diff != "" {
				t.Errorf("review(...): -want, +got:\n%s", diff)
			}
		})
	}
}
