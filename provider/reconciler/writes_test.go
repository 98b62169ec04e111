package reconciler

import (
	"context"
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/providertest"
)

func TestChangeOnlyStatus(t *testing.T) {
	ctx := context.Background()
	key := client.ObjectKeyFromObject(providertest.NewBucket("ClusterProviderConfig"))

	get := func(c client.Client) *miniov1alpha1.Bucket {
		b := &miniov1alpha1.Bucket{}
		if err := c.Get(ctx, key, b); err != nil {
			t.Fatal(err)
		}

		return b
	}
	write := func(c client.Client, b *miniov1alpha1.Bucket) {
		if err := c.Status().Update(ctx, b); err != nil {
			t.Fatalf("Status().Update(...): %v", err)
		}
	}

	cases := map[string]struct {
		reason string
		// do works with a Bucket that is stored and Ready; want is how often it writes.
		do   func(l *providertest.Lagging, kube client.Client)
		want int
	}{
		"Same": {
			reason: "A status that is stored already is not written.",
			do:     func(_ *providertest.Lagging, kube client.Client) { write(kube, get(kube)) },
		},
		"OnlyTime": {
			reason: "The time of a condition is no change.",
			do: func(_ *providertest.Lagging, kube client.Client) {
				b := get(kube)
				b.Status.Conditions[0].LastTransitionTime = metav1.NewTime(time.Unix(0, 0))
				write(kube, b)
			},
		},
		"OnlySpec": {
			reason: "A change outside the status is no change of the status.",
			do: func(_ *providertest.Lagging, kube client.Client) {
				b := get(kube)
				b.Labels = map[string]string{"a": "b"}
				write(kube, b)
			},
		},
		"Condition": {
			reason: "A changed condition is written.",
			do: func(_ *providertest.Lagging, kube client.Client) {
				b := get(kube)
				b.SetConditions(xpv1.Unavailable())
				write(kube, b)
			},
			want: 1,
		},
		"Field": {
			reason: "A changed field is written.",
			do: func(_ *providertest.Lagging, kube client.Client) {
				b := get(kube)
				b.Status.AtProvider.Versioning = miniov1alpha1.VersioningEnabled
				write(kube, b)
			},
			want: 1,
		},
		"AnotherVersion": {
			reason: "A cache that holds another version than was read is no proof.",
			do: func(l *providertest.Lagging, kube client.Client) {
				b := get(kube)
				l.Seen = b.DeepCopy()
				l.Seen.ResourceVersion = "1"
				write(kube, b)
			},
			want: 1,
		},
		"StaleAfterOwnWrite": {
			reason: "A cache that lacks the last write is neither read nor proof.",
			do: func(l *providertest.Lagging, kube client.Client) {
				before := get(kube)

				b := before.DeepCopy()
				b.SetConditions(xpv1.Unavailable())
				write(kube, b)

				l.Seen = before
				l.Seen.Annotations = map[string]string{"was": "there"}

				latest := get(kube)
				if len(latest.Annotations) > 0 || latest.ResourceVersion != b.ResourceVersion {
					t.Errorf("Get(...): want the last written version, got version %s with annotations %v", latest.ResourceVersion, latest.Annotations)
				}

				write(kube, latest)
			},
			want: 2,
		},
		"JustCreated": {
			reason: "Creating is not written right after the record of the creation, but it is written later.",
			do: func(_ *providertest.Lagging, kube client.Client) {
				b := get(kube)
				b.SetConditions(xpv1.Creating(), xpv1.ReconcileSuccess())

				creating := b.Status
				if err := kube.Update(ctx, b); err != nil {
					t.Fatal(err)
				}

				b.Status = creating
				write(kube, b)

				b = get(kube)
				b.Status = creating
				write(kube, b)
			},
			want: 1,
		},
		"NotCreated": {
			reason: "A failed creation is written.",
			do: func(_ *providertest.Lagging, kube client.Client) {
				b := get(kube)
				if err := kube.Update(ctx, b); err != nil {
					t.Fatal(err)
				}

				b.SetConditions(xpv1.Creating(), xpv1.ReconcileError(errors.New("denied")))
				write(kube, b)
			},
			want: 1,
		},
		"CaughtUpAfterOwnWrite": {
			reason: "A cache that holds the last write is proof again.",
			do: func(_ *providertest.Lagging, kube client.Client) {
				b := get(kube)
				b.SetConditions(xpv1.Unavailable())
				write(kube, b)
				write(kube, get(kube))
				write(kube, get(kube))
			},
			want: 1,
		},
		"UnknownAfterError": {
			reason: "A failed write may have been carried out: the next one is made, whatever the cache holds.",
			do: func(l *providertest.Lagging, kube client.Client) {
				b := get(kube)
				b.SetConditions(xpv1.Unavailable())

				l.WriteErr = errors.New("timeout")
				if err := kube.Status().Update(ctx, b); err == nil {
					t.Error("Status().Update(...): want an error")
				}

				l.WriteErr = nil
				write(kube, get(kube))
				write(kube, get(kube))
			},
			want: 2,
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := providertest.NewBucket("ClusterProviderConfig")
			b.SetConditions(xpv1.Available())

			l := providertest.NewLagging(t, b)
			kube := newChangeOnlyClient(l, l.Live, &miniov1alpha1.Bucket{}, func(client.ObjectKey) {})
			tc.do(l, kube)

			if l.StatusWrites != tc.want {
				t.Errorf("%s\nwant %d writes, got %d", tc.reason, tc.want, l.StatusWrites)
			}

			if len(kube.written) > 1 {
				t.Errorf("%d versions of one object are remembered", len(kube.written))
			}
		})
	}
}

// TestChangeOnlyUpdate expects updates that change nothing to be omitted if the client is
// asked for that. Updates of managed resources are always made: they fail if the resource
// has changed.
func TestChangeOnlyUpdate(t *testing.T) {
	ctx := context.Background()

	for name, updates := range map[string]bool{"Omitted": true, "Made": false} {
		t.Run(name, func(t *testing.T) {
			l := providertest.NewLagging(t, providertest.NewConfig(providertest.NewSpec("")))
			kube := newChangeOnlyClient(l, l.Live, &miniov1alpha1.ProviderConfig{}, func(client.ObjectKey) {})
			kube.updates = updates

			pc := &miniov1alpha1.ProviderConfig{}
			if err := kube.Get(ctx, client.ObjectKeyFromObject(providertest.NewConfig(providertest.NewSpec(""))), pc); err != nil {
				t.Fatal(err)
			}

			want := 1
			if updates {
				want = 0
			}

			if err := kube.Update(ctx, pc); err != nil || l.Writes != want {
				t.Errorf("Update(...) without a change: want %d writes, got %d, %v", want, l.Writes, err)
			}

			pc.Finalizers = append(pc.Finalizers, "cistern.dev/test")
			if err := kube.Update(ctx, pc); err != nil || l.Writes != want+1 {
				t.Errorf("Update(...) of a finalizer: want %d writes, got %d, %v", want+1, l.Writes, err)
			}
		})
	}
}

// TestChangeOnlyForgets expects an object that is gone to be forgotten, and objects of other
// types to be left alone.
func TestChangeOnlyForgets(t *testing.T) {
	ctx := context.Background()
	b := providertest.NewBucket("ClusterProviderConfig")
	l := providertest.NewLagging(t, b, providertest.NewCredentials("minio"))

	var gone []client.ObjectKey

	kube := newChangeOnlyClient(l, l.Live, &miniov1alpha1.Bucket{}, func(k client.ObjectKey) { gone = append(gone, k) })

	if err := errors.Join(kube.Get(ctx, client.ObjectKeyFromObject(b), b), kube.Update(ctx, b), kube.Delete(ctx, b)); err != nil {
		t.Fatal(err)
	}

	if err := kube.Get(ctx, client.ObjectKeyFromObject(b), b); err == nil {
		t.Fatal("Get(...): want an error")
	}

	if len(gone) != 1 || len(kube.written) != 0 {
		t.Errorf("want the object to be forgotten, got %v, %v", gone, kube.written)
	}

	s := &corev1.Secret{}
	key := client.ObjectKeyFromObject(providertest.NewCredentials("minio"))

	if err := errors.Join(kube.Get(ctx, key, s), kube.Update(ctx, s)); err != nil || len(kube.written) != 0 {
		t.Errorf("want nothing to be remembered of a Secret, got %v, %v", kube.written, err)
	}
}

// TestMissingIsDoubted lets the API server, or a proxy before it, answer that an object does not
// exist which the cache holds, and expects a conflict, after which it is reconciled again.
func TestMissingIsDoubted(t *testing.T) {
	b := providertest.NewBucket("ClusterProviderConfig")
	b.Finalizers = []string{finalizerName}
	cached := providertest.NewLagging(t, b)
	missing := providertest.NewLagging(t)

	gone := 0
	kube := newChangeOnlyClient(cached, missing.Live, b, func(client.ObjectKey) { gone++ })
	key := client.ObjectKeyFromObject(b)

	if err := kube.Get(t.Context(), key, b); err != nil {
		t.Fatal(err)
	}

	stored := b.DeepCopy()
	kube.written[key] = unknownVersion

	if err := kube.Get(t.Context(), key, b); !kerrors.IsConflict(err) || gone != 0 {
		t.Errorf("Get(...): want a conflict, got %v; %d objects were forgotten", err, gone)
	}

	// Another server stands for one that denies the object.
	kube.Client = missing.Client

	if err := NewFinalizer(kube).RemoveFinalizer(t.Context(), stored); !kerrors.IsConflict(err) {
		t.Errorf("RemoveFinalizer(...): want a conflict, got %v", err)
	}

	if err := kube.Get(t.Context(), key, b); !kerrors.IsNotFound(err) || gone != 1 {
		t.Errorf("Get(...): want the cache to be believed, got %v; %d objects were forgotten", err, gone)
	}
}

// TestChangeOnlyOfKind expects a missing object of another kind that has the same name, and is a
// managed resource too, not to be taken for the object of the client's kind.
func TestChangeOnlyOfKind(t *testing.T) {
	b := providertest.NewBucket("ClusterProviderConfig")
	l := providertest.NewLagging(t, b)

	// Controllers of generated kinds know their resources by an interface.
	var kind resource.Managed = &miniov1alpha1.Bucket{}

	gone := 0
	kube := newChangeOnlyClient(l, l.Live, kind, func(client.ObjectKey) { gone++ })
	key := client.ObjectKeyFromObject(b)

	if err := errors.Join(kube.Get(t.Context(), key, b), kube.Update(t.Context(), b)); err != nil {
		t.Fatal(err)
	}

	if err := kube.Get(t.Context(), key, &miniov1alpha1.User{}); !kerrors.IsNotFound(err) {
		t.Fatalf("Get(...) of a User: want it to be missing, got %v", err)
	}

	if gone != 0 || len(kube.written) != 1 {
		t.Errorf("want the Bucket not to be forgotten, got %d calls and %v", gone, kube.written)
	}
}

// TestObservedGeneration expects status.observedGeneration to be that of the condition Synced in every status that is
// written, and no status to be written because of it alone.
func TestObservedGeneration(t *testing.T) {
	b := providertest.NewBucket("ClusterProviderConfig")
	b.SetConditions(xpv1.ReconcileSuccess().WithObservedGeneration(2), xpv1.Available())

	l := providertest.NewLagging(t, b)
	kube := newChangeOnlyClient(l, l.Live, &miniov1alpha1.Bucket{}, func(client.ObjectKey) {})
	key := client.ObjectKeyFromObject(b)

	steps := []struct {
		reason string
		change func(*miniov1alpha1.Bucket)
		writes int
		want   int64
	}{
		{reason: "What was stored by an earlier version is not written for its sake.", change: func(*miniov1alpha1.Bucket) {}},
		{
			reason: "It is in the next status that is written.", writes: 1, want: 2,
			change: func(b *miniov1alpha1.Bucket) { b.SetConditions(xpv1.Unavailable()) },
		},
		{
			reason: "It follows Synced.", writes: 2, want: 3,
			change: func(b *miniov1alpha1.Bucket) { b.SetConditions(xpv1.ReconcileSuccess().WithObservedGeneration(3)) },
		},
		{reason: "Once it is stored, nothing is written.", change: func(*miniov1alpha1.Bucket) {}, writes: 2, want: 3},
	}
	for _, s := range steps {
		if err := kube.Get(t.Context(), key, b); err != nil {
			t.Fatal(err)
		}

		s.change(b)

		if err := kube.Status().Update(t.Context(), b); err != nil {
			t.Fatal(err)
		}

		if err := l.Live.Get(t.Context(), key, b); err != nil {
			t.Fatal(err)
		}

		if l.StatusWrites != s.writes || b.Status.ObservedGeneration != s.want {
			t.Errorf("%s want %d after %d writes, got %d after %d", s.reason, s.want, s.writes, b.Status.ObservedGeneration, l.StatusWrites)
		}
	}
}
