package controller

import (
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/crossplane/crossplane-runtime/v2/pkg/event"

	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// maskingRecorder masks access key IDs in events, which people can read who cannot
// read Secrets.
type maskingRecorder struct {
	event.Recorder
}

func (r maskingRecorder) Event(obj runtime.Object, e event.Event) {
	e.Message = tenantv1alpha1.MaskAccessKeyIDs(e.Message)
	r.Recorder.Event(obj, e)
}

func (r maskingRecorder) WithAnnotations(keysAndValues ...string) event.Recorder {
	masked := make([]string, len(keysAndValues))
	for i, text := range keysAndValues {
		masked[i] = tenantv1alpha1.MaskAccessKeyIDs(text)
	}

	return maskingRecorder{r.Recorder.WithAnnotations(masked...)}
}
