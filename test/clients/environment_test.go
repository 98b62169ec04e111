//go:build e2e

package clients

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/component"
)

// environment is the component environment with a provider and a second server. On a platform
// it starts with the first test that needs what the platform lacks.
var environment lazyEnv

type lazyEnv struct {
	once     sync.Once
	env      *component.Env
	provider *component.Provider
	err      error
}

// start starts the environment unless it runs.
func (l *lazyEnv) start(ctx context.Context) (*component.Env, error) {
	l.once.Do(func() {
		if l.env, l.err = component.Start(ctx, os.Stderr, component.Native()); l.err != nil {
			return
		}

		if l.provider, l.err = l.env.StartProvider(); l.err != nil {
			return
		}

		l.err = errors.Join(publish(ctx, l.env), farServer(ctx, l.env))
	})

	return l.env, l.err
}

// stop ends the environment if it was started.
func (l *lazyEnv) stop() {
	if l.provider != nil {
		l.provider.Kill()
	}

	if l.env != nil {
		l.env.Close()
	}
}

// componentEnv returns the component environment.
func componentEnv(t *testing.T) *component.Env {
	t.Helper()

	env, err := environment.start(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	return env
}

// newUser returns a User with access to a bucket, whose Secret has the given name. config is
// its ClusterProviderConfig.
func newUser(namespace, name, config, secret, bucket string, access miniov1alpha1.Access) *miniov1alpha1.User {
	u := &miniov1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}}
	u.Spec.ForProvider.Grants = []miniov1alpha1.Grant{{BucketName: bucket, Access: access}}
	u.Spec.WriteConnectionSecretToReference = &xpv1.LocalSecretReference{Name: secret}
	u.Spec.ProviderConfigReference = configOf(config)

	return u
}

// issue creates a User unless it exists, waits for another key than before, and returns its
// Secret.
func issue(t *testing.T, env *component.Env, u *miniov1alpha1.User, before string) map[string][]byte {
	t.Helper()

	if u.UID == "" {
		if err := env.Kube.Create(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}

	data, err := published(t.Context(), env.Kube, u, before)
	if err != nil {
		t.Fatalf("%v; the end of the provider's log:\n%s", err, env.Log())
	}

	return data
}

// rotate gives a User a new key, and returns its Secret.
func rotate(t *testing.T, env *component.Env, u *miniov1alpha1.User, overlap metav1.Duration) map[string][]byte {
	t.Helper()

	before := u.Status.AtProvider.AccessKeyID

	await.Change(t, env.Kube, u, func(u *miniov1alpha1.User) {
		u.Spec.ForProvider.Rotation = &miniov1alpha1.Rotation{Trigger: "now", Overlap: &overlap}
	})

	return issue(t, env, u, before)
}
