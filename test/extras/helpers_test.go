//go:build e2e

package extras

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/component"
)

// interval is the provider's poll interval.
const interval = time.Second

// startProvider starts the provider and kills it at the end of the test. With one worker
// per kind, at most one poll of a kind is in progress at any time.
func startProvider(t *testing.T, args ...string) *component.Provider {
	t.Helper()

	args = append([]string{"--poll-interval=" + interval.String(), "--max-concurrency=1", "--debug"}, args...)

	p, err := env.StartProvider(args...)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		p.Kill()

		if t.Failed() {
			t.Logf("the end of the provider's log:\n%s", env.Log())
		}
	})

	return p
}

// newNamespace creates a namespace for a test.
func newNamespace(t *testing.T) string {
	t.Helper()

	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "extras-"}}
	must(t, env.Kube.Create(t.Context(), ns))

	return ns.Name
}

func must(t *testing.T, err error) {
	t.Helper()

	if err != nil {
		t.Fatal(err)
	}
}

// awaitSettled waits until a resource is Ready, and Synced with its current spec.
func awaitSettled(t *testing.T, mg resource.ModernManaged) {
	t.Helper()

	await.For(t, mg.GetName()+" to be ready", func() error {
		if err := env.Kube.Get(t.Context(), client.ObjectKeyFromObject(mg), mg); err != nil {
			return err
		}

		ready, synced := mg.GetCondition(xpv1.TypeReady), mg.GetCondition(xpv1.TypeSynced)
		if ready.Status != corev1.ConditionTrue || synced.Status != corev1.ConditionTrue ||
			ready.ObservedGeneration != mg.GetGeneration() || synced.ObservedGeneration != mg.GetGeneration() {
			return fmt.Errorf("Ready is %s of generation %d; Synced is %s of %d: %s; the spec is of %d",
				ready.Status, ready.ObservedGeneration, synced.Status, synced.ObservedGeneration, synced.Message, mg.GetGeneration())
		}

		return nil
	})
}

// awaitSyncError waits until Synced is False for a resource's current spec, with a message
// that contains the text.
func awaitSyncError(t *testing.T, mg resource.ModernManaged, text string) {
	t.Helper()

	await.For(t, fmt.Sprintf("%s to report %q", mg.GetName(), text), func() error {
		if err := env.Kube.Get(t.Context(), client.ObjectKeyFromObject(mg), mg); err != nil {
			return err
		}

		synced := mg.GetCondition(xpv1.TypeSynced)
		if synced.Status != corev1.ConditionFalse || !strings.Contains(synced.Message, text) || synced.ObservedGeneration != mg.GetGeneration() {
			return fmt.Errorf("Synced is %s: %s", synced.Status, synced.Message)
		}

		return nil
	})
}
