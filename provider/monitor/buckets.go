package monitor

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	xpcontroller "github.com/crossplane/crossplane-runtime/v2/pkg/controller"
	"github.com/crossplane/crossplane-runtime/v2/pkg/logging"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/reconciler"
)

const (
	// interval is how often each server is asked. One answer covers all its buckets; the
	// server's own figures are rarely newer.
	interval = time.Minute

	// jitter is the share by which the interval is prolonged at random.
	jitter = 0.1

	// changedBuffer is how many changed Buckets may wait to be reconciled. If there are
	// more, the next round waits for them.
	changedBuffer = 1024
)

var (
	sizeDesc = prometheus.NewDesc("cistern_bucket_size_bytes",
		"Bytes that the objects of a managed bucket take, all versions, as the server's scanner counted them last.",
		[]string{"namespace", "name", "bucket"}, nil)
	objectsDesc = prometheus.NewDesc("cistern_bucket_objects",
		"Objects in a managed bucket, as the server's scanner counted them last.",
		[]string{"namespace", "name", "bucket"}, nil)
	quotaDesc = prometheus.NewDesc("cistern_bucket_quota_bytes",
		"Quota of a managed bucket, as the server reported it last. A bucket without a quota has no sample.",
		[]string{"namespace", "name", "bucket"}, nil)
)

// Buckets asks each server once a minute about all its buckets, in one call. It is a
// collector of metrics, and runs under a manager on the leader only. A Bucket whose bucket
// has changed or vanished since the previous answer is sent to Changed, so that drift is
// corrected before the next poll.
type Buckets struct {
	kube    client.Reader
	server  func(ctx context.Context, mg resource.ModernManaged) (*minio.Server, error)
	log     logging.Logger
	changed chan event.GenericEvent

	// previous holds the last answer of each server. Only Start uses it.
	previous map[serverKey]answer

	mu    sync.Mutex
	sizes []size
}

// serverKey identifies a server to which several configurations may lead.
type serverKey struct{ endpoint, accessKey string }

// answer holds, for each bucket of a server, the settings that the server reports, as it wrote
// them. Tags are in them as present or absent only, so the next poll finds another change of
// them.
type answer map[string]string

// size is a sample of the metrics: what the bucket of a Bucket holds and may hold. A quota of
// zero is none.
type size struct {
	namespace, name, bucket string
	bytes, objects, quota   uint64
}

// NewBuckets returns Buckets that list resources through kube, and find the server of each
// with server.
func NewBuckets(kube client.Reader, server func(context.Context, resource.ModernManaged) (*minio.Server, error), log logging.Logger) *Buckets {
	return &Buckets{
		kube: kube, server: server, log: log,
		changed:  make(chan event.GenericEvent, changedBuffer),
		previous: make(map[serverKey]answer),
	}
}

// Setup adds Buckets to a manager once the CRD of Bucket is established.
func (b *Buckets) Setup(mgr ctrl.Manager, g xpcontroller.Gate) {
	g.Register(func() {
		if err := mgr.Add(b); err != nil {
			// A manager that is stopping accepts nothing more, and then there is nothing
			// left to measure.
			b.log.Info("Cannot measure buckets", "error", err)
		}
	}, miniov1alpha1.BucketKind)
}

// Changed yields Buckets whose buckets have changed or vanished.
func (b *Buckets) Changed() <-chan event.GenericEvent { return b.changed }

// NeedLeaderElection reports true: one of several replicas is enough.
func (b *Buckets) NeedLeaderElection() bool { return true }

// Start asks the servers until the context ends.
func (b *Buckets) Start(ctx context.Context) error {
	wait.JitterUntilWithContext(ctx, b.ask, interval, jitter, true)

	return nil
}

// ask asks each server that has a Bucket once. Buckets of a server that does not answer are
// missing in the metrics until it does.
func (b *Buckets) ask(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, interval)
	defer cancel()

	list := &miniov1alpha1.BucketList{}
	if err := b.kube.List(ctx, list); err != nil {
		b.log.Info("Cannot list Buckets to measure them", "error", err)
		return
	}

	sizes, answers := []size{}, make(map[serverKey]answer)

	for key, on := range b.group(ctx, list.Items) {
		reported, err := on.servers[0].BucketUsage(ctx)
		if err != nil {
			b.log.Info("Cannot ask for the size of buckets", "endpoint", key.endpoint, "error", err)

			// The next answer is compared with the last one that arrived.
			answers[key] = b.previous[key]

			continue
		}

		answers[key] = make(answer, len(reported))
		byName := make(map[string]minio.BucketUsage, len(reported))

		for _, u := range reported {
			answers[key][u.Name], byName[u.Name] = string(u.Details), u
		}

		for _, o := range on.buckets {
			if u, found := byName[meta.GetExternalName(o)]; found {
				sizes = append(sizes, size{
					namespace: o.Namespace, name: o.Name, bucket: u.Name, bytes: u.Size, objects: u.Objects, quota: u.Quota(),
				})
			}
		}

		b.sendChanged(ctx, on, b.previous[key], answers[key])
	}

	b.previous = answers

	b.mu.Lock()
	defer b.mu.Unlock()

	b.sizes = sizes
}

// sendChanged sends the Buckets whose bucket is missing in an answer, or differs from the
// previous one. A bucket without a previous answer, as after a restart, has not changed.
func (b *Buckets) sendChanged(ctx context.Context, on *onServer, before, after answer) {
	for _, o := range on.buckets {
		name := meta.GetExternalName(o)

		was, known := before[name]
		if is, found := after[name]; found && (!known || is == was) {
			continue
		}

		for _, srv := range on.servers {
			srv.InvalidateSnapshot()
		}

		select {
		case b.changed <- event.GenericEvent{Object: o}:
		case <-ctx.Done():
			return
		}
	}
}

// onServer holds the Buckets of one server.
type onServer struct {
	// servers holds the clients of the server, one for each configuration that leads to it.
	// Each has a snapshot of its own.
	servers []*minio.Server
	buckets []*miniov1alpha1.Bucket
}

// configKey identifies the configuration of a Bucket.
type configKey struct {
	namespace string
	ref       xpv1.ProviderConfigReference
}

// group returns the Buckets that have been created, by server. It finds the server of each
// configuration once, not once for each Bucket. A copy of a Bucket does not have the bucket that
// it names.
func (b *Buckets) group(ctx context.Context, items []miniov1alpha1.Bucket) map[serverKey]*onServer {
	servers := make(map[configKey]*minio.Server)
	groups := make(map[serverKey]*onServer)

	for i := range items {
		o := &items[i]

		ref := o.GetProviderConfigReference()
		if ref == nil || meta.GetExternalName(o) == "" || meta.WasDeleted(o) || reconciler.IsCopy(o) {
			continue
		}

		config := configKey{namespace: o.Namespace, ref: *ref}
		if ref.Kind == miniov1alpha1.ClusterProviderConfigKind.Kind {
			config.namespace = ""
		}

		srv, found := servers[config]
		if !found {
			srv = b.serverOf(ctx, o)
			servers[config] = srv
		}

		if srv == nil {
			continue
		}

		key := serverKey{endpoint: srv.Endpoint, accessKey: srv.AccessKey}

		on := groups[key]
		if on == nil {
			on = &onServer{}
			groups[key] = on
		}

		if !found {
			on.servers = append(on.servers, srv)
		}

		on.buckets = append(on.buckets, o)
	}

	return groups
}

// serverOf returns the server of a Bucket, or nil if it cannot be found or must not be driven.
// The condition Synced of the Bucket shows the error.
func (b *Buckets) serverOf(ctx context.Context, o *miniov1alpha1.Bucket) *minio.Server {
	srv, err := b.server(ctx, o)
	if err != nil {
		b.log.Debug("Cannot ask for the size of buckets", "config", o.GetProviderConfigReference().Name, "error", err)

		return nil
	}

	return srv
}

// Describe implements prometheus.Collector.
func (b *Buckets) Describe(ch chan<- *prometheus.Desc) {
	ch <- sizeDesc

	ch <- objectsDesc

	ch <- quotaDesc
}

// Collect implements prometheus.Collector, with the sizes of the last round.
func (b *Buckets) Collect(ch chan<- prometheus.Metric) {
	b.mu.Lock()
	defer b.mu.Unlock()

	for _, s := range b.sizes {
		ch <- prometheus.MustNewConstMetric(sizeDesc, prometheus.GaugeValue, float64(s.bytes), s.namespace, s.name, s.bucket)

		ch <- prometheus.MustNewConstMetric(objectsDesc, prometheus.GaugeValue, float64(s.objects), s.namespace, s.name, s.bucket)

		if s.quota > 0 {
			ch <- prometheus.MustNewConstMetric(quotaDesc, prometheus.GaugeValue, float64(s.quota), s.namespace, s.name, s.bucket)
		}
	}
}
