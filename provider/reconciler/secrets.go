package reconciler

import (
	"context"
	"encoding/json"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"
)

// SecretCache says which Secrets a manager's cache may hold: those that resources
// publish their connection in. Only their metadata is asked for, so the cache
// holds no credential of others; see SecretClient for those of our own.
func SecretCache() map[client.Object]cache.ByObject {
	return map[client.Object]cache.ByObject{
		&corev1.Secret{}: {Field: fields.OneTermEqualSelector("type", string(resource.SecretTypeConnection))},
	}
}

// WatchSecrets has the owner of a connection Secret looked at when somebody
// deletes or edits the Secret.
func WatchSecrets(b *builder.Builder, mgr ctrl.Manager, owner client.Object, secrets *SecretClient) *builder.Builder {
	return b.Watches(&corev1.Secret{},
		handler.EnqueueRequestForOwner(mgr.GetScheme(), mgr.GetRESTMapper(), owner, handler.OnlyControllerOwner()),
		builder.OnlyMetadata, builder.WithPredicates(secrets.touched()))
}

// SecretClient is a client that reads each version of a connection Secret of one
// kind of owner from the API server once. Each look at an owner reads its Secret
// twice, to use the key and to compare what is published; asking the API server
// each time would grow with the number of resources.
//
// Which version is the latest is told by a cache of metadata. It lags behind by
// moments, but never behind what was written through this client.
type SecretClient struct {
	client.Client

	// cache of the metadata of connection Secrets.
	cache client.Reader
	// owner is the kind of those who publish.
	owner schema.GroupVersionKind

	mu sync.Mutex
	// known Secrets are what was read of the versions that the cache held then.
	known map[client.ObjectKey]*corev1.Secret
}

func NewSecretClient(c client.Client, metadata client.Reader, owner schema.GroupVersionKind) *SecretClient {
	return &SecretClient{Client: c, cache: metadata, owner: owner, known: make(map[client.ObjectKey]*corev1.Secret)}
}

// Get reads an object.
func (c *SecretClient) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	s, ok := obj.(*corev1.Secret)
	if !ok {
		return c.Client.Get(ctx, key, obj, opts...)
	}

	if c.recall(ctx, key, s) {
		return nil
	}

	if err := c.Client.Get(ctx, key, s, opts...); err != nil {
		return err
	}

	c.remember(ctx, key, s)

	return nil
}

// Create makes an object, but no connection Secret that holds nothing. The runtime
// publishes what it observed, which before something is created is nothing.
func (c *SecretClient) Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error {
	if s, ok := obj.(*corev1.Secret); ok && len(s.Data) == 0 {
		return nil
	}

	defer c.forget(obj)

	return c.Client.Create(ctx, obj, opts...)
}

// Update writes an object.
func (c *SecretClient) Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error {
	defer c.forget(obj)

	return c.Client.Update(ctx, obj, opts...)
}

// Patch changes an object. A connection Secret holds afterwards what is published,
// and nothing else; if nothing is, it stays as it is.
func (c *SecretClient) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
	if s, ok := obj.(*corev1.Secret); ok {
		whole, err := replaceData(s, patch)
		if err != nil || whole == nil {
			return err
		}

		patch = whole
	}

	defer c.forget(obj)

	return c.Client.Patch(ctx, obj, patch, opts...)
}

// replaceData returns a patch that also takes away the data of a Secret that a patch
// of the runtime does not mention, or nil if that mentions none. The runtime merges
// what is published, all of it, into what is there: what once was published, or added
// by hand, would stay, and be patched again at each look.
func replaceData(s *corev1.Secret, patch client.Patch) (client.Patch, error) {
	content, err := patch.Data(s)
	if err != nil {
		return nil, errors.Wrapf(err, "cannot read what is published in Secret %q", s.GetName())
	}

	published := make(map[string]any)
	if err := json.Unmarshal(content, &published); err != nil {
		return nil, errors.Wrapf(err, "cannot read what is published in Secret %q", s.GetName())
	}

	data, _ := published["data"].(map[string]any)
	if len(data) == 0 {
		return nil, nil
	}

	for key := range s.Data {
		if _, stays := data[key]; !stays {
			data[key] = nil
		}
	}

	content, err = json.Marshal(published)

	return client.RawPatch(patch.Type(), content), errors.Wrapf(err, "cannot write what is published in Secret %q", s.GetName())
}

// recall copies into s what was read of a Secret, and reports whether that is its
// latest version.
func (c *SecretClient) recall(ctx context.Context, key client.ObjectKey, s *corev1.Secret) bool {
	c.mu.Lock()
	known := c.known[key]
	c.mu.Unlock()

	if known == nil || known.ResourceVersion != c.version(ctx, key) {
		return false
	}

	known.DeepCopyInto(s)

	return true
}

// remember keeps what was read of a Secret if that is the version that the cache
// holds, so that the cache will tell when it is out of date. What is not published
// by an owner of the kind is none of this client's business.
func (c *SecretClient) remember(ctx context.Context, key client.ObjectKey, s *corev1.Secret) {
	owner := metav1.GetControllerOf(s)
	if owner == nil || owner.APIVersion != c.owner.GroupVersion().String() || owner.Kind != c.owner.Kind {
		return
	}

	c.mu.Lock()
	defer c.mu.Unlock()

	if s.ResourceVersion == c.version(ctx, key) {
		c.known[key] = s.DeepCopy()
		c.known[key].ManagedFields = nil
	}
}

// version returns the version of a Secret that the cache holds; nothing if it holds
// none.
func (c *SecretClient) version(ctx context.Context, key client.ObjectKey) string {
	m := &metav1.PartialObjectMetadata{}
	m.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))

	if err := c.cache.Get(ctx, key, m); err != nil {
		return ""
	}

	return m.ResourceVersion
}

// forget forgets what was read of a Secret.
func (c *SecretClient) forget(obj client.Object) {
	c.mu.Lock()
	defer c.mu.Unlock()

	delete(c.known, client.ObjectKeyFromObject(obj))
}

// touched passes what may take a connection away: a Secret that is deleted or
// edited, of which it also forgets what was read. One that appears was published
// just now, or is there when the provider starts, which looks at everything anyway.
// Edits include those of the owner's own reconcile, which lead to one look more, at
// which nothing is left to do.
func (c *SecretClient) touched() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			if e.ObjectOld.GetResourceVersion() == e.ObjectNew.GetResourceVersion() {
				return false
			}

			c.forget(e.ObjectNew)

			return true
		},
		DeleteFunc: func(e event.DeleteEvent) bool {
			c.forget(e.Object)

			return true
		},
	}
}
