package reconciler

import (
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"
)

// Conditioned is an object with conditions.
type Conditioned interface {
	client.Object
	resource.Conditioned
}

// SetConditions sets conditions that hold for the spec of o as it is now: they record its
// generation. The time of a transition stays as it is where the status does.
func SetConditions(o Conditioned, conditions ...xpv1.Condition) {
	for _, c := range conditions {
		c.ObservedGeneration = o.GetGeneration()
		before := o.GetCondition(c.Type)

		if before.Status == c.Status && !before.LastTransitionTime.IsZero() {
			c.LastTransitionTime = before.LastTransitionTime
		}

		if before.ObservedGeneration == 0 && before.Equal(c) {
			// The runtime takes the two for equal, because the condition that is there has no
			// generation, and would keep it. It replaces one of another reason.
			other := c
			other.Reason += "Before"
			o.SetConditions(other)
		}

		o.SetConditions(c)
	}
}
