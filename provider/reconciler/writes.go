package reconciler

import (
	"context"
	"reflect"
	"sync"

	"k8s.io/apimachinery/pkg/api/equality"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"
)

// WithClient returns a manager whose GetClient returns c, for reconcilers that take
// their client from a manager.
func WithClient(mgr ctrl.Manager, c client.Client) ctrl.Manager {
	return managerWithClient{Manager: mgr, client: c}
}

type managerWithClient struct {
	ctrl.Manager

	client client.Client
}

func (m managerWithClient) GetClient() client.Client { return m.client }

// NewChangeOnlyClient returns a client that omits updates which would change nothing of
// an object of the Go type of kind or of its status. It reads through c, a cache, and through live,
// the API server itself. It calls gone with the key of an object that no longer exists.
//
// An update is omitted only if the cache holds the same version that the object was
// read in, if that version is not older than the last one written through this client,
// and if it has the same content. In any doubt the update is made: an outdated version
// then meets a conflict, and the object is reconciled again.
//
// The client also omits the status Creating of a managed resource right after its creation
// was recorded: the next reconcile follows at once and writes the outcome.
//
// An update of such an object stores its annotations and finalizers only: the spec
// belongs to its writer, see patchMetadata.
//
// An object whose last write has not reached the cache yet is read from the API server.
// That is rare: it happens if a reconcile follows a write of the previous one at once.
func NewChangeOnlyClient(c client.Client, live client.Reader, kind client.Object, gone func(client.ObjectKey)) client.Client {
	w := newChangeOnlyClient(c, live, kind, gone)
	w.updates = true

	return w
}

// NewStatusChangeOnlyClient returns a client like NewChangeOnlyClient that omits updates
// of the status only. The reconciler of managed resources needs its other updates, even
// those that change nothing: they fail if the resource has changed meanwhile.
func NewStatusChangeOnlyClient(c client.Client, live client.Reader, kind client.Object, gone func(client.ObjectKey)) client.Client {
	return newChangeOnlyClient(c, live, kind, gone)
}

func newChangeOnlyClient(c client.Client, live client.Reader, kind client.Object, gone func(client.ObjectKey)) *changeOnlyClient {
	return &changeOnlyClient{Client: c, live: live, kind: reflect.TypeOf(kind), gone: gone, written: make(map[client.ObjectKey]string)}
}

// changeOnlyClient is the client that NewChangeOnlyClient returns.
type changeOnlyClient struct {
	client.Client

	live client.Reader
	// kind is the Go type of the objects whose writes are omitted.
	kind reflect.Type
	gone func(client.ObjectKey)
	// updates reports whether updates of objects are omitted too, not only those of
	// their status.
	updates bool

	mu sync.Mutex
	// written holds the version of each object's last write until the cache has it too,
	// or unknownVersion.
	written map[client.ObjectKey]string
}

// unknownVersion is the version of an object after a failed write, which may have been
// carried out all the same.
const unknownVersion = ""

// ours reports whether an object is of the client's kind. Objects of other kinds may have the same
// name, such as the Group that a resource refers to.
func (c *changeOnlyClient) ours(obj client.Object) bool { return reflect.TypeOf(obj) == c.kind }

func (c *changeOnlyClient) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	err := c.Client.Get(ctx, key, obj, opts...)
	ours := c.ours(obj)

	if ours && err == nil && !c.cacheIsCurrent(obj) {
		// The answer is decoded into obj, so fields that the latest version lacks would
		// stay.
		reflect.ValueOf(obj).Elem().SetZero()

		err = doubted(key.Name, c.live.Get(ctx, key, obj, opts...))
	}

	if ours && kerrors.IsNotFound(err) {
		c.mu.Lock()
		delete(c.written, key)
		c.mu.Unlock()

		c.gone(key)
	}

	return err
}

// Update ignores its options for objects of the client's kind. The runtime passes none.
func (c *changeOnlyClient) Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error {
	if !c.ours(obj) {
		return c.Client.Update(ctx, obj, opts...)
	}

	if c.updates && c.alreadyStored(ctx, obj, metadata) {
		return nil
	}

	return c.wrote(obj, doubted(obj.GetName(), patchMetadata(ctx, c.Client, obj)))
}

// doubted returns err, or a conflict if it says that an object does not exist which the cache
// holds. Proxies answer so, and API servers that have just started. The runtime would take the
// object for deleted, and not reconcile it again. After a conflict it does so in silence; what
// is deleted is then gone from the cache too.
func doubted(name string, err error) error {
	if kerrors.IsNotFound(err) {
		return kerrors.NewConflict(schema.GroupResource{}, name, err)
	}

	return err
}

func (c *changeOnlyClient) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
	return c.wrote(obj, c.Client.Patch(ctx, obj, patch, opts...))
}

func (c *changeOnlyClient) Status() client.SubResourceWriter {
	return &changeOnlyStatus{SubResourceWriter: c.Client.Status(), client: c}
}

// wrote remembers the version that a write resulted in, and returns err.
func (c *changeOnlyClient) wrote(obj client.Object, err error) error {
	if !c.ours(obj) {
		return err
	}

	version := obj.GetResourceVersion()
	if err != nil {
		version = unknownVersion
	}

	c.mu.Lock()
	defer c.mu.Unlock()

	c.written[client.ObjectKeyFromObject(obj)] = version

	return err
}

// alreadyStored reports whether the cache proves that the part of obj that is to be
// written is stored already.
func (c *changeOnlyClient) alreadyStored(ctx context.Context, obj client.Object, part func(map[string]any) any) bool {
	if !c.ours(obj) {
		return false
	}

	cached, ok := reflect.TypeAssert[client.Object](reflect.New(reflect.TypeOf(obj).Elem()))
	if !ok || c.Client.Get(ctx, client.ObjectKeyFromObject(obj), cached) != nil {
		return false
	}

	return cached.GetResourceVersion() == obj.GetResourceVersion() && c.cacheIsCurrent(cached) && same(cached, obj, part)
}

// cacheIsCurrent reports whether a cached object is not older than its last write.
func (c *changeOnlyClient) cacheIsCurrent(cached client.Object) bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	key := client.ObjectKeyFromObject(cached)

	last, found := c.written[key]
	if !found {
		return true
	}

	if order, err := resourceversion.CompareResourceVersion(cached.GetResourceVersion(), last); err != nil || order < 0 {
		return false
	}

	// The cache never goes back, so there is nothing left to compare with.
	delete(c.written, key)

	return true
}

// justCreated reports whether a status shows nothing but Creating, and the object's last
// write recorded that creation.
func (c *changeOnlyClient) justCreated(obj client.Object) bool {
	mg, ok := obj.(resource.Managed)
	if !ok || mg.GetCondition(xpv1.TypeReady).Reason != xpv1.ReasonCreating || mg.GetCondition(xpv1.TypeSynced).Reason != xpv1.ReasonReconcileSuccess {
		return false
	}

	c.mu.Lock()
	defer c.mu.Unlock()

	return c.written[client.ObjectKeyFromObject(obj)] == obj.GetResourceVersion()
}

// changeOnlyStatus omits updates of a status that would change nothing.
type changeOnlyStatus struct {
	client.SubResourceWriter

	client *changeOnlyClient
}

func (w *changeOnlyStatus) Update(ctx context.Context, obj client.Object, opts ...client.SubResourceUpdateOption) error {
	if w.client.justCreated(obj) || w.client.alreadyStored(ctx, obj, status) {
		return nil
	}

	if w.client.ours(obj) {
		setObservedGeneration(obj)
	}

	return w.client.wrote(obj, w.SubResourceWriter.Update(ctx, obj, opts...))
}

// setObservedGeneration sets status.observedGeneration of a managed resource to the generation of its
// condition Synced. It is for tools that read no condition's generation. A status that is written only
// because of it would be one write more, so it is set in those that are written anyway.
func setObservedGeneration(obj client.Object) {
	mg, ok := obj.(resource.Managed)
	if !ok {
		return
	}

	field := reflect.ValueOf(obj).Elem().FieldByName("Status")
	if field.Kind() == reflect.Struct {
		field = field.FieldByName("ObservedGeneration")
	}

	if g := mg.GetCondition(xpv1.TypeSynced).ObservedGeneration; g > 0 && field.Kind() == reflect.Int64 {
		field.SetInt(g)
	}
}

func (w *changeOnlyStatus) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
	return w.client.wrote(obj, w.SubResourceWriter.Patch(ctx, obj, patch, opts...))
}

// same reports whether a part of two objects has the same meaning.
func same(a, b client.Object, part func(map[string]any) any) bool {
	ua, errA := runtime.DefaultUnstructuredConverter.ToUnstructured(a)
	ub, errB := runtime.DefaultUnstructuredConverter.ToUnstructured(b)

	return errA == nil && errB == nil && equality.Semantic.DeepEqual(part(ua), part(ub))
}

// metadata returns the part of an object that Update writes.
func metadata(obj map[string]any) any {
	m, _ := obj["metadata"].(map[string]any)

	return map[string]any{"annotations": m["annotations"], "finalizers": m["finalizers"]}
}

// status returns the status of an object without the times of its conditions: a time
// without another change of its condition is no change.
func status(obj map[string]any) any {
	s, ok := obj["status"].(map[string]any)
	if !ok {
		return nil
	}

	conditions, _ := s["conditions"].([]any)
	for _, c := range conditions {
		if c, ok := c.(map[string]any); ok {
			delete(c, "lastTransitionTime")
		}
	}

	return s
}
