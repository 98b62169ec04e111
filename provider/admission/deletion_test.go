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
)

// Buckets on the server, by what a look at them says.
const (
	full    = "full"
	hollow  = "empty"
	missing = "missing"
	strange = "strange"
)

func look(_ context.Context, _ *minio.Server, name string) (bucket.Contents, error) {
	switch name {
	case full:
		return bucket.Contents{Objects: 3}, nil
	case hollow:
		return bucket.Contents{}, nil
	case missing:
		return bucket.Contents{}, fmt.Errorf("cannot list what is in it: %w", miniogo.ErrorResponse{Code: miniogo.NoSuchBucket, RequestID: "1"})
	}

	return bucket.Contents{}, errors.New("cannot list what is in it: connection refused")
}

func noLook(context.Context, *minio.Server, string) (bucket.Contents, error) {
	panic("nobody should look")
}

// newBucket returns a Bucket that owns a bucket of the server.
func newBucket(external string, change ...func(*miniov1alpha1.Bucket)) *miniov1alpha1.Bucket {
	b := &miniov1alpha1.Bucket{ObjectMeta: metav1.ObjectMeta{Name: "photos-" + external, Namespace: "team-a"}}
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

func someServer(context.Context, resource.ModernManaged) (*minio.Server, error) {
	return &minio.Server{}, nil
}

// verdict is a response as whoever deletes sees it.
type verdict struct {
	Allowed  bool
	Code     int32
	Message  string
	Warnings []string
}

func verdictOf(r admission.Response) verdict {
	return verdict{Allowed: r.Allowed, Code: r.Result.Code, Message: r.Result.Message, Warnings: r.Warnings}
}

var allowed = verdict{Allowed: true, Code: http.StatusOK}

func TestDeletionOfBucket(t *testing.T) {
	cases := map[string]struct {
		reason string
		bucket *miniov1alpha1.Bucket
		server func(context.Context, resource.ModernManaged) (*minio.Server, error)
		look   func(context.Context, *minio.Server, string) (bucket.Contents, error)
		want   verdict
	}{
		"NotEmpty": {
			reason: "What is left in the bucket would be lost.",
			bucket: newBucket(full),
			look:   look,
			want: verdict{Code: http.StatusForbidden, Message: `bucket "full" still holds 3 objects, so nothing was deleted: ` +
				`delete its objects with all their versions, and abort its incomplete uploads; or set spec.forProvider.whenNotEmpty to Purge, which deletes them too`},
		},
		"NotEmptyByDefault": {
			reason: "Who says nothing wants nothing to be lost.",
			bucket: newBucket(full, func(b *miniov1alpha1.Bucket) {
				b.Spec.ForProvider.WhenNotEmpty, b.Spec.ManagementPolicies = "", xpv1.ManagementPolicies{xpv1.ManagementActionObserve, xpv1.ManagementActionDelete}
			}),
			look: look,
			want: verdict{Code: http.StatusForbidden, Message: `bucket "full" still holds 3 objects, so nothing was deleted: ` +
				`delete its objects with all their versions, and abort its incomplete uploads; or set spec.forProvider.whenNotEmpty to Purge, which deletes them too`},
		},
		"Empty": {
			reason: "There is nothing to lose.",
			bucket: newBucket(hollow),
			look:   look,
			want:   allowed,
		},
		"Missing": {
			reason: "In a bucket that does not exist there is nothing.",
			bucket: newBucket(missing),
			look:   look,
			want:   allowed,
		},
		"NoName": {
			reason: "No bucket can have such a name, so there is nothing to lose.",
			bucket: newBucket("UPPER"),
			look:   noLook,
			want:   allowed,
		},
		"Purge": {
			reason: "Whoever asks for a purge wants it all to go.",
			bucket: newBucket(full, func(b *miniov1alpha1.Bucket) { b.Spec.ForProvider.WhenNotEmpty = miniov1alpha1.WhenNotEmptyPurge }),
			look:   noLook,
			want:   allowed,
		},
		"Stays": {
			reason: "Without Delete among the management policies the bucket stays on the server.",
			bucket: newBucket(full, func(b *miniov1alpha1.Bucket) {
				b.Spec.ManagementPolicies = xpv1.ManagementPolicies{xpv1.ManagementActionObserve}
			}),
			look: noLook,
			want: allowed,
		},
		"NotOwned": {
			reason: "The controller does not touch what the resource does not own.",
			bucket: newBucket(full, func(b *miniov1alpha1.Bucket) { b.Annotations, b.Name = nil, full }),
			look:   noLook,
			want:   allowed,
		},
		"OwnedWithoutName": {
			reason: "A creation whose end was never recorded may have made the bucket.",
			bucket: newBucket(full, func(b *miniov1alpha1.Bucket) {
				b.Annotations, b.Name = nil, full
				meta.SetExternalCreatePending(b, time.Now())
			}),
			look: look,
			want: verdict{Code: http.StatusForbidden, Message: `bucket "full" still holds 3 objects, so nothing was deleted: ` +
				`delete its objects with all their versions, and abort its incomplete uploads; or set spec.forProvider.whenNotEmpty to Purge, which deletes them too`},
		},
		"AlreadyDeleted": {
			reason: "There is nothing to refuse any more.",
			bucket: newBucket(full, func(b *miniov1alpha1.Bucket) { b.DeletionTimestamp = new(metav1.Now()) }),
			look:   noLook,
			want:   allowed,
		},
		"NoAnswer": {
			reason: "What nobody could look at may be lost.",
			bucket: newBucket(strange),
			look:   look,
			want: verdict{Code: http.StatusServiceUnavailable, Message: `cannot tell whether bucket "strange" is empty, so nothing was deleted: ` +
				`cannot list what is in it: connection refused; try again later, or have an administrator set spec.managementPolicies ` +
				`of buckets.minio.cistern.dev "photos-strange" to [Observe], which leaves the bucket on the server`},
		},
		"NoServer": {
			reason: "Nor can anybody look without credentials.",
			bucket: newBucket(full),
			server: func(context.Context, resource.ModernManaged) (*minio.Server, error) {
				return nil, errors.New(`cannot get ProviderConfig "own"`)
			},
			look: noLook,
			want: verdict{Code: http.StatusServiceUnavailable, Message: `cannot tell whether bucket "full" is empty, so nothing was deleted: ` +
				`cannot get ProviderConfig "own"; try again later, or have an administrator set spec.managementPolicies ` +
				`of buckets.minio.cistern.dev "photos-full" to [Observe], which leaves the bucket on the server`},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := &deletion{kube: newKube(t, errors.New("nobody should list")), server: someServer, look: tc.look}
			if tc.server != nil {
				d.server = tc.server
			}

			got := verdictOf(d.judge(t.Context(), newRequest(t, tc.bucket)))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\njudge(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestDeletionUsesServerOfBefore wants the server to be asked for as if the
// Bucket were being deleted, and looks not to last.
func TestDeletionUsesServerOfBefore(t *testing.T) {
	d := &deletion{
		server: func(_ context.Context, mg resource.ModernManaged) (*minio.Server, error) {
			if !meta.WasDeleted(mg) {
				t.Error("server(...): want a Bucket that is being deleted")
			}

			return &minio.Server{}, nil
		},
		look: func(ctx context.Context, _ *minio.Server, _ string) (bucket.Contents, error) {
			if end, ok := ctx.Deadline(); !ok || time.Until(end) > patience {
				t.Error("look(...): want a deadline")
			}

			return bucket.Contents{}, nil
		},
	}

	if got := d.judge(t.Context(), newRequest(t, newBucket(hollow))); !got.Allowed {
		t.Errorf("judge(...): %+v", got.Result)
	}
}

// TestDeletionDoesNotHang asks about a bucket of a server that never answers.
func TestDeletionDoesNotHang(t *testing.T) {
	done := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-done }))

	defer hanging.Close()
	defer close(done)

	d := &deletion{
		server: func(context.Context, resource.ModernManaged) (*minio.Server, error) {
			return minio.New(minio.Config{Endpoint: hanging.URL, AccessKey: "somebody", SecretKey: "something"})
		},
		look: bucket.ListContents,
	}

	// Nobody wants to wait for the webhook's own patience here.
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()

	got := d.judge(ctx, newRequest(t, newBucket(full)))
	if got.Allowed || !strings.Contains(got.Result.Message, "context deadline exceeded") {
		t.Errorf("judge(...): want the wait to end, got %+v", got.Result)
	}
}
