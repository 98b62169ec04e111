//go:build e2e

package extras

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	"github.com/cistern-dev/cistern/test/direct"
)

// patience is how long anything may take that must happen at all.
const patience = 2 * time.Minute

// interval is how often the provider looks at everything.
const interval = time.Second

// startProvider starts the provider, which ends with the test at the latest. With
// one worker a kind, one look of it at most is under way at any moment.
func startProvider(t *testing.T, args ...string) *direct.Provider {
	t.Helper()

	p, err := bed.StartProvider(append([]string{"--poll-interval=" + interval.String(), "--max-concurrency=1", "--debug"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		p.Kill()

		if t.Failed() {
			t.Logf("the end of the provider's log:\n%s", bed.Log())
		}
	})

	return p
}

// eventually tries until try returns no error, and fails the test with the last
// one when patience ends.
func eventually(t *testing.T, what string, try func(context.Context) error) {
	t.Helper()

	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()

	var err error
	for ctx.Err() == nil {
		if err = try(ctx); err == nil {
			return
		}

		time.Sleep(20 * time.Millisecond)
	}

	t.Fatalf("waited in vain for %s: %v", what, err)
}

func newNamespace(t *testing.T) string {
	t.Helper()

	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "extras-"}}
	must(t, bed.Kube.Create(t.Context(), ns))

	return ns.Name
}

func must(t *testing.T, err error) {
	t.Helper()

	if err != nil {
		t.Fatal(err)
	}
}

// change changes a resource as it is now.
func change[T client.Object](t *testing.T, o T, f func(T)) {
	t.Helper()

	eventually(t, "a change of "+o.GetName(), func(ctx context.Context) error {
		if err := bed.Kube.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}

		f(o)

		return bed.Kube.Update(ctx, o)
	})
}

// awaitSettled waits until the provider says of a resource's present spec that all
// is well.
func awaitSettled(t *testing.T, mg resource.ModernManaged) {
	t.Helper()

	eventually(t, mg.GetName()+" to be ready", func(ctx context.Context) error {
		if err := bed.Kube.Get(ctx, client.ObjectKeyFromObject(mg), mg); err != nil {
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

	eventually(t, fmt.Sprintf("%s to say %q", mg.GetName(), text), func(ctx context.Context) error {
		if err := bed.Kube.Get(ctx, client.ObjectKeyFromObject(mg), mg); err != nil {
			return err
		}

		synced := mg.GetCondition(xpv1.TypeSynced)
		if synced.Status != corev1.ConditionFalse || !strings.Contains(synced.Message, text) || synced.ObservedGeneration != mg.GetGeneration() {
			return fmt.Errorf("Synced is %s: %s", synced.Status, synced.Message)
		}

		return nil
	})
}

func awaitGone(t *testing.T, o client.Object) {
	t.Helper()

	eventually(t, o.GetName()+" to be gone", func(ctx context.Context) error {
		err := bed.Kube.Get(ctx, client.ObjectKeyFromObject(o), o)
		if err == nil {
			return fmt.Errorf("it is there: %v", conditions(o))
		}

		return client.IgnoreNotFound(err)
	})
}

func conditions(o client.Object) []string {
	mg, ok := o.(resource.ModernManaged)
	if !ok {
		return nil
	}

	var all []string

	for _, t := range []xpv1.ConditionType{xpv1.TypeReady, xpv1.TypeSynced} {
		c := mg.GetCondition(t)
		all = append(all, fmt.Sprintf("%s=%s %s %s", c.Type, c.Status, c.Reason, c.Message))
	}

	return all
}
