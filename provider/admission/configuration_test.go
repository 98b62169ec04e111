package admission

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// configuration is a webhook configuration of either kind.
type configuration struct {
	Kind     string                                      `json:"kind"`
	Webhooks []admissionregistrationv1.ValidatingWebhook `json:"webhooks"`
}

// TestConfiguration expects the webhook configurations of the package to name the paths that are
// served, and to wait longer than a review may take.
func TestConfiguration(t *testing.T) {
	f, err := os.Open("../../package/provider/webhooks.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()

	got := map[string][]string{}
	d := yaml.NewYAMLOrJSONDecoder(f, 4096)

	for range 2 {
		c := configuration{}
		if err := d.Decode(&c); err != nil {
			t.Fatal(err)
		}

		for _, w := range c.Webhooks {
			got[c.Kind] = append(got[c.Kind], *w.ClientConfig.Service.Path)

			if *w.FailurePolicy != admissionregistrationv1.Fail || *w.SideEffects != admissionregistrationv1.SideEffectClassNone {
				t.Errorf("webhook %q: want the failure policy Fail and no side effects", w.Name)
			}

			if end := time.Duration(*w.TimeoutSeconds) * time.Second; *w.ClientConfig.Service.Path == DeletionPath && end < 2*reviewTimeout {
				t.Errorf("webhook %q: the API server gives up after %s, and a review may take %s", w.Name, end, reviewTimeout)
			}
		}
	}

	want := map[string][]string{
		"MutatingWebhookConfiguration":   {ClaimPath, CrossplanePath, ReferencesPath},
		"ValidatingWebhookConfiguration": {DeletionPath, DeletionPath, DeletionPath},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want paths, +got:\n%s", diff)
	}
}
