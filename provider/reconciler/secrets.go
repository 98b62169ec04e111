package reconciler

import (
	"context"
	"sync"

	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
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

	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"
)

const (
	// maxOwner bounds the texts of an owner reference that are cached: the length of a name.
	maxOwner = 253

	// maxKnown bounds the size of a Secret that is kept as it was read. One with the most
	// certificate authorities that are published is smaller.
	maxKnown = 256 << 10
)

// SecretCache returns the options of a manager's cache under which it holds connection
// Secrets only. Their controllers ask for metadata alone, so that the cache holds no
// credential. Of the metadata it holds what these controllers need: a person who may create
// Secrets could fill the memory with the rest.
func SecretCache() map[client.Object]cache.ByObject {
	return map[client.Object]cache.ByObject{
		&corev1.Secret{}: {
			Field:     fields.OneTermEqualSelector("type", string(resource.SecretTypeConnection)),
			Transform: onlyController,
		},
	}
}

// onlyController removes all metadata but the identity and version of an object, and its
// controller.
func onlyController(obj any) (any, error) {
	m, ok := obj.(*metav1.PartialObjectMetadata)
	if !ok {
		return obj, nil
	}

	o := metav1.ObjectMeta{Namespace: m.Namespace, Name: m.Name, UID: m.UID, ResourceVersion: m.ResourceVersion}

	if c := metav1.GetControllerOf(m); c != nil && max(len(c.APIVersion), len(c.Kind), len(c.Name), len(c.UID)) <= maxOwner {
		o.OwnerReferences = []metav1.OwnerReference{*c}
	}

	m.ObjectMeta = o

	return m, nil
}

// WatchSecrets makes b's controller reconcile the owner of a connection Secret when the
// Secret is edited or deleted. It returns the client through which the kind must read and
// write its Secrets: it reads each version of a Secret from the API server once, and none
// that it has written itself.
func WatchSecrets(b *builder.Builder, mgr ctrl.Manager, owner client.Object, kind schema.GroupVersionKind) client.Client {
	c := newSecretClient(mgr.GetClient(), mgr.GetCache(), kind)

	b.Watches(&corev1.Secret{},
		handler.EnqueueRequestForOwner(mgr.GetScheme(), mgr.GetRESTMapper(), owner, handler.OnlyControllerOwner()),
		builder.OnlyMetadata, builder.WithPredicates(c.editedOrDeleted()))

	return c
}

// WithoutSecrets returns the client of the runtime for a kind that writes its connection
// Secrets itself. The runtime reads the Secret of a resource in each reconcile, and creates
// an empty one, to publish the connection details that the kind returns, which are none.
// This client finds no Secret, and creates none.
func WithoutSecrets(c client.Client) client.Client { return withoutSecrets{c} }

type withoutSecrets struct{ client.Client }

func (c withoutSecrets) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	if _, ok := obj.(*corev1.Secret); ok {
		return kerrors.NewNotFound(corev1.Resource("secrets"), key.Name)
	}

	return c.Client.Get(ctx, key, obj, opts...)
}

func (c withoutSecrets) Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error {
	if _, ok := obj.(*corev1.Secret); ok {
		return nil
	}

	return c.Client.Create(ctx, obj, opts...)
}

// secretClient is the client that WatchSecrets returns. Each reconcile of an owner reads
// its Secret. Without a cache these requests would grow with the number of resources.
//
// A cache of metadata shows which version of a Secret is the latest. It may lag behind
// the API server, but then it shows another version than the one that was read or written
// last, and the Secret is read again.
type secretClient struct {
	client.Client

	// metadata reads the cached metadata of connection Secrets.
	metadata client.Reader
	// owner is the kind whose Secrets are kept.
	owner schema.GroupVersionKind

	mu sync.Mutex
	// known holds Secrets as they were read or written.
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

	c.remember(s)

	return nil
}

func (c *secretClient) Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error {
	return c.wrote(obj, c.Client.Create(ctx, obj, opts...))
}

func (c *secretClient) Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error {
	return c.wrote(obj, c.Client.Update(ctx, obj, opts...))
}

func (c *secretClient) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
	return c.wrote(obj, c.Client.Patch(ctx, obj, patch, opts...))
}

// wrote keeps a Secret as the API server returned it, unless its write failed, and returns err.
func (c *secretClient) wrote(obj client.Object, err error) error {
	s, ok := obj.(*corev1.Secret)
	if !ok {
		return err
	}

	c.forget(s)

	if err == nil {
		c.remember(s)
	}

	return err
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

// remember keeps a Secret of an owner of the kind. Of a trial, which the API server does not
// store, it keeps nothing, nor of a Secret that is larger than any that is published.
func (c *secretClient) remember(s *corev1.Secret) {
	owner := metav1.GetControllerOf(s)
	if s.ResourceVersion == "" || s.Size() > maxKnown || owner == nil || owner.APIVersion != c.owner.GroupVersion().String() || owner.Kind != c.owner.Kind {
		return
	}

	c.mu.Lock()
	defer c.mu.Unlock()

	known := s.DeepCopy()
	known.ManagedFields = nil
	c.known[client.ObjectKeyFromObject(s)] = known
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

// forgetBut drops a Secret that was read or written, unless it is of the version of obj.
func (c *secretClient) forgetBut(obj client.Object) {
	c.mu.Lock()
	defer c.mu.Unlock()

	key := client.ObjectKeyFromObject(obj)
	if known := c.known[key]; known != nil && known.ResourceVersion != obj.GetResourceVersion() {
		delete(c.known, key)
	}
}

// forget drops a Secret that was read or written.
func (c *secretClient) forget(obj client.Object) {
	c.mu.Lock()
	defer c.mu.Unlock()

	delete(c.known, client.ObjectKeyFromObject(obj))
}

// editedOrDeleted passes events after which a published connection may be wrong, and
// drops the Secret that is known. A Secret that appears was published just now, or
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

			c.forgetBut(e.ObjectNew)

			return true
		},
		DeleteFunc: func(e event.DeleteEvent) bool {
			c.forget(e.Object)

			return true
		},
	}
}
