package admission

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	"github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenant "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/provider/bucket"
	"github.com/cistern-dev/cistern/provider/kind"
	"github.com/cistern-dev/cistern/provider/minio"
)

// DeletionPath is where the webhook for deletions is served. The package's
// webhook configuration names it too.
const DeletionPath = "/validate-deletion-of-buckets"

// patience bounds what one review may take. The API server waits for ten
// seconds, and an answer that says why is worth more than its timeout.
const patience = 5 * time.Second

// bucketResource is how kubectl knows a Bucket from a claim.
const bucketResource = "buckets.minio.cistern.dev"

// Deletion returns the webhook that refuses to delete a Bucket, or a claim of
// one, while the bucket holds anything that must not be deleted with it. So
// whoever deletes learns at once what a resource that hangs in deletion tells
// only those who look for it. It is not what keeps the data safe: the Bucket's
// controller removes a bucket only if it is empty, whatever happens in between.
//
// A deletion that cannot be judged, because the server does not answer or cannot
// be found, is refused too. The Buckets of a claim are read through kube; the
// claim itself is in the review.
func Deletion(kube client.Reader, servers *kind.Servers) *webhook.Admission {
	d := &deletion{kube: kube, server: servers.For, look: bucket.Look}

	return &webhook.Admission{Handler: admission.HandlerFunc(d.judge)}
}

type deletion struct {
	kube   client.Reader
	server func(ctx context.Context, mg resource.ModernManaged) (*minio.Server, error)
	look   func(ctx context.Context, srv *minio.Server, name string) (bucket.Left, error)
}

// judge answers a review of a deletion, in earnest or as a dry run.
func (d *deletion) judge(ctx context.Context, req admission.Request) admission.Response {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()

	buckets, err := d.buckets(ctx, req)
	if err != nil {
		return unknown(errors.Wrap(err, "cannot tell what would be deleted, so nothing was; try again later"))
	}

	for i := range buckets {
		b := &buckets[i]
		if harmless(b) {
			continue
		}

		left, err := d.left(ctx, b)
		if err != nil {
			return unknown(errors.Errorf("cannot tell whether bucket %q is empty, so nothing was deleted: %v; try again later, or have an administrator "+
				"set spec.managementPolicies of %s %q to [Observe], which leaves the bucket on the server", bucket.Name(b), err, bucketResource, b.GetName()))
		}

		if !left.Empty() {
			return admission.Denied(fmt.Sprintf("bucket %q still holds %s, so nothing was deleted: %s", bucket.Name(b), left, wayOut(req, b)))
		}
	}

	return admission.Allowed("")
}

// buckets returns the Buckets that the deletion is about: the one to delete, or
// those that the claim to delete controls.
func (d *deletion) buckets(ctx context.Context, req admission.Request) ([]v1alpha1.Bucket, error) {
	if !ofClaim(req) {
		b := v1alpha1.Bucket{}
		err := json.Unmarshal(req.OldObject.Raw, &b)

		return []v1alpha1.Bucket{b}, errors.Wrap(err, "cannot decode the Bucket")
	}

	claim := &metav1.PartialObjectMetadata{}
	if err := json.Unmarshal(req.OldObject.Raw, claim); err != nil {
		return nil, errors.Wrap(err, "cannot decode the claim")
	}

	if meta.WasDeleted(claim) {
		return nil, nil
	}

	all := &v1alpha1.BucketList{}

	// Nothing that is listed is changed, so it need not be copied.
	err := d.kube.List(ctx, all, client.InNamespace(claim.GetNamespace()), client.UnsafeDisableDeepCopy)
	if apimeta.IsNoMatchError(err) {
		// Where the kind is not there, none of it is.
		return nil, nil
	}

	if err != nil {
		return nil, errors.Wrapf(err, "cannot list the Buckets of claim %q", claim.GetName())
	}

	mine := func(b v1alpha1.Bucket) bool {
		c := metav1.GetControllerOf(&b)

		return c != nil && c.UID == claim.GetUID()
	}

	return slices.DeleteFunc(slices.Clone(all.Items), func(b v1alpha1.Bucket) bool { return !mine(b) }), nil
}

// left returns what is left in b's bucket. In one that does not exist there is
// nothing.
func (d *deletion) left(ctx context.Context, b *v1alpha1.Bucket) (bucket.Left, error) {
	// With a namespace go ProviderConfig and credentials, and maybe before b. The
	// server of before will do, as for a resource that is being deleted, or not
	// even an empty bucket would let the namespace go.
	going := b.DeepCopy()
	going.SetDeletionTimestamp(new(metav1.Now()))

	srv, err := d.server(ctx, going)
	if err != nil {
		return bucket.Left{}, err
	}

	left, err := d.look(ctx, srv, bucket.Name(b))
	if minio.IsNotFound(err) {
		return bucket.Left{}, nil
	}

	return left, err
}

// harmless reports whether deleting b cannot take anything along that it must
// not, whatever is in the bucket: because it is to be purged, because it stays
// on the server, because none can have its name, or because b goes already. The
// webhook configuration's matchConditions keep most of these away.
func harmless(b *v1alpha1.Bucket) bool {
	return meta.WasDeleted(b) ||
		b.Spec.ForProvider.WhenNotEmpty == v1alpha1.WhenNotEmptyPurge ||
		!managed.NewManagementPoliciesResolver(true, b.GetManagementPolicies()).ShouldDelete() ||
		bucket.CheckName(bucket.Name(b)) != nil ||
		!kind.Owns(b)
}

// wayOut says what to do about a bucket that is not empty. A tenant may not
// change the Bucket that its claim brought.
func wayOut(req admission.Request, b *v1alpha1.Bucket) string {
	const empty = "delete its objects with all their versions, and abort its incomplete uploads"

	if ofClaim(req) {
		return fmt.Sprintf("%s; or have an administrator set spec.forProvider.whenNotEmpty of %s %q to Purge, which deletes them too", empty, bucketResource, b.GetName())
	}

	return empty + "; or set spec.forProvider.whenNotEmpty to Purge, which deletes them too"
}

// ofClaim reports whether a claim is to be deleted, and not a Bucket.
func ofClaim(req admission.Request) bool { return req.Kind.Group == tenant.BucketKind.Group }

// unknown refuses a deletion that could not be judged.
func unknown(err error) admission.Response {
	return admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{Result: &metav1.Status{
		Code:    http.StatusServiceUnavailable,
		Reason:  metav1.StatusReasonServiceUnavailable,
		Message: err.Error(),
	}}}
}
