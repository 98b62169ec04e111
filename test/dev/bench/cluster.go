package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	"golang.org/x/sync/errgroup"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/package/build"
	"github.com/cistern-dev/cistern/test/clients"
	"github.com/cistern-dev/cistern/test/dev/platform"
)

const (
	// namespaces is over how many namespaces bursts are spread.
	namespaces = 20

	// hands is how many requests this program has under way when it makes,
	// changes or deletes many objects at once.
	hands = 20

	// labelRun marks the namespaces of a run. Those of a run that was killed can be
	// deleted by it.
	labelRun = "cistern.dev/benchmark"
)

// cluster is the platform that is measured.
type cluster struct {
	platform *platform.Platform
	kube     client.Client
	admin    *clients.Admin
	watch    *watch

	// http reaches the API server at host.
	http *http.Client
	host string

	// run tells this run's names from any other's.
	run string
	// namespaces of this run.
	namespaces []string
}

// connect returns the cluster with this run's namespaces in it. The watch ends
// with the context; remove takes away the rest.
func connect(ctx context.Context, p *platform.Platform) (*cluster, error) {
	cfg, err := clients.Config(p)
	if err != nil {
		return nil, err
	}

	c := &cluster{platform: p, host: strings.TrimSuffix(cfg.Host, "/")}

	if c.kube, err = clients.Kubernetes(p); err != nil {
		return nil, err
	}

	if c.http, err = rest.HTTPClientFor(cfg); err != nil {
		return nil, fmt.Errorf("cannot make a client of the API server: %w", err)
	}

	if c.admin, err = clients.NewAdmin(ctx, p, c.kube); err != nil {
		return nil, err
	}

	if c.watch, err = newWatch(ctx, cfg); err != nil {
		return nil, err
	}

	first := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "bench-", Labels: map[string]string{labelRun: "true"}}}
	if err := c.kube.Create(ctx, first); err != nil {
		return nil, fmt.Errorf("cannot make a namespace: %w", err)
	}

	c.run = first.Name
	c.watch.listen(c.run)

	c.namespaces = []string{first.Name}

	for i := 1; i < namespaces; i++ {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", c.run, i), Labels: first.Labels}}
		if err := c.kube.Create(ctx, ns); err != nil {
			return nil, errors.Join(fmt.Errorf("cannot make a namespace: %w", err), c.remove(ctx))
		}

		c.namespaces = append(c.namespaces, ns.Name)
	}

	return c, nil
}

// remove deletes all that this run has made in the cluster, and returns once it
// is gone.
func (c *cluster) remove(ctx context.Context) error {
	// Claims first: they would make what is deleted again.
	for _, kinds := range [][]client.Object{{&tenantv1alpha1.Bucket{}}, {&miniov1alpha1.Bucket{}, &miniov1alpha1.User{}}, {&corev1.Namespace{}}} {
		g := &errgroup.Group{}
		g.SetLimit(hands)

		for _, ns := range c.namespaces {
			for _, o := range kinds {
				g.Go(func() error { return c.removeFrom(ctx, ns, o) })
			}
		}

		if err := g.Wait(); err != nil {
			return fmt.Errorf("cannot remove what the benchmark made, see `kubectl get namespaces -l %s`: %w", labelRun, err)
		}
	}

	for _, ns := range c.namespaces {
		if err := c.await(ctx, "the namespace "+ns+" to be gone", func() error {
			err := c.kube.Get(ctx, client.ObjectKey{Name: ns}, &corev1.Namespace{})
			if err == nil {
				return errors.New("it is there")
			}

			return client.IgnoreNotFound(err)
		}); err != nil {
			return err
		}
	}

	return nil
}

// removeFrom deletes all objects of a kind in a namespace, or the namespace.
func (c *cluster) removeFrom(ctx context.Context, ns string, o client.Object) error {
	if _, self := o.(*corev1.Namespace); self {
		return client.IgnoreNotFound(c.kube.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}))
	}

	// A new one each time: it is shared by all who remove.
	return c.kube.DeleteAllOf(ctx, o.DeepCopyObject().(client.Object), client.InNamespace(ns)) //nolint:forcetypeassert // It was one before.
}

// await tries until try returns no error, and returns the last one with the
// context's end.
func (c *cluster) await(ctx context.Context, what string, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, standstill)
	defer cancel()

	for {
		err := try()
		if err == nil {
			return nil
		}

		if sleep(ctx, 200*time.Millisecond) != nil {
			return fmt.Errorf("waited for %s: %w", what, err)
		}
	}
}

// get returns what the API server answers at a path.
func (c *cluster) get(ctx context.Context, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.host+path, nil)
	if err != nil {
		return "", err
	}

	rsp, err := c.http.Do(req)
	if err != nil {
		return "", fmt.Errorf("cannot read %s: %w", path, err)
	}
	defer rsp.Body.Close()

	b, err := io.ReadAll(rsp.Body)
	if err == nil && rsp.StatusCode != http.StatusOK {
		err = errors.New(rsp.Status)
	}

	if err != nil {
		return "", fmt.Errorf("cannot read %s: %w", path, err)
	}

	return string(b), nil
}

// pod returns the only pod of a package, which is ready.
func (c *cluster) pod(ctx context.Context, kind, name string) (*corev1.Pod, error) {
	pods := &corev1.PodList{}
	if err := c.kube.List(ctx, pods, client.InNamespace("crossplane-system"),
		client.MatchingLabels{"pkg.crossplane.io/" + kind: build.InstalledName(c.platform.Registry, name)}); err != nil {
		return nil, fmt.Errorf("cannot look for the pod of %s: %w", name, err)
	}

	// One that ends has no say any more, but may take a while.
	stay := slices.DeleteFunc(pods.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
	if len(stay) != 1 {
		return nil, fmt.Errorf("%s has %d pods", name, len(stay))
	}

	p := &stay[0]
	for _, is := range p.Status.Conditions {
		if is.Type == corev1.PodReady && is.Status == corev1.ConditionTrue {
			return p, nil
		}
	}

	return nil, fmt.Errorf("pod %s of %s is not ready", p.Name, name)
}

// metrics returns what the pod of a package says at /metrics.
func (c *cluster) metrics(ctx context.Context, pod string) (string, error) {
	return c.get(ctx, "/api/v1/namespaces/crossplane-system/pods/"+pod+":8080/proxy/metrics")
}

// writes returns how often anybody has written objects of the provider's kinds so
// far, by resource, through the API server that answers.
func (c *cluster) writes(ctx context.Context) (counts, error) {
	text, err := c.get(ctx, "/metrics")
	if err != nil {
		return nil, err
	}

	return parse(text, "apiserver_request_total").where("apiserver_request_total", func(l map[string]string) bool {
		switch l["verb"] {
		case "GET", "LIST", "WATCH", "CONNECT":
			return false
		}

		return l["group"] == miniov1alpha1.Group
	}).by("resource"), nil
}

// newClaim returns the smallest claim there is.
func newClaim(i id) *tenantv1alpha1.Bucket {
	return &tenantv1alpha1.Bucket{ObjectMeta: metav1.ObjectMeta{Namespace: i.namespace, Name: i.name}}
}

// newPair returns a Bucket, and a User with a key for it, both of one name.
func newPair(namespace, name string) []client.Object {
	u := &miniov1alpha1.User{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	u.Spec.ForProvider.Grants = []miniov1alpha1.Grant{{BucketName: name, Access: miniov1alpha1.AccessReadWrite}}
	u.Spec.WriteConnectionSecretToReference = &xpv1.LocalSecretReference{Name: name}

	return []client.Object{&miniov1alpha1.Bucket{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}, u}
}

// spread returns the names of n objects, spread over the namespaces. They are the
// names of buckets, too, and so are this run's own.
func (c *cluster) spread(prefix string, n int) []id {
	ids := make([]id, n)
	for i := range ids {
		ids[i] = id{claims, c.namespaces[i%len(c.namespaces)], fmt.Sprintf("%s-%s-%d", c.run, prefix, i)}
	}

	return ids
}

// as returns the same names of other kinds.
func as(ids []id, kinds ...kind) []id {
	others := make([]id, 0, len(ids)*len(kinds))

	for _, i := range ids {
		for _, k := range kinds {
			others = append(others, id{k, i.namespace, i.name})
		}
	}

	return others
}

// each does something for each of many, some of them at once.
func each[T any](ctx context.Context, some []T, atOnce int, do func(context.Context, T) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)

	for _, x := range some {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}

			return do(ctx, x)
		})
	}

	return g.Wait()
}

// makeClaims makes claims, and returns when each was sent.
func (c *cluster) makeClaims(ctx context.Context, ids []id) (map[id]time.Time, error) {
	sent := newMoments(len(ids))

	return sent.at, each(ctx, ids, hands, func(ctx context.Context, i id) error {
		sent.add(i)

		if err := c.kube.Create(ctx, newClaim(i)); err != nil {
			return fmt.Errorf("cannot make %s: %w", i, err)
		}

		return nil
	})
}

// makePairs makes pairs of Bucket and User, and returns when each of them was
// sent, by the name of the pair.
func (c *cluster) makePairs(ctx context.Context, ids []id) (map[id]time.Time, error) {
	sent := newMoments(len(ids))

	return sent.at, each(ctx, ids, hands, func(ctx context.Context, i id) error {
		sent.add(i)

		for _, o := range newPair(i.namespace, i.name) {
			if err := c.kube.Create(ctx, o); err != nil {
				return fmt.Errorf("cannot make %T %s/%s: %w", o, i.namespace, i.name, err)
			}
		}

		return nil
	})
}

// deleteClaims deletes claims, and returns once all that they brought is gone,
// with when each was asked to go.
func (c *cluster) deleteClaims(ctx context.Context, ids []id) (sent, left map[id]time.Time, err error) {
	asked := newMoments(len(ids))
	w := c.watch.expect("gone", as(ids, claims, buckets, users), gone)

	if err := each(ctx, ids, hands, func(ctx context.Context, i id) error {
		asked.add(i)

		return client.IgnoreNotFound(c.kube.Delete(ctx, newClaim(i)))
	}); err != nil {
		return nil, nil, fmt.Errorf("cannot delete claims: %w", err)
	}

	at, err := w.wait(ctx)

	return asked.at, latest(at), err
}

// deletePairs deletes Buckets and Users, and returns once they are gone.
func (c *cluster) deletePairs(ctx context.Context, ids []id) error {
	w := c.watch.expect("gone", as(ids, buckets, users), gone)

	if err := each(ctx, ids, hands, func(ctx context.Context, i id) error {
		for _, o := range newPair(i.namespace, i.name) {
			if err := client.IgnoreNotFound(c.kube.Delete(ctx, o)); err != nil {
				return err
			}
		}

		return nil
	}); err != nil {
		return fmt.Errorf("cannot delete resources: %w", err)
	}

	_, err := w.wait(ctx)

	return err
}
