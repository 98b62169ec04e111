package upjet

import (
	"context"
	stderrors "errors"

	"sigs.k8s.io/controller-runtime/pkg/client"

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

// external drives the resources of a kind on a server, by upjet's own client. A
// client lives for one reconcile, and remembers nothing beyond it: the state that
// Terraform wants is made anew of what the resource says.
type external struct {
	kind   *Kind
	kube   client.Client
	server *minio.Server

	// client is upjet's, for one resource.
	client managed.ExternalClient
}

// Observe looks at the resource, at the cost of one call.
func (e *external) Observe(ctx context.Context, mg Resource) (managed.ExternalObservation, error) {
	name, err := e.kind.naming.of(mg)
	if err != nil {
		return managed.ExternalObservation{}, ignoreIfDeleted(mg, err)
	}

	// What is not ours leaves no trace in the resource.
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
		return managed.ExternalObservation{}, reconciler.NotOwned(mg, e.kind.Kind, name)
	}

	return managed.ExternalObservation{
		ResourceExists:          true,
		ResourceUpToDate:        o.ResourceUpToDate,
		ResourceLateInitialized: !named,
	}, nil
}

// observe connects upjet's client to a resource and looks at it.
func (e *external) observe(ctx context.Context, mg Resource, name string) (managed.ExternalObservation, error) {
	meta.SetExternalName(mg, name)

	// upjet tells its logger of differences, credentials among them.
	log := logging.NewNopLogger()
	connector := tjcontroller.NewTerraformPluginSDKConnector(e.kube, e.setup, e.kind.Resource, tjcontroller.NewOperationStore(log),
		tjcontroller.WithTerraformPluginSDKLogger(log),
		tjcontroller.WithTerraformPluginSDKMetricRecorder(&metrics.MetricRecorder{}),
		tjcontroller.WithTerraformPluginSDKManagementPolicies(true))

	var err error
	if e.client, err = connector.Connect(ctx, mg); err != nil {
		return managed.ExternalObservation{}, err
	}

	ctx, trouble := minio.CaptureErrors(ctx)
	o, err := e.client.Observe(ctx, mg)

	return o, e.explain(err, trouble, "look at", name)
}

// setup hands the server's clients to the Terraform provider.
func (e *external) setup(context.Context, client.Client, xpresource.Managed) (terraform.Setup, error) {
	return terraform.Setup{Meta: &clients{
		S3Client:     e.server.S3,
		S3Admin:      e.server.Admin,
		S3Region:     e.server.Region,
		S3UserAccess: e.server.AccessKey,
	}}, nil
}

// Create makes the resource.
func (e *external) Create(ctx context.Context, mg Resource) (managed.ExternalCreation, error) {
	name, err := e.kind.naming.of(mg)
	if err != nil {
		return managed.ExternalCreation{}, err
	}

	named := meta.GetExternalName(mg) != ""
	meta.SetExternalName(mg, name)

	ctx, trouble := minio.CaptureErrors(ctx)
	_, err = e.client.Create(ctx, mg)

	// Credentials are no connection details. And what the server refused is not
	// ours, see reconciler.Owns.
	if err != nil && !attempted(trouble.Err()) {
		unname(mg, named)
	}

	return managed.ExternalCreation{}, e.explain(err, trouble, "create", name)
}

// attempted says of the error of a creation that the server may have carried it
// out all the same.
func attempted(err error) bool {
	own, ok := stderrors.AsType[*ownError](err)

	return err != nil && (!ok || !own.unsent) && !minio.IsClientError(err)
}

// Update changes the resource.
func (e *external) Update(ctx context.Context, mg Resource) (managed.ExternalUpdate, error) {
	ctx, trouble := minio.CaptureErrors(ctx)
	_, err := e.client.Update(ctx, mg)

	return managed.ExternalUpdate{}, e.explain(err, trouble, "change", meta.GetExternalName(mg))
}

// Delete removes the resource.
func (e *external) Delete(ctx context.Context, mg Resource) (managed.ExternalDelete, error) {
	ctx, trouble := minio.CaptureErrors(ctx)
	_, err := e.client.Delete(ctx, mg)

	return managed.ExternalDelete{}, e.explain(err, trouble, "delete", meta.GetExternalName(mg))
}

// Disconnect does nothing: the server's clients are shared.
func (e *external) Disconnect(context.Context) error { return nil }

// explain returns what went wrong. If a call to the server or a guard did, that is
// said in its own words, of which the Terraform provider's are but a text.
func (e *external) explain(err error, trouble *minio.ErrorCapture, act, name string) error {
	if err != nil && trouble.Err() != nil {
		err = trouble.Err()
	}

	return errors.Wrapf(err, "cannot %s %s %q", act, e.kind.Kind, name)
}

// unname takes back a name that was not there before.
func unname(mg Resource, named bool) {
	if !named {
		meta.RemoveAnnotations(mg, meta.AnnotationKeyExternalName)
	}
}

// ignoreIfDeleted returns no error of a resource that is being deleted: one whose
// name was never known was never made.
func ignoreIfDeleted(mg Resource, err error) error {
	if meta.WasDeleted(mg) {
		return nil
	}

	return err
}
