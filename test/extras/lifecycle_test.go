//go:build e2e

package extras

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/component"
)

// lifecycle describes a resource of one kind for TestLifecycles.
type lifecycle struct {
	// kind is the kind's name in the metrics, such as group.iam.
	kind string
	// resource returns the resource before its creation. It creates what the resource
	// depends on, in the namespace and on the server.
	resource func(t *testing.T, namespace string) resource.ModernManaged
	// external is the expected external name.
	external string
	// matches returns an error unless the server has what the spec says, as created or,
	// if changed, as changed.
	matches func(ctx context.Context, changed bool) error
	// change changes the spec; nil if no field can be changed.
	change func(resource.ModernManaged)
	// immutable sets an immutable field to another value, or back if that is empty; nil
	// if all fields can be changed.
	immutable func(mg resource.ModernManaged, other string)
	// drift undoes the resource on the server, by hand; nil if the server does not allow
	// that.
	drift func(ctx context.Context) error
	// gone returns an error while anything of the resource is on the server.
	gone func(ctx context.Context) error
	// adopted reports whether the external resource existed before the resource.
	adopted bool
	// deleteError is the error of a deletion that the server always denies; empty if it
	// allows deletion.
	deleteError string
}

// TestLifecycles creates, polls, repairs, changes, adopts and deletes a resource of each
// kind.
func TestLifecycles(t *testing.T) {
	p := startProvider(t)

	for name, l := range lifecycles() {
		t.Run(name, func(t *testing.T) {
			ns := newNamespace(t)
			mg := l.resource(t, ns)

			t.Run("Create", func(t *testing.T) { l.create(t, mg) })
			t.Run("Poll", func(t *testing.T) { l.poll(t, p) })
			t.Run("Drift", func(t *testing.T) { l.repair(t) })
			t.Run("Change", func(t *testing.T) { l.changeDuringOutage(t, mg) })
			t.Run("Immutable", func(t *testing.T) { l.changeImmutable(t, mg) })
			t.Run("Adopt", func(t *testing.T) { l.adopt(t, mg) })
			t.Run("Delete", func(t *testing.T) { l.deleteDuringOutage(t, mg) })
		})
	}
}

// create creates the resource and checks its external name.
func (l lifecycle) create(t *testing.T, mg resource.ModernManaged) {
	must(t, env.Kube.Create(t.Context(), mg))
	awaitSettled(t, mg)
	must(t, l.matches(t.Context(), false))

	if got := meta.GetExternalName(mg); got != l.external {
		t.Errorf("want external name %q, got %q", l.external, got)
	}
}

// poll expects one read of MinIO per poll of an unchanged resource, and no write anywhere.
func (l lifecycle) poll(t *testing.T, p *component.Provider) {
	const polls = 5

	// The first poll after a change may need more calls.
	l.awaitPolls(t, p, 2)

	begin := l.polls(t, p)
	from := env.Proxy.Now()

	l.awaitPolls(t, p, polls)

	calls, _ := env.Proxy.Calls(from)
	reads := 0

	for _, c := range calls {
		if c.Write {
			t.Errorf("%s of %q without a change", c.Operation, c.Object)
		}

		if c.Server == component.MinIO {
			reads++
		}
	}

	// One poll may be in progress when the calls are counted.
	if n := l.polls(t, p) - begin; reads > n+1 || reads < polls-1 {
		t.Errorf("want a call for each of %d polls, got %d: %v", n, reads, calls)
	}
}

// polls returns the number of polls of the kind so far.
func (l lifecycle) polls(t *testing.T, p *component.Provider) int {
	n, err := p.Reconciles(t.Context(), l.kind)
	must(t, err)

	return n
}

// awaitPolls waits for a number of further polls of the kind.
func (l lifecycle) awaitPolls(t *testing.T, p *component.Provider, more int) {
	begin := l.polls(t, p)

	await.For(t, fmt.Sprintf("%d polls", more), func() error {
		n, err := p.Reconciles(t.Context(), l.kind)
		if err == nil && n < begin+more {
			err = fmt.Errorf("only %d so far", n-begin)
		}

		return err
	})
}

// repair undoes the resource by hand and expects the provider to restore it.
func (l lifecycle) repair(t *testing.T) {
	if l.drift == nil {
		t.Skip("the server does not allow undoing it")
	}

	// The provider must not restore it before the check.
	denyWrites(t)
	must(t, l.drift(t.Context()))

	if l.matches(t.Context(), false) == nil {
		t.Fatal("the drift had no effect")
	}

	env.Proxy.SetOutage(nil)
	await.For(t, "the drift to be corrected", func() error { return l.matches(t.Context(), false) })
}

// changeDuringOutage changes the resource while the server denies writes, and then allows
// them.
func (l lifecycle) changeDuringOutage(t *testing.T, mg resource.ModernManaged) {
	if l.change == nil {
		t.Skip("no field can be changed")
	}

	denyWrites(t)
	await.Change(t, env.Kube, mg, l.change)
	awaitSyncError(t, mg, "rejects the credentials")
	must(t, l.matches(t.Context(), false))

	env.Proxy.SetOutage(nil)
	awaitSettled(t, mg)
	must(t, l.matches(t.Context(), true))
}

// denyWrites denies writes on MinIO, until env.Proxy.SetOutage(nil).
func denyWrites(t *testing.T) {
	t.Helper()

	env.Proxy.SetOutage(func(c component.Call) component.Outage {
		if c.Server == component.MinIO && c.Write {
			return component.Denied
		}

		return component.None
	})
	t.Cleanup(func() { env.Proxy.SetOutage(nil) })
}

// changeImmutable changes an immutable field, and back.
func (l lifecycle) changeImmutable(t *testing.T, mg resource.ModernManaged) {
	if l.immutable == nil {
		t.Skip("all fields can be changed")
	}

	await.Change(t, env.Kube, mg, func(mg resource.ModernManaged) { l.immutable(mg, "other") })
	awaitSyncError(t, mg, "cannot change")
	must(t, l.matches(t.Context(), l.change != nil))

	await.Change(t, env.Kube, mg, func(mg resource.ModernManaged) { l.immutable(mg, "") })
	awaitSettled(t, mg)
}

// adopt creates a second resource with the same external name: it is rejected, until the
// annotation allows adoption.
func (l lifecycle) adopt(t *testing.T, mg resource.ModernManaged) {
	if l.adopted {
		t.Skip("the resource itself is adopted")
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
	awaitSyncError(t, second, "was not made by this resource")

	// Its deletion must keep the external resource, which it does not own.
	must(t, env.Kube.Delete(t.Context(), second))
	await.Gone(t, env.Kube, second)
	must(t, l.matches(t.Context(), l.change != nil))

	// With the annotation it adopts the external resource. Without the management policy
	// Delete, its deletion keeps that.
	second.SetResourceVersion("")
	second.SetUID("")
	second.SetAnnotations(map[string]string{meta.AnnotationKeyExternalName: l.external})
	second.SetManagementPolicies(xpv1.ManagementPolicies{xpv1.ManagementActionObserve, xpv1.ManagementActionUpdate})
	must(t, env.Kube.Create(t.Context(), second))
	awaitSettled(t, second)

	must(t, env.Kube.Delete(t.Context(), second))
	await.Gone(t, env.Kube, second)
	must(t, l.matches(t.Context(), l.change != nil))
}

// deleteDuringOutage deletes the resource while the server is unreachable, and while it
// denies access.
func (l lifecycle) deleteDuringOutage(t *testing.T, mg resource.ModernManaged) {
	setOutage := func(o component.Outage) {
		env.Proxy.SetOutage(func(c component.Call) component.Outage {
			if c.Server == component.MinIO {
				return o
			}

			return component.None
		})
	}

	t.Cleanup(func() { env.Proxy.SetOutage(nil) })

	setOutage(component.Broken)
	must(t, env.Kube.Delete(t.Context(), mg))
	awaitSyncError(t, mg, "does not answer")

	setOutage(component.Denied)
	awaitSyncError(t, mg, "rejects the credentials")
	must(t, l.matches(t.Context(), l.change != nil))

	env.Proxy.SetOutage(nil)

	if l.deleteError != "" {
		awaitSyncError(t, mg, l.deleteError)
		must(t, l.matches(t.Context(), l.change != nil))
		await.Change(t, env.Kube, mg, func(mg resource.ModernManaged) { mg.SetFinalizers(nil) })

		return
	}

	await.Gone(t, env.Kube, mg)
	must(t, l.gone(t.Context()))
}

// copySecrets copies all Secrets of a namespace to another.
func copySecrets(t *testing.T, from, to string) {
	t.Helper()

	all := &corev1.SecretList{}
	must(t, env.Kube.List(t.Context(), all, client.InNamespace(from)))

	for _, s := range all.Items {
		must(t, env.Kube.Create(t.Context(), &corev1.Secret{ObjectMeta: named(to, s.Name), Data: s.Data}))
	}
}
