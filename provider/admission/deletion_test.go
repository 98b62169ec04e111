package admission

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	miniogo "github.com/minio/minio-go/v7"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/provider/bucket"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/reconciler"
)

// Names of buckets on the server, by what listing their contents returns.
const (
	full            = "full"
	empty           = "empty"
	missing         = "missing"
	unknownContents = "unknown"
)

func listContents(_ context.Context, _ *minio.Server, name string) (bucket.Contents, error) {
	switch name {
	case full:
		return bucket.Contents{Objects: 3}, nil
	case empty:
		return bucket.Contents{}, nil
	case missing:
		return bucket.Contents{}, fmt.Errorf("cannot list the contents: %w", miniogo.ErrorResponse{Code: miniogo.NoSuchBucket, RequestID: "1"})
	}

	return bucket.Contents{}, errors.New("cannot list the contents: connection refused")
}

func listNothing(context.Context, *minio.Server, string) (bucket.Contents, error) {
	panic("the contents must not be listed")
}

// newBucket returns a Bucket that owns a bucket of the server.
func newBucket(external string, change ...func(*miniov1alpha1.Bucket)) *miniov1alpha1.Bucket {
	b := &miniov1alpha1.Bucket{ObjectMeta: metav1.ObjectMeta{Name: "photos-" + external, Namespace: "team-a", UID: "photos"}}
	b.Spec.ManagementPolicies = xpv1.ManagementPolicies{xpv1.ManagementActionAll}
	b.Spec.ForProvider.WhenNotEmpty = miniov1alpha1.WhenNotEmptyRefuse
	meta.SetExternalName(b, external)

	for _, f := range change {
		f(b)
	}

	return b
}

func newRequest(t *testing.T, o runtime.Object) admission.Request {
	t.Helper()

	raw, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}

	kind := miniov1alpha1.BucketKind
	if _, ok := o.(*tenantv1alpha1.Bucket); ok {
		kind = tenantv1alpha1.BucketKind
	}

	return admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		Kind:      metav1.GroupVersionKind(kind),
		Operation: admissionv1.Delete,
		OldObject: runtime.RawExtension{Raw: raw},
	}}
}

func newKube(t *testing.T, list error, objects ...client.Object) client.Reader {
	t.Helper()

	s := runtime.NewScheme()
	if err := miniov1alpha1.AddToScheme(s); err != nil {
		t.Fatal(err)
	}

	return fake.NewClientBuilder().WithScheme(s).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, l client.ObjectList, o ...client.ListOption) error {
			if list != nil {
				return list
			}

			return c.List(ctx, l, o...)
		},
	}).Build()
}

// newDeletion returns the webhook's handler with room for one read at a time.
func newDeletion(kube client.Reader, list func(context.Context, *minio.Server, string) (bucket.Contents, error)) *deletion {
	return &deletion{kube: kube, server: someServer, list: list, reads: make(slots, 1)}
}

func someServer(context.Context, resource.ModernManaged) (*minio.Server, error) {
	return &minio.Server{}, nil
}

// response is the part of an admission response that the user sees.
type response struct {
	Allowed  bool
	Code     int32
	Message  string
	Warnings []string
}

func responseOf(r admission.Response) response {
	return response{Allowed: r.Allowed, Code: r.Result.Code, Message: r.Result.Message, Warnings: r.Warnings}
}

var allowed = response{Allowed: true, Code: http.StatusOK}

func TestDeletionOfBucket(t *testing.T) {
	notEmpty := response{Code: http.StatusForbidden, Message: `bucket "full" still holds 3 objects, so nothing was deleted: ` +
		`delete its objects with all their versions, and abort its incomplete uploads; ` +
		`or set spec.forProvider.whenNotEmpty to Purge, which deletes them too`}

	cases := map[string]struct {
		reason string
		bucket *miniov1alpha1.Bucket
		server func(context.Context, resource.ModernManaged) (*minio.Server, error)
		list   func(context.Context, *minio.Server, string) (bucket.Contents, error)
		want   response
	}{
		"NotEmpty": {
			reason: "The contents of the bucket would be lost.",
			bucket: newBucket(full),
			list:   listContents,
			want:   notEmpty,
		},
		"NotEmptyByDefault": {
			reason: "By default nothing is lost.",
			bucket: newBucket(full, func(b *miniov1alpha1.Bucket) {
				b.Spec.ForProvider.WhenNotEmpty = ""
				b.Spec.ManagementPolicies = xpv1.ManagementPolicies{xpv1.ManagementActionObserve, xpv1.ManagementActionDelete}
			}),
			list: listContents,
			want: notEmpty,
		},
		"Empty": {
			reason: "There is nothing to lose.",
			bucket: newBucket(empty),
			list:   listContents,
			want:   allowed,
		},
		"Missing": {
			reason: "A bucket that does not exist is empty.",
			bucket: newBucket(missing),
			list:   listContents,
			want:   allowed,
		},
		"NoName": {
			reason: "No bucket can have such a name, so there is nothing to lose.",
			bucket: newBucket("UPPER"),
			list:   listNothing,
			want:   allowed,
		},
		"Purge": {
			reason: "A bucket that is to be purged may hold anything.",
			bucket: newBucket(full, func(b *miniov1alpha1.Bucket) { b.Spec.ForProvider.WhenNotEmpty = miniov1alpha1.WhenNotEmptyPurge }),
			list:   listNothing,
			want:   allowed,
		},
		"Stays": {
			reason: "Without Delete among the management policies the bucket stays on the server.",
			bucket: newBucket(full, func(b *miniov1alpha1.Bucket) {
				b.Spec.ManagementPolicies = xpv1.ManagementPolicies{xpv1.ManagementActionObserve}
			}),
			list: listNothing,
			want: allowed,
		},
		"NotOwned": {
			reason: "The controller does not touch a bucket that the resource does not own.",
			bucket: newBucket(full, func(b *miniov1alpha1.Bucket) { b.Annotations, b.Name = nil, full }),
			list:   listNothing,
			want:   allowed,
		},
		"Copy": {
			reason: "The deletion of a copy deletes nothing on the server.",
			bucket: newBucket(full, func(b *miniov1alpha1.Bucket) { b.Annotations[reconciler.AnnotationKeyOwnerUID] = "of another" }),
			list:   listNothing,
			want:   allowed,
		},
		"OwnedWithoutName": {
			reason: "An interrupted creation may have created the bucket.",
			bucket: newBucket(full, func(b *miniov1alpha1.Bucket) {
				b.Annotations, b.Name = nil, full
				meta.SetExternalCreatePending(b, time.Now())
			}),
			list: listContents,
			want: notEmpty,
		},
		"AlreadyDeleted": {
			reason: "The deletion has been accepted already.",
			bucket: newBucket(full, func(b *miniov1alpha1.Bucket) {
				b.DeletionTimestamp, b.Finalizers = new(metav1.Now()), []string{"finalizer.managedresource.crossplane.io"}
			}),
			list: listNothing,
			want: allowed,
		},
		"NoAnswer": {
			reason: "Unknown contents may be lost.",
			bucket: newBucket(unknownContents),
			list:   listContents,
			want: response{Code: http.StatusServiceUnavailable, Message: `cannot tell whether bucket "unknown" is empty, so nothing was deleted: ` +
				`cannot list the contents: connection refused; try again later, or have an administrator set spec.managementPolicies ` +
				`of buckets.minio.cistern.dev "photos-unknown" to [Observe], which leaves the bucket on the server`},
		},
		"NoServer": {
			reason: "Without credentials the contents are unknown.",
			bucket: newBucket(full),
			server: func(context.Context, resource.ModernManaged) (*minio.Server, error) {
				return nil, errors.New(`cannot get ProviderConfig "own"`)
			},
			list: listNothing,
			want: response{Code: http.StatusServiceUnavailable, Message: `cannot tell whether bucket "full" is empty, so nothing was deleted: ` +
				`cannot get ProviderConfig "own"; try again later, or have an administrator set spec.managementPolicies ` +
				`of buckets.minio.cistern.dev "photos-full" to [Observe], which leaves the bucket on the server`},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := newDeletion(newKube(t, errors.New("Buckets must not be listed"), tc.bucket), tc.list)
			if tc.server != nil {
				d.server = tc.server
			}

			got := responseOf(d.review(t.Context(), newRequest(t, tc.bucket)))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\nreview(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestDeletionUsesPreviousServer expects the webhook to get the server as for a Bucket that is
// being deleted, and to list with a deadline.
func TestDeletionUsesPreviousServer(t *testing.T) {
	d := newDeletion(newKube(t, nil, newBucket(empty)), func(ctx context.Context, _ *minio.Server, _ string) (bucket.Contents, error) {
		if end, ok := ctx.Deadline(); !ok || time.Until(end) > reviewTimeout {
			t.Error("list(...): want a deadline")
		}

		return bucket.Contents{}, nil
	})
	d.server = func(_ context.Context, mg resource.ModernManaged) (*minio.Server, error) {
		if !meta.WasDeleted(mg) {
			t.Error("server(...): want a Bucket that is being deleted")
		}

		return &minio.Server{}, nil
	}

	if got := d.review(t.Context(), newRequest(t, newBucket(empty))); !got.Allowed {
		t.Errorf("review(...): %+v", got.Result)
	}
}

// TestDeletionDoesNotHang reviews the deletion of a Bucket on a server that never answers.
func TestDeletionDoesNotHang(t *testing.T) {
	done := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-done }))

	defer hanging.Close()
	defer close(done)

	d := newDeletion(newKube(t, nil, newBucket(full)), bucket.ListContents)
	d.server = func(context.Context, resource.ModernManaged) (*minio.Server, error) {
		return minio.New(minio.Config{Endpoint: hanging.URL, AccessKey: "admin", SecretKey: "something"})
	}

	// A deadline that is shorter than the webhook's own keeps the test short.
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()

	got := d.review(ctx, newRequest(t, newBucket(full)))
	if got.Allowed || !strings.Contains(got.Result.Message, "context deadline exceeded") {
		t.Errorf("review(...): want the review to end, got %+v", got.Result)
	}
}
