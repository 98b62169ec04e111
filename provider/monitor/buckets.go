package monitor

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/minio/madmin-go/v3"
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
)

const (
	// interval is how often the servers are asked. One answer tells of all
	// buckets; the server's own figures are seldom newer.
	interval = time.Minute
	jitter   = 0.1

	// wakeBuffer is how many Buckets may wait to be looked at. More make the
	// next question wait.
	wakeBuffer = 1024
)

var (
	sizeDesc = prometheus.NewDesc("cistern_bucket_size_bytes",
		"Bytes that the objects of a managed bucket take, all versions, as the server's scanner counted them last.",
		[]string{"namespace", "name", "bucket"}, nil)
	objectsDesc = prometheus.NewDesc("cistern_bucket_objects",
		"Objects in a managed bucket, as the server's scanner counted them last.",
		[]string{"namespace", "name", "bucket"}, nil)
)

// Buckets asks each server once a minute what its buckets hold, in one call for
// all of them. It is a collector of metrics and runs under a manager, on the
// leader only. A Bucket resource whose bucket has vanished, or changed, since
// the last answer is put into Changed, to be looked at before its next poll.
type Buckets struct {
	kube   client.Reader
	server func(ctx context.Context, mg resource.ModernManaged) (*minio.Server, error)
	log    logging.Logger
	wake   chan event.GenericEvent

	// answers are the last ones of each server. Only Start uses them.
	answers map[serverKey]map[string]string

	mu    sync.Mutex
	sizes []size
}

// serverKey tells servers apart: many configurations may lead to one.
type serverKey struct{ endpoint, accessKey string }

// size is what a Bucket's bucket holds.
type size struct {
	namespace, name, bucket string
	bytes, objects          uint64
}

// NewBuckets returns Buckets that list resources through kube and find each
// one's server with server.
func NewBuckets(kube client.Reader, server func(context.Context, resource.ModernManaged) (*minio.Server, error), log logging.Logger) *Buckets {
	return &Buckets{
		kube: kube, server: server, log: log,
		wake:    make(chan event.GenericEvent, wakeBuffer),
		answers: make(map[serverKey]map[string]string),
	}
}

// Setup adds Buckets to a manager once the CRD of Bucket is established.
func (b *Buckets) Setup(mgr ctrl.Manager, g xpcontroller.Gate) {
	g.Register(func() {
		if err := mgr.Add(b); err != nil {
			// The manager takes no more when it is stopping; there is nothing to
			// measure then.
			b.log.Info("Cannot measure buckets", "error", err)
		}
	}, miniov1alpha1.BucketKind)
}

// Changed returns Bucket resources whose buckets changed.
func (b *Buckets) Changed() <-chan event.GenericEvent { return b.wake }

// NeedLeaderElection says that one of several replicas is enough.
func (b *Buckets) NeedLeaderElection() bool { return true }

// Start asks until the context ends.
func (b *Buckets) Start(ctx context.Context) error {
	wait.JitterUntilWithContext(ctx, b.ask, interval, jitter, true)

	return nil
}

// ask asks every server that has a Bucket once. What could not be found out is
// not in the metrics until it can.
func (b *Buckets) ask(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, interval)
	defer cancel()

	list := &miniov1alpha1.BucketList{}
	if err := b.kube.List(ctx, list); err != nil {
		b.log.Info("Cannot list Buckets to measure them", "error", err)
		return
	}

	sizes, answers := []size{}, make(map[serverKey]map[string]string)

	for key, on := range b.group(ctx, list.Items) {
		info, err := on.servers[0].Admin.AccountInfo(ctx, madmin.AccountOpts{})
		if err != nil {
			b.log.Info("Cannot ask for the size of buckets", "endpoint", key.endpoint, "error", err)

			// The next answer is compared with the last one.
			answers[key] = b.answers[key]

			continue
		}

		answers[key] = make(map[string]string, len(info.Buckets))
		held := make(map[string]madmin.BucketAccessInfo, len(info.Buckets))

		for _, i := range info.Buckets {
			answers[key][i.Name], held[i.Name] = settings(i), i
		}

		for _, o := range on.buckets {
			if i, found := held[meta.GetExternalName(o)]; found {
				sizes = append(sizes, size{namespace: o.Namespace, name: o.Name, bucket: i.Name, bytes: i.Size, objects: i.Objects})
			}
		}

		b.wakeChanged(ctx, on, b.answers[key], answers[key])
	}

	b.answers = answers

	b.mu.Lock()
	defer b.mu.Unlock()

	b.sizes = sizes
}

// wakeChanged has those Buckets looked at about which an answer says something
// else than the one before, or nothing: what was answered before a restart is not
// known.
func (b *Buckets) wakeChanged(ctx context.Context, on *onServer, before, after map[string]string) {
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
		case b.wake <- event.GenericEvent{Object: o}:
		case <-ctx.Done():
			return
		}
	}
}

// settings returns what an answer tells of a bucket's settings.
func settings(i madmin.BucketAccessInfo) string {
	d := i.Details
	if d == nil {
		return "-"
	}

	quota, tags := "", ""
	if d.Quota != nil {
		quota = fmt.Sprintf("%+v", *d.Quota)
	}

	if d.Tagging != nil {
		tags = d.Tagging.String()
	}

	return fmt.Sprintf("versioning %t %t, locking %t, quota %s, tags %s", d.Versioning, d.VersioningSuspended, d.Locking, quota, tags)
}

// onServer are the Buckets on one server.
type onServer struct {
	// servers are the same one, once for each configuration that leads there: each
	// has looks of its own.
	servers []*minio.Server
	buckets []*miniov1alpha1.Bucket
}

// group returns the Buckets that were made, by server. The configuration of each
// is read once, not once for each Bucket.
func (b *Buckets) group(ctx context.Context, items []miniov1alpha1.Bucket) map[serverKey]*onServer {
	type configKey struct {
		namespace string
		ref       xpv1.ProviderConfigReference
	}

	configs := make(map[configKey]*minio.Server)
	groups := make(map[serverKey]*onServer)

	for i := range items {
		o := &items[i]

		ref := o.GetProviderConfigReference()
		if ref == nil || meta.GetExternalName(o) == "" || meta.WasDeleted(o) {
			continue
		}

		ck := configKey{namespace: o.Namespace, ref: *ref}
		if ref.Kind == miniov1alpha1.ClusterProviderConfigKind.Kind {
			ck.namespace = ""
		}

		srv, found := configs[ck]
		if !found {
			var err error
			if srv, err = b.server(ctx, o); err != nil {
				// The resource itself says so.
				b.log.Debug("Cannot ask for the size of buckets", "config", ref.Name, "error", err)

				// It may come with a server, which must not be driven.
				srv = nil
			}

			configs[ck] = srv
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

// Describe describes the metrics.
func (b *Buckets) Describe(ch chan<- *prometheus.Desc) {
	ch <- sizeDesc

	ch <- objectsDesc
}

// Collect returns the metrics of the Buckets that there were at the last answer.
func (b *Buckets) Collect(ch chan<- prometheus.Metric) {
	b.mu.Lock()
	defer b.mu.Unlock()

	for _, s := range b.sizes {
		ch <- prometheus.MustNewConstMetric(sizeDesc, prometheus.GaugeValue, float64(s.bytes), s.namespace, s.name, s.bucket)

		ch <- prometheus.MustNewConstMetric(objectsDesc, prometheus.GaugeValue, float64(s.objects), s.namespace, s.name, s.bucket)
	}
}
