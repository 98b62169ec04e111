package user

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// madeKeys counts the calls that gave the server a key.
func (env *env) madeKeys() int {
	n := 0

	for _, c := range env.calls {
		if c == "AddUser" || c == "AddServiceAccount" {
			n++
		}
	}

	return n
}

// newGenerationEnv returns an environment whose Ready User has a key of a generation,
// and no earlier one.
func newGenerationEnv(t *testing.T, generation int) *env {
	t.Helper()

	env := newReadyEnv(t)
	env.user.Spec.ForProvider.Rotation = &miniov1alpha1.Rotation{Overlap: &metav1.Duration{}}

	for i := range generation {
		env.rotate(fmt.Sprint(i))
	}

	env.settle()
	env.wantKeys("after the last overlap", int64(generation))
	env.calls = nil

	return env
}

// TestOneAnswerIsNotBelieved answers once that the user or its key is gone, as MinIO
// and as a proxy, and wants the key to stay and no call to be made.
func TestOneAnswerIsNotBelieved(t *testing.T) {
	answers := map[string][]error{
		"NoSuchUser":    {madmin.ErrorResponse{Code: "XMinioAdminNoSuchUser", RequestID: "1"}},
		"ProxyNotFound": {madmin.ErrorResponse{Code: "XMinioAdminNoSuchUser"}},
		"BadKey":        {nil, miniogo.ErrorResponse{Code: miniogo.InvalidAccessKeyID, RequestID: "1", StatusCode: http.StatusForbidden}},
		"ProxyBadKey":   {nil, miniogo.ErrorResponse{Code: miniogo.SignatureDoesNotMatch, Server: "nginx", StatusCode: http.StatusForbidden}},
	}

	for generation := range 2 {
		for name, answer := range answers {
			t.Run(fmt.Sprintf("Generation%d%s", generation, name), func(t *testing.T) {
				env := newGenerationEnv(t, generation)
				before := env.secret().Data
				env.answers = slices.Clone(answer)

				if _, err := env.reconcile(); (err != nil) != strings.HasPrefix(name, "Proxy") {
					t.Errorf("reconcile: want an error for a proxy's answer only, got %v", err)
				}

				env.settle()
				env.wantWorkingKey("One answer changes nothing.")

				if !maps.EqualFunc(before, env.secret().Data, slices.Equal) || len(env.calls) > 0 {
					t.Errorf("want the same key and no call, got %v", env.calls)
				}
			})
		}
	}
}

// TestLostOnServer removes user or key on the server, or changes its secret key there,
// and wants the stored key to work again.
func TestLostOnServer(t *testing.T) {
	losses := map[string]func(*env){
		"User":      func(env *env) { env.fakeServer.user = nil; clear(env.keys) },
		"SecretKey": func(env *env) { env.keys[env.user.Status.AtProvider.AccessKeyID] = otherSecretKey },
		"Key":       func(env *env) { delete(env.keys, env.user.Status.AtProvider.AccessKeyID) },
	}

	for generation := range 2 {
		for name, lose := range losses {
			t.Run(fmt.Sprintf("Generation%d%s", generation, name), func(t *testing.T) {
				env := newGenerationEnv(t, generation)
				before := env.secret().Data
				lose(env)
				env.settle()
				env.wantWorkingKey("A key that the server lost is given to it again.")

				if !maps.EqualFunc(before, env.secret().Data, slices.Equal) {
					t.Error("want the same access key and secret key")
				}
			})
		}
	}
}

// TestKeyGivenAgain changes the secret key of an access key on the server, and wants the stored one to be
// given to it without removing the key, unless the provider's policy does not allow that, or the key
// is not as the provider makes it.
func TestKeyGivenAgain(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(*env)
		want   []string
	}{
		"Plain": {
			reason: "It works all the time, should it have the secret key already.",
			change: func(*env) {},
			want:   []string{"ListServiceAccounts", "UpdateServiceAccount"},
		},
		"MayNotUpdate": {
			reason: "The policy of the provider's user may be of an earlier version.",
			change: func(e *env) { e.mayNotUpdate = true },
			want:   []string{"ListServiceAccounts", "DeleteServiceAccount", "AddServiceAccount"},
		},
		"Expires": {
			reason: "Another secret key does not take back that the key expires.",
			change: func(e *env) { e.expiration = new(time.Now()) },
			want:   []string{"ListServiceAccounts", "DeleteServiceAccount", "AddServiceAccount"},
		},
		"OfAnotherUser": {
			reason: "It must not have the rights of that user.",
			change: func(e *env) { e.others = true },
			want:   []string{"ListServiceAccounts", "DeleteServiceAccount", "AddServiceAccount"},
		},
	}

	for name, tc := range cases {
		env := newGenerationEnv(t, 1)
		tc.change(env)
		env.keys[env.user.Status.AtProvider.AccessKeyID] = otherSecretKey

		env.settle()
		env.wantWorkingKey("A key that the server has otherwise is given to it again.")

		if diff := cmp.Diff(tc.want, env.calls); diff != "" {
			t.Errorf("%s: %s\n-want calls, +got:\n%s", name, tc.reason, diff)
		}
	}
}

// rejecting makes the API server reject writes of the connection Secret.
func (env *env) rejecting(err error) {
	env.kube = interceptor.NewClient(env.kube.(client.WithWatch), interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if _, is := o.(*corev1.Secret); is {
				return err
			}

			return c.Create(ctx, o, opts...)
		},
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			if _, is := o.(*corev1.Secret); is {
				return err
			}

			return c.Update(ctx, o, opts...)
		},
	})
}

func terminating() error {
	err := kerrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "u-key", errors.New("the namespace is being terminated"))
	err.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}

	return err
}

// TestStoredFirst lets the API server reject writes of the connection Secret, and wants
// the server not to hear of a key before one is stored.
func TestStoredFirst(t *testing.T) {
	secrets := schema.GroupResource{Resource: "secrets"}
	rejections := map[string]error{
		"Internal":    kerrors.NewInternalError(errInjected),
		"Forbidden":   kerrors.NewForbidden(secrets, "u-key", errInjected),
		"Invalid":     kerrors.NewInvalid(schema.GroupKind{Kind: "Secret"}, "u-key", nil),
		"TooMany":     kerrors.NewTooManyRequests("wait", 1),
		"Conflict":    kerrors.NewConflict(secrets, "u-key", errInjected),
		"Unavailable": kerrors.NewServiceUnavailable("down"),
		"Terminating": terminating(),
	}
	begin := map[string]func(*env){
		"Create": func(env *env) {
			env.fakeServer.user, env.policy, env.user.Status = nil, nil, miniov1alpha1.UserStatus{}
			env.user.SetAnnotations(nil)
			clear(env.keys)
			env.loseSecret()
		},
		"GoneAndLost": func(env *env) { env.fakeServer.user = nil; clear(env.keys); env.loseSecret() },
		"Lost":        (*env).loseSecret,
		"Rotate": func(env *env) {
			env.user.Spec.ForProvider.Rotation = &miniov1alpha1.Rotation{Trigger: "now", Overlap: &metav1.Duration{}}
			env.now = env.now.Add(minKeyAge)
		},
	}

	for when, begin := range begin {
		for name, rejection := range rejections {
			t.Run(when+name, func(t *testing.T) {
				env := newReadyEnv(t)
				kube := env.kube
				begin(env)

				before := maps.Clone(env.keys)
				env.rejecting(rejection)

				for range 3 {
					// The first reconcile of a rotation only stores that it begins.
					if _, err := env.reconcile(); err != nil && !strings.Contains(err.Error(), `Secret "u-key"`) {
						t.Errorf("reconcile: want an error that names the Secret, got %v", err)
					}
				}

				if env.madeKeys() > 0 || !maps.Equal(before, env.keys) {
					t.Errorf("want no key that is not stored, got %v", env.calls)
				}

				env.kube = kube
				env.settle()
				env.wantWorkingKey("A key is made once it can be stored.")

				if n := env.madeKeys(); n != 1 && when != "Rotate" {
					t.Errorf("want one key, got %v", env.calls)
				}
			})
		}
	}
}

func (env *env) loseSecret() {
	if err := env.kube.Delete(env.t.Context(), env.secret()); err != nil {
		env.t.Fatal(err)
	}
}

// TestUnwritableSecret wants the User to say which Secret it cannot write, and why.
func TestUnwritableSecret(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*corev1.Secret)
		want   string
	}{
		"Immutable": {change: func(s *corev1.Secret) { s.Immutable = new(true) }, want: `Secret "u-key" is immutable: delete it`},
		"OfAnother": {
			change: func(s *corev1.Secret) {
				s.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: "p", UID: "other", Controller: new(true)}}
			},
			want: `Secret "u-key" belongs to Pod "p"`,
		},
		"OfAnotherType": {
			change: func(s *corev1.Secret) { s.OwnerReferences, s.Type = nil, corev1.SecretTypeOpaque },
			want:   `has the type "Opaque"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			env := newReadyEnv(t)
			env.user.Spec.ForProvider.Rotation = rotating(24*3600e9, 0)
			env.settle()

			s := env.secret()
			tc.change(s)

			if err := env.kube.Update(t.Context(), s); err != nil {
				t.Fatal(err)
			}

			env.now = env.now.Add(25 * 3600e9)
			env.calls = nil

			var err error
			for range 4 {
				_, err = env.reconcile()
			}

			if err == nil || !strings.Contains(err.Error(), tc.want) || len(env.calls) > 0 {
				t.Errorf("reconcile: want error %q and no call, got %v, %v", tc.want, err, env.calls)
			}
		})
	}
}

// TestImmutableLacksShapes makes a connection Secret immutable that lacks what a later version
// publishes, and wants that not to count as drift, and earlier keys to be revoked.
func TestImmutableLacksShapes(t *testing.T) {
	env := newReadyEnv(t)
	env.user.Spec.ForProvider.Rotation = &miniov1alpha1.Rotation{Overlap: &metav1.Duration{Duration: time.Hour}}
	env.rotate("once")
	env.wantKeys("during the overlap", 0, 1)

	s := env.secret()
	s.Immutable = new(true)
	delete(s.Data, miniov1alpha1.ConnectionKeyEndpoint)
	env.user.Status.AtProvider.PublishedHash = hash(s.Data)

	if err := env.kube.Update(t.Context(), s); err != nil {
		t.Fatal(err)
	}

	env.settle()
	env.wantWorkingKey("What an immutable Secret lacks is not added.")

	env.now = env.now.Add(time.Hour)
	env.settle()
	env.wantKeys("after the overlap", 1)

	// A Secret that holds something else, such as another endpoint, is reported.
	s.Data[miniov1alpha1.ConnectionKeyEndpoint] = []byte("https://other.example.org")
	env.user.Status.AtProvider.PublishedHash = hash(s.Data)

	if err := env.kube.Update(t.Context(), s); err != nil {
		t.Fatal(err)
	}

	if _, err := env.reconcile(); err == nil || !strings.Contains(err.Error(), "is immutable") {
		t.Errorf("reconcile: want an error that the Secret is immutable, got %v", err)
	}
}

// TestPendingKey ends the process at each write of the connection Secret of a rotation,
// before and after the API server carried it out, and wants one key to be made in all,
// and clients never to read one that does not work.
func TestPendingKey(t *testing.T) {
	for _, carriedOut := range []bool{false, true} {
		for at := 1; at <= 2; at++ {
			t.Run(fmt.Sprintf("Write%dCarriedOut%t", at, carriedOut), func(t *testing.T) {
				env := newReadyEnv(t)
				env.user.Spec.ForProvider.Rotation = &miniov1alpha1.Rotation{Trigger: "now", Overlap: &metav1.Duration{}}
				env.now = env.now.Add(minKeyAge)

				n, made := 0, map[string]bool{}
				env.kube = interceptor.NewClient(env.kube.(client.WithWatch), interceptor.Funcs{
					Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
						s, is := o.(*corev1.Secret)
						if !is {
							return c.Update(ctx, o, opts...)
						}

						p := pendingKey{}
						if err := json.Unmarshal(s.Data[miniov1alpha1.ConnectionKeyPending], &p); err == nil {
							made[p.SecretAccessKey] = true
						}

						if n++; n == at && !carriedOut {
							return errInjected
						}

						if err := c.Update(ctx, o, opts...); err != nil || n != at {
							return err
						}

						return errInjected
					},
				})

				for range 6 {
					_, _ = env.reconcile()

					if id, secretKey := env.published(); env.keys[id] != secretKey {
						t.Error("want clients to read a key that works at any time")
					}
				}

				env.settle()
				env.wantWorkingKey("An interrupted rotation continues.")
				env.wantKeys("after the overlap", 1)

				if _, pending := env.secret().Data[miniov1alpha1.ConnectionKeyPending]; pending {
					t.Error("want no pending key after the rotation")
				}

				// What was never stored does not count.
				if want := 1; len(made) > want+1 || (len(made) > want && (carriedOut || at > 1)) {
					t.Errorf("want one key, got %d", len(made))
				}

				if n := env.madeKeys(); n != 2 {
					t.Errorf("want the server to be given one key and the first to be replaced, got %v", env.calls)
				}
			})
		}
	}
}

// TestEditedPendingKey wants a pending key that a person wrote not to be given to the
// server.
func TestEditedPendingKey(t *testing.T) {
	env := newReadyEnv(t)
	before := env.secret().Data

	for _, secretKey := range []string{"chosen", strings.Repeat("A", 40)} {
		d := env.secret().Data
		d[miniov1alpha1.ConnectionKeyPending] = []byte(`{"accessKeyID":"` + key + `","secretAccessKey":"` + secretKey + `"}`)
		env.edit(d)
		env.settle()

		if !maps.EqualFunc(before, env.secret().Data, slices.Equal) || len(env.calls) > 0 {
			t.Errorf("want the Secret to be restored without a call, got %v", env.calls)
		}
	}
}

// TestAdoptedUserKeepsKey adopts a user whose key a connection Secret holds that was made
// beforehand. It wants the server to be given no key, and the Secret to be completed.
func TestAdoptedUserKeepsKey(t *testing.T) {
	const name, secretKey = "legacy", "secret-of-the-legacy-user"

	env := newEnv(t, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "u-key", Namespace: "team-a"},
		Type:       resource.SecretTypeConnection,
		Data: map[string][]byte{
			miniov1alpha1.ConnectionKeyAccessKeyID:     []byte(name),
			miniov1alpha1.ConnectionKeySecretAccessKey: []byte(secretKey),
		},
	})
	env.fakeServer.user = &madmin.UserInfo{Status: madmin.AccountEnabled}
	env.keys[name] = secretKey

	meta.SetExternalName(env.user, name)
	env.settle()
	env.wantWorkingKey("The adopted user's key works.")

	if n := env.madeKeys(); n > 0 || env.keys[name] != secretKey {
		t.Errorf("want the key to stay, the server was given %d", n)
	}

	if endpoint := env.secret().Data[miniov1alpha1.ConnectionKeyEndpoint]; string(endpoint) != publicEndpoint {
		t.Errorf("want the Secret to be completed, its endpoint is %q", endpoint)
	}
}
