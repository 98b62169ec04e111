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
			ctx, trouble := minio.CaptureErrors(t.Context())

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

		// What these do is refused by the guard, or done by it; nobody may ask for it.
		for _, field := range []string{"force_destroy", "force_new_credentials"} {
			if f := k.TerraformResource.Schema[field]; f != nil && (f.Optional || f.Required || !f.Computed) {
				t.Errorf("%s: %s can be set", k.Kind, field)
			}
		}

		if k.UseAsync {
			t.Errorf("%s: a reconcile would not know how it ended", k.Kind)
		}
	}
}

// TestCheckNotification wants rules, all of which are sent.
func TestCheckNotification(t *testing.T) {
	rule := func(arn string, events ...any) any { return map[string]any{"queue_arn": arn, "events": events} }

	const arn, created = "arn:minio:sqs::PRIMARY:webhook", "s3:ObjectCreated:*"

	for name, tc := range map[string]struct {
		reason string
		queue  []any
		want   string
	}{
		"Sent":    {reason: "The provider sends it.", queue: []any{rule(arn, created)}},
		"NoRule":  {reason: "It would read as none, and be made again and again.", want: "spec.forProvider.queue needs a rule"},
		"NoARN":   {reason: "The provider would leave it out.", queue: []any{rule(arn, created), rule("", created)}, want: "spec.forProvider.queue[1].queueArn"},
		"NoEvent": {reason: "It would tell nobody anything.", queue: []any{rule(arn)}, want: "spec.forProvider.queue[0].events"},
	} {
		t.Run(name, func(t *testing.T) {
			d := schema.TestResourceDataRaw(t, kindOf(t, "BucketNotification").TerraformResource.Schema, map[string]any{"bucket": "inbox", "queue": tc.queue})

			err := checkNotification(d)
			if (err == nil) != (tc.want == "") || (err != nil && !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("%s\nwant %q, got %v", tc.reason, tc.want, err)
			}
		})
	}
}

// kindOf returns a kind by its name.
func kindOf(t *testing.T, name string) *Kind {
	t.Helper()

	for _, k := range Kinds() {
		if k.Kind == name {
			return k
		}
	}

	t.Fatalf("there is no kind %s", name)

	return nil
}

// TestSameTarget compares ARNs as the server tells them with those that are wanted.
func TestSameTarget(t *testing.T) {
	for name, tc := range map[string]struct {
		reason         string
		server, wanted string
		want           bool
	}{
		"Own":     {reason: "The server fills in its region.", server: "arn:minio:sqs:eu-1:PRIMARY:webhook", wanted: "arn:minio:sqs::PRIMARY:webhook", want: true},
		"NoOwn":   {reason: "It has none to fill in.", server: "arn:minio:sqs::PRIMARY:webhook", wanted: "arn:minio:sqs::PRIMARY:webhook", want: true},
		"Another": {reason: "Another region was asked for.", server: "arn:minio:sqs:eu-1:PRIMARY:webhook", wanted: "arn:minio:sqs:eu-2:PRIMARY:webhook"},
		"Target":  {reason: "It is another target.", server: "arn:minio:sqs:eu-1:PRIMARY:webhook", wanted: "arn:minio:sqs::SECOND:webhook"},
		"None":    {reason: "There is none yet.", wanted: "arn:minio:sqs::PRIMARY:webhook"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := sameTarget("", tc.server, tc.wanted, nil); got != tc.want {
				t.Errorf("%s\nwant %t, got %t", tc.reason, tc.want, got)
			}
		})
	}
}
