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

// SecretCache returns the options of a manager's cache under which it holds connection
// Secrets only. Their controllers ask for metadata alone, so that the cache holds no
// credential.
func SecretCache() map[client.Object]cache.ByObject {
	return map[client.Object]cache.ByObject{
		&corev1.Secret{}: {Field: fields.OneTermEqualSelector("type", string(resource.SecretTypeConnection))},
	}
}

// WatchSecrets makes b's controller reconcile the owner of a connection Secret when the
// Secret is edited or deleted. It returns the client through which the controller must
// read and write the Secrets of its kind: it reads each version of a Secret from the API
// server once, and drops what the runtime publishes if that is nothing, as it is for a
// User, which writes its Secret itself. Of a kind that returned connection details to the
// runtime, it would replace the Secret's data as a whole.
func WatchSecrets(b *builder.Builder, mgr ctrl.Manager, owner client.Object, kind schema.GroupVersionKind) client.Client {
	c := newSecretClient(mgr.GetClient(), mgr.GetCache(), kind)

	b.Watches(&corev1.Secret{},
		handler.EnqueueRequestForOwner(mgr.GetScheme(), mgr.GetRESTMapper(), owner, handler.OnlyControllerOwner()),
		builder.OnlyMetadata, builder.WithPredicates(c.editedOrDeleted()))

	return c
}

// secretClient is the client that WatchSecrets returns. Each reconcile of an owner reads
// its Secret twice: the kind's client to use the key, and the runtime before it publishes.
// Without a cache these requests would grow with the number of resources.
//
// A cache of metadata shows which version of a Secret is the latest. It may lag behind
// the API server, but not behind a write of this client: that drops what was read.
type secretClient struct {
	client.Client

	// metadata reads the cached metadata of connection Secrets.
	metadata client.Reader
	// owner is the kind whose Secrets are kept.
	owner schema.GroupVersionKind

	mu sync.Mutex
	// known holds Secrets as they were read, if the cache held the same version then.
	known map[client.ObjectKey]*corev1.Secret
}

func newSecretClient(c client.Client, metadata client.Reader, owner schema.GroupVersionKind) *secretClient {
	return &secretClient{Client: c, metadata: metadata, owner: owner, known: make(map[client.ObjectKey]*corev1.Secret)}
}

func (c *secretClient) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
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

// Create creates an object, except a Secret without data: the runtime publishes the
// connection details of a resource also before it is created, when there are none.
func (c *secretClient) Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error {
	if s, ok := obj.(*corev1.Secret); ok && len(s.Data) == 0 {
		return nil
	}

	defer c.forget(obj)

	return c.Client.Create(ctx, obj, opts...)
}

func (c *secretClient) Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error {
	defer c.forget(obj)

	return c.Client.Update(ctx, obj, opts...)
}

// Patch patches an object. The runtime patches a Secret to publish what a resource returned.
// The Secret holds afterwards exactly that; if nothing was returned, it stays as it is.
func (c *secretClient) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
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

// replaceData returns a patch that also removes the data of a Secret which a patch of
// the runtime does not mention. It returns nil if that patch mentions no data. The
// runtime merges all that is published into the Secret: what was published before, or
// added by hand, would stay, and be patched again in every reconcile.
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

// recall reports whether the latest version of a Secret was read already, and copies it
// into s if so.
func (c *secretClient) recall(ctx context.Context, key client.ObjectKey, s *corev1.Secret) bool {
	c.mu.Lock()
	known := c.known[key]
	c.mu.Unlock()

	if known == nil || known.ResourceVersion != c.version(ctx, key) {
		return false
	}

	known.DeepCopyInto(s)

	return true
}

// remember keeps a Secret of an owner of the kind, if the cache holds the same version:
// only then does the cache show when it is outdated.
func (c *secretClient) remember(ctx context.Context, key client.ObjectKey, s *corev1.Secret) {
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

// version returns the version of a Secret that the cache holds, or an empty string.
func (c *secretClient) version(ctx context.Context, key client.ObjectKey) string {
	m := &metav1.PartialObjectMetadata{}
	m.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))

	if err := c.metadata.Get(ctx, key, m); err != nil {
		return ""
	}

	return m.ResourceVersion
}

// forget drops a Secret that was read.
func (c *secretClient) forget(obj client.Object) {
	c.mu.Lock()
	defer c.mu.Unlock()

	delete(c.known, client.ObjectKeyFromObject(obj))
}

// editedOrDeleted passes events after which a published connection may be wrong, and
// drops the Secret that was read. A Secret that appears was published just now, or
// existed before the provider started, which reconciles every resource anyway. Edits
// include those of the owner's own reconcile; they cost one reconcile that changes
// nothing.
func (c *secretClient) editedOrDeleted() predicate.Predicate {
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
