package upjet

import (
	"cmp"
	"context"
	stderrors "errors"

	tfminio "github.com/aminueza/terraform-provider-minio/v2/minio"
	"github.com/hashicorp/terraform-plugin-sdk/v2/diag"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/crossplane/upjet/v2/pkg/config"

	"github.com/cistern-dev/cistern/provider/minio"
)

// clients are a server's clients in the type that the Terraform provider takes.
type clients = tfminio.S3MinioClient

// guard corrects the defects of one resource of the Terraform provider; guards.go
// holds the corrections. Every guard, the empty one included, turns a panic into
// an error.
type guard struct {
	// present reports whether the resource exists. It replaces the resource's own
	// Read, which reads nothing else and reports existence wrongly.
	present func(ctx context.Context, c *clients, d *schema.ResourceData) (bool, error)
	// absent reports whether the resource is gone, given the state and error of the
	// provider's own Read.
	absent func(d *schema.ResourceData, err error) bool
	// check returns an error if the arguments must not be sent to the server.
	check func(d *schema.ResourceData) error
	// equivalent reports, for a field by its Terraform path, whether two values mean
	// the same.
	equivalent map[string]schema.SchemaDiffSuppressFunc
	// remove replaces the resource's own Delete.
	remove func(ctx context.Context, c *clients, d *schema.ResourceData) error
}

// operation is one of the functions of a Terraform resource.
type operation = func(context.Context, *schema.ResourceData, any) diag.Diagnostics

// wrap puts the guard around a resource.
func (g guard) wrap(r *schema.Resource) *schema.Resource {
	for path, equivalent := range g.equivalent {
		config.GetSchema(r, path).DiffSuppressFunc = equivalent
	}

	read := r.ReadContext

	switch {
	case g.present != nil:
		read = g.readPresence
	case g.absent != nil:
		read = g.readUnlessAbsent(r.ReadContext)
	}

	if g.remove != nil {
		r.DeleteContext = func(ctx context.Context, d *schema.ResourceData, meta any) diag.Diagnostics {
			return failed(ctx, g.remove(ctx, meta.(*clients), d)) //nolint:forcetypeassert // See setup.
		}
	}

	r.CreateContext = recovered(g.checked(r.CreateContext))
	r.ReadContext = recovered(read)
	r.DeleteContext = recovered(r.DeleteContext)

	if r.UpdateContext != nil {
		r.UpdateContext = recovered(g.checked(r.UpdateContext))
	}

	return r
}

// readPresence is a Read that keeps the ID of a resource that is present, and
// clears it otherwise, which means absence to Terraform.
func (g guard) readPresence(ctx context.Context, d *schema.ResourceData, meta any) diag.Diagnostics {
	present, err := g.present(ctx, meta.(*clients), d) //nolint:forcetypeassert // See setup.
	if err == nil && !present {
		d.SetId("")
	}

	return failed(ctx, err)
}

// readUnlessAbsent returns a Read that has absent judge the result of another.
func (g guard) readUnlessAbsent(read operation) operation {
	return func(ctx context.Context, d *schema.ResourceData, meta any) diag.Diagnostics {
		ctx, captured := minio.CaptureErrors(ctx)

		diags := read(ctx, d, meta)

		var err error
		if diags.HasError() {
			err = cmp.Or(captured.Err(), errUnknown)
		}

		if !g.absent(d, err) {
			return diags
		}

		d.SetId("")

		return nil
	}
}

// errUnknown stands for an error of which only a text is known.
var errUnknown = errors.New("unknown")

// checked returns an operation that fails before op if the arguments are invalid.
func (g guard) checked(op operation) operation {
	if g.check == nil {
		return op
	}

	return func(ctx context.Context, d *schema.ResourceData, meta any) diag.Diagnostics {
		if err := g.check(d); err != nil {
			return failed(ctx, &guardError{error: err, unsent: true})
		}

		return op(ctx, d, meta)
	}
}

// recovered returns an operation that fails where op would panic.
func recovered(op operation) operation {
	return func(ctx context.Context, d *schema.ResourceData, meta any) (diags diag.Diagnostics) {
		defer func() {
			// The recovered value is dropped: it may quote a secret argument.
			if recover() != nil {
				diags = failed(ctx, guardErrorf("the Terraform provider cannot handle spec.forProvider: compare it with the kind's documentation"))
			}
		}()

		return op(ctx, d, meta)
	}
}

// guardError is an error that a guard found, not a server.
type guardError struct {
	error

	// unsent reports whether nothing was sent to the server.
	unsent bool
}

func guardErrorf(format string, args ...any) error {
	return &guardError{error: errors.Errorf(format, args...)}
}

// failed returns an error as Terraform's diagnostics. Those keep its text only, so a
// guard's error is reported to the context as well; errors of calls to the server
// are reported by the calls themselves, see minio.ErrorCapture.
func failed(ctx context.Context, err error) diag.Diagnostics {
	if own, ok := stderrors.AsType[*guardError](err); ok {
		minio.Capture(ctx, own)
	}

	return diag.FromErr(err)
}
