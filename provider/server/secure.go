package server

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
)

// secure returns the condition Secure of a server with these advisories.
func secure(known []minio.Advisory, dated bool) xpv1.Condition {
	c := xpv1.Condition{Type: miniov1alpha1.ConditionSecure, LastTransitionTime: metav1.Now()}

	switch {
	case len(known) > 0:
		texts := make([]string, 0, len(known))
		for _, a := range known {
			texts = append(texts, a.ID+": "+a.Harm+" ("+a.Action+")")
		}

		c.Status, c.Reason = corev1.ConditionFalse, miniov1alpha1.ReasonKnownVulnerabilities
		c.Message = "the server's release has known vulnerabilities: update it to a release with their fixes, such as one of the fork Silo. " +
			strings.Join(texts, "; ")
	case !dated:
		c.Status, c.Reason = corev1.ConditionUnknown, miniov1alpha1.ReasonReleaseUnknown
		c.Message = "the server's version has no date: compare it with the advisories of its maker"
	default:
		c.Status, c.Reason = corev1.ConditionTrue, miniov1alpha1.ReasonNoKnownVulnerabilities
	}

	return c
}
