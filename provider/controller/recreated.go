package controller

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/event"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/reconciler"
)

// recreatedAtLayout is RFC 3339 with milliseconds: two losses within a second are two.
const recreatedAtLayout = "2006-01-02T15:04:05.000Z07:00"

// recreatedFor is how long the condition Recreated is true, unless the annotation is removed.
const recreatedFor = 24 * time.Hour

// losses says for each kind what is lost when it is made anew.
var losses = map[string]string{
	miniov1alpha1.BucketKind.Kind: "it is empty, the objects that it held are lost",
	miniov1alpha1.UserKind.Kind:   "earlier keys that were still retiring, and temporary credentials, are lost",
}

// existed reports whether the external object that is about to be created was there before: its
// creation is recorded, or it was ready, or the resource is younger than the intent to create it,
// because it was restored from a backup.
func existed(mg resource.Managed) bool {
	intended := meta.GetExternalCreatePending(mg)
	restored := !intended.IsZero() && intended.Before(mg.GetCreationTimestamp().Time)

	return restored || !meta.GetExternalCreateSucceeded(mg).IsZero() || mg.GetCondition(xpv1.TypeReady).Status == corev1.ConditionTrue
}

// recordRecreation records that a resource that had existed was made anew. What Create changes
// of a resource is lost, except annotations; so the condition follows from one.
func recordRecreation(mg resource.Managed, kind string, record event.Recorder, now time.Time) {
	at := now.UTC().Format(recreatedAtLayout)
	meta.AddAnnotations(mg, map[string]string{miniov1alpha1.AnnotationRecreatedAt: at})

	// The time makes each such event differ from the one before, which is not repeated.
	record.Event(mg, event.Warning(event.Reason(miniov1alpha1.ReasonRecreated), errors.New(recreatedMessage(mg, kind, at))))
}

// recreatedAt returns when what a resource had lost was made anew, or the zero time if nothing was.
func recreatedAt(o metav1.Object) time.Time {
	at, _ := time.Parse(time.RFC3339, o.GetAnnotations()[miniov1alpha1.AnnotationRecreatedAt])

	return at
}

// showRecreation sets the condition Recreated of a resource that exists.
func showRecreation(mg resource.Managed, kind string, now time.Time) {
	if at := recreatedAt(mg); !at.IsZero() && now.Sub(at) < recreatedFor {
		value := mg.GetAnnotations()[miniov1alpha1.AnnotationRecreatedAt]
		reconciler.SetConditions(mg, miniov1alpha1.Recreated(recreatedMessage(mg, kind, value)))

		return
	}

	if mg.GetCondition(miniov1alpha1.ConditionRecreated).Status == corev1.ConditionTrue {
		reconciler.SetConditions(mg, miniov1alpha1.NotRecreated())
	}
}

func recreatedMessage(mg resource.Managed, kind, at string) string {
	loss := losses[kind]
	if loss == "" {
		loss = "what was changed in it by others is lost"
	}

	return fmt.Sprintf("%s %q was gone from the server and was made anew at %s: %s. Remove the annotation %s to acknowledge this",
		kind, meta.GetExternalName(mg), at, loss, miniov1alpha1.AnnotationRecreatedAt)
}
