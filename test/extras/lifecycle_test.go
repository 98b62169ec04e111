//go:build e2e

package extras

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/component"
)

// life is what a resource of a kind goes through.
type life struct {
	// kind as the metrics call it, such as group.iam.
	kind string
	// resource returns it as it is made, in a namespace, where all that it needs is.
	resource func(t *testing.T, namespace string) resource.ModernManaged
	// external name.
	external string
	// there returns an error unless the server has what the resource says: as it
	// was made, or as it was changed.
	there func(ctx context.Context, changed bool) error
	// change changes it, nil where nothing can be changed.
	change func(resource.ModernManaged)
	// fixed sets what cannot be changed to another value, or back if that is empty.
	fixed func(mg resource.ModernManaged, other string)
	// drift undoes it by hand, on the server.
	drift func(ctx context.Context) error
	// gone returns an error while the server has anything of it.
	gone func(ctx context.Context) error
	// adopted says that it was there before.
	adopted bool
	// keeps is what is said where the server does not let go of it.
	keeps string
}

// TestLives takes a resource of each kind through its life.
func TestLives(t *testing.T) {
	p := startProvider(t)

	for name, l := range lives() {
		t.Run(name, func(t *testing.T) {
			ns := newNamespace(t)
			mg := l.resource(t, ns)

			t.Run("Create", func(t *testing.T) { l.create(t, mg) })
			t.Run("Steady", func(t *testing.T) { l.steady(t, p) })
			t.Run("Drift", func(t *testing.T) { l.heal(t) })
			t.Run("Change", func(t *testing.T) { l.changeIt(t, mg) })
			t.Run("Fixed", func(t *testing.T) { l.changeFixed(t, mg) })
			t.Run("Foreign", func(t *testing.T) { l.adopt(t, mg) })
			t.Run("Delete", func(t *testing.T) { l.deleteWhileAway(t, mg) })
		})
	}
}

func (l life) create(t *testing.T, mg resource.ModernManaged) {
	must(t, env.Kube.Create(t.Context(), mg))
	awaitSettled(t, mg)
	must(t, l.there(t.Context(), false))

	if got := meta.GetExternalName(mg); got != l.external {
		t.Errorf("want external name %q, got %q", l.external, got)
	}
}

// steady counts calls over a few polls.
func (l life) steady(t *testing.T, p *component.Provider) {
	const polls = 5

	// The first look after a change may be a closer one.
	l.awaitPolls(t, p, 2)

	begin := l.polls(t, p)
	from := env.Proxy.Now()

	l.awaitPolls(t, p, polls)

	calls, _ := env.Proxy.Calls(from)
	looks := 0

	for _, c := range calls {
		if c.Write {
			t.Errorf("%s of %q, though nothing changed", c.Operation, c.Object)
		}

		if c.Server == component.MinIO {
			looks++
		}
	}

	// One poll may be under way when the calls are counted.
	if n := l.polls(t, p) - begin; looks > n+1 || looks < polls-1 {
		t.Errorf("want a call for each of %d polls, got %d: %v", n, looks, calls)
	}
}

func (l life) polls(t *testing.T, p *component.Provider) int {
	n, err := p.Reconciles(t.Context(), l.kind)
	must(t, err)

	return n
}

func (l life) awaitPolls(t *testing.T, p *component.Provider, more int) {
	begin := l.polls(t, p)

	await.For(t, fmt.Sprintf("%d polls", more), func() error {
		n, err := p.Reconciles(t.Context(), l.kind)
		if err == nil && n < begin+more {
			err = fmt.Errorf("there were %d", n-begin)
		}

		return err
	})
}

// heal undoes the resource by hand.
func (l life) heal(t *testing.T) {
	if l.drift == nil {
		t.Skip("the server does not let anybody undo it")
	}

	// Meanwhile the provider cannot mend it.
	refuseWrites(t)
	must(t, l.drift(t.Context()))

	if l.there(t.Context(), false) == nil {
		t.Fatal("it was not undone")
	}

	env.Proxy.SetOutage(nil)
	await.For(t, "it to be as it should", func() error { return l.there(t.Context(), false) })
}

// changeIt changes the resource while the server refuses to write, and lets it
// write then.
func (l life) changeIt(t *testing.T, mg resource.ModernManaged) {
	if l.change == nil {
		t.Skip("nothing of it can be changed")
	}

	refuseWrites(t)
	await.Change(t, env.Kube, mg, l.change)
	awaitTrouble(t, mg, "rejects the credentials")
	must(t, l.there(t.Context(), false))

	env.Proxy.SetOutage(nil)
	awaitSettled(t, mg)
	must(t, l.there(t.Context(), true))
}

// refuseWrites lets the server refuse to write, until env.Proxy.SetOutage(nil).
func refuseWrites(t *testing.T) {
	t.Helper()

	env.Proxy.SetOutage(func(c component.Call) component.Outage {
		if c.Server == component.MinIO && c.Write {
			return component.Denied
		}

		return component.None
	})
	t.Cleanup(func() { env.Proxy.SetOutage(nil) })
}

// changeFixed changes what cannot be changed, and back.
func (l life) changeFixed(t *testing.T, mg resource.ModernManaged) {
	if l.fixed == nil {
		t.Skip("all of it can be changed")
	}

	await.Change(t, env.Kube, mg, func(mg resource.ModernManaged) { l.fixed(mg, "other") })
	awaitTrouble(t, mg, "cannot change")
	must(t, l.there(t.Context(), l.change != nil))

	await.Change(t, env.Kube, mg, func(mg resource.ModernManaged) { l.fixed(mg, "") })
	awaitSettled(t, mg)
}

// adopt makes a second resource that is about the same thing.
func (l life) adopt(t *testing.T, mg resource.ModernManaged) {
	if l.adopted {
		t.Skip("it is adopted already")
	}

	second := mg.DeepCopyObject().(resource.ModernManaged)
	second.SetResourceVersion("")
	second.SetUID("")
	second.SetFinalizers(nil)
	second.SetAnnotations(nil)
	second.SetConditions()
	second.SetNamespace(newNamespace(t))
	copySecrets(t, mg.GetNamespace(), second.GetNamespace())

	must(t, env.Kube.Create(t.Context(), second))
	awaitTrouble(t, second, "was not made by this resource")

	// It goes without what is not its own.
	must(t, env.Kube.Delete(t.Context(), second))
	await.Gone(t, env.Kube, second)
	must(t, l.there(t.Context(), l.change != nil))

	// It is adopted by name, and left behind.
	second.SetResourceVersion("")
	second.SetUID("")
	second.SetAnnotations(map[string]string{meta.AnnotationKeyExternalName: l.external})
	second.SetManagementPolicies(xpv1.ManagementPolicies{xpv1.ManagementActionObserve, xpv1.ManagementActionUpdate})
	must(t, env.Kube.Create(t.Context(), second))
	awaitSettled(t, second)

	must(t, env.Kube.Delete(t.Context(), second))
	await.Gone(t, env.Kube, second)
	must(t, l.there(t.Context(), l.change != nil))
}

// deleteWhileAway deletes the resource while the server is away, and while it
// refuses.
func (l life) deleteWhileAway(t *testing.T, mg resource.ModernManaged) {
	stop := func(o component.Outage) {
		env.Proxy.SetOutage(func(c component.Call) component.Outage {
			if c.Server == component.MinIO {
				return o
			}

			return component.None
		})
	}

	t.Cleanup(func() { env.Proxy.SetOutage(nil) })

	stop(component.Broken)
	must(t, env.Kube.Delete(t.Context(), mg))
	awaitTrouble(t, mg, "does not answer")

	stop(component.Denied)
	awaitTrouble(t, mg, "rejects the credentials")
	must(t, l.there(t.Context(), l.change != nil))

	env.Proxy.SetOutage(nil)

	if l.keeps != "" {
		awaitTrouble(t, mg, l.keeps)
		must(t, l.there(t.Context(), l.change != nil))
		await.Change(t, env.Kube, mg, func(mg resource.ModernManaged) { mg.SetFinalizers(nil) })

		return
	}

	await.Gone(t, env.Kube, mg)
	must(t, l.gone(t.Context()))
}

// copySecrets gives a namespace the Secrets of another.
func copySecrets(t *testing.T, from, to string) {
	t.Helper()

	all := &corev1.SecretList{}
	must(t, env.Kube.List(t.Context(), all, client.InNamespace(from)))

	for _, s := range all.Items {
		must(t, env.Kube.Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: s.Name, Namespace: to}, Data: s.Data}))
	}
}
