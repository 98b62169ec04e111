package reconciler

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/event"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/providertest"
)

func TestSecretEditedOrDeleted(t *testing.T) {
	before, after := providertest.NewCredentials("team-a"), providertest.NewCredentials("team-a")
	before.ResourceVersion, after.ResourceVersion = "1", "2"

	p := newSecretClient(nil, nil, miniov1alpha1.UserKind).editedOrDeleted()

	for name, tc := range map[string]struct {
		reason    string
		got, want bool
	}{
		"Published": {reason: "A Secret that appears was just published by its owner.", got: p.Create(event.CreateEvent{Object: after})},
		"Edited": {
			reason: "An edit may remove the key.",
			got:    p.Update(event.UpdateEvent{ObjectOld: before, ObjectNew: after}),
			want:   true,
		},
		"Resync":  {reason: "A resync of the cache is no edit.", got: p.Update(event.UpdateEvent{ObjectOld: after, ObjectNew: after})},
		"Deleted": {reason: "A deleted Secret must be published again.", got: p.Delete(event.DeleteEvent{Object: after}), want: true},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.got != tc.want {
				t.Errorf("%s\nwant %t, got %t", tc.reason, tc.want, tc.got)
			}
		})
	}
}

// published returns a connection Secret with a key, of an owner of a kind.
func published(kind, key string) *corev1.Secret {
	u := &miniov1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: "photos", Namespace: "team-a", UID: "1"}}
	u.SetWriteConnectionSecretToReference(&xpv1.LocalSecretReference{Name: "photos"})

	s := resource.LocalConnectionSecretFor(u, miniov1alpha1.UserKind.GroupVersion().WithKind(kind))
	s.Data = map[string][]byte{"key": []byte(key)}

	return s
}

// TestSecretClient reads a Secret, changes something, and reads it again.
func TestSecretClient(t *testing.T) {
	// world is the API server, and a cache that sync brings up to date.
	type world struct {
		server, cache client.WithWatch
		secrets       *secretClient
	}

	sync := func(t *testing.T, w world) {
		t.Helper()

		s := &corev1.Secret{}
		if err := w.server.Get(t.Context(), client.ObjectKeyFromObject(published("User", "")), s); err != nil {
			t.Fatal(err)
		}

		seen := &corev1.Secret{}
		if err := w.cache.Get(t.Context(), client.ObjectKeyFromObject(s), seen); err != nil {
			t.Fatal(err)
		}

		for seen.ResourceVersion != s.ResourceVersion {
			seen.Data = map[string][]byte{"version": []byte(seen.ResourceVersion)}
			if err := w.cache.Update(t.Context(), seen); err != nil {
				t.Fatal(err)
			}
		}
	}
	edit := func(t *testing.T, c client.Client) *corev1.Secret {
		t.Helper()

		s := published("User", "another")
		patch := client.MergeFrom(published("User", "first"))

		if err := c.Patch(t.Context(), s, patch); err != nil {
			t.Fatal(err)
		}

		return s
	}

	cases := map[string]struct {
		reason string
		// owner is the kind that controls the Secret; User if it is empty.
		owner string
		do    func(t *testing.T, w world)
		// reads is how many requests the second read makes, want the key that it returns.
		reads int
		want  string
		// kept reports whether a Secret is remembered at the end.
		kept bool
	}{
		"Same": {
			reason: "The latest version is read once.",
			do:     func(*testing.T, world) {},
			want:   "first",
			kept:   true,
		},
		"Edited": {
			reason: "A newer version is read.",
			do:     func(t *testing.T, w world) { t.Helper(); edit(t, w.server); sync(t, w) },
			reads:  1,
			want:   "another",
			kept:   true,
		},
		"CacheBehindOwnWrite": {
			reason: "A Secret patched through the client is read again until the cache has it.",
			do:     func(t *testing.T, w world) { t.Helper(); edit(t, w.secrets) },
			reads:  1,
			want:   "another",
			kept:   true,
		},
		"CacheBehindOwnUpdate": {
			reason: "The same holds for a Secret that is updated.",
			do: func(t *testing.T, w world) {
				t.Helper()

				if err := w.secrets.Update(t.Context(), published("User", "another")); err != nil {
					t.Fatal(err)
				}
			},
			reads: 1,
			want:  "another",
			kept:  true,
		},
		"CacheHasOwnUpdate": {
			reason: "A Secret that was updated is not read, once the cache has it.",
			do: func(t *testing.T, w world) {
				t.Helper()

				if err := w.secrets.Update(t.Context(), published("User", "another")); err != nil {
					t.Fatal(err)
				}

				sync(t, w)
			},
			want: "another",
			kept: true,
		},
		"FailedUpdate": {
			reason: "An update that failed may have been carried out: the Secret is read.",
			do: func(t *testing.T, w world) {
				t.Helper()

				s := published("User", "another")
				s.ResourceVersion = "1"

				if err := w.secrets.Update(t.Context(), s); !kerrors.IsConflict(err) {
					t.Fatalf("want a conflict, got %v", err)
				}
			},
			reads: 1,
			want:  "first",
			kept:  true,
		},
		"OwnUpdateSeen": {
			reason: "The event of the own update does not make the Secret unknown.",
			do: func(t *testing.T, w world) {
				t.Helper()

				before, s := published("User", "first"), published("User", "another")
				if err := w.secrets.Update(t.Context(), s); err != nil {
					t.Fatal(err)
				}

				sync(t, w)
				w.secrets.editedOrDeleted().Update(event.UpdateEvent{ObjectOld: before, ObjectNew: s})
			},
			want: "another",
			kept: true,
		},
		"EditedByOthers": {
			reason: "An edited Secret is forgotten at once, whether it is read again or not.",
			do: func(t *testing.T, w world) {
				t.Helper()

				before := published("User", "first")
				before.ResourceVersion = "1"
				w.secrets.editedOrDeleted().Update(event.UpdateEvent{ObjectOld: before, ObjectNew: edit(t, w.server)})

				if len(w.secrets.known) > 0 {
					t.Error("the edited Secret is still known")
				}
			},
			reads: 1,
			want:  "another",
			kept:  true,
		},
		"Deleted": {
			reason: "A deleted Secret is not found.",
			do: func(t *testing.T, w world) {
				t.Helper()

				s := published("User", "first")
				if err := w.server.Delete(t.Context(), s); err != nil {
					t.Fatal(err)
				}

				if err := w.cache.Delete(t.Context(), s); err != nil {
					t.Fatal(err)
				}

				w.secrets.editedOrDeleted().Delete(event.DeleteEvent{Object: s})
			},
			reads: 1,
		},
		"OfAnother": {
			reason: "Secrets of other kinds are not remembered.",
			owner:  "Bucket",
			do:     func(*testing.T, world) {},
			reads:  1,
			want:   "first",
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if tc.owner == "" {
				tc.owner = "User"
			}

			s, reads := published(tc.owner, "first"), 0
			build := func() *fake.ClientBuilder {
				return fake.NewClientBuilder().WithScheme(providertest.NewScheme(t)).WithObjects(s.DeepCopy())
			}
			w := world{cache: build().Build(), server: build().WithInterceptorFuncs(interceptor.Funcs{
				Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
					reads++
					return c.Get(ctx, key, obj, opts...)
				},
			}).Build()}
			w.secrets = newSecretClient(w.server, w.cache, miniov1alpha1.UserKind)

			read := func() string {
				got := &corev1.Secret{Data: map[string][]byte{}}
				if err := w.secrets.Get(t.Context(), client.ObjectKeyFromObject(s), got); err != nil && !kerrors.IsNotFound(err) {
					t.Fatal(err)
				}

				// The caller may change its copy.
				key := string(got.Data["key"])
				got.Data["key"] = []byte("scribbled over")

				return key
			}

			read()
			tc.do(t, w)

			reads = 0
			got := read()

			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\nkey: -want, +got:\n%s", tc.reason, diff)
			}

			if kept := len(w.secrets.known) > 0; reads != tc.reads || kept != tc.kept {
				t.Errorf("%s\nwant %d reads and kept %t, got %d and %t", tc.reason, tc.reads, tc.kept, reads, kept)
			}
		})
	}
}

// TestWithoutSecrets publishes nothing as the runtime does, and expects no request for a Secret.
func TestWithoutSecrets(t *testing.T) {
	requests := 0
	build := fake.NewClientBuilder().WithScheme(providertest.NewScheme(t)).WithObjects(published("User", "first"))
	server := build.WithInterceptorFuncs(interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			requests++
			return nil
		},
		Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error {
			requests++
			return nil
		},
		Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
			requests++
			return nil
		},
	}).Build()

	u := &miniov1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: "photos", Namespace: "team-a", UID: "1"}}
	u.SetWriteConnectionSecretToReference(&xpv1.LocalSecretReference{Name: "photos"})

	p := managed.NewAPILocalSecretPublisher(WithoutSecrets(server), providertest.NewScheme(t))
	if _, err := p.PublishConnection(t.Context(), u, nil); err != nil {
		t.Fatal(err)
	}

	if requests > 0 {
		t.Errorf("want no request, got %d", requests)
	}

	if err := WithoutSecrets(server).Get(t.Context(), client.ObjectKeyFromObject(u), u); err != nil || requests != 1 {
		t.Errorf("want other kinds to be read, got %d requests and %v", requests, err)
	}
}
