//go:build e2e

package component

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/dev/platform/pki"
)

// TestPublicCertificates makes the authority of the server a public one for the provider. It checks
// that the server is trusted without a bundle, and with a bundle of another authority, unless that
// replaces the public ones.
func TestPublicCertificates(t *testing.T) {
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, env.ca.Cert, 0o600); err != nil {
		t.Fatal(err)
	}

	t.Setenv("SSL_CERT_FILE", roots)

	other, err := pki.NewCA("another authority")
	if err != nil {
		t.Fatal(err)
	}

	usable := &miniov1alpha1.ClusterProviderConfig{}
	if err := env.Kube.Get(t.Context(), client.ObjectKey{Name: "default"}, usable); err != nil {
		t.Fatal(err)
	}

	bundle := &miniov1alpha1.CABundle{Inline: string(other.Cert)}
	cases := map[string]struct {
		change func(s *miniov1alpha1.ProviderConfigSpec)
		reason xpv1.ConditionReason
	}{
		"public": {change: func(s *miniov1alpha1.ProviderConfigSpec) { s.CABundle = nil }, reason: miniov1alpha1.ReasonServerUsable},
		"added":  {change: func(s *miniov1alpha1.ProviderConfigSpec) { s.CABundle = bundle }, reason: miniov1alpha1.ReasonServerUsable},
		"replaced": {change: func(s *miniov1alpha1.ProviderConfigSpec) {
			s.CABundle, s.CABundlePolicy = bundle, miniov1alpha1.CABundlePolicyReplace
		}, reason: "CertificateUntrusted"},
	}

	for name, tc := range cases {
		c := &miniov1alpha1.ClusterProviderConfig{ObjectMeta: metav1.ObjectMeta{Name: "certificates-" + name}, Spec: *usable.Spec.DeepCopy()}
		tc.change(&c.Spec)
		create(t, c)
	}

	startProvider(t)

	for name, tc := range cases {
		c := &miniov1alpha1.ClusterProviderConfig{ObjectMeta: metav1.ObjectMeta{Name: "certificates-" + name}}
		await.For(t, "the health of "+c.Name, func() error {
			if err := env.Kube.Get(t.Context(), client.ObjectKeyFromObject(c), c); err != nil {
				return err
			}

			if got := c.GetCondition(xpv1.TypeReady); got.Reason != tc.reason {
				return fmt.Errorf("want the reason %s, got %s: %s", tc.reason, got.Reason, got.Message)
			}

			return nil
		})
	}
}
