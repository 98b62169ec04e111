package reconciler

import (
	"context"
	"reflect"
	"sync"

	"k8s.io/apimachinery/pkg/api/equality"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"
)

// WithClient returns the manager with another client.
func WithClient(mgr ctrl.Manager, c client.Client) ctrl.Manager {
	return managerWithClient{Manager: mgr, client: c}
}

type managerWithClient struct {
	ctrl.Manager

	client client.Client
}

func (m managerWithClient) GetClient() client.Client { return m.client }

// ChangeOnlyClient leaves out writes to objects of type T that would change nothing.
// The runtime's reconcilers write after every look; with ten thousand resources
// those writes are most of the API server's work, for nothing.
//
// A write is left out only if the cache holds the very version that the object
// was read in, if that version is not older than the last one that was written
// through this client, and if it says the same. In any doubt it is made: a
// version that is out of date then meets a conflict, and the reconcile is done
// again.
//
// That is rare: an object whose last write the cache has not seen yet is read from
// the API server. Its own writes wake a reconciler at once, sooner than the cache
// knows of the last of them.
type ChangeOnlyClient[T client.Object] struct {
	client.Client

	// live reads from the API server itself.
	live client.Reader
	// Updates reports whether Update is left out too, not only that of the status.
	Updates bool

	// gone is called with the key of an object that does not exist any more.
	gone func(client.ObjectKey)

	mu sync.Mutex
	// written holds the version that the last write of an object made, until the
	// cache has it too; unknown if the write failed.
	written map[client.ObjectKey]string
}

// unknown is the version of an object after a write that failed: it may have
// been carried out all the same.
const unknown = ""

func NewChangeOnlyClient[T client.Object](c client.Client, live client.Reader, gone func(client.ObjectKey)) *ChangeOnlyClient[T] {
	return &ChangeOnlyClient[T]{Client: c, live: live, gone: gone, written: make(map[client.ObjectKey]string)}
}

// Get reads an object.
func (c *ChangeOnlyClient[T]) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	err := c.Client.Get(ctx, key, obj, opts...)
	_, ours := obj.(T)

	if ours && err == nil && !c.cacheIsCurrent(obj) {
		// What is read is decoded into what is there: fields that the latest version
		// does not have would stay.
		reflect.ValueOf(obj).Elem().SetZero()

		err = c.live.Get(ctx, key, obj, opts...)
	}

	if ours && kerrors.IsNotFound(err) {
		c.mu.Lock()
		delete(c.written, key)
		c.mu.Unlock()

		c.gone(key)
	}

	return err
}

// Update writes an object.
func (c *ChangeOnlyClient[T]) Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error {
	if c.Updates && c.alreadyStored(ctx, obj, withoutStatus) {
		return nil
	}

	return c.wrote(obj, c.Client.Update(ctx, obj, opts...))
}

// Patch changes an object.
func (c *ChangeOnlyClient[T]) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
	return c.wrote(obj, c.Client.Patch(ctx, obj, patch, opts...))
}

// Status returns a writer of objects' status.
func (c *ChangeOnlyClient[T]) Status() client.SubResourceWriter {
	return &changeOnlyStatus[T]{SubResourceWriter: c.Client.Status(), client: c}
}

// wrote remembers the version that a write made, and returns err.
func (c *ChangeOnlyClient[T]) wrote(obj client.Object, err error) error {
	if _, ours := obj.(T); !ours {
		return err
	}

	version := obj.GetResourceVersion()
	if err != nil {
		version = unknown
	}

	c.mu.Lock()
	defer c.mu.Unlock()

	c.written[client.ObjectKeyFromObject(obj)] = version

	return err
}

// alreadyStored reports whether the part of obj that is to be written is certainly
// stored already.
func (c *ChangeOnlyClient[T]) alreadyStored(ctx context.Context, obj client.Object, part func(map[string]any) any) bool {
	if _, ours := obj.(T); !ours {
		return false
	}

	cached, ok := reflect.TypeAssert[client.Object](reflect.New(reflect.TypeOf(obj).Elem()))
	if !ok || c.Client.Get(ctx, client.ObjectKeyFromObject(obj), cached) != nil {
		return false
	}

	return cached.GetResourceVersion() == obj.GetResourceVersion() && c.cacheIsCurrent(cached) && same(cached, obj, part)
}

// cacheIsCurrent reports whether the cache has seen what was last written.
func (c *ChangeOnlyClient[T]) cacheIsCurrent(cached client.Object) bool {
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

	// The cache does not go back: it will not be asked again.
	delete(c.written, key)

	return true
}

// justCreated reports whether all that a status has to say is that the object was created
// a moment ago, which is what was stored last. What comes of it is found out by the
// next look, which follows at once, and then written.
func (c *ChangeOnlyClient[T]) justCreated(obj client.Object) bool {
	mg, ok := obj.(resource.Managed)
	if !ok || mg.GetCondition(xpv1.TypeReady).Reason != xpv1.ReasonCreating || mg.GetCondition(xpv1.TypeSynced).Reason != xpv1.ReasonReconcileSuccess {
		return false
	}

	c.mu.Lock()
	defer c.mu.Unlock()

	return c.written[client.ObjectKeyFromObject(obj)] == obj.GetResourceVersion()
}

// changeOnlyStatus leaves out updates of a status that change nothing.
type changeOnlyStatus[T client.Object] struct {
	client.SubResourceWriter

	client *ChangeOnlyClient[T]
}

// Update writes the status of an object.
func (w *changeOnlyStatus[T]) Update(ctx context.Context, obj client.Object, opts ...client.SubResourceUpdateOption) error {
	if w.client.justCreated(obj) || w.client.alreadyStored(ctx, obj, status) {
		return nil
	}

	return w.client.wrote(obj, w.SubResourceWriter.Update(ctx, obj, opts...))
}

// Patch changes the status of an object.
func (w *changeOnlyStatus[T]) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
	return w.client.wrote(obj, w.SubResourceWriter.Patch(ctx, obj, patch, opts...))
}

// same reports whether parts of two objects mean the same.
func same(a, b client.Object, part func(map[string]any) any) bool {
	ua, errA := runtime.DefaultUnstructuredConverter.ToUnstructured(a)
	ub, errB := runtime.DefaultUnstructuredConverter.ToUnstructured(b)

	return errA == nil && errB == nil && equality.Semantic.DeepEqual(part(ua), part(ub))
}

// withoutStatus returns what Update writes of an object.
func withoutStatus(obj map[string]any) any {
	delete(obj, "status")
	// Objects read from a cache have them, objects that were written do not.
	delete(obj, "kind")
	delete(obj, "apiVersion")

	return obj
}

// status returns the status of an object without the times of its conditions,
// which change with what the conditions say or not at all.
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
