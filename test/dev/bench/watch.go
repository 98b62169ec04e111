package bench

import (
	"cmp"
	"context"
	"errors"
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

// standstill is how long nothing of what is waited for may happen. It is far
// longer than any retry, so that only what never comes is given up.
const standstill = 5 * time.Minute

// kind is one of those that are watched.
type kind string

// The kinds that are watched.
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

// labelComposite is the label by which Crossplane says of a composed resource
// whose it is.
const labelComposite = "crossplane.io/composite"

// id names an object that is watched: a resource that a claim brought by the
// name of the claim, any other by its own.
type id struct {
	kind            kind
	namespace, name string
}

func (i id) String() string { return string(i.kind) + " " + i.namespace + "/" + i.name }

// object is as much of an object as the benchmark looks at.
type object struct {
	metav1.ObjectMeta `json:"metadata"`

	Status struct {
		xpv1.ConditionedStatus `json:",inline"`

		Credentials []tenantv1alpha1.CredentialsStatus `json:"credentials"`
	} `json:"status"`
}

// settled says that an object's status is about its present spec, and that all
// is well. Of claims Ready tells which spec it is about, of managed resources
// Synced.
func settled(o *object) bool {
	if o == nil {
		return false
	}

	ready, synced := o.Status.GetCondition(xpv1.TypeReady), o.Status.GetCondition(xpv1.TypeSynced)

	return ready.Status == corev1.ConditionTrue && synced.Status == corev1.ConditionTrue &&
		cmp.Or(ready.ObservedGeneration, synced.ObservedGeneration) == o.Generation
}

func exists(o *object) bool { return o != nil }

func gone(o *object) bool { return o == nil }

// watch follows all claims, Buckets and Users of the cluster. What happens is
// timed when this machine hears of it, by its own clock, which never jumps.
type watch struct {
	mu      sync.Mutex
	objects map[id]*object
	wishes  map[*wish]bool
	// prefix of the namespaces that this is about, and when anything was last
	// written in them.
	prefix string
	last   time.Time
}

// newWatch returns a watch that knows all there is. It ends with the context.
func newWatch(ctx context.Context, cfg *rest.Config) (*watch, error) {
	dyn, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("cannot make a client to watch by: %w", err)
	}

	w := &watch{objects: make(map[id]*object), wishes: make(map[*wish]bool), last: time.Now()}
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

// handler tells the watch of all that happens to a kind.
func (w *watch) handler(k kind) cache.ResourceEventHandler {
	changed := func(o any) {
		at := time.Now()

		u, isObject := o.(*unstructured.Unstructured)
		if !isObject {
			return
		}

		decoded := &object{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, decoded); err != nil {
			return // Later than the APIs of this clone; what waits for it says so.
		}

		w.happened(idOf(k, u), decoded, at)
	}

	return cache.ResourceEventHandlerFuncs{
		AddFunc:    changed,
		UpdateFunc: func(_, o any) { changed(o) },
		DeleteFunc: func(o any) {
			if unknown, missed := o.(cache.DeletedFinalStateUnknown); missed {
				o = unknown.Obj
			}

			if u, isObject := o.(*unstructured.Unstructured); isObject {
				w.happened(idOf(k, u), nil, time.Now())
			}
		},
	}
}

func idOf(k kind, u *unstructured.Unstructured) id {
	name := u.GetName()
	if composite := u.GetLabels()[labelComposite]; composite != "" && k != claims {
		name = composite
	}

	return id{k, u.GetNamespace(), name}
}

// happened records that an object is now as given; nil means that it is gone.
func (w *watch) happened(i id, o *object, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()

	if !strings.HasPrefix(i.namespace, w.prefix) {
		return
	}

	w.last = at

	if o == nil {
		delete(w.objects, i)
	} else {
		w.objects[i] = o
	}

	for x := range w.wishes {
		if x.happened(i, o, at) {
			delete(w.wishes, x)
		}
	}
}

// expect returns a wish for each of the objects to become so. What is so already
// came true now.
func (w *watch) expect(what string, ids []id, is func(*object) bool) *wish {
	x := &wish{
		watch: w, what: what, is: is, at: make(map[id]time.Time, len(ids)),
		pending: make(map[id]bool, len(ids)), progress: make(chan struct{}, 1), done: make(chan struct{}),
	}

	for _, i := range ids {
		x.pending[i] = true
	}

	w.mu.Lock()
	defer w.mu.Unlock()

	now := time.Now()
	for _, i := range ids {
		x.happened(i, w.objects[i], now)
	}

	if len(x.pending) > 0 {
		w.wishes[x] = true
	}

	if len(ids) == 0 {
		close(x.done)
	}

	return x
}

// listen has the watch listen to namespaces that begin with a prefix only. What
// others do elsewhere is not to be waited for.
func (w *watch) listen(prefix string) {
	w.mu.Lock()
	defer w.mu.Unlock()

	w.prefix = prefix
	clear(w.objects)
}

// get returns an object as it is now, or nil.
func (w *watch) get(i id) *object {
	w.mu.Lock()
	defer w.mu.Unlock()

	return w.objects[i]
}

// quiet returns once nothing was written for a time, or an error if that never
// comes.
func (w *watch) quiet(ctx context.Context, during time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, standstill)
	defer cancel()

	for {
		w.mu.Lock()
		left := during - time.Since(w.last)
		w.mu.Unlock()

		if left <= 0 {
			return nil
		}

		if err := sleep(ctx, left); err != nil {
			return fmt.Errorf("waited for nothing to be written for %s: %w", during, err)
		}
	}
}

// wish is that each of some objects becomes so.
type wish struct {
	watch *watch
	what  string
	is    func(*object) bool

	// The watch's lock guards these.
	pending map[id]bool
	at      map[id]time.Time

	progress, done chan struct{}
}

// happened records that an object is now as given, and says whether the whole
// wish has come true.
func (x *wish) happened(i id, o *object, at time.Time) bool {
	if !x.pending[i] || !x.is(o) {
		return false
	}

	delete(x.pending, i)
	x.at[i] = at

	select {
	case x.progress <- struct{}{}:
	default:
	}

	if len(x.pending) > 0 {
		return false
	}

	close(x.done)

	return true
}

// wait returns once the wish has come true, with the time of each object. It gives
// up after a standstill.
func (x *wish) wait(ctx context.Context) (map[id]time.Time, error) {
	for {
		select {
		case <-x.done:
			return x.at, nil
		case <-x.progress:
		case <-ctx.Done():
			return nil, x.missing(context.Cause(ctx))
		case <-time.After(standstill):
			return nil, x.missing(fmt.Errorf("nothing happened for %s", standstill))
		}
	}
}

// missing returns an error that says of whom the wish has not come true, and what
// one of them says.
func (x *wish) missing(cause error) error {
	x.watch.mu.Lock()
	defer x.watch.mu.Unlock()

	delete(x.watch.wishes, x)

	for i := range x.pending {
		says := errors.New("it does not exist")

		if o := x.watch.objects[i]; o != nil {
			says = fmt.Errorf("it says %v", o.Status.Conditions)
		}

		return fmt.Errorf("waited for %d objects to be %s, and %d are not: %w: such as %s: %w",
			len(x.pending)+len(x.at), x.what, len(x.pending), cause, i, says)
	}

	return cause
}

// sleep returns after a time, or with the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
