//go:build e2e

package component

import (
	"fmt"
	"strings"
	"testing"
	"time"

	miniogo "github.com/minio/minio-go/v7"
	corev1 "k8s.io/api/core/v1"
	kresource "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// observesGeneration returns an error unless an object has the conditions of some types, and
// all that it has are of its current generation.
func observesGeneration(t *testing.T, o client.Object, types ...xpv1.ConditionType) error {
	t.Helper()

	gvk, err := env.Kube.GroupVersionKindFor(o)
	if err != nil {
		t.Fatal(err)
	}

	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(gvk)

	if err := env.Kube.Get(t.Context(), client.ObjectKeyFromObject(o), u); err != nil {
		return err
	}

	conditions, _, err := unstructured.NestedSlice(u.Object, "status", "conditions")
	if err != nil {
		return err
	}

	missing := make(map[string]bool)
	for _, typ := range types {
		missing[string(typ)] = true
	}

	for _, c := range conditions {
		c, _ := c.(map[string]any)

		typ, _, _ := unstructured.NestedString(c, "type")
		if g, _, _ := unstructured.NestedInt64(c, "observedGeneration"); g != u.GetGeneration() {
			return fmt.Errorf("%s of %s %s is of generation %d, the spec of %d: %v", typ, gvk.Kind, u.GetName(), g, u.GetGeneration(), c)
		}

		delete(missing, typ)
	}

	if len(missing) > 0 {
		return fmt.Errorf("%s %s has no conditions %v", gvk.Kind, u.GetName(), missing)
	}

	return nil
}

// TestConditionsObserveGeneration wants every condition of every kind to say of which spec it is:
// after a creation, after a change, and while a deletion waits.
func TestConditionsObserveGeneration(t *testing.T) {
	ctx := t.Context()

	startProvider(t)

	ns := newNamespace(t)
	cluster := hangingConfig(t, ns)
	config := &miniov1alpha1.ProviderConfig{ObjectMeta: metav1.ObjectMeta{Name: "own", Namespace: ns}, Spec: cluster.Spec}
	config.Spec.Credentials.SecretRef = miniov1alpha1.ObjectReference{Name: "admin"}

	create(t, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "admin", Namespace: ns},
		StringData: map[string]string{
			miniov1alpha1.CredentialsKeyAccessKey: env.Server.AccessKey, miniov1alpha1.CredentialsKeySecretKey: env.Server.SecretKey,
		},
	})

	ref := &xpv1.ProviderConfigReference{Kind: miniov1alpha1.ClusterProviderConfigKind.Kind, Name: cluster.Name}
	b, p := newBucket(ns, "observed"), &miniov1alpha1.Policy{ObjectMeta: metav1.ObjectMeta{Name: ns, Namespace: ns}}
	u := newUser(ns, "observed", miniov1alpha1.Grant{BucketName: b.Name})
	b.Spec.ProviderConfigReference, u.Spec.ProviderConfigReference, p.Spec.ProviderConfigReference = ref, ref, ref
	p.Spec.ForProvider.Document = policyDocument("s3:GetObject")

	resources, configs := []client.Object{b, u, p}, []client.Object{cluster, config}

	all := func(what string) {
		t.Helper()

		for _, o := range resources {
			await.For(t, what, func() error { return observesGeneration(t, o, xpv1.TypeReady, xpv1.TypeSynced) })
		}

		for _, o := range configs {
			await.For(t, what, func() error { return observesGeneration(t, o, xpv1.TypeReady, miniov1alpha1.ConditionSecure) })
		}
	}

	for _, o := range append(configs, resources...) {
		create(t, o)
	}

	all("conditions after the creation")

	await.Change(t, env.Kube, b, func(b *miniov1alpha1.Bucket) { b.Spec.ForProvider.Quota = new(kresource.MustParse("1Gi")) })
	await.Change(t, env.Kube, u, func(u *miniov1alpha1.User) { u.Spec.ForProvider.DenyUnsignedUploads = true })
	await.Change(t, env.Kube, p, func(p *miniov1alpha1.Policy) { p.Spec.ForProvider.Document = policyDocument("s3:PutObject") })

	timeout := &miniov1alpha1.ClientOptions{Timeout: &metav1.Duration{Duration: 20 * time.Second}}

	await.Change(t, env.Kube, cluster, func(c *miniov1alpha1.ClusterProviderConfig) { c.Spec.Client = timeout })
	await.Change(t, env.Kube, config, func(c *miniov1alpha1.ProviderConfig) { c.Spec.Client = timeout })

	all("conditions after a change")

	text := strings.NewReader("some text")
	if _, err := env.Server.S3.PutObject(ctx, b.Name, "object", text, text.Size(), miniogo.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}

	for _, o := range []client.Object{b, cluster} {
		if err := env.Kube.Delete(ctx, o); err != nil {
			t.Fatal(err)
		}
	}

	await.For(t, "conditions of a Bucket that is not empty", func() error {
		if err := env.Kube.Get(ctx, client.ObjectKeyFromObject(b), b); err != nil {
			return err
		}

		if c := b.GetCondition(xpv1.TypeReady); c.Reason != xpv1.ReasonDeleting || !meta.WasDeleted(b) {
			return fmt.Errorf("Ready is %s", c.Reason)
		}

		return observesGeneration(t, b, xpv1.TypeReady, xpv1.TypeSynced)
	})
	await.For(t, "the condition Terminating", func() error {
		if err := env.Kube.Get(ctx, client.ObjectKeyFromObject(cluster), cluster); err != nil {
			return err
		}

		// Its other conditions were set before its deletion.
		if c := cluster.GetCondition("Terminating"); c.ObservedGeneration != cluster.GetGeneration() {
			return fmt.Errorf("it is of generation %d, not %d", c.ObservedGeneration, cluster.GetGeneration())
		}

		return nil
	})

	if err := env.Server.S3.RemoveObject(ctx, b.Name, "object", miniogo.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}

	for _, o := range []client.Object{u, p, config} {
		if err := env.Kube.Delete(ctx, o); err != nil {
			t.Fatal(err)
		}
	}

	for _, o := range append(resources, configs...) {
		await.Gone(t, env.Kube, o)
	}
}
