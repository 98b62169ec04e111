package upjet

import (
	"context"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-sdk/v2/diag"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"

	"github.com/cistern-dev/cistern/provider/minio"
)

// TestPanicIsRecovered expects a panicking operation to fail with an error that does
// not quote the panic, which may contain a secret.
func TestPanicIsRecovered(t *testing.T) {
	panics := func(context.Context, *schema.ResourceData, any) diag.Diagnostics { panic("secret") }

	r := guard{}.wrap(&schema.Resource{CreateContext: panics, ReadContext: panics, UpdateContext: panics, DeleteContext: panics})

	for name, op := range map[string]operation{
		"Create": r.CreateContext, "Read": r.ReadContext, "Update": r.UpdateContext, "Delete": r.DeleteContext,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, captured := minio.CaptureErrors(t.Context())

			diags := op(ctx, nil, nil)
			if !diags.HasError() || captured.Err() == nil || strings.Contains(captured.Err().Error(), "secret") {
				t.Errorf("want an error that does not quote the panic, got %v, %v", diags, captured.Err())
			}
		})
	}
}
