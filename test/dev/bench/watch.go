package bench

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// timeout is how long to wait without any progress. It is far longer than any retry,
// so that a run fails only for what would never happen.
const timeout = 5 * time.Minute

// kind is the name of a watched kind.
type kind string

// The watched kinds.
const (
	claims  kind = "claim"
	buckets kind = "Bucket"
	users   kind = "User"
)

var resources = map[kind]schema.GroupVersionResource{
	claims:  tenantv1alpha1.BucketKind.GroupVersion().WithResource("buckets"),
	buckets: miniov1alpha1.BucketKind.GroupVersion().WithResource("buckets"),
	users:   miniov1alpha1.UserKind.GroupVersion().WithResource("users"),
}

// labelComposite is the label of a composed resource with the name of its claim.
const labelComposite = "crossplane.io/composite"

// id identifies a watched object. Resources that are composed for a claim have the
// name of the claim, other objects their own.
type id struct {
	kind            kind
	namespace, name string
}

func (i id) String() string { return string(i.kind) + " " + i.namespace + "/" + i.name }

// object has the fields of objects that the benchmark reads.
type object struct {
	metav1.ObjectMeta `json:"metadata"`

	Status struct {
		xpv1.ConditionedStatus `json:",inline"`

		Credentials []tenantv1alpha1.CredentialsStatus `json:"credentials"`
	} `json:"status"`
}

// settled reports whether an object is Ready and Synced with its present spec. The
// observed generation is in the condition Ready of claims, and in the condition
// Synced of managed resources.
func settled(o *object) bool {
	if o == nil {
		return false
	}

	ready, synced := o.Status.GetCondition(xpv1.TypeReady), o.Status.GetCondition(xpv1.TypeSynced)

	return ready.Status == corev1.ConditionTrue && synced.Status == corev1.ConditionTrue &&
		cmp.Or(ready.ObservedGeneration, synced.ObservedGeneration) == o.Generation
}

// exists reports whether an object exists.
func exists(o *object) bool { return o != nil }

// gone reports whether an object does not exist.
func gone(o *object) bool { return o == nil }

// watch watches all claims, Buckets and Users of the cluster. The time of a change
// is that of its arrival here, by the monotonic clock of this machine.
type watch struct {
	mu           sync.Mutex
	objects      map[id]*object
	expectations map[*expectation]bool
	// prefix is that of the names of the namespaces that count, and last is the time
	// of the last change in them.
	prefix string
	last   time.Time
	// changes counts changes; nil if none are counted.
	changes *changeCount
}

// newWatch returns a watch that has read all existing objects. It ends with the
// context.
func newWatch(ctx context.Context, cfg *rest.Config) (*watch, error) {
	dyn, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("cannot make a client for watches: %w", err)
	}

	w := &watch{objects: make(map[id]*object), expectations: make(map[*expectation]bool), last: time.Now()}
	factory := dynamicinformer.NewDynamicSharedInformerFactory(dyn, 0)

	synced := make([]cache.InformerSynced, 0, len(resources))

	for k, r := range resources {
		h, err := factory.ForResource(r).Informer().AddEventHandler(w.handler(k))
		if err != nil {
			return nil, fmt.Errorf("cannot watch %s: %w", r, err)
		}

		synced = append(synced, h.HasSynced)
	}

	factory.Start(ctx.Done())

	if !cache.WaitForCacheSync(ctx.Done(), synced...) {
		return nil, fmt.Errorf("cannot watch the cluster: %w", context.Cause(ctx))
	}

	return w, nil
}

// handler returns a handler that records the changes of objects of a kind.
func (w *watch) handler(k kind) cache.ResourceEventHandler {
	changed := func(o any) {
		at := time.Now()

		u, isObject := o.(*unstructured.Unstructured)
		if !isObject {
			return
		}

		decoded := &object{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, decoded); err != nil {
			return // The object has another API version. The expectation for it fails.
		}

		w.record(idOf(k, u), decoded, at)
	}

	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) {
			if u, isObject := o.(*unstructured.Unstructured); isObject {
				w.changed(idOf(k, u), nil, u)
			}

			changed(o)
		},
		UpdateFunc: func(before, o any) {
			b, wasObject := before.(*unstructured.Unstructured)
			if u, isObject := o.(*unstructured.Unstructured); isObject && wasObject {
				w.changed(idOf(k, u), b, u)
			}

			changed(o)
		},
		DeleteFunc: func(o any) {
			if unknown, missed := o.(cache.DeletedFinalStateUnknown); missed {
				o = unknown.Obj
			}

			if u, isObject := o.(*unstructured.Unstructured); isObject {
				w.record(idOf(k, u), nil, time.Now())
			}
		},
	}
}

// idOf returns the ID of an object.
func idOf(k kind, u *unstructured.Unstructured) id {
	name := u.GetName()
	if composite := u.GetLabels()[labelComposite]; composite != "" && k != claims {
		name = composite
	}

	return id{k, u.GetNamespace(), name}
}

// record records the present state of an object; nil means that it is gone.
func (w *watch) record(i id, o *object, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()

	if !w.counts(i) {
		return
	}

	w.last = at

	if o == nil {
		delete(w.objects, i)
	} else {
		w.objects[i] = o
	}

	for x := range w.expectations {
		if x.record(i, o, at) {
			delete(w.expectations, x)
		}
	}
}

// counts reports whether an object is in a namespace that counts.
func (w *watch) counts(i id) bool { return strings.HasPrefix(i.namespace, w.prefix) }

// restrict restricts the watch to namespaces whose names begin with a prefix, so that
// other users of the cluster do not delay a run.
func (w *watch) restrict(prefix string) {
	w.mu.Lock()
	defer w.mu.Unlock()

	w.prefix = prefix
	clear(w.objects)
}

// get returns the present state of an object, or nil if it does not exist.
func (w *watch) get(i id) *object {
	w.mu.Lock()
	defer w.mu.Unlock()

	return w.objects[i]
}

// awaitQuiet waits until no object has changed for a time.
func (w *watch) awaitQuiet(ctx context.Context, during time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	for {
		w.mu.Lock()
		left := during - time.Since(w.last)
		w.mu.Unlock()

		if left <= 0 {
			return nil
		}

		if err := sleep(ctx, left); err != nil {
			return fmt.Errorf("waited for %s without a change of any object: %w", during, err)
		}
	}
}

// sleep waits for a time, or returns the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
