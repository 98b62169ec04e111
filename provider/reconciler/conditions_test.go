package reconciler

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// TestSetConditions wants conditions to record the generation of the spec, also where one is
// stored that has none, and the time of a transition to be that of the status.
func TestSetConditions(t *testing.T) {
	earlier, now := metav1.NewTime(time.Unix(100, 0)), metav1.NewTime(time.Unix(200, 0))

	ready := func(status corev1.ConditionStatus, message string, generation int64, at metav1.Time) xpv1.Condition {
		return xpv1.Condition{Type: xpv1.TypeReady, Status: status, Message: message, ObservedGeneration: generation, LastTransitionTime: at}
	}

	for name, tc := range map[string]struct {
		reason string
		stored []xpv1.Condition
		set    xpv1.Condition
		want   xpv1.Condition
	}{
		"First": {
			reason: "The first condition records the generation.",
			set:    ready(corev1.ConditionTrue, "a", 0, now), want: ready(corev1.ConditionTrue, "a", 2, now),
		},
		"Same": {
			reason: "The same condition is now known of another spec.",
			stored: []xpv1.Condition{ready(corev1.ConditionTrue, "a", 1, earlier)},
			set:    ready(corev1.ConditionTrue, "a", 0, now), want: ready(corev1.ConditionTrue, "a", 2, earlier),
		},
		"WithoutGeneration": {
			reason: "One that was stored without a generation gets it.",
			stored: []xpv1.Condition{ready(corev1.ConditionTrue, "a", 0, earlier)},
			set:    ready(corev1.ConditionTrue, "a", 0, now), want: ready(corev1.ConditionTrue, "a", 2, earlier),
		},
		"Message": {
			reason: "Another message is no transition.",
			stored: []xpv1.Condition{ready(corev1.ConditionFalse, "a", 2, earlier)},
			set:    ready(corev1.ConditionFalse, "b", 0, now), want: ready(corev1.ConditionFalse, "b", 2, earlier),
		},
		"Transition": {
			reason: "Another status is.",
			stored: []xpv1.Condition{ready(corev1.ConditionFalse, "a", 1, earlier)},
			set:    ready(corev1.ConditionTrue, "", 0, now), want: ready(corev1.ConditionTrue, "", 2, now),
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := &miniov1alpha1.Bucket{ObjectMeta: metav1.ObjectMeta{Generation: 2}}
			b.Status.Conditions = tc.stored

			SetConditions(b, tc.set)

			if diff := cmp.Diff([]xpv1.Condition{tc.want}, b.Status.Conditions); diff != "" {
				t.Errorf("%s\n-want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}
