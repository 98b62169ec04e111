package admission

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
	"sigs.k8s.io/yaml"
)

// admitted is a claim as a webhook leaves it, with the subjects of its warnings.
type admitted struct {
	Claim    map[string]any
	Warnings []string
}

// admit sends a claim to a webhook and applies the patches. A new claim has no old object.
func admit(t *testing.T, w *webhook.Admission, object, oldObject string) admitted {
	t.Helper()

	req := admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{Object: runtime.RawExtension{Raw: encode(t, object)}}}
	if oldObject != "" {
		req.OldObject.Raw = encode(t, oldObject)
	}

	r := w.Handler.Handle(t.Context(), req)
	if !r.Allowed {
		t.Fatalf("Handle(...): %+v", r.Result)
	}

	patches, err := json.Marshal(r.Patches)
	if err != nil {
		t.Fatal(err)
	}

	// Without changes there are no patches at all.
	p, err := jsonpatch.DecodePatch([]byte(strings.Replace(string(patches), "null", "[]", 1)))
	if err != nil {
		t.Fatal(err)
	}

	claim, err := p.Apply(req.Object.Raw)
	if err != nil {
		t.Fatal(err)
	}

	got := admitted{Claim: map[string]any{}}
	if err := json.Unmarshal(claim, &got.Claim); err != nil {
		t.Fatal(err)
	}

	for _, warning := range r.Warnings {
		subject, _, _ := strings.Cut(strings.TrimPrefix(warning, "the annotation "), " ")
		got.Warnings = append(got.Warnings, subject)
	}

	return got
}

func encode(t *testing.T, text string) []byte {
	t.Helper()

	raw, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}

	return raw
}

func decode(t *testing.T, text string) map[string]any {
	t.Helper()

	m := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}

	return m
}

func TestCrossplane(t *testing.T) {
	const (
		crossplane = "spec.crossplane"
		paused     = "crossplane.io/paused"
		composed   = "{metadata: {name: a}, spec: {quota: 1, crossplane: {compositionRef: {name: buckets}, resourceRefs: [{kind: Bucket}]}}}"
	)

	cases := map[string]struct {
		reason         string
		object, before string
		want           string
		warnings       []string
	}{
		"New": {
			reason:   "A new claim is composed from nothing.",
			object:   "{metadata: {name: a}, spec: {quota: 1, crossplane: {resourceRefs: [{kind: Pod}]}}}",
			want:     "{metadata: {name: a}, spec: {quota: 1}}",
			warnings: []string{crossplane},
		},
		"NewPaused": {
			reason:   "Other annotations are the tenant's.",
			object:   "{metadata: {name: a, annotations: {crossplane.io/paused: 'true', x: y}}, spec: {}}",
			want:     "{metadata: {name: a, annotations: {x: y}}, spec: {}}",
			warnings: []string{paused},
		},
		"Changed": {
			reason:   "The references are Crossplane's; the rest of spec is the tenant's.",
			object:   "{metadata: {name: a}, spec: {quota: 2, crossplane: {compositionRef: {name: buckets}, resourceRefs: []}}}",
			before:   composed,
			want:     strings.Replace(composed, "quota: 1", "quota: 2", 1),
			warnings: []string{crossplane},
		},
		"Added": {
			reason:   "Crossplane has not composed the claim yet.",
			object:   "{metadata: {name: a}, spec: {crossplane: {resourceRefs: [{kind: Pod}]}}}",
			before:   "{metadata: {name: a}, spec: {}}",
			want:     "{metadata: {name: a}, spec: {}}",
			warnings: []string{crossplane},
		},
		"Replaced": {
			reason:   "A manifest without Crossplane's field replaces the claim.",
			object:   "{metadata: {name: a}, spec: {quota: 1}}",
			before:   composed,
			want:     composed,
			warnings: []string{crossplane},
		},
		"ReplacedWithoutSpec": {
			reason:   "A manifest without a spec replaces the claim.",
			object:   "{metadata: {name: a}, spec: null}",
			before:   composed,
			want:     strings.Replace(composed, "quota: 1, ", "", 1),
			warnings: []string{crossplane},
		},
		"Paused": {
			reason:   "A pause would keep the platform's changes from the claim.",
			object:   "{metadata: {name: a, annotations: {crossplane.io/paused: 'true'}}, spec: {}}",
			before:   "{metadata: {name: a, annotations: {crossplane.io/paused: 'false'}}, spec: {}}",
			want:     "{metadata: {name: a, annotations: {crossplane.io/paused: 'false'}}, spec: {}}",
			warnings: []string{paused},
		},
		"Resumed": {
			reason:   "The platform team has paused the claim.",
			object:   "{metadata: {name: a}, spec: {}}",
			before:   "{metadata: {name: a, annotations: {crossplane.io/paused: 'true'}}, spec: {}}",
			want:     "{metadata: {name: a, annotations: {crossplane.io/paused: 'true'}}, spec: {}}",
			warnings: []string{paused},
		},
		"Both": {
			reason:   "Each of the fields is restored.",
			object:   "{metadata: {name: a, annotations: {crossplane.io/paused: 'true'}}, spec: {quota: 1}}",
			before:   composed,
			want:     strings.Replace(composed, "name: a", "name: a, annotations: {}", 1),
			warnings: []string{crossplane, paused},
		},
		"Unchanged": {
			reason: "Nothing has to be restored.",
			object: composed,
			before: composed,
			want:   composed,
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			want := admitted{Claim: decode(t, tc.want), Warnings: tc.warnings}
			if diff := cmp.Diff(want, admit(t, Crossplane(), tc.object, tc.before)); diff != "" {
				t.Errorf("%s\nHandle(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// restoredBucket is the name of a composed Bucket.
const restoredBucket = "bucket-4e2ff3b1-3a57-4bd3-8c6e-d0c8b2f0a111"

func TestReferences(t *testing.T) {
	cases := map[string]struct {
		reason, object, want string
	}{
		"Restored": {
			reason: "The references of a backup lead to resources of another claim.",
			object: "{spec: {crossplane: {compositionRef: {name: buckets}, resourceRefs: [{kind: Bucket}]}}}",
			want:   "{spec: {crossplane: {compositionRef: {name: buckets}}}}",
		},
		"OfABucket": {
			reason: "The claim waits for its Bucket to be restored.",
			object: "{metadata: {name: c}, spec: {crossplane: {resourceRefs: [{apiVersion: v1, kind: Secret, name: " + restoredBucket + "}, " +
				"{apiVersion: minio.cistern.dev/v1alpha1, kind: User, name: u}, {apiVersion: minio.cistern.dev/v1alpha1, kind: Bucket, name: " + restoredBucket + "}]}}}",
			want: "{metadata: {name: c, annotations: {apps.cozystack.io/restores: " + restoredBucket + "}}, spec: {crossplane: {}}}",
		},
		"Annotated": {
			reason: "A person chose another Bucket.",
			object: "{metadata: {annotations: {apps.cozystack.io/restores: other}}, " +
				"spec: {crossplane: {resourceRefs: [{apiVersion: minio.cistern.dev/v1alpha1, kind: Bucket, name: " + restoredBucket + "}]}}}",
			want: "{metadata: {annotations: {apps.cozystack.io/restores: other}}, spec: {crossplane: {}}}",
		},
		"None": {
			reason: "There is nothing to remove.",
			object: "{spec: {crossplane: {compositionRef: {name: buckets}}}}",
			want:   "{spec: {crossplane: {compositionRef: {name: buckets}}}}",
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(admitted{Claim: decode(t, tc.want)}, admit(t, References(), tc.object, "")); diff != "" {
				t.Errorf("%s\nHandle(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestCrossplaneWithoutClaim expects reviews of anything but a claim to be answered with an error.
func TestCrossplaneWithoutClaim(t *testing.T) {
	for _, w := range []*webhook.Admission{Crossplane(), References()} {
		for _, raw := range []string{"{", "[]", `{"spec": 1}`, `{"spec": {"crossplane": []}}`, `{"spec": {}, "metadata": {"annotations": "x"}}`} {
			r := w.Handler.Handle(t.Context(), admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
				Object: runtime.RawExtension{Raw: []byte(raw)},
			}})
			if r.Allowed || r.Result.Code != http.StatusBadRequest {
				t.Errorf("Handle(%s): want a bad request, got %+v", raw, r.Result)
			}
		}
	}
}
