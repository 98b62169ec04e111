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

	"golang.org/x/sync/errgroup"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/package/build"
	"github.com/cistern-dev/cistern/test/clients"
	"github.com/cistern-dev/cistern/test/dev/platform"
)

const (
	// namespaces is the number of namespaces that objects are spread over.
	namespaces = 20

	// concurrency is the number of concurrent requests with which this program
	// creates, changes or deletes many objects at once.
	concurrency = 20

	// labelRun marks the namespaces of a run, so that those of a run that was killed
	// can be found and deleted.
	labelRun = "cistern.dev/benchmark"
)

// cluster is the platform that is measured.
type cluster struct {
	platform *platform.Platform
	kube     client.Client
	admin    *clients.Admin
	watch    *watch

	// http is a client of the API server at host.
	http *http.Client
	host string

	// run is the unique prefix of this run's names.
	run string
	// namespaces are the namespaces of this run.
	namespaces []string
}

// connect returns the cluster, with new namespaces for this run. The watch ends
// with the context; remove removes the namespaces.
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
		return nil, fmt.Errorf("cannot create a namespace: %w", err)
	}

	c.run = first.Name
	c.watch.restrict(c.run)

	c.namespaces = []string{first.Name}

	for i := 1; i < namespaces; i++ {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", c.run, i), Labels: first.Labels}}
		if err := c.kube.Create(ctx, ns); err != nil {
			return nil, errors.Join(fmt.Errorf("cannot create a namespace: %w", err), c.remove(ctx))
		}

		c.namespaces = append(c.namespaces, ns.Name)
	}

	return c, nil
}

// remove deletes everything that this run has made in the cluster, and waits until
// it is gone.
func (c *cluster) remove(ctx context.Context) error {
	// Claims first: their resources would be created again.
	for _, kinds := range [][]client.Object{
		{&tenantv1alpha1.Bucket{}},
		{&miniov1alpha1.Bucket{}, &miniov1alpha1.User{}},
		{&corev1.Namespace{}},
	} {
		g := &errgroup.Group{}
		g.SetLimit(concurrency)

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
				return errors.New("it still exists")
			}

			return client.IgnoreNotFound(err)
		}); err != nil {
			return err
		}
	}

	return nil
}

// removeFrom deletes all objects of a kind in a namespace, or the namespace itself.
func (c *cluster) removeFrom(ctx context.Context, ns string, o client.Object) error {
	if _, self := o.(*corev1.Namespace); self {
		return client.IgnoreNotFound(c.kube.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}))
	}

	// A copy, because concurrent calls share the object.
	o = o.DeepCopyObject().(client.Object) //nolint:forcetypeassert // A copy has the same type.

	return c.kube.DeleteAllOf(ctx, o, client.InNamespace(ns))
}

// await calls try until it succeeds. After the timeout it returns the last error.
func (c *cluster) await(ctx context.Context, what string, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
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

// get returns the API server's response to a request for a path.
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

// pod returns the pod of a package, or an error unless there is one pod and it is
// ready.
func (c *cluster) pod(ctx context.Context, kind, name string) (*corev1.Pod, error) {
	pods := &corev1.PodList{}
	if err := c.kube.List(ctx, pods, client.InNamespace("crossplane-system"),
		client.MatchingLabels{"pkg.crossplane.io/" + kind: build.InstalledName(c.platform.Registry, name)}); err != nil {
		return nil, fmt.Errorf("cannot list the pods of %s: %w", name, err)
	}

	// A pod that terminates may stay for a while.
	running := slices.DeleteFunc(pods.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
	if len(running) != 1 {
		return nil, fmt.Errorf("%s has %d pods", name, len(running))
	}

	p := &running[0]
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			return p, nil
		}
	}

	return nil, fmt.Errorf("pod %s of %s is not ready", p.Name, name)
}

// metrics returns the metrics of the pod of a package, as text.
func (c *cluster) metrics(ctx context.Context, pod string) (string, error) {
	return c.get(ctx, "/api/v1/namespaces/crossplane-system/pods/"+pod+":8080/proxy/metrics")
}

// writes returns the number of write requests for objects of the provider's kinds
// since the API server started, by resource. It counts those of all clients.
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
