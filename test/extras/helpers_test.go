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

// interval is how often the provider looks at everything.
const interval = time.Second

// startProvider starts the provider, which ends with the test at the latest. With
// one worker a kind, one look of it at most is under way at any moment.
func startProvider(t *testing.T, args ...string) *component.Provider {
	t.Helper()

	p, err := env.StartProvider(append([]string{"--poll-interval=" + interval.String(), "--max-concurrency=1", "--debug"}, args...)...)
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

// awaitSettled waits until the provider says of a resource's present spec that all
// is well.
func awaitSettled(t *testing.T, mg resource.ModernManaged) {
	t.Helper()

	await.For(t, mg.GetName()+" to be ready", func() error {
		if err := env.Kube.Get(t.Context(), client.ObjectKeyFromObject(mg), mg); err != nil {
			return err
		}

		ready, synced := mg.GetCondition(xpv1.TypeReady), mg.GetCondition(xpv1.TypeSynced)
		if ready.Status != corev1.ConditionTrue || synced.Status != corev1.ConditionTrue || synced.ObservedGeneration != mg.GetGeneration() {
			return fmt.Errorf("Ready is %s; Synced is %s: %s", ready.Status, synced.Status, synced.Message)
		}

		return nil
	})
}

// awaitTrouble waits until Synced is False of a resource's present spec, with a
// message that holds some text.
func awaitTrouble(t *testing.T, mg resource.ModernManaged, text string) {
	t.Helper()

	await.For(t, fmt.Sprintf("%s to say %q", mg.GetName(), text), func() error {
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
