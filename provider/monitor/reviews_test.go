package monitor

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// TestReviews counts reviews, one of which panics.
func TestReviews(t *testing.T) {
	r := NewReviews()

	var rsp *admission.Response

	hook := r.Of("/check", &admission.Webhook{Handler: admission.HandlerFunc(func(context.Context, admission.Request) admission.Response { return *rsp })})

	for _, next := range []admission.Response{
		admission.Allowed(""), admission.Allowed(""), admission.Denied("it holds 2 objects"), admission.Errored(http.StatusServiceUnavailable, errors.New("no answer")),
	} {
		rsp = &next
		if got := hook.Handle(t.Context(), admission.Request{}); got.Allowed != next.Allowed {
			t.Errorf("want the answer of the webhook itself, got %v", got)
		}
	}

	rsp = nil
	_ = hook.Handle(t.Context(), admission.Request{})

	const want = `
# HELP cistern_admission_reviews_total Reviews by the admission webhooks, by path of the webhook and outcome (allowed, denied, failed: what the review asks for cannot be told).
# TYPE cistern_admission_reviews_total counter
cistern_admission_reviews_total{outcome="allowed",webhook="/check"} 2
cistern_admission_reviews_total{outcome="denied",webhook="/check"} 1
cistern_admission_reviews_total{outcome="failed",webhook="/check"} 2
`
	if err := testutil.CollectAndCompare(r, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}
