// Package providertest holds helpers for the tests of several packages of the provider.
package providertest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/event"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// Lagging is a client that counts writes, and whose reads can lag behind them like those of a
// cache.
type Lagging struct {
	client.Client

	// Live reads without a lag.
	Live client.Reader
	// Seen is the Bucket that the cache holds; nil if the cache does not lag.
	Seen *miniov1alpha1.Bucket
	// WriteErr is an error that an update of a status returns after it was carried out.
	WriteErr error

	// StatusWrites and Writes count writes of statuses and of objects.
	StatusWrites, Writes int
}

// decoding decodes into the object that it is given without clearing it first, like a client of
// the API server.
type decoding struct{ client.Reader }

func (d decoding) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	read, _ := reflect.TypeAssert[client.Object](reflect.New(reflect.TypeOf(obj).Elem()))

	err := d.Reader.Get(ctx, key, read, opts...)
	content, encodeErr := json.Marshal(read)

	return errors.Join(err, encodeErr, json.Unmarshal(content, obj))
}

// NewLagging returns a Lagging with objects.
func NewLagging(t *testing.T, objects ...client.Object) *Lagging {
	t.Helper()

	server := fake.NewClientBuilder().WithScheme(NewScheme(t)).
		WithStatusSubresource(&miniov1alpha1.Bucket{}, &miniov1alpha1.User{}, &miniov1alpha1.Policy{}, &miniov1alpha1.ProviderConfig{}).
		WithObjects(objects...).Build()

	l := &Lagging{Live: decoding{server}}
	l.Client = interceptor.NewClient(server, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			if b, ok := obj.(*miniov1alpha1.Bucket); ok && l.Seen != nil {
				l.Seen.DeepCopyInto(b)
				return nil
			}

			return c.Get(ctx, key, obj, opts...)
		},
		Update: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
			l.Writes++
			return c.Update(ctx, obj, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
			l.Writes++
			return c.Patch(ctx, obj, patch, opts...)
		},
		SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, obj client.Object, opts ...client.SubResourceUpdateOption) error {
			l.StatusWrites++
			return errors.Join(c.SubResource(sub).Update(ctx, obj, opts...), l.WriteErr)
		},
	})

	return l
}

// NewScheme returns a scheme with the core kinds and those of provider-minio.
func NewScheme(t *testing.T) *runtime.Scheme {
	t.Helper()

	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, miniov1alpha1.AddToScheme} {
		if err := add(s); err != nil {
			t.Fatal(err)
		}
	}

	return s
}

// NewCredentials returns the Secret "admin" of a namespace, with the access key root-<namespace>
// and the secret key do-not-show-me.
func NewCredentials(namespace string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "admin", Namespace: namespace},
		Data:       map[string][]byte{"accessKey": []byte("root-" + namespace), "secretKey": []byte("do-not-show-me")},
	}
}

// NewSpec returns the configuration of a server that does not answer, with the credentials of a
// namespace.
func NewSpec(secretNamespace string) miniov1alpha1.ProviderConfigSpec {
	return miniov1alpha1.ProviderConfigSpec{
		Endpoint:    "https://127.0.0.1:1",
		Credentials: miniov1alpha1.Credentials{SecretRef: miniov1alpha1.ObjectReference{Name: "admin", Namespace: secretNamespace}},
	}
}

// NewConfig returns the ProviderConfig "default" of namespace team-a.
func NewConfig(spec miniov1alpha1.ProviderConfigSpec) *miniov1alpha1.ProviderConfig {
	return &miniov1alpha1.ProviderConfig{ObjectMeta: metav1.ObjectMeta{Name: "default", Namespace: "team-a", UID: "1"}, Spec: spec}
}

// NewClusterConfig returns the ClusterProviderConfig "default".
func NewClusterConfig(spec miniov1alpha1.ProviderConfigSpec) *miniov1alpha1.ClusterProviderConfig {
	return &miniov1alpha1.ClusterProviderConfig{ObjectMeta: metav1.ObjectMeta{Name: "default", UID: "2"}, Spec: spec}
}

// NewBucket returns the Bucket "photos" of namespace team-a, with the configuration "default" of a
// kind.
func NewBucket(kind string) *miniov1alpha1.Bucket {
	b := &miniov1alpha1.Bucket{ObjectMeta: metav1.ObjectMeta{Name: "photos", Namespace: "team-a"}}
	b.Spec.ProviderConfigReference = &xpv1.ProviderConfigReference{Kind: kind, Name: "default"}

	return b
}

// NewMinIO returns the URL of a server of a version. It rejects all credentials except those that
// NewCredentials returns for team-a.
func NewMinIO(t *testing.T, version string) string {
	t.Helper()

	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Authorization"), "Credential=root-team-a/") {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"Code":"InvalidAccessKeyId","Message":"no such key","RequestId":"1"}`)

			return
		}

		_, _ = io.WriteString(w, `{"servers":[{"version":"`+version+`"}]}`)
	}))
	t.Cleanup(srv.Close)

	return srv.URL
}

// Version is a version of MinIO that is new enough.
const Version = "2026-02-12T20:18:48Z"

// Events is an event recorder that keeps the messages and the annotations.
type Events struct{ Messages, Annotations []string }

// Event keeps the message of an event.
func (r *Events) Event(_ runtime.Object, e event.Event) { r.Messages = append(r.Messages, e.Message) }

// WithAnnotations keeps the annotations and returns the recorder itself.
func (r *Events) WithAnnotations(keysAndValues ...string) event.Recorder {
	r.Annotations = append(r.Annotations, keysAndValues...)

	return r
}
