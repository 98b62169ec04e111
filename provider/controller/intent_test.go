package controller

import (
	"context"
	"testing"
	"time"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/providertest"
	"github.com/cistern-dev/cistern/provider/reconciler"
)

// TestChangedSinceIntent expects a write after a creation only where annotations say more than the
// intent to create.
func TestChangedSinceIntent(t *testing.T) {
	intended := time.Date(2026, time.November, 26, 7, 0, 0, 0, time.UTC)

	cases := map[string]struct {
		reason string
		change func(*miniov1alpha1.Bucket)
		want   bool
	}{
		"Created": {reason: "The status tells it.", change: func(b *miniov1alpha1.Bucket) {
			meta.SetExternalCreateSucceeded(b, intended.Add(time.Second))
		}},
		"Failed": {reason: "The next intent starts anew.", change: func(b *miniov1alpha1.Bucket) {
			meta.SetExternalCreateFailed(b, intended.Add(time.Second))
		}, want: true},
		"FailedAtOnce": {reason: "The times are in seconds.", change: func(b *miniov1alpha1.Bucket) {
			meta.SetExternalCreateFailed(b, intended)
		}, want: true},
		"FailedBefore": {reason: "It is stored already.", change: func(b *miniov1alpha1.Bucket) {
			meta.SetExternalCreateFailed(b, intended.Add(-time.Second))
			meta.SetExternalCreateSucceeded(b, intended)
		}},
		"Recreated": {reason: "Nothing else tells the loss.", change: func(b *miniov1alpha1.Bucket) {
			meta.AddAnnotations(b, map[string]string{miniov1alpha1.AnnotationRecreatedAt: intended.Add(time.Millisecond).Format(recreatedAtLayout)})
		}, want: true},
		"RecreatedBefore": {reason: "That loss is stored already.", change: func(b *miniov1alpha1.Bucket) {
			meta.AddAnnotations(b, map[string]string{miniov1alpha1.AnnotationRecreatedAt: intended.Add(-time.Hour).Format(recreatedAtLayout)})
		}},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := providertest.NewBucket(miniov1alpha1.ProviderConfigKind.Kind)
			meta.SetExternalCreatePending(b, intended)
			tc.change(b)

			if got := changedSinceIntent(b); got != tc.want {
				t.Errorf("%s\nchangedSinceIntent(): want %t, got %t", tc.reason, tc.want, got)
			}
		})
	}
}

// TestNamingFinalizer expects a name for what is about to be made, and for nothing else.
func TestNamingFinalizer(t *testing.T) {
	f := namingFinalizer[*miniov1alpha1.Bucket]{
		Finalizer: resource.FinalizerFns{AddFinalizerFn: func(context.Context, resource.Object) error { return nil }},
		name:      func(b *miniov1alpha1.Bucket) { reconciler.RecordName(b, "made") },
	}

	b := providertest.NewBucket(miniov1alpha1.ProviderConfigKind.Kind)
	if err := f.AddFinalizer(t.Context(), b); err != nil || meta.GetExternalName(b) != "made" {
		t.Errorf("want a new resource to have the name %q, got %q, %v", "made", meta.GetExternalName(b), err)
	}

	// Its name is recorded after the observation.
	b = providertest.NewBucket(miniov1alpha1.ProviderConfigKind.Kind)
	meta.SetExternalCreateSucceeded(b, time.Now())

	if err := f.AddFinalizer(t.Context(), b); err != nil || meta.GetExternalName(b) != "" {
		t.Errorf("want a resource that owns something to stay as it is, got the name %q, %v", meta.GetExternalName(b), err)
	}
}
