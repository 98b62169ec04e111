package admission

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	admissionv1 "k8s.io/api/admission/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/provider/bucket"
)

// reviewedClaim is what a review needs of a claim. Nothing else of it is decoded: any client can send a
// review, and to parse a quantity such as 1e-999999999 takes hours.
type reviewedClaim struct {
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		Locking        bool                          `json:"locking"`
		DeletionPolicy tenantv1alpha1.DeletionPolicy `json:"deletionPolicy"`
	} `json:"spec"`
}

// reviewClaim reviews the deletion of a claim with the Buckets that it controls.
func (d *deletion) reviewClaim(ctx context.Context, req admission.Request) admission.Response {
	claim := &reviewedClaim{}
	if err := json.Unmarshal(req.OldObject.Raw, claim); err != nil {
		return unknown(errors.Wrap(err, "cannot decode the claim, so nothing was deleted"))
	}

	if req.Operation == admissionv1.Update {
		return d.reviewRelease(ctx, claim)
	}

	orphaned, err := orphansDependents(req, claim)
	if err != nil {
		return unknown(err)
	}

	if orphaned {
		return admission.Denied(fmt.Sprintf("bucket and access keys of claim %q would stay without a claim, so nothing was deleted: "+
			"delete the claim without --cascade=orphan, and without the finalizer %q; to keep the bucket, set spec.deletionPolicy to Retain before",
			claim.GetName(), metav1.FinalizerOrphanDependents))
	}

	if meta.WasDeleted(claim) {
		return admission.Allowed("")
	}

	buckets, err := d.bucketsOf(ctx, claim)
	if err != nil {
		return unknown(errors.Wrap(err, "cannot tell what would be deleted, so nothing was deleted; try again later"))
	}

	var warnings []string

	for i := range buckets {
		b := &buckets[i]

		if !meta.WasDeleted(b) && strictness(deletionPolicyOf(b)) < strictness(desiredDeletionPolicy(claim)) {
			return admission.Denied(fmt.Sprintf("bucket %q still has the deletion policy %s, not %s as the claim wants, so nothing was deleted: "+
				"try again in a moment; if that does not help, see the claim's condition %s",
				bucket.Name(b), deletionPolicyOf(b), desiredDeletionPolicy(claim), tenantv1alpha1.ConditionProvisioned))
		}

		// A tenant can change the claim only, not the Bucket.
		if r := d.reviewBucket(ctx, b,
			emptyIt+"; or set spec.deletionPolicy of the claim to Delete, which deletes them too, "+
				"or to Retain, which leaves the bucket on the server",
			"set spec.deletionPolicy of the claim to Retain"); !r.Allowed {
			return r
		}

		if !meta.WasDeleted(b) && deletionPolicyOf(b) == tenantv1alpha1.DeletionPolicyRetain {
			warnings = append(warnings,
				fmt.Sprintf("bucket %q stays on the server with all its contents; its access keys are deleted", bucket.Name(b)))
		}
	}

	return admission.Allowed("").WithWarnings(warnings...)
}

// reviewRelease reviews the removal of the last finalizer from a deleted claim, which is what makes
// Kubernetes delete its Bucket and Users. Its bucket may have been filled since the deletion: the
// Bucket and the keys would then stay, without a claim that counts and that can be deleted. The claim
// cannot get another deletion policy any more, because Crossplane does not compose it.
func (d *deletion) reviewRelease(ctx context.Context, claim *reviewedClaim) admission.Response {
	buckets, err := d.bucketsOf(ctx, claim)
	if err != nil {
		return unknown(errors.Wrap(err, "cannot tell what would be deleted, so the finalizer stays; try again later"))
	}

	for i := range buckets {
		if r := d.reviewBucket(ctx, &buckets[i], emptyIt+", then remove the finalizer",
			fmt.Sprintf("have an administrator set spec.managementPolicies of %s %q to [Observe]", bucketResource, buckets[i].GetName())); !r.Allowed {
			return r
		}
	}

	return admission.Allowed("")
}

// orphansDependents reports whether Kubernetes would keep the dependents of a deleted claim: the
// Bucket, the Users and their Secrets. The finalizer counts only if the request does not say what
// becomes of them.
func orphansDependents(req admission.Request, claim *reviewedClaim) (bool, error) {
	o := metav1.DeleteOptions{}
	if len(req.Options.Raw) > 0 {
		if err := json.Unmarshal(req.Options.Raw, &o); err != nil {
			return false, errors.Wrap(err, "cannot decode the options of the deletion, so nothing was deleted")
		}
	}

	switch {
	case o.PropagationPolicy != nil:
		return *o.PropagationPolicy == metav1.DeletePropagationOrphan, nil
	case o.OrphanDependents != nil: //nolint:staticcheck // Clients may still set the deprecated field.
		return *o.OrphanDependents, nil //nolint:staticcheck // The same.
	}

	return slices.Contains(claim.GetFinalizers(), metav1.FinalizerOrphanDependents), nil
}

// bucketsOf returns the Buckets that a claim controls.
func (d *deletion) bucketsOf(ctx context.Context, claim *reviewedClaim) ([]miniov1alpha1.Bucket, error) {
	// Without a namespace those of all namespaces would be listed.
	if claim.GetNamespace() == "" || claim.GetUID() == "" {
		return nil, errors.Errorf("the review of claim %q lacks its namespace or its UID", claim.GetName())
	}

	release, err := d.reads.take(ctx)
	if err != nil {
		return nil, err
	}

	defer release()

	all := &miniov1alpha1.BucketList{}

	err = d.kube.List(ctx, all, client.InNamespace(claim.GetNamespace()))
	if apimeta.IsNoMatchError(err) {
		// Without the CRD there are no Buckets.
		return nil, nil
	}

	if err != nil {
		return nil, errors.Wrapf(err, "cannot list the Buckets of claim %q", claim.GetName())
	}

	mine := func(b miniov1alpha1.Bucket) bool {
		c := metav1.GetControllerOf(&b)

		return c != nil && c.UID == claim.GetUID() && c.Name == claim.GetName()
	}

	return slices.DeleteFunc(slices.Clone(all.Items), func(b miniov1alpha1.Bucket) bool { return !mine(b) }), nil
}

// desiredDeletionPolicy returns the deletion policy that a claim wants.
func desiredDeletionPolicy(claim *reviewedClaim) tenantv1alpha1.DeletionPolicy {
	switch {
	case claim.Spec.Locking:
		return tenantv1alpha1.DeletionPolicyRetain
	case claim.Spec.DeletionPolicy == "":
		return tenantv1alpha1.DeletionPolicyDeleteIfEmpty
	}

	return claim.Spec.DeletionPolicy
}

// deletionPolicyOf returns the deletion policy of a claim that a Bucket's spec corresponds to.
func deletionPolicyOf(b *miniov1alpha1.Bucket) tenantv1alpha1.DeletionPolicy {
	switch {
	case !deletes(b):
		return tenantv1alpha1.DeletionPolicyRetain
	case b.Spec.ForProvider.WhenNotEmpty == miniov1alpha1.WhenNotEmptyPurge:
		return tenantv1alpha1.DeletionPolicyDelete
	}

	return tenantv1alpha1.DeletionPolicyDeleteIfEmpty
}

// strictness orders deletion policies: a stricter one loses less data.
func strictness(p tenantv1alpha1.DeletionPolicy) int {
	return slices.Index([]tenantv1alpha1.DeletionPolicy{
		tenantv1alpha1.DeletionPolicyDelete, tenantv1alpha1.DeletionPolicyDeleteIfEmpty, tenantv1alpha1.DeletionPolicyRetain,
	}, p)
}
