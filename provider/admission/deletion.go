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

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/provider/bucket"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/reconciler"
	"github.com/cistern-dev/cistern/provider/server"
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
// be found, is refused too. So is that of a claim whose deletionPolicy is
// stricter than what is in force. Who deletes a claim whose bucket stays on the
// server is told under which name.
//
// The Buckets of a claim are read through kube; the claim itself is in the
// review.
func Deletion(kube client.Reader, servers *server.Servers) *webhook.Admission {
	d := &deletion{kube: kube, server: servers.For, look: bucket.ListContents}

	return &webhook.Admission{Handler: admission.HandlerFunc(d.judge)}
}

type deletion struct {
	kube   client.Reader
	server func(ctx context.Context, mg resource.ModernManaged) (*minio.Server, error)
	look   func(ctx context.Context, srv *minio.Server, name string) (bucket.Contents, error)
}

// judge answers a review of a deletion, in earnest or as a dry run.
func (d *deletion) judge(ctx context.Context, req admission.Request) admission.Response {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()

	if req.Kind.Group == tenantv1alpha1.BucketKind.Group {
		return d.judgeClaim(ctx, req)
	}

	b := &miniov1alpha1.Bucket{}
	if err := json.Unmarshal(req.OldObject.Raw, b); err != nil {
		return unknown(errors.Wrap(err, "cannot decode the Bucket, so nothing was deleted"))
	}

	return d.judgeBucket(ctx, b, emptyIt+"; or set spec.forProvider.whenNotEmpty to Purge, which deletes them too",
		fmt.Sprintf("have an administrator set spec.managementPolicies of %s %q to [Observe]", bucketResource, b.GetName()))
}

// judgeClaim judges the Buckets that the claim to delete controls.
func (d *deletion) judgeClaim(ctx context.Context, req admission.Request) admission.Response {
	claim := &tenantv1alpha1.Bucket{}
	if err := json.Unmarshal(req.OldObject.Raw, claim); err != nil {
		return unknown(errors.Wrap(err, "cannot decode the claim, so nothing was deleted"))
	}

	if meta.WasDeleted(claim) {
		return admission.Allowed("")
	}

	buckets, err := d.bucketsOf(ctx, claim)
	if err != nil {
		return unknown(errors.Wrap(err, "cannot tell what would be deleted, so nothing was; try again later"))
	}

	var warnings []string

	for i := range buckets {
		b := &buckets[i]

		if !meta.WasDeleted(b) && strictness(deletionPolicyOf(b)) < strictness(wantedDeletionPolicy(claim)) {
			return admission.Denied(fmt.Sprintf("the deletion policy of bucket %q is to be %s and still is %s, so nothing was deleted: try again in a moment; "+
				"if that does not help, see what the claim's condition %s says", bucket.Name(b), wantedDeletionPolicy(claim), deletionPolicyOf(b), tenantv1alpha1.ConditionProvisioned))
		}

		// A tenant may not change the Bucket that its claim brought.
		if r := d.judgeBucket(ctx, b, emptyIt+"; or set spec.deletionPolicy of the claim to Delete, which deletes them too, or to Retain, which leaves the bucket on the server",
			"set spec.deletionPolicy of the claim to Retain"); !r.Allowed {
			return r
		}

		if !meta.WasDeleted(b) && deletionPolicyOf(b) == tenantv1alpha1.DeletionPolicyRetain {
			warnings = append(warnings, fmt.Sprintf("bucket %q stays on the server with all that is in it; its access keys go", bucket.Name(b)))
		}
	}

	return admission.Allowed("").WithWarnings(warnings...)
}

// emptyIt is what can be done about a bucket that is not empty.
const emptyIt = "delete its objects with all their versions, and abort its incomplete uploads"

// judgeBucket judges the deletion of one Bucket. The way out is told if the
// bucket is not empty, and how to give it up if nobody can tell.
func (d *deletion) judgeBucket(ctx context.Context, b *miniov1alpha1.Bucket, wayOut, giveUp string) admission.Response {
	if harmless(b) {
		return admission.Allowed("")
	}

	left, err := d.left(ctx, b)
	if err != nil {
		return unknown(errors.Errorf("cannot tell whether bucket %q is empty, so nothing was deleted: %v; try again later, or %s, which leaves the bucket on the server",
			bucket.Name(b), err, giveUp))
	}

	if !left.Empty() {
		return admission.Denied(fmt.Sprintf("bucket %q still holds %s, so nothing was deleted: %s", bucket.Name(b), left, wayOut))
	}

	return admission.Allowed("")
}

// bucketsOf returns the Buckets that a claim controls.
func (d *deletion) bucketsOf(ctx context.Context, claim *tenantv1alpha1.Bucket) ([]miniov1alpha1.Bucket, error) {
	all := &miniov1alpha1.BucketList{}

	// Nothing that is listed is changed, so it need not be copied.
	err := d.kube.List(ctx, all, client.InNamespace(claim.GetNamespace()), client.UnsafeDisableDeepCopy)
	if apimeta.IsNoMatchError(err) {
		// Where the kind is not there, none of it is.
		return nil, nil
	}

	if err != nil {
		return nil, errors.Wrapf(err, "cannot list the Buckets of claim %q", claim.GetName())
	}

	mine := func(b miniov1alpha1.Bucket) bool {
		c := metav1.GetControllerOf(&b)

		return c != nil && c.UID == claim.GetUID()
	}

	return slices.DeleteFunc(slices.Clone(all.Items), func(b miniov1alpha1.Bucket) bool { return !mine(b) }), nil
}

// wantedDeletionPolicy returns what a claim says is to become of its bucket.
func wantedDeletionPolicy(claim *tenantv1alpha1.Bucket) tenantv1alpha1.DeletionPolicy {
	switch {
	case claim.Spec.Locking:
		return tenantv1alpha1.DeletionPolicyRetain
	case claim.Spec.DeletionPolicy == "":
		return tenantv1alpha1.DeletionPolicyDeleteIfEmpty
	}

	return claim.Spec.DeletionPolicy
}

// deletionPolicyOf returns what would become of a Bucket's bucket, in the words
// of the claim.
func deletionPolicyOf(b *miniov1alpha1.Bucket) tenantv1alpha1.DeletionPolicy {
	switch {
	case !deletes(b):
		return tenantv1alpha1.DeletionPolicyRetain
	case b.Spec.ForProvider.WhenNotEmpty == miniov1alpha1.WhenNotEmptyPurge:
		return tenantv1alpha1.DeletionPolicyDelete
	}

	return tenantv1alpha1.DeletionPolicyDeleteIfEmpty
}

// strictness orders what may become of a bucket: the higher, the less is lost.
func strictness(p tenantv1alpha1.DeletionPolicy) int {
	return slices.Index([]tenantv1alpha1.DeletionPolicy{tenantv1alpha1.DeletionPolicyDelete, tenantv1alpha1.DeletionPolicyDeleteIfEmpty, tenantv1alpha1.DeletionPolicyRetain}, p)
}

// left returns what is left in b's bucket. In one that does not exist there is
// nothing.
func (d *deletion) left(ctx context.Context, b *miniov1alpha1.Bucket) (bucket.Contents, error) {
	// With a namespace go ProviderConfig and credentials, and maybe before b. The
	// server of before will do, as for a resource that is being deleted, or not
	// even an empty bucket would let the namespace go.
	going := b.DeepCopy()
	going.SetDeletionTimestamp(new(metav1.Now()))

	srv, err := d.server(ctx, going)
	if err != nil {
		return bucket.Contents{}, err
	}

	left, err := d.look(ctx, srv, bucket.Name(b))
	if minio.IsNotFound(err) {
		return bucket.Contents{}, nil
	}

	return left, err
}

// harmless reports whether deleting b cannot take anything along that it must
// not, whatever is in the bucket: because it is to be purged, because it stays
// on the server, because none can have its name, or because b goes already. The
// webhook configuration's matchConditions keep most of these away.
func harmless(b *miniov1alpha1.Bucket) bool {
	return meta.WasDeleted(b) ||
		b.Spec.ForProvider.WhenNotEmpty == miniov1alpha1.WhenNotEmptyPurge ||
		!deletes(b) ||
		bucket.CheckName(bucket.Name(b)) != nil ||
		!reconciler.Owns(b)
}

// deletes reports whether the bucket goes with the resource at all.
func deletes(b *miniov1alpha1.Bucket) bool {
	return managed.NewManagementPoliciesResolver(true, b.GetManagementPolicies()).ShouldDelete()
}

// unknown refuses a deletion that could not be judged.
func unknown(err error) admission.Response {
	return admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{Result: &metav1.Status{
		Code:    http.StatusServiceUnavailable,
		Reason:  metav1.StatusReasonServiceUnavailable,
		Message: err.Error(),
	}}}
}
