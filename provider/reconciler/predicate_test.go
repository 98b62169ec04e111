package reconciler

import (
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/providertest"
)

func TestDesiredStateChanged(t *testing.T) {
	cases := map[string]struct {
		reason string
		// before changes the Bucket that change then changes; it may be nil.
		before func(*miniov1alpha1.Bucket)
		change func(*miniov1alpha1.Bucket)
		want   bool
	}{
		"Spec": {
			reason: "A new generation has another spec.",
			change: func(b *miniov1alpha1.Bucket) { b.Generation++ },
			want:   true,
		},
		"Label": {
			reason: "Labels may select other resources.",
			change: func(b *miniov1alpha1.Bucket) { b.Labels = map[string]string{"a": "b"} },
			want:   true,
		},
		"Paused": {
			reason: "Annotations may ask for something.",
			change: func(b *miniov1alpha1.Bucket) {
				meta.AddAnnotations(b, map[string]string{meta.AnnotationKeyReconciliationPaused: "true"})
			},
			want: true,
		},
		"Requested": {
			reason: "A person asks for a reconcile now, in Crossplane's way.",
			change: func(b *miniov1alpha1.Bucket) {
				meta.AddAnnotations(b, map[string]string{"crossplane.io/reconcile-requested-at": "2026-01-01T00:00:00Z"})
			},
			want: true,
		},
		"Adopted": {
			reason: "The external name of a resource to adopt was set.",
			change: func(b *miniov1alpha1.Bucket) { meta.SetExternalName(b, "photos") },
			want:   true,
		},
		"Begun": {
			reason: "The reconciler records that a creation is pending.",
			change: func(b *miniov1alpha1.Bucket) { meta.SetExternalCreatePending(b, time.Now()) },
		},
		"Created": {reason: "The reconciler records a creation, and requeues anyway.", change: func(b *miniov1alpha1.Bucket) {
			meta.SetExternalName(b, "photos")
			meta.SetExternalCreateSucceeded(b, time.Now())
		}},
		"Owned": {
			reason: "The reconciler records the owner of a resource that had none.",
			change: func(b *miniov1alpha1.Bucket) { setOwner(b, "its own") },
		},
		"OwnedAndPaused": {reason: "An annotation was set at the same time.", change: func(b *miniov1alpha1.Bucket) {
			setOwner(b, "its own")
			meta.AddAnnotations(b, map[string]string{meta.AnnotationKeyReconciliationPaused: "true"})
		}, want: true},
		"OwnedByAnother": {
			reason: "The resource is a copy from now on.",
			change: func(b *miniov1alpha1.Bucket) { setOwner(b, "another") },
			want:   true,
		},
		"TakenOver": {
			reason: "A copy was made the owner.",
			before: func(b *miniov1alpha1.Bucket) { setOwner(b, "another") },
			change: func(b *miniov1alpha1.Bucket) { setOwner(b, "its own") },
			want:   true,
		},
		"TakenOverByRemoval": {
			reason: "The annotation was removed from a copy.",
			before: func(b *miniov1alpha1.Bucket) { setOwner(b, "another") },
			change: func(b *miniov1alpha1.Bucket) { b.Annotations = nil },
			want:   true,
		},
		"Named": {reason: "The reconciler records the UID that names follow from.", change: func(b *miniov1alpha1.Bucket) {
			meta.AddAnnotations(b, map[string]string{AnnotationKeyNamesUID: "its own"})
		}},
		"NamedBeforeCreation": {reason: "The name is recorded with the intent to create.", change: func(b *miniov1alpha1.Bucket) {
			meta.SetExternalCreatePending(b, time.Now())
			meta.SetExternalName(b, "its-own")
			meta.AddAnnotations(b, map[string]string{AnnotationKeyNamesUID: "its own"})
		}},
		"NamedAnew": {
			reason: "A person changes the UID that names follow from.",
			before: func(b *miniov1alpha1.Bucket) {
				meta.AddAnnotations(b, map[string]string{AnnotationKeyNamesUID: "its own"})
			},
			change: func(b *miniov1alpha1.Bucket) {
				meta.AddAnnotations(b, map[string]string{AnnotationKeyNamesUID: "another"})
			},
			want: true,
		},
		"Resolved": {reason: "The reconciler records what references resolve to, and goes on.", change: func(b *miniov1alpha1.Bucket) {
			meta.SetExternalCreatePending(b, time.Now())
			meta.AddAnnotations(b, map[string]string{annotationKeyReferences: "{}"})
		}},
		"ResolvedAndAdopted": {reason: "The external name was set at the same time.", change: func(b *miniov1alpha1.Bucket) {
			meta.SetExternalName(b, "photos")
			meta.AddAnnotations(b, map[string]string{annotationKeyReferences: "{}"})
		}, want: true},
		"CreatedAndPaused": {reason: "An annotation was set at the same time.", change: func(b *miniov1alpha1.Bucket) {
			meta.SetExternalCreateSucceeded(b, time.Now())
			meta.AddAnnotations(b, map[string]string{meta.AnnotationKeyReconciliationPaused: "true"})
		}, want: true},
		"CreatedAndChanged": {reason: "The spec changed at the same time.", change: func(b *miniov1alpha1.Bucket) {
			meta.SetExternalCreateSucceeded(b, time.Now())

			b.Generation++
		}, want: true},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before := providertest.NewBucket(miniov1alpha1.ProviderConfigKind.Kind)
			before.UID = "its own"

			if tc.before != nil {
				tc.before(before)
			}

			after := before.DeepCopy()
			tc.change(after)

			if got := DesiredStateChanged().Update(event.UpdateEvent{ObjectOld: before, ObjectNew: after}); got != tc.want {
				t.Errorf("%s\nwant %t, got %t", tc.reason, tc.want, got)
			}
		})
	}
}
