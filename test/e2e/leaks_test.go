//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/dev/platform"
)

// crossplaneNamespace is where the pods of Crossplane and its packages run.
const crossplaneNamespace = "crossplane-system"

var (
	secretsResource = corev1.SchemeGroupVersion.WithResource("secrets")
	podsResource    = corev1.SchemeGroupVersion.WithResource("pods")

	// publicResources are readable without access to Secrets.
	publicResources = []schema.GroupVersionResource{
		corev1.SchemeGroupVersion.WithResource("events"),
		corev1.SchemeGroupVersion.WithResource("namespaces"),
		miniov1alpha1.GroupVersion.WithResource("buckets"),
		miniov1alpha1.GroupVersion.WithResource("users"),
		miniov1alpha1.GroupVersion.WithResource("policies"),
		miniov1alpha1.GroupVersion.WithResource("providerconfigs"),
		miniov1alpha1.GroupVersion.WithResource("clusterproviderconfigs"),
		miniov1alpha1.GroupVersion.WithResource("providerconfigusages"),
		tenantv1alpha1.BucketKind.GroupVersion().WithResource("buckets"),
	}
)

// A leakDetector watches a cluster while all tests run. It collects every secret key
// that is issued, and records everything public: objects of publicResources, logs and
// metrics. After the tests no key may be found in what is public.
type leakDetector struct {
	kube *kubernetes.Clientset
	stop context.CancelFunc
	logs sync.WaitGroup

	mu     sync.Mutex
	keys   map[string]bool
	ids    map[string]bool
	public map[string]*bytes.Buffer
}

// startLeakDetector starts to watch a platform.
func startLeakDetector(p *platform.Platform) (*leakDetector, error) {
	cfg, err := clientcmd.BuildConfigFromFlags("", p.Kubeconfig)
	if err != nil {
		return nil, err
	}

	cfg.QPS, cfg.Burst = -1, -1

	d := &leakDetector{keys: map[string]bool{}, ids: map[string]bool{}, public: map[string]*bytes.Buffer{}}
	if d.kube, err = kubernetes.NewForConfig(cfg); err != nil {
		return nil, err
	}

	dyn, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return nil, err
	}

	ctx, cancel := context.WithCancel(context.Background())
	d.stop = cancel
	informers := dynamicinformer.NewDynamicSharedInformerFactory(dyn, 0)

	handlers := map[schema.GroupVersionResource]func(runtime.Object){
		secretsResource: d.collectKeys,
		podsResource:    func(o runtime.Object) { d.recordLogs(ctx, o) },
	}
	for _, r := range publicResources {
		handlers[r] = func(o runtime.Object) { d.recordObject(r.Resource, o) }
	}

	for r, handle := range handlers {
		on := func(o any) {
			if obj, ok := o.(runtime.Object); ok {
				handle(obj)
			}
		}
		if _, err := informers.ForResource(r).Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: on, UpdateFunc: func(_, o any) { on(o) },
		}); err != nil {
			return nil, err
		}
	}

	informers.Start(ctx.Done())

	return d, nil
}

// collectKeys collects the secret keys and access key IDs of a Secret.
func (d *leakDetector) collectKeys(o runtime.Object) {
	s := &corev1.Secret{}
	if err := convert(o, s); err != nil {
		return
	}

	d.mu.Lock()
	defer d.mu.Unlock()

	for _, k := range []string{miniov1alpha1.ConnectionKeySecretAccessKey, miniov1alpha1.CredentialsKeySecretKey} {
		d.keys[string(s.Data[k])] = true
	}

	d.ids[string(s.Data[miniov1alpha1.ConnectionKeyAccessKeyID])] = true

	info := tenantv1alpha1.BucketInfo{}
	if json.Unmarshal(s.Data[tenantv1alpha1.BucketInfoKey], &info) == nil {
		d.keys[info.Spec.SecretS3.AccessSecretKey] = true
	}
}

// recordObject records an object as JSON.
func (d *leakDetector) recordObject(kind string, o runtime.Object) {
	if b, err := json.Marshal(o); err == nil {
		d.record(kind, b)
	}
}

// record appends to what was recorded from a source.
func (d *leakDetector) record(source string, b []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()

	if d.public[source] == nil {
		d.public[source] = &bytes.Buffer{}
	}

	d.public[source].Write(b)
}

// recordLogs records the logs of a pod of Crossplane or of one of its packages, until
// ctx is done.
func (d *leakDetector) recordLogs(ctx context.Context, o runtime.Object) {
	p := &corev1.Pod{}
	if err := convert(o, p); err != nil || p.Namespace != crossplaneNamespace || p.Status.Phase != corev1.PodRunning {
		return
	}

	source := "logs of " + p.Name

	d.mu.Lock()
	_, known := d.public[source]
	if !known {
		d.public[source] = &bytes.Buffer{}
	}
	d.mu.Unlock()

	if known {
		return
	}

	d.logs.Go(func() {
		r, err := d.kube.CoreV1().Pods(p.Namespace).GetLogs(p.Name, &corev1.PodLogOptions{Follow: true}).Stream(ctx)
		if err != nil {
			return
		}

		defer func() { _ = r.Close() }()

		buf := make([]byte, 32<<10)

		for {
			n, err := r.Read(buf)
			d.record(source, buf[:n])

			if err != nil {
				return
			}
		}
	})
}

// recordMetrics records the metrics of the pods of all providers.
func (d *leakDetector) recordMetrics(ctx context.Context) error {
	pods, err := d.kube.CoreV1().Pods(crossplaneNamespace).List(ctx, metav1.ListOptions{LabelSelector: "pkg.crossplane.io/provider"})
	if err != nil {
		return err
	}

	for _, p := range pods.Items {
		b, err := d.kube.CoreV1().RESTClient().Get().Namespace(p.Namespace).Resource("pods").
			Name(p.Name + ":8080").SubResource("proxy").Suffix("metrics").DoRaw(ctx)
		if err != nil {
			return fmt.Errorf("cannot read the metrics of pod %q: %w", p.Name, err)
		}

		d.record("metrics", b)
	}

	return nil
}

// report stops the watch and writes to out what was searched. It returns an error if a
// key was found in anything public, or if what is public was not recorded.
func (d *leakDetector) report(out io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), await.Timeout)
	defer cancel()

	if err := d.recordMetrics(ctx); err != nil {
		return err
	}

	// The last events and logs may still be on their way.
	time.Sleep(time.Second)
	d.stop()
	d.logs.Wait()

	d.mu.Lock()
	defer d.mu.Unlock()

	delete(d.keys, "")
	delete(d.ids, "")

	var found []error

	size, recorded, logs := 0, false, false

	for source, text := range d.public {
		size += text.Len()
		logs = logs || strings.HasPrefix(source, "logs of") && text.Len() > 0

		for key := range d.keys {
			for _, form := range []string{key, base64.StdEncoding.EncodeToString([]byte(key)), url.QueryEscape(key)} {
				if bytes.Contains(text.Bytes(), []byte(form)) {
					found = append(found, fmt.Errorf("a secret key was found in %s", source))
				}
			}
		}

		for id := range d.ids {
			recorded = recorded || (strings.HasPrefix(source, "users") && bytes.Contains(text.Bytes(), []byte(id)))
		}
	}

	sources := slices.Sorted(maps.Keys(d.public))
	fmt.Fprintf(out, "Leaks: %d secret keys were issued; searched %d kB of %s\n", len(d.keys), size>>10, strings.Join(sources, ", "))

	if len(d.ids) > 0 && (!recorded || !logs || d.public["metrics"] == nil) {
		found = append(found, errors.New("keys were issued, but what is public was not recorded"))
	}

	return errors.Join(found...)
}

// convert converts an object of an informer to a typed object.
func convert(o runtime.Object, into any) error {
	m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return err
	}

	return runtime.DefaultUnstructuredConverter.FromUnstructured(m, into)
}
