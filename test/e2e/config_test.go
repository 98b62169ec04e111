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

// newConfig returns a ProviderConfig of the platform's server. It creates the Secret
// admin with the administrator's credentials in the namespace.
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

// newBucketOn returns a Bucket that uses a ProviderConfig.
func newBucketOn(pc *miniov1alpha1.ProviderConfig) *miniov1alpha1.Bucket {
	b := newBucket(pc.Namespace, pc.Name)
	b.Spec.ProviderConfigReference = &xpv1.ProviderConfigReference{Kind: miniov1alpha1.ProviderConfigKind.Kind, Name: pc.Name}

	return b
}

// waitReason waits until the Ready condition of a ProviderConfig has a reason, and
// returns the condition.
func waitReason(t *testing.T, pc resource.ProviderConfig, reason xpv1.ConditionReason) xpv1.Condition {
	t.Helper()

	var c xpv1.Condition

	await.For(t, fmt.Sprintf("%s to have reason %s", pc.GetName(), reason), func() error {
		if err := kube.Get(t.Context(), client.ObjectKeyFromObject(pc), pc); err != nil {
			return err
		}

		if c = pc.GetCondition(xpv1.TypeReady); c.Reason != reason {
			return fmt.Errorf("its reason is %s: %s", c.Reason, c.Message)
		}

		return nil
	})

	return c
}

// TestProviderConfig checks that a ProviderConfig of the tenant's own namespace works,
// and that one that cannot be used reports the reason, as do its Buckets.
func TestProviderConfig(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	good := newConfig(t, ns)

	create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "wrong"}, Data: map[string][]byte{
		"accessKey": []byte("unknown"), "secretKey": []byte("nothing-that-works"),
	}})

	cases := map[string]struct {
		reason string
		change func(*miniov1alpha1.ProviderConfigSpec)
		want   xpv1.ConditionReason
		// text is in the messages of the ProviderConfig and the Bucket.
		text string
	}{
		"Good": {
			reason: "A ProviderConfig of the own namespace is usable.",
			change: func(*miniov1alpha1.ProviderConfigSpec) {},
			want:   miniov1alpha1.ReasonServerUsable,
		},
		"OneCallAtATime": {
			reason: "One call in flight is enough.",
			change: func(s *miniov1alpha1.ProviderConfigSpec) {
				s.Client = &miniov1alpha1.ClientOptions{MaxCallsInFlight: new(int32(1)), Timeout: &metav1.Duration{Duration: 10e9}}
			},
			want: miniov1alpha1.ReasonServerUsable,
		},
		"WrongKeys": {
			reason: "The server rejects unknown keys.",
			change: func(s *miniov1alpha1.ProviderConfigSpec) { s.Credentials.SecretRef.Name = "wrong" },
			want:   miniov1alpha1.ReasonCredentialsRejected,
			text:   "put an administrator's accessKey and secretKey into the Secret of spec.credentials",
		},
		"NoSecret": {
			reason: "The message names the missing Secret.",
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
			reason: "The message names the host that does not exist.",
			change: func(s *miniov1alpha1.ProviderConfigSpec) { s.Endpoint = "https://nowhere.minio.svc:9000" },
			want:   miniov1alpha1.ReasonUnreachable,
			text:   "nowhere.minio.svc",
		},
		"OtherService": {
			reason: "The API server of Kubernetes is not a MinIO server.",
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
				t.Errorf("%s\nwant the ProviderConfig's message to contain %q, got %q", tc.reason, tc.text, c.Message)
			}

			b := newBucketOn(pc)
			create(t, b)

			if tc.text != "" {
				waitCondition(t, b, xpv1.TypeSynced, corev1.ConditionFalse, tc.text)
			} else {
				waitAvailable(t, b)
			}

			// The ProviderConfig must exist until its Bucket is deleted.
			if err := kube.Delete(t.Context(), b); err != nil {
				t.Fatal(err)
			}

			await.Gone(t, kube, b)
		})
	}
}

// TestProviderConfigCredentials uses the keys of a user without administrative rights,
// and then an administrator's. It checks that the ProviderConfig and a User report the
// rejected credentials, and recover once they are replaced.
func TestProviderConfigCredentials(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)
	pc := newConfig(t, ns)

	user := "plain-" + ns
	if err := errors.Join(admin.AddUser(ctx, user, "nothing-to-worry-about"), attachPolicy(ctx, "readwrite", user)); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		if err := admin.RemoveUser(context.Background(), user); err != nil {
			t.Logf("cannot remove the user: %v", err)
		}
	})

	good := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "admin"}}
	plain := map[string][]byte{"accessKey": []byte(user), "secretKey": []byte("nothing-to-worry-about")}

	var administrator map[string][]byte

	await.Change(t, kube, good, func(s *corev1.Secret) { administrator, s.Data = s.Data, plain })
	create(t, pc)

	if c := waitReason(t, pc, miniov1alpha1.ReasonCredentialsRejected); !strings.Contains(c.Message, "Access Denied") {
		t.Errorf("want the message to contain the server's error, got %q", c.Message)
	}

	u := newUser(ns, "waiting")
	u.Spec.ProviderConfigReference = &xpv1.ProviderConfigReference{Kind: miniov1alpha1.ProviderConfigKind.Kind, Name: pc.Name}
	create(t, u)
	waitCondition(t, u, xpv1.TypeSynced, corev1.ConditionFalse, "the server rejects the credentials")

	await.Change(t, kube, good, func(s *corev1.Secret) { s.Data = administrator })
	waitAvailable(t, u)
	waitReason(t, pc, miniov1alpha1.ReasonServerUsable)
}

// TestProviderConfigInUse checks that a ProviderConfig that is in use is not deleted,
// and that uses of one of the same name in another namespace do not count.
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

	await.For(t, "one use and Ready in the status", func() error {
		if err := kube.Get(t.Context(), client.ObjectKeyFromObject(pc), pc); err != nil {
			return err
		}

		if pc.Status.Users != 1 || pc.GetCondition(xpv1.TypeReady).Status != corev1.ConditionTrue {
			return fmt.Errorf("it has %d users and reason %s", pc.Status.Users, pc.GetCondition(xpv1.TypeReady).Reason)
		}

		return nil
	})

	if err := kube.Delete(t.Context(), pc); err != nil {
		t.Fatal(err)
	}

	await.For(t, "the ProviderConfig to be Terminating", func() error {
		if err := kube.Get(t.Context(), client.ObjectKeyFromObject(pc), pc); err != nil {
			return err
		}

		if pc.GetCondition("Terminating").Status != corev1.ConditionTrue {
			return errors.New("it has no such condition")
		}

		return nil
	})

	// The Bucket is deleted with its namespace, which must succeed although the Secret
	// with the credentials is deleted first.
}

// TestProviderConfigForeignNamespace checks that a ProviderConfig cannot refer to a
// Secret of another namespace.
func TestProviderConfigForeignNamespace(t *testing.T) {
	t.Parallel()

	pc := newConfig(t, newNamespace(t))
	pc.Spec.Credentials.SecretRef.Namespace = "minio"

	if err := kube.Create(t.Context(), pc); err == nil || !strings.Contains(err.Error(), "reads Secrets of its own namespace") {
		t.Errorf("want an error, got %v", err)
	}
}

// TestClusterProviderConfigReady checks that the ClusterProviderConfig of the platform
// is usable.
func TestClusterProviderConfigReady(t *testing.T) {
	waitReason(t, &miniov1alpha1.ClusterProviderConfig{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, miniov1alpha1.ReasonServerUsable)
}
