//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/dev/platform"
)

// newConfig returns a configuration that leads to the platform's server with
// credentials from a Secret of the namespace, admin, which it makes.
func newConfig(t *testing.T, ns string) *miniov1alpha1.ProviderConfig {
	t.Helper()

	keys, ca := &corev1.Secret{}, &corev1.ConfigMap{}
	if err := errors.Join(
		kube.Get(t.Context(), types.NamespacedName{Namespace: "minio", Name: "minio-admin"}, keys),
		kube.Get(t.Context(), types.NamespacedName{Namespace: "minio", Name: "minio-ca"}, ca)); err != nil {
		t.Fatal(err)
	}

	create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "admin"}, Data: keys.Data})

	return &miniov1alpha1.ProviderConfig{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "own"},
		Spec: miniov1alpha1.ProviderConfigSpec{
			Endpoint:    platform.MinIOInsideURL,
			Credentials: miniov1alpha1.Credentials{SecretRef: miniov1alpha1.ObjectReference{Name: "admin"}},
			CABundle:    &miniov1alpha1.CABundle{Inline: ca.Data["ca.crt"]},
		},
	}
}

// newBucketOn returns a Bucket on the server of a configuration.
func newBucketOn(pc *miniov1alpha1.ProviderConfig) *miniov1alpha1.Bucket {
	b := newBucket(pc.Namespace, pc.Name)
	b.Spec.ProviderConfigReference = &xpv1.ProviderConfigReference{Kind: miniov1alpha1.ProviderConfigKind.Kind, Name: pc.Name}

	return b
}

// waitReason waits until a configuration's condition Ready has a reason, and
// returns the condition.
func waitReason(t *testing.T, pc resource.ProviderConfig, reason xpv1.ConditionReason) xpv1.Condition {
	t.Helper()

	var c xpv1.Condition

	await.For(t, fmt.Sprintf("%s to say %s", pc.GetName(), reason), func() error {
		if err := kube.Get(t.Context(), client.ObjectKeyFromObject(pc), pc); err != nil {
			return err
		}

		if c = pc.GetCondition(xpv1.TypeReady); c.Reason != reason {
			return fmt.Errorf("it says %s: %s", c.Reason, c.Message)
		}

		return nil
	})

	return c
}

// TestProviderConfig uses a configuration of the tenant's own namespace, and
// ones that cannot work.
func TestProviderConfig(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	good := newConfig(t, ns)

	create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "wrong"}, Data: map[string][]byte{
		"accessKey": []byte("nobody"), "secretKey": []byte("nothing-that-works"),
	}})

	cases := map[string]struct {
		reason string
		change func(*miniov1alpha1.ProviderConfigSpec)
		want   xpv1.ConditionReason
		// text is in the conditions of configuration and Bucket.
		text string
	}{
		"Good": {
			reason: "A namespace's own configuration works.",
			change: func(*miniov1alpha1.ProviderConfigSpec) {},
			want:   miniov1alpha1.ReasonServerUsable,
		},
		"Bounded": {
			reason: "One call at a time is enough.",
			change: func(s *miniov1alpha1.ProviderConfigSpec) {
				s.Client = &miniov1alpha1.ClientOptions{MaxCallsInFlight: new(int32(1)), Timeout: &metav1.Duration{Duration: 10e9}}
			},
			want: miniov1alpha1.ReasonServerUsable,
		},
		"WrongKeys": {
			reason: "Keys that the server does not know are refused.",
			change: func(s *miniov1alpha1.ProviderConfigSpec) { s.Credentials.SecretRef.Name = "wrong" },
			want:   miniov1alpha1.ReasonCredentialsRejected,
			text:   "put an administrator's accessKey and secretKey into the Secret of spec.credentials",
		},
		"NoSecret": {
			reason: "A Secret that is missing is named.",
			change: func(s *miniov1alpha1.ProviderConfigSpec) { s.Credentials.SecretRef.Name = "missing" },
			want:   miniov1alpha1.ReasonConfigurationInvalid,
			text:   `cannot read "missing" in namespace "` + ns + `"`,
		},
		"Untrusted": {
			reason: "A certificate of an unknown authority is not trusted.",
			change: func(s *miniov1alpha1.ProviderConfigSpec) { s.CABundle = nil },
			want:   miniov1alpha1.ReasonCertificateUntrusted,
			text:   "set spec.caBundle",
		},
		"Unreachable": {
			reason: "A host that does not exist is named.",
			change: func(s *miniov1alpha1.ProviderConfigSpec) { s.Endpoint = "https://nowhere.minio.svc:9000" },
			want:   miniov1alpha1.ReasonUnreachable,
			text:   "nowhere.minio.svc",
		},
		"OtherService": {
			reason: "The cluster's own API server is no MinIO.",
			change: func(s *miniov1alpha1.ProviderConfigSpec) {
				s.Endpoint = "https://kubernetes.default.svc"
				s.CABundle = &miniov1alpha1.CABundle{ConfigMapRef: &miniov1alpha1.ObjectKeyReference{
					ObjectReference: miniov1alpha1.ObjectReference{Name: "kube-root-ca.crt"},
				}}
			},
			want: miniov1alpha1.ReasonNoAdminAPI,
			text: "the endpoint does not serve MinIO's administration API",
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pc := good.DeepCopy()
			pc.Name = strings.ToLower(name)
			tc.change(&pc.Spec)
			create(t, pc)

			if c := waitReason(t, pc, tc.want); !strings.Contains(c.Message, tc.text) {
				t.Errorf("%s\nwant the configuration to say %q, got %q", tc.reason, tc.text, c.Message)
			}

			b := newBucketOn(pc)
			create(t, b)

			if tc.text != "" {
				waitCondition(t, b, xpv1.TypeSynced, corev1.ConditionFalse, tc.text)
			} else {
				waitAvailable(t, b)
			}

			// The configuration must outlive what was made with it.
			if err := kube.Delete(t.Context(), b); err != nil {
				t.Fatal(err)
			}

			await.Gone(t, kube, b)
		})
	}
}

// TestProviderConfigCredentials uses keys of somebody who may do much but not
// administrate, and then replaces them: what waits goes on with the new ones.
func TestProviderConfigCredentials(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)
	pc := newConfig(t, ns)

	somebody := "somebody-" + ns
	if err := errors.Join(admin.AddUser(ctx, somebody, "nothing-to-worry-about"), attach(ctx, "readwrite", somebody)); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		if err := admin.RemoveUser(context.Background(), somebody); err != nil {
			t.Logf("cannot remove the user: %v", err)
		}
	})

	good := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "admin"}}
	plain := map[string][]byte{"accessKey": []byte(somebody), "secretKey": []byte("nothing-to-worry-about")}

	var administrator map[string][]byte

	await.Change(t, kube, good, func(s *corev1.Secret) { administrator, s.Data = s.Data, plain })
	create(t, pc)

	if c := waitReason(t, pc, miniov1alpha1.ReasonCredentialsRejected); !strings.Contains(c.Message, "Access Denied") {
		t.Errorf("want the configuration to say what the server said, got %q", c.Message)
	}

	u := newUser(ns, "waiting")
	u.Spec.ProviderConfigReference = &xpv1.ProviderConfigReference{Kind: miniov1alpha1.ProviderConfigKind.Kind, Name: pc.Name}
	create(t, u)
	waitCondition(t, u, xpv1.TypeSynced, corev1.ConditionFalse, "the server rejects the credentials")

	await.Change(t, kube, good, func(s *corev1.Secret) { s.Data = administrator })
	waitAvailable(t, u)
	waitReason(t, pc, miniov1alpha1.ReasonServerUsable)
}

// TestProviderConfigInUse wants a configuration to stay while it is used, and to
// go then, whatever one of its name in another namespace is used for.
func TestProviderConfigInUse(t *testing.T) {
	t.Parallel()

	other := newConfig(t, newNamespace(t))
	create(t, other)

	neighbour := newBucketOn(other)
	create(t, neighbour)
	waitAvailable(t, neighbour)

	ns := newNamespace(t)
	pc := newConfig(t, ns)
	create(t, pc)

	b := newBucketOn(pc)
	create(t, b)
	waitAvailable(t, b)

	await.For(t, "the use to be counted beside the health", func() error {
		if err := kube.Get(t.Context(), client.ObjectKeyFromObject(pc), pc); err != nil {
			return err
		}

		if pc.Status.Users != 1 || pc.GetCondition(xpv1.TypeReady).Status != corev1.ConditionTrue {
			return fmt.Errorf("it says %d users, %s", pc.Status.Users, pc.GetCondition(xpv1.TypeReady).Reason)
		}

		return nil
	})

	if err := kube.Delete(t.Context(), pc); err != nil {
		t.Fatal(err)
	}

	await.For(t, "the configuration to say that it is in use", func() error {
		if err := kube.Get(t.Context(), client.ObjectKeyFromObject(pc), pc); err != nil {
			return err
		}

		if pc.GetCondition("Terminating").Status != corev1.ConditionTrue {
			return errors.New("it does not")
		}

		return nil
	})

	// The Bucket is left: the namespace must go with it, though its credentials
	// go first.
}

// TestProviderConfigForeignNamespace wants a namespace's configuration to read
// that namespace's Secrets only.
func TestProviderConfigForeignNamespace(t *testing.T) {
	t.Parallel()

	pc := newConfig(t, newNamespace(t))
	pc.Spec.Credentials.SecretRef.Namespace = "minio"

	if err := kube.Create(t.Context(), pc); err == nil || !strings.Contains(err.Error(), "reads Secrets of its own namespace") {
		t.Errorf("want it to be refused, got %v", err)
	}
}

// TestClusterProviderConfigReady wants the configuration of the whole platform to
// say that it can be used.
func TestClusterProviderConfigReady(t *testing.T) {
	waitReason(t, &miniov1alpha1.ClusterProviderConfig{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, miniov1alpha1.ReasonServerUsable)
}
