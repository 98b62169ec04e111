//go:build e2e

package component

import (
	"context"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// tarpit returns the address of a port that accepts connections and never answers.
func tarpit(t *testing.T) string {
	t.Helper()

	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { _ = l.Close() })

	var conns []net.Conn

	t.Cleanup(func() {
		for _, c := range conns {
			_ = c.Close()
		}
	})

	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}

			conns = append(conns, c)
		}
	}()

	return l.Addr().String()
}

// TestHangingServer creates many Users on a configuration that leads to an endpoint, or
// publishes one, that accepts connections and never answers. A User of another configuration
// must be Ready as soon as ever, and the conditions of those that wait must not change all the
// time.
func TestHangingServer(t *testing.T) {
	const (
		users  = 30
		within = 2 * time.Second
	)

	for name, hang := range map[string]func(*miniov1alpha1.ProviderConfigSpec, string){
		"Endpoint":       func(s *miniov1alpha1.ProviderConfigSpec, address string) { s.Endpoint = "http://" + address },
		"PublicEndpoint": func(s *miniov1alpha1.ProviderConfigSpec, address string) { s.PublicEndpoint = "https://" + address },
	} {
		t.Run(name, func(t *testing.T) {
			startProvider(t)

			ns := newNamespace(t)
			config := hangingConfig(t, ns)
			hang(&config.Spec, tarpit(t))
			create(t, config)

			// The provider needs a moment to start.
			first := newUser(ns, "first")
			create(t, first)
			await.For(t, "the provider to work", func() error { return settled(t.Context(), first) })

			for i := range users {
				u := newUser(ns, fmt.Sprintf("waits-%02d", i))
				u.Spec.ProviderConfigReference = &xpv1.ProviderConfigReference{Kind: miniov1alpha1.ClusterProviderConfigKind.Kind, Name: config.Name}
				create(t, u)
			}

			// The first ones keep workers busy already.
			time.Sleep(time.Second)

			took := make([]time.Duration, 5)
			for i := range took {
				u := newUser(ns, fmt.Sprintf("other-%d", i))
				began := time.Now()

				create(t, u)
				await.For(t, "the other User to be ready", func() error { return settled(t.Context(), u) })

				took[i] = time.Since(began)

				time.Sleep(time.Second)
			}

			t.Logf("Users of another server were Ready after %s", took)

			// The runtime repeats what met a conflict after a second, so a single one says little.
			slices.Sort(took)

			if d := took[len(took)/2]; d > within {
				t.Errorf("want Users of another server to be Ready within %s, they took %s", within, took)
			}

			checkSteady(t, ns, users)
			releaseUsers(t, ns, config)
		})
	}
}

// hangingConfig returns a copy of the default configuration.
func hangingConfig(t *testing.T, name string) *miniov1alpha1.ClusterProviderConfig {
	t.Helper()

	c := &miniov1alpha1.ClusterProviderConfig{}
	if err := env.Kube.Get(t.Context(), client.ObjectKey{Name: "default"}, c); err != nil {
		t.Fatal(err)
	}

	return &miniov1alpha1.ClusterProviderConfig{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: c.Spec}
}

// checkSteady waits until all Users that wait for the server say so, and then expects their
// conditions to stay as they are.
func checkSteady(t *testing.T, ns string, users int) {
	t.Helper()

	// A User may show at first that its own call was not answered, and then what the check of
	// the server found.
	const (
		settling = 40 * time.Second
		steady   = 16 * time.Second
	)

	versions := func() map[string]string {
		list := &miniov1alpha1.UserList{}
		if err := env.Kube.List(t.Context(), list, client.InNamespace(ns)); err != nil {
			t.Fatal(err)
		}

		found := make(map[string]string)

		for i := range list.Items {
			if u := &list.Items[i]; u.GetCondition(xpv1.TypeSynced).Status == corev1.ConditionFalse {
				found[u.Name] = u.ResourceVersion + " " + u.GetCondition(xpv1.TypeSynced).Message
			}
		}

		return found
	}

	await.For(t, "all Users to show that the server does not answer", func() error {
		if n := len(versions()); n != users {
			return fmt.Errorf("%d of %d do", n, users)
		}

		return nil
	})

	time.Sleep(settling)

	before := versions()

	time.Sleep(steady)

	for name, after := range versions() {
		if before[name] != after {
			t.Errorf("want the User %s to stay as it is, it changed from %s to %s", name, before[name], after)
		}
	}
}

// releaseUsers deletes the Users of a namespace. Those of a server that never answers go
// without it.
func releaseUsers(t *testing.T, ns string, config *miniov1alpha1.ClusterProviderConfig) {
	t.Helper()

	list := &miniov1alpha1.UserList{}
	if err := env.Kube.List(t.Context(), list, client.InNamespace(ns)); err != nil {
		t.Fatal(err)
	}

	for i := range list.Items {
		u := &list.Items[i]
		if err := env.Kube.Delete(t.Context(), u); err != nil {
			t.Error(err)
		}

		if u.GetProviderConfigReference().Name == config.Name {
			await.For(t, "the finalizer to be removed", func() error {
				err := env.Kube.Get(context.Background(), client.ObjectKeyFromObject(u), u)
				if err != nil {
					return client.IgnoreNotFound(err)
				}

				u.Finalizers = nil

				return client.IgnoreNotFound(env.Kube.Update(context.Background(), u))
			})
		}

		await.Gone(t, env.Kube, u)
	}

	_ = env.Kube.Delete(context.Background(), config)
}
