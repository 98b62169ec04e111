package admission

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
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

// DeletionPath is the URL path of the webhook for deletions. The provider package's webhook
// configuration has the same.
const DeletionPath = "/validate-deletion-of-buckets"

// reviewTimeout is the longest time that one review may take. The API server waits for ten
// seconds; an answer with a reason is better than its timeout.
const reviewTimeout = 5 * time.Second

// bucketResource is the name by which kubectl distinguishes a Bucket from a claim.
const bucketResource = "buckets.minio.cistern.dev"

// Every client that reaches the webhook can start reviews, so they are bounded.
const (
	// maxReads is how many reviews may read Buckets from the API server at once.
	maxReads = 8
	// maxListings is how many reviews may list contents at once with one provider configuration's
	// key, which is the administrator's.
	maxListings = 3
)

// Deletion returns the webhook that denies the deletion of a Bucket, or of a claim, while the
// bucket holds data that must not be deleted with it. The user learns at once why, instead of
// finding a resource that is never deleted. The webhook is not what keeps the data safe: the
// Bucket's controller deletes a bucket only if it is empty, whatever happens in between.
//
// The webhook also denies a deletion if the bucket's contents are unknown, because its server
// does not answer or cannot be found, and the deletion of a claim whose deletionPolicy is
// stricter than the policy in force, or whose dependents would be orphaned. It warns, with the
// bucket's name, if the bucket of a deleted claim stays on the server.
//
// Clients of the webhook are not authenticated, so it lists only buckets of Buckets that kube
// returns, which must not be a cache. A review of a Bucket provides its namespace, name and UID.
// The provider may not read claims: a review of a claim also provides the claim's spec, which
// decides what the answer is, not which bucket is listed.
func Deletion(kube client.Reader, servers *server.Servers) *webhook.Admission {
	d := &deletion{kube: kube, server: servers.For, list: bucket.ListContents, reads: make(slots, maxReads)}

	return &webhook.Admission{Handler: admission.HandlerFunc(d.review)}
}

type deletion struct {
	kube     client.Reader
	server   func(ctx context.Context, mg resource.ModernManaged) (*minio.Server, error)
	list     func(ctx context.Context, srv *minio.Server, name string) (bucket.Contents, error)
	reads    slots
	listings slotsByConfig
}

// review answers the review of a deletion, which may be a dry run.
func (d *deletion) review(ctx context.Context, req admission.Request) admission.Response {
	ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
	defer cancel()

	if req.Kind.Group == tenantv1alpha1.BucketKind.Group {
		return d.reviewClaim(ctx, req)
	}

	b, err := d.bucketOf(ctx, req)
	if err != nil {
		return unknown(errors.Wrap(err, "cannot tell what would be deleted, so nothing was deleted; try again later"))
	}

	return d.reviewBucket(ctx, b, emptyIt+"; or set spec.forProvider.whenNotEmpty to Purge, which deletes them too",
		fmt.Sprintf("have an administrator set spec.managementPolicies of %s %q to [Observe]", bucketResource, b.GetName()))
}

// bucketOf returns the Bucket whose deletion is reviewed, as the API server has it. Deletions of
// collections name the object only in the old object.
func (d *deletion) bucketOf(ctx context.Context, req admission.Request) (*miniov1alpha1.Bucket, error) {
	reviewed := &metav1.PartialObjectMetadata{}
	if err := json.Unmarshal(req.OldObject.Raw, reviewed); err != nil {
		return nil, errors.Wrap(err, "cannot decode the Bucket")
	}

	release, err := d.reads.take(ctx)
	if err != nil {
		return nil, err
	}

	defer release()

	b := &miniov1alpha1.Bucket{}

	err = d.kube.Get(ctx, client.ObjectKeyFromObject(reviewed), b)
	if client.IgnoreNotFound(err) != nil {
		return nil, errors.Wrapf(err, "cannot get Bucket %q", reviewed.GetName())
	}

	if err != nil || reviewed.GetUID() == "" || b.GetUID() != reviewed.GetUID() {
		return nil, errors.Errorf("there is no Bucket %q with UID %q in namespace %q", reviewed.GetName(), reviewed.GetUID(), reviewed.GetNamespace())
	}

	return b, nil
}

// emptyIt is the remedy for a bucket that is not empty.
const emptyIt = "delete its objects with all their versions, and abort its incomplete uploads"

// reviewBucket reviews the deletion of one Bucket. Its message ends with ifFull if the bucket is
// not empty, and with ifUnknown, which leaves the bucket on the server, if its contents are
// unknown.
func (d *deletion) reviewBucket(ctx context.Context, b *miniov1alpha1.Bucket, ifFull, ifUnknown string) admission.Response {
	if losesNothing(b) {
		return admission.Allowed("")
	}

	contents, err := d.contents(ctx, b)
	if err != nil {
		return unknown(errors.Errorf("cannot tell whether bucket %q is empty, so nothing was deleted: %v; "+
			"try again later, or %s, which leaves the bucket on the server", bucket.Name(b), err, ifUnknown))
	}

	if !contents.Empty() {
		return admission.Denied(fmt.Sprintf("bucket %q still holds %s, so nothing was deleted: %s", bucket.Name(b), contents, ifFull))
	}

	return admission.Allowed("")
}

// contents returns the contents of b's bucket. A bucket that does not exist is empty.
func (d *deletion) contents(ctx context.Context, b *miniov1alpha1.Bucket) (bucket.Contents, error) {
	// When a namespace is deleted, the ProviderConfig and its credentials may be deleted before
	// b. For a resource that is being deleted the previous server is returned then; otherwise
	// even an empty bucket would block the deletion of the namespace.
	deleted := b.DeepCopy()
	deleted.SetDeletionTimestamp(new(metav1.Now()))

	release, err := d.listings.of(server.ConfigKeyOf(b)).take(ctx)
	if err != nil {
		return bucket.Contents{}, err
	}

	defer release()

	srv, err := d.server(ctx, deleted)
	if err != nil {
		return bucket.Contents{}, err
	}

	contents, err := d.list(ctx, srv, bucket.Name(b))
	if minio.IsNotFound(err) {
		return bucket.Contents{}, nil
	}

	return contents, err
}

// losesNothing reports whether deleting b loses no data that must be kept, whatever the bucket
// holds: because it is to be purged, because it stays on the server, because no bucket can have
// its name, because b does not own it, or because b is being deleted already. The
// matchConditions of the webhook configuration exclude most of these.
func losesNothing(b *miniov1alpha1.Bucket) bool {
	return meta.WasDeleted(b) ||
		b.Spec.ForProvider.WhenNotEmpty == miniov1alpha1.WhenNotEmptyPurge ||
		!deletes(b) ||
		bucket.CheckName(bucket.Name(b)) != nil ||
		!reconciler.Owns(b)
}

// deletes reports whether the management policies of b allow deleting the bucket.
func deletes(b *miniov1alpha1.Bucket) bool {
	return managed.NewManagementPoliciesResolver(true, b.GetManagementPolicies()).ShouldDelete()
}

// unknown denies a deletion whose effect is unknown, with an error.
func unknown(err error) admission.Response {
	return admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{Result: &metav1.Status{
		Code:    http.StatusServiceUnavailable,
		Reason:  metav1.StatusReasonServiceUnavailable,
		Message: err.Error(),
	}}}
}
