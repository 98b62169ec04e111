package main

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/crossplane/function-sdk-go/errors"
	fnv1 "github.com/crossplane/function-sdk-go/proto/v1"
	"github.com/crossplane/function-sdk-go/response"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// showRecreated sets the claim's condition Recreated while one of its resources has that condition, and false
// once none has it any more. There is one warning for each loss, not for each run: what the condition says
// already is not repeated.
func showRecreated(rsp *fnv1.RunFunctionResponse, o *observed) {
	shown := o.condition(tenantv1alpha1.ConditionRecreated)
	was, _ := shown["message"].(string)

	var losses []string

	for _, name := range slices.Sorted(maps.Keys(o.resources)) {
		m := managedResource{o.resources[name]}

		c := m.condition(miniov1alpha1.ConditionRecreated)
		if m.Resource.GroupVersionKind().Group != miniov1alpha1.Group || c["status"] != string(corev1.ConditionTrue) {
			continue
		}

		message, _ := c["message"].(string)
		loss := m.Resource.GetKind() + ` "` + m.Resource.GetName() + `" of minio.cistern.dev: ` + tenantv1alpha1.MaskAccessKeyIDs(message)
		losses = append(losses, loss)

		if !strings.Contains(was, loss) {
			response.Warning(rsp, errors.New(loss)).TargetComposite().WithReason(tenantv1alpha1.ReasonRecreated)
		}
	}

	switch {
	case len(losses) > 0:
		response.ConditionTrue(rsp, tenantv1alpha1.ConditionRecreated, tenantv1alpha1.ReasonRecreated).
			WithMessage(strings.Join(losses, "; ")).TargetComposite()
	case shown["status"] == string(corev1.ConditionTrue):
		response.ConditionFalse(rsp, tenantv1alpha1.ConditionRecreated, tenantv1alpha1.ReasonAcknowledged).TargetComposite()
	}
}
