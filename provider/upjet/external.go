package upjet

import (
	"context"
	stderrors "errors"

	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/logging"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"
	xpresource "github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	tjcontroller "github.com/crossplane/upjet/v2/pkg/controller"
	"github.com/crossplane/upjet/v2/pkg/metrics"
	"github.com/crossplane/upjet/v2/pkg/resource"
	"github.com/crossplane/upjet/v2/pkg/terraform"

	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/reconciler"
)

// Resource is a managed resource that upjet generated.
type Resource interface {
	xpresource.ModernManaged
	resource.Terraformed
}

// external drives the resources of one kind on a server, through upjet's own client.
// It lives for one reconcile and keeps nothing beyond it: Terraform's state is rebuilt
// from the resource each time.
type external struct {
	config *Config
	kube   client.Client
	server *minio.Server

	// client is upjet's client for one resource.
	client managed.ExternalClient
}

// Observe observes the resource with a single call to the server.
func (e *external) Observe(ctx context.Context, mg Resource) (managed.ExternalObservation, error) {
	name, err := e.config.naming.of(mg)
	if err != nil {
		return managed.ExternalObservation{}, ignoreIfDeleted(mg, err)
	}

	// An external resource that another one owns must leave no trace in mg, so it is
	// read into a copy.
	owned, named := reconciler.Owns(mg), meta.GetExternalName(mg) != ""

	seen := mg
	if !owned {
		seen = mg.DeepCopyObject().(Resource) //nolint:forcetypeassert // A copy is of the same type.
	}

	o, err := e.observe(ctx, seen, name)

	switch {
	case err != nil, !o.ResourceExists:
		unname(mg, named)

		return managed.ExternalObservation{}, err
	case !owned:
		return managed.ExternalObservation{}, reconciler.NotOwned(mg, e.config.Kind, name)
	}

	// upjet's condition records no generation.
	reconciler.SetConditions(mg, mg.GetCondition(xpv1.TypeReady))

	return managed.ExternalObservation{
		ResourceExists:          true,
		ResourceUpToDate:        o.ResourceUpToDate,
		ResourceLateInitialized: !named,
	}, nil
}

// observe connects upjet's client to a resource and observes it.
func (e *external) observe(ctx context.Context, mg Resource, name string) (managed.ExternalObservation, error) {
	meta.SetExternalName(mg, name)

	// upjet logs differences, which may contain credentials.
	log := logging.NewNopLogger()
	connector := tjcontroller.NewTerraformPluginSDKConnector(e.kube, e.setup, e.config.Resource, tjcontroller.NewOperationStore(log),
		tjcontroller.WithTerraformPluginSDKLogger(log),
		tjcontroller.WithTerraformPluginSDKMetricRecorder(&metrics.MetricRecorder{}),
		tjcontroller.WithTerraformPluginSDKManagementPolicies(true))

	var err error
	if e.client, err = connector.Connect(ctx, mg); err != nil {
		return managed.ExternalObservation{}, err
	}

	ctx, captured := minio.CaptureErrors(ctx)
	o, err := e.client.Observe(ctx, mg)

	return o, e.explain(err, captured, "read", name)
}

// setup passes the server's clients to the Terraform provider.
func (e *external) setup(context.Context, client.Client, xpresource.Managed) (terraform.Setup, error) {
	return terraform.Setup{Meta: &clients{
		S3Client:     e.server.S3(),
		S3Admin:      e.server.Admin,
		S3Region:     e.server.SigningRegion(),
		S3UserAccess: e.server.AccessKey,
	}}, nil
}

// Create creates the external resource under the name that naming gives it. It returns
// no connection details: none of the kinds publishes credentials.
func (e *external) Create(ctx context.Context, mg Resource) (managed.ExternalCreation, error) {
	name, err := e.config.naming.of(mg)
	if err != nil {
		return managed.ExternalCreation{}, err
	}

	named := meta.GetExternalName(mg) != ""
	meta.SetExternalName(mg, name)

	ctx, captured := minio.CaptureErrors(ctx)
	_, err = e.client.Create(ctx, mg)

	// The annotation claims ownership, see reconciler.Owns; it must not remain if the
	// server has certainly created nothing.
	if err != nil && !attempted(captured.Err()) {
		unname(mg, named)
	}

	return managed.ExternalCreation{}, e.explain(err, captured, "create", name)
}

// attempted reports whether the server may have created the resource although the
// creation failed with this error.
func attempted(err error) bool {
	own, ok := stderrors.AsType[*guardError](err)

	return err != nil && (!ok || !own.unsent) && !minio.IsClientError(err)
}

// Update changes the external resource to what the spec says.
func (e *external) Update(ctx context.Context, mg Resource) (managed.ExternalUpdate, error) {
	ctx, captured := minio.CaptureErrors(ctx)
	_, err := e.client.Update(ctx, mg)

	return managed.ExternalUpdate{}, e.explain(err, captured, "change", meta.GetExternalName(mg))
}

// Delete deletes the external resource, or returns an error if the server keeps it, as
// it does a group with members.
func (e *external) Delete(ctx context.Context, mg Resource) (managed.ExternalDelete, error) {
	ctx, captured := minio.CaptureErrors(ctx)
	_, err := e.client.Delete(ctx, mg)

	return managed.ExternalDelete{}, e.explain(err, captured, "delete", meta.GetExternalName(mg))
}

// Disconnect does nothing: the server's clients are shared.
func (e *external) Disconnect(context.Context) error { return nil }

// explain adds the resource's name to an error. The Terraform provider's errors are
// texts only, so the captured error of the call or guard that caused one replaces it.
func (e *external) explain(err error, captured *minio.ErrorCapture, verb, name string) error {
	if err != nil && captured.Err() != nil {
		err = captured.Err()
	}

	return errors.Wrapf(err, "cannot %s %s %q", verb, e.config.Kind, name)
}

// unname removes the external name unless the resource was already named.
func unname(mg Resource, named bool) {
	if !named {
		meta.RemoveAnnotations(mg, meta.AnnotationKeyExternalName)
	}
}

// ignoreIfDeleted returns nil for a resource that is being deleted, and err otherwise: an
// external resource whose name could never be determined was never created.
func ignoreIfDeleted(mg Resource, err error) error {
	if meta.WasDeleted(mg) {
		return nil
	}

	return err
}
