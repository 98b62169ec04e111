package kind

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	"github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// lagging is a client that counts writes, and whose reads can lag behind them as
// a cache does.
type lagging struct {
	client.Client

	// live does not lag.
	live client.Reader
	// seen, if set, is what the cache holds of the one Bucket.
	seen *v1alpha1.Bucket
	// writeErr is what a write of a status returns after it was carried out.
	writeErr error

	statusWrites, writes int
}

// decoding decodes what it reads into what is there, as a client of the API server
// does.
type decoding struct{ client.Reader }

func (d decoding) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	read, _ := reflect.TypeAssert[client.Object](reflect.New(reflect.TypeOf(obj).Elem()))

	err := d.Reader.Get(ctx, key, read, opts...)
	content, encodeErr := json.Marshal(read)

	return errors.Join(err, encodeErr, json.Unmarshal(content, obj))
}

func newLagging(t *testing.T, objects ...client.Object) *lagging {
	t.Helper()

	server := fake.NewClientBuilder().WithScheme(newScheme(t)).
		WithStatusSubresource(&v1alpha1.Bucket{}, &v1alpha1.ProviderConfig{}).WithObjects(objects...).Build()

	l := &lagging{live: decoding{server}}
	l.Client = interceptor.NewClient(server, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			if b, ok := obj.(*v1alpha1.Bucket); ok && l.seen != nil {
				l.seen.DeepCopyInto(b)
				return nil
			}

			return c.Get(ctx, key, obj, opts...)
		},
		Update: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
			l.writes++
			return c.Update(ctx, obj, opts...)
		},
		SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, obj client.Object, opts ...client.SubResourceUpdateOption) error {
			l.statusWrites++
			return errors.Join(c.SubResource(sub).Update(ctx, obj, opts...), l.writeErr)
		},
	})

	return l
}

func TestQuietStatus(t *testing.T) {
	ctx := context.Background()
	key := client.ObjectKeyFromObject(newBucket("ClusterProviderConfig"))

	get := func(c client.Client) *v1alpha1.Bucket {
		b := &v1alpha1.Bucket{}
		if err := c.Get(ctx, key, b); err != nil {
			t.Fatal(err)
		}

		return b
	}
	write := func(c client.Client, b *v1alpha1.Bucket) {
		if err := c.Status().Update(ctx, b); err != nil {
			t.Fatalf("Status().Update(...): %v", err)
		}
	}

	cases := map[string]struct {
		reason string
		// do is done with a Bucket that is available and stored.
		do   func(l *lagging, quiet client.Client)
		want int
	}{
		"Same": {
			reason: "What is stored already is not written.",
			do:     func(_ *lagging, quiet client.Client) { write(quiet, get(quiet)) },
		},
		"OnlyTime": {
			reason: "A condition that says the same since another time says the same.",
			do: func(_ *lagging, quiet client.Client) {
				b := get(quiet)
				b.Status.Conditions[0].LastTransitionTime = metav1.NewTime(time.Unix(0, 0))
				write(quiet, b)
			},
		},
		"OnlySpec": {
			reason: "What the status does not say is not written with it.",
			do: func(_ *lagging, quiet client.Client) {
				b := get(quiet)
				b.Labels = map[string]string{"a": "b"}
				write(quiet, b)
			},
		},
		"Condition": {
			reason: "A condition that changes is written.",
			do: func(_ *lagging, quiet client.Client) {
				b := get(quiet)
				b.SetConditions(xpv1.Unavailable())
				write(quiet, b)
			},
			want: 1,
		},
		"Field": {
			reason: "A field that changes is written.",
			do: func(_ *lagging, quiet client.Client) {
				b := get(quiet)
				b.Status.AtProvider.Versioning = v1alpha1.VersioningEnabled
				write(quiet, b)
			},
			want: 1,
		},
		"AnotherVersion": {
			reason: "If the cache holds another version than was read, it is no proof.",
			do: func(l *lagging, quiet client.Client) {
				b := get(quiet)
				l.seen = b.DeepCopy()
				l.seen.ResourceVersion = "1"
				write(quiet, b)
			},
			want: 1,
		},
		"StaleAfterOwnWrite": {
			reason: "A cache that lacks what was just written is not read, nor proof.",
			do: func(l *lagging, quiet client.Client) {
				before := get(quiet)

				b := before.DeepCopy()
				b.SetConditions(xpv1.Unavailable())
				write(quiet, b)

				l.seen = before
				l.seen.Annotations = map[string]string{"was": "there"}

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
			do: func(_ *lagging, quiet client.Client) {
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
			do: func(_ *lagging, quiet client.Client) {
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
			do: func(_ *lagging, quiet client.Client) {
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
			do: func(l *lagging, quiet client.Client) {
				b := get(quiet)
				b.SetConditions(xpv1.Unavailable())

				l.writeErr = errors.New("timeout")
				if err := quiet.Status().Update(ctx, b); err == nil {
					t.Error("Status().Update(...): want an error")
				}

				l.writeErr = nil
				write(quiet, get(quiet))
				write(quiet, get(quiet))
			},
			want: 2,
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBucket("ClusterProviderConfig")
			b.SetConditions(xpv1.Available())

			l := newLagging(t, b)
			quiet := newQuietClient[*v1alpha1.Bucket](l, l.live, func(client.ObjectKey) {})
			tc.do(l, quiet)

			if l.statusWrites != tc.want {
				t.Errorf("%s\nwant %d writes, got %d", tc.reason, tc.want, l.statusWrites)
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
			l := newLagging(t, newConfig(newSpec("")))
			quiet := newQuietClient[*v1alpha1.ProviderConfig](l, l.live, func(client.ObjectKey) {})
			quiet.updates = updates

			pc := &v1alpha1.ProviderConfig{}
			if err := quiet.Get(ctx, client.ObjectKeyFromObject(newConfig(newSpec(""))), pc); err != nil {
				t.Fatal(err)
			}

			want := 1
			if updates {
				want = 0
			}

			if err := quiet.Update(ctx, pc); err != nil || l.writes != want {
				t.Errorf("Update(...) of nothing: want %d writes, got %d, %v", want, l.writes, err)
			}

			pc.Finalizers = append(pc.Finalizers, "cistern.dev/test")
			if err := quiet.Update(ctx, pc); err != nil || l.writes != want+1 {
				t.Errorf("Update(...) of a finalizer: want %d writes, got %d, %v", want+1, l.writes, err)
			}
		})
	}
}

// TestQuietForgets wants nothing to be remembered of what is gone, and objects of
// other types to be written as they are.
func TestQuietForgets(t *testing.T) {
	ctx := context.Background()
	b := newBucket("ClusterProviderConfig")
	l := newLagging(t, b, newCredentials("minio"))

	var gone []client.ObjectKey

	quiet := newQuietClient[*v1alpha1.Bucket](l, l.live, func(k client.ObjectKey) { gone = append(gone, k) })

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
	if err := errors.Join(quiet.Get(ctx, client.ObjectKeyFromObject(newCredentials("minio")), s), quiet.Update(ctx, s)); err != nil || len(quiet.written) != 0 {
		t.Errorf("want nothing to be remembered of a Secret, got %v, %v", quiet.written, err)
	}
}
