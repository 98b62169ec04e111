// Package policy manages canned policies of MinIO servers: it observes, creates, updates
// and deletes the policy of a Policy resource.
package policy

import (
	"context"
	"strings"

	"github.com/minio/madmin-go/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/controller"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/reconciler"
)

// Kind returns the wiring of Policy resources.
func Kind() controller.Kind[*miniov1alpha1.Policy] {
	return controller.Kind[*miniov1alpha1.Policy]{
		GVK:    miniov1alpha1.PolicyKind,
		Object: &miniov1alpha1.Policy{},
		List:   &miniov1alpha1.PolicyList{},
		Client: func(kube controller.Kube, srv *minio.Server) managed.TypedExternalClient[*miniov1alpha1.Policy] {
			return &external{kube: kube, admin: srv.Admin}
		},
	}
}

// admin is the part of MinIO's administration client that this package uses. Only Delete
// calls Entities, and only if the policy is still attached.
type admin interface {
	Entities

	AddCannedPolicy(ctx context.Context, name string, document []byte) error
	InfoCannedPolicyV2(ctx context.Context, name string) (*madmin.PolicyInfo, error)
	RemoveCannedPolicy(ctx context.Context, name string) error
}

// external manages the policies of one server. The runtime connects anew for each
// reconcile, so an external serves one reconcile of one Policy.
type external struct {
	kube  controller.Kube
	admin admin
	// observed is set by Observe if the policy exists and is the resource's own.
	observed *madmin.PolicyInfo
}

// Name returns the name of p's policy on the server.
func Name(p *miniov1alpha1.Policy) string {
	if n := meta.GetExternalName(p); n != "" {
		return n
	}

	return p.GetName()
}

// Observe costs one call, whose payload is not encrypted.
func (e *external) Observe(ctx context.Context, p *miniov1alpha1.Policy) (managed.ExternalObservation, error) {
	name := Name(p)

	info, err := e.admin.InfoCannedPolicyV2(ctx, name)
	if minio.IsNotFound(err) {
		return managed.ExternalObservation{}, nil
	}

	if err != nil {
		return managed.ExternalObservation{}, errors.Wrapf(err, "cannot read policy %q", name)
	}

	if !reconciler.Owns(p) {
		return managed.ExternalObservation{}, reconciler.NotOwned(p, "policy", name)
	}

	if meta.WasDeleted(p) {
		return managed.ExternalObservation{ResourceExists: true}, nil
	}

	if err := check(p); err != nil {
		return managed.ExternalObservation{}, err
	}

	e.observed = info

	if !info.UpdateDate.IsZero() {
		p.Status.AtProvider.UpdatedAt = new(metav1.NewTime(info.UpdateDate))
	}

	reconciler.SetConditions(p, xpv1.Available())

	return managed.ExternalObservation{
		ResourceExists:          true,
		ResourceUpToDate:        minio.SamePolicy([]byte(p.Spec.ForProvider.Document), info.Policy),
		ResourceLateInitialized: reconciler.RecordName(p, name),
	}, nil
}

// Create writes the policy.
func (e *external) Create(ctx context.Context, p *miniov1alpha1.Policy) (managed.ExternalCreation, error) {
	if err := check(p); err != nil {
		return managed.ExternalCreation{}, err
	}

	err := e.write(ctx, p)
	if !minio.IsClientError(err) {
		// The policy was written, or may have been; see reconciler.Owns.
		meta.SetExternalName(p, Name(p))
	}

	return managed.ExternalCreation{}, err
}

// Update writes the document of the policy.
func (e *external) Update(ctx context.Context, p *miniov1alpha1.Policy) (managed.ExternalUpdate, error) {
	if e.observed == nil {
		return managed.ExternalUpdate{}, reconciler.NotCreatable("policy", Name(p))
	}

	return managed.ExternalUpdate{}, e.write(ctx, p)
}

// Delete removes the policy. While it is attached to a user or group, the server keeps it.
func (e *external) Delete(ctx context.Context, p *miniov1alpha1.Policy) (managed.ExternalDelete, error) {
	reconciler.SetConditions(p, xpv1.Deleting())

	name := Name(p)

	switch err := e.admin.RemoveCannedPolicy(ctx, name); {
	case minio.IsNotFound(err):
		return managed.ExternalDelete{}, nil
	case minio.IsPolicyInUse(err):
		return managed.ExternalDelete{}, errors.Errorf("policy %q is attached to %s: detach it from them; the policy is then deleted",
			name, AttachedTo(ctx, e.kube, e.admin, name))
	default:
		return managed.ExternalDelete{}, errors.Wrapf(err, "cannot remove policy %q", name)
	}
}

// Disconnect does nothing: all reconciles share the server's client.
func (e *external) Disconnect(context.Context) error { return nil }

func (e *external) write(ctx context.Context, p *miniov1alpha1.Policy) error {
	err := e.admin.AddCannedPolicy(ctx, Name(p), []byte(p.Spec.ForProvider.Document))

	return errors.Wrapf(err, "cannot write policy %q", Name(p))
}

// check returns an error if the server would reject the policy's name or document.
func check(p *miniov1alpha1.Policy) error {
	if name := Name(p); strings.TrimSpace(name) != name || strings.Contains(name, ",") {
		return errors.Errorf("policy %q: a name cannot hold a comma, nor begin or end with a space: correct the annotation %s", name, meta.AnnotationKeyExternalName)
	}

	return errors.Wrap(minio.CheckPolicy([]byte(p.Spec.ForProvider.Document)), "spec.forProvider.document is no policy that MinIO takes")
}
