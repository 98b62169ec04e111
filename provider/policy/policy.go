// Package policy drives the canned policies of a MinIO server.
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

// Kind of Policy.
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

// admin is what is needed of an administration client. Who holds a policy is asked
// only where one that is held cannot be removed.
type admin interface {
	Entities

	AddCannedPolicy(ctx context.Context, name string, document []byte) error
	InfoCannedPolicyV2(ctx context.Context, name string) (*madmin.PolicyInfo, error)
	RemoveCannedPolicy(ctx context.Context, name string) error
}

// external drives one server's policies.
type external struct {
	kube  controller.Kube
	admin admin
	// found is the policy as Observe found it.
	found *madmin.PolicyInfo
}

// Name returns the name of p's policy on the server.
func Name(p *miniov1alpha1.Policy) string {
	if n := meta.GetExternalName(p); n != "" {
		return n
	}

	return p.GetName()
}

// Observe costs one plain call.
func (e *external) Observe(ctx context.Context, p *miniov1alpha1.Policy) (managed.ExternalObservation, error) {
	name := Name(p)

	info, err := e.admin.InfoCannedPolicyV2(ctx, name)
	if minio.IsNotFound(err) {
		return managed.ExternalObservation{}, nil
	}

	if err != nil {
		return managed.ExternalObservation{}, errors.Wrapf(err, "cannot look at policy %q", name)
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

	e.found = info

	if !info.UpdateDate.IsZero() {
		p.Status.AtProvider.UpdatedAt = new(metav1.NewTime(info.UpdateDate))
	}

	p.SetConditions(xpv1.Available())

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

// Update writes the policy as it should be.
func (e *external) Update(ctx context.Context, p *miniov1alpha1.Policy) (managed.ExternalUpdate, error) {
	if e.found == nil {
		return managed.ExternalUpdate{}, reconciler.NotCreatable("policy", Name(p))
	}

	return managed.ExternalUpdate{}, e.write(ctx, p)
}

// Delete removes the policy once nobody holds it.
func (e *external) Delete(ctx context.Context, p *miniov1alpha1.Policy) (managed.ExternalDelete, error) {
	p.SetConditions(xpv1.Deleting())

	name := Name(p)

	switch err := e.admin.RemoveCannedPolicy(ctx, name); {
	case minio.IsNotFound(err):
		return managed.ExternalDelete{}, nil
	case minio.IsPolicyInUse(err):
		return managed.ExternalDelete{}, errors.Errorf("policy %q is held by %s: take it from them, and it goes too", name, AttachedTo(ctx, e.kube, e.admin, name))
	default:
		return managed.ExternalDelete{}, errors.Wrapf(err, "cannot remove policy %q", name)
	}
}

// Disconnect does nothing: the client is shared.
func (e *external) Disconnect(context.Context) error { return nil }

func (e *external) write(ctx context.Context, p *miniov1alpha1.Policy) error {
	err := e.admin.AddCannedPolicy(ctx, Name(p), []byte(p.Spec.ForProvider.Document))

	return errors.Wrapf(err, "cannot write policy %q", Name(p))
}

// check returns why the server would not take the policy.
func check(p *miniov1alpha1.Policy) error {
	if name := Name(p); strings.TrimSpace(name) != name || strings.Contains(name, ",") {
		return errors.Errorf("policy %q: a name cannot hold a comma, nor begin or end with a space: correct the annotation %s", name, meta.AnnotationKeyExternalName)
	}

	return errors.Wrap(minio.CheckPolicy([]byte(p.Spec.ForProvider.Document)), "spec.forProvider.document is no policy that MinIO takes")
}
