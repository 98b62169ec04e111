package reconciler

import (
	"context"
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/providertest"
)

func TestQuietStatus(t *testing.T) {
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
		// do is done with a Bucket that is available and stored.
		do   func(l *providertest.Lagging, quiet client.Client)
		want int
	}{
		"Same": {
			reason: "What is stored already is not written.",
			do:     func(_ *providertest.Lagging, quiet client.Client) { write(quiet, get(quiet)) },
		},
		"OnlyTime": {
			reason: "A condition that says the same since another time says the same.",
			do: func(_ *providertest.Lagging, quiet client.Client) {
				b := get(quiet)
				b.Status.Conditions[0].LastTransitionTime = metav1.NewTime(time.Unix(0, 0))
				write(quiet, b)
			},
		},
		"OnlySpec": {
			reason: "What the status does not say is not written with it.",
			do: func(_ *providertest.Lagging, quiet client.Client) {
				b := get(quiet)
				b.Labels = map[string]string{"a": "b"}
				write(quiet, b)
			},
		},
		"Condition": {
			reason: "A condition that changes is written.",
			do: func(_ *providertest.Lagging, quiet client.Client) {
				b := get(quiet)
				b.SetConditions(xpv1.Unavailable())
				write(quiet, b)
			},
			want: 1,
		},
		"Field": {
			reason: "A field that changes is written.",
			do: func(_ *providertest.Lagging, quiet client.Client) {
				b := get(quiet)
				b.Status.AtProvider.Versioning = miniov1alpha1.VersioningEnabled
				write(quiet, b)
			},
			want: 1,
		},
		"AnotherVersion": {
			reason: "If the cache holds another version than was read, it is no proof.",
			do: func(l *providertest.Lagging, quiet client.Client) {
				b := get(quiet)
				l.Seen = b.DeepCopy()
				l.Seen.ResourceVersion = "1"
				write(quiet, b)
			},
			want: 1,
		},
		"StaleAfterOwnWrite": {
			reason: "A cache that lacks what was just written is not read, nor proof.",
			do: func(l *providertest.Lagging, quiet client.Client) {
				before := get(quiet)

				b := before.DeepCopy()
				b.SetConditions(xpv1.Unavailable())
				write(quiet, b)

				l.Seen = before
				l.Seen.Annotations = map[string]string{"was": "there"}

				latest := get(quiet)
				if len(latest.Annotations) > 0 || latest.ResourceVersion != b.ResourceVersion {
					t.Errorf("Get(...): want what was written last, got version %s with annotations %v", latest.ResourceVersion, latest.Annotations)
				}

				write(quiet, latest)
			},
			want: 2,
		},
		"JustCreated": {
			reason: "That it is being created is not written right after the record of that was, but if that is a while ago.",
			do: func(_ *providertest.Lagging, quiet client.Client) {
				b := get(quiet)
				b.SetConditions(xpv1.Creating(), xpv1.ReconcileSuccess())

				creating := b.Status
				if err := quiet.Update(ctx, b); err != nil {
					t.Fatal(err)
				}

				b.Status = creating
				write(quiet, b)

				b = get(quiet)
				b.Status = creating
				write(quiet, b)
			},
			want: 1,
		},
		"NotCreated": {
			reason: "That it could not be created is written.",
			do: func(_ *providertest.Lagging, quiet client.Client) {
				b := get(quiet)
				if err := quiet.Update(ctx, b); err != nil {
					t.Fatal(err)
				}

				b.SetConditions(xpv1.Creating(), xpv1.ReconcileError(errors.New("refused")))
				write(quiet, b)
			},
			want: 1,
		},
		"CaughtUpAfterOwnWrite": {
			reason: "Once the cache has what was written, it is proof again.",
			do: func(_ *providertest.Lagging, quiet client.Client) {
				b := get(quiet)
				b.SetConditions(xpv1.Unavailable())
				write(quiet, b)
				write(quiet, get(quiet))
				write(quiet, get(quiet))
			},
			want: 1,
		},
		"UnknownAfterError": {
			reason: "A write that failed may have been carried out: the next one is made whatever the cache holds.",
			do: func(l *providertest.Lagging, quiet client.Client) {
				b := get(quiet)
				b.SetConditions(xpv1.Unavailable())

				l.WriteErr = errors.New("timeout")
				if err := quiet.Status().Update(ctx, b); err == nil {
					t.Error("Status().Update(...): want an error")
				}

				l.WriteErr = nil
				write(quiet, get(quiet))
				write(quiet, get(quiet))
			},
			want: 2,
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := providertest.NewBucket("ClusterProviderConfig")
			b.SetConditions(xpv1.Available())

			l := providertest.NewLagging(t, b)
			quiet := NewChangeOnlyClient[*miniov1alpha1.Bucket](l, l.Live, func(client.ObjectKey) {})
			tc.do(l, quiet)

			if l.StatusWrites != tc.want {
				t.Errorf("%s\nwant %d writes, got %d", tc.reason, tc.want, l.StatusWrites)
			}

			if len(quiet.written) > 1 {
				t.Errorf("%d versions are remembered of one object", len(quiet.written))
			}
		})
	}
}

// TestQuietUpdate wants updates of the configurations' own controller left out
// as well, and those of resources made: they take a lock.
func TestQuietUpdate(t *testing.T) {
	ctx := context.Background()

	for name, updates := range map[string]bool{"Quiet": true, "NotQuiet": false} {
		t.Run(name, func(t *testing.T) {
			l := providertest.NewLagging(t, providertest.NewConfig(providertest.NewSpec("")))
			quiet := NewChangeOnlyClient[*miniov1alpha1.ProviderConfig](l, l.Live, func(client.ObjectKey) {})
			quiet.Updates = updates

			pc := &miniov1alpha1.ProviderConfig{}
			if err := quiet.Get(ctx, client.ObjectKeyFromObject(providertest.NewConfig(providertest.NewSpec(""))), pc); err != nil {
				t.Fatal(err)
			}

			want := 1
			if updates {
				want = 0
			}

			if err := quiet.Update(ctx, pc); err != nil || l.Writes != want {
				t.Errorf("Update(...) of nothing: want %d writes, got %d, %v", want, l.Writes, err)
			}

			pc.Finalizers = append(pc.Finalizers, "cistern.dev/test")
			if err := quiet.Update(ctx, pc); err != nil || l.Writes != want+1 {
				t.Errorf("Update(...) of a finalizer: want %d writes, got %d, %v", want+1, l.Writes, err)
			}
		})
	}
}

// TestQuietForgets wants nothing to be remembered of what is gone, and objects of
// other types to be written as they are.
func TestQuietForgets(t *testing.T) {
	ctx := context.Background()
	b := providertest.NewBucket("ClusterProviderConfig")
	l := providertest.NewLagging(t, b, providertest.NewCredentials("minio"))

	var gone []client.ObjectKey

	quiet := NewChangeOnlyClient[*miniov1alpha1.Bucket](l, l.Live, func(k client.ObjectKey) { gone = append(gone, k) })

	if err := errors.Join(quiet.Get(ctx, client.ObjectKeyFromObject(b), b), quiet.Update(ctx, b), quiet.Delete(ctx, b)); err != nil {
		t.Fatal(err)
	}

	if err := quiet.Get(ctx, client.ObjectKeyFromObject(b), b); err == nil {
		t.Fatal("Get(...): want an error")
	}

	if len(gone) != 1 || len(quiet.written) != 0 {
		t.Errorf("want the object to be forgotten, got %v, %v", gone, quiet.written)
	}

	s := &corev1.Secret{}
	if err := errors.Join(quiet.Get(ctx, client.ObjectKeyFromObject(providertest.NewCredentials("minio")), s), quiet.Update(ctx, s)); err != nil || len(quiet.written) != 0 {
		t.Errorf("want nothing to be remembered of a Secret, got %v, %v", quiet.written, err)
	}
}
