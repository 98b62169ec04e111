package upjet

import (
	"context"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-sdk/v2/diag"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"

	"github.com/cistern-dev/cistern/provider/minio"
)

// TestPanics has operations panic, with something that must not be told.
func TestPanics(t *testing.T) {
	panics := func(context.Context, *schema.ResourceData, any) diag.Diagnostics { panic("secret") }

	r := guard{}.wrap(&schema.Resource{CreateContext: panics, ReadContext: panics, UpdateContext: panics, DeleteContext: panics})

	for name, op := range map[string]operation{"Create": r.CreateContext, "Read": r.ReadContext, "Update": r.UpdateContext, "Delete": r.DeleteContext} {
		t.Run(name, func(t *testing.T) {
			ctx, trouble := minio.WithTrouble(t.Context())

			diags := op(ctx, nil, nil)
			if !diags.HasError() || trouble.Err() == nil || strings.Contains(trouble.Err().Error(), "secret") {
				t.Errorf("want an error that says nothing of the panic, got %v, %v", diags, trouble.Err())
			}
		})
	}
}

// TestKinds looks for what each kind must have.
func TestKinds(t *testing.T) {
	seen := map[string]bool{}

	for _, k := range Kinds() {
		if seen[k.GVK().String()] {
			t.Errorf("%s: it is there twice", k.GVK())
		}

		seen[k.GVK().String()] = true

		// What is not initialised late is not taken from the server for wanted.
		ignored := map[string]bool{}
		for _, f := range k.LateInitializer.IgnoredFields {
			ignored[f] = true
		}

		for field := range k.TerraformResource.Schema {
			if !ignored[field] {
				t.Errorf("%s: field %s is initialised late", k.Kind, field)
			}
		}

		for _, field := range k.naming.fields {
			if k.TerraformResource.Schema[field] == nil {
				t.Errorf("%s: its name is made of %s, which it does not have", k.Kind, field)
			}
		}

		if k.UseAsync {
			t.Errorf("%s: a reconcile would not know how it ended", k.Kind)
		}
	}
}
