//go:build e2e

package release

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/component"
	"github.com/cistern-dev/cistern/test/dev/tools"
	"github.com/cistern-dev/cistern/test/process"
)

// namespace is Crossplane's.
const namespace = "crossplane-system"

// startCrossplane starts an API server, and a Crossplane that verifies signatures and trusts a
// transparency log. It installs what packages hold, and runs no pods.
func startCrossplane(t *testing.T, l *transparencyLog) *component.API {
	t.Helper()

	programs, err := tools.Build(t.Context(), os.Stderr, "crossplane", "sigstore")
	if err != nil {
		t.Fatal(err)
	}

	module, err := tools.ModuleDir(t.Context(), "crossplane")
	if err != nil {
		t.Fatal(err)
	}

	a, err := component.StartAPI(t.Context(), os.Stderr, func(*runtime.Scheme) error { return nil })
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of Crossplane's log:\n%s", process.Tail(filepath.Join(a.Dir(), "crossplane.log")))
		}

		a.Close()
	})

	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if err := a.Kube.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}

	// Pull secrets are read from the account.
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "crossplane", Namespace: namespace}}
	if err := a.Kube.Create(t.Context(), account); err != nil {
		t.Fatal(err)
	}

	cache := filepath.Join(a.Dir(), "xpkg")
	trust(t, a, programs["sigstore"], l, cache)

	settings := []string{
		"ENABLE_WEBHOOKS=false", "CRDS_PATH=" + filepath.Join(module, "cluster", "crds"), "XPKG_CACHE_DIR=" + cache,
		"TLS_CA_SECRET_NAME=crossplane-root-ca", "TLS_CLIENT_SECRET_NAME=crossplane-tls-client", "TLS_CLIENT_CERTS_DIR=" + clientCerts(t, a),
		"METRICS_PORT=0", "HEALTH_PROBE_PORT=0", "PACKAGE_RUNTIME=External",
	}

	// It creates objects of its CRDs before these are served, and fails.
	await.For(t, "Crossplane to be initialized", func() error {
		p, err := a.Run("crossplane-init", settings, programs["crossplane"], "core", "init")
		if err != nil {
			return err
		}

		if <-p.Done(); p.Err() != nil {
			return fmt.Errorf("%w: %s", p.Err(), process.LastLine(filepath.Join(a.Dir(), "crossplane-init.log")))
		}

		return nil
	})

	if _, err = a.Run("crossplane", settings, programs["crossplane"], "core", "start", "--enable-signature-verification"); err != nil {
		t.Fatal(err)
	}

	return a
}

// trust installs a root of trust where Crossplane caches that of sigstore.
func trust(t *testing.T, a *component.API, program string, l *transparencyLog, cache string) {
	t.Helper()

	key := filepath.Join(a.Dir(), "log.pub")
	if err := os.WriteFile(key, l.public, 0o600); err != nil {
		t.Fatal(err)
	}

	p, err := a.Run("sigstore", nil, program, "--rekor", key,
		"--repository", filepath.Join(a.Dir(), "trust"), "--cache", filepath.Join(cache, ".sigstore", "root"))
	if err != nil {
		t.Fatal(err)
	}

	if <-p.Done(); p.Err() != nil {
		t.Fatalf("cannot make a root of trust: %v\n%s", p.Err(), process.Tail(filepath.Join(a.Dir(), "sigstore.log")))
	}
}

// clientCerts writes a certificate with which Crossplane would call functions.
func clientCerts(t *testing.T, a *component.API) string {
	t.Helper()

	pair, ca, err := a.Client("crossplane")
	if err != nil {
		t.Fatal(err)
	}

	dir := t.TempDir()
	for name, content := range map[string][]byte{"ca.crt": ca, "tls.crt": pair.Cert, "tls.key": pair.Key} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	return dir
}
