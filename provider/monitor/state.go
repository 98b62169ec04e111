package monitor

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	xpcontroller "github.com/crossplane/crossplane-runtime/v2/pkg/controller"
	"github.com/crossplane/crossplane-runtime/v2/pkg/logging"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/reconciler"
)

// collectTimeout is the longest time that State waits for the caches when it is collected.
const collectTimeout = 5 * time.Second

var (
	usableDesc = prometheus.NewDesc("cistern_server_usable",
		"Whether the server of a provider configuration can be used: 1 while its condition Ready is True, else 0. "+
			"A configuration that was not checked yet has no sample.",
		[]string{"kind", "namespace", "name"}, nil)
	secureDesc = prometheus.NewDesc("cistern_server_secure",
		"Whether no vulnerability of the release of a provider configuration's server is known: 1 while its condition Secure is True, "+
			"0 while it is False. A server of which that is unknown has no sample.",
		[]string{"kind", "namespace", "name"}, nil)
	unreadySinceDesc = prometheus.NewDesc("cistern_resource_unready_since_timestamp_seconds",
		"Since when a managed resource has not been Ready, with the reason of that condition. A resource that is Ready has no sample.",
		[]string{"kind", "namespace", "name", "reason"}, nil)
	nextRotationDesc = prometheus.NewDesc("cistern_user_next_rotation_timestamp_seconds",
		"When the next key of a User is due by its rotation interval. A User without one, that is disabled, "+
			"or that the provider may not change has no sample.",
		[]string{"namespace", "name"}, nil)
)

// State tells the state of provider configurations and managed resources from their conditions
// and statuses. It is a collector of metrics that lists them from the cache, and makes no call
// to a server. It runs under a manager, and has samples on the leader only: the conditions are
// the same on each replica.
type State struct {
	kube client.Reader
	log  logging.Logger

	mu      sync.Mutex
	leading bool
	// kinds has an empty list of each kind that is shown.
	kinds map[schema.GroupVersionKind]client.ObjectList
}

// NewState returns State that lists resources through kube, which must be a cache.
func NewState(kube client.Reader, log logging.Logger) *State {
	return &State{kube: kube, log: log, kinds: make(map[schema.GroupVersionKind]client.ObjectList)}
}

// Setup adds State to a manager. It lists each kind of managed resource once its CRD is
// established: a cache has no resources of a kind that is not activated.
func (s *State) Setup(mgr ctrl.Manager, g xpcontroller.Gate) error {
	s.show(miniov1alpha1.ClusterProviderConfigKind, &miniov1alpha1.ClusterProviderConfigList{})
	s.show(miniov1alpha1.ProviderConfigKind, &miniov1alpha1.ProviderConfigList{})

	g.Register(func() { s.show(miniov1alpha1.BucketKind, &miniov1alpha1.BucketList{}) }, miniov1alpha1.BucketKind)
	g.Register(func() { s.show(miniov1alpha1.PolicyKind, &miniov1alpha1.PolicyList{}) }, miniov1alpha1.PolicyKind)
	g.Register(func() { s.show(miniov1alpha1.UserKind, &miniov1alpha1.UserList{}) }, miniov1alpha1.UserKind)

	return mgr.Add(s)
}

// NeedLeaderElection reports true.
func (s *State) NeedLeaderElection() bool { return true }

// Start makes State have samples until the context ends.
func (s *State) Start(ctx context.Context) error {
	s.lead(true)
	defer s.lead(false)

	<-ctx.Done()

	return nil
}

func (s *State) lead(leading bool) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.leading = leading
}

func (s *State) show(gvk schema.GroupVersionKind, l client.ObjectList) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.kinds[gvk] = l
}

// Describe implements prometheus.Collector.
func (s *State) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{usableDesc, secureDesc, unreadySinceDesc, nextRotationDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. A kind that cannot be listed has no samples.
func (s *State) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()

	s.mu.Lock()
	defer s.mu.Unlock()

	if !s.leading {
		return
	}

	for gvk, l := range s.kinds {
		if err := s.list(ctx, ch, gvk.Kind, l.DeepCopyObject().(client.ObjectList)); err != nil { //nolint:forcetypeassert // A copy of a list is one.
			s.log.Info("Cannot list resources for the metrics of their state", "kind", gvk.Kind, "error", err)
		}
	}
}

// list sends the samples of all objects of a kind, which it must not change: they are those of
// the cache.
func (s *State) list(ctx context.Context, ch chan<- prometheus.Metric, kind string, l client.ObjectList) error {
	if err := s.kube.List(ctx, l, client.UnsafeDisableDeepCopy); err != nil {
		return err
	}

	return apimeta.EachListItem(l, func(o runtime.Object) error {
		switch o := o.(type) {
		case resource.ProviderConfig:
			config(ch, kind, o)
		case resource.Managed:
			unready(ch, kind, o)

			if u, ok := o.(*miniov1alpha1.User); ok {
				nextRotation(ch, u)
			}
		}

		return nil
	})
}

// config sends the samples of a provider configuration.
func config(ch chan<- prometheus.Metric, kind string, pc resource.ProviderConfig) {
	if meta.WasDeleted(pc) {
		return
	}

	for condition, desc := range map[xpv1.ConditionType]*prometheus.Desc{
		xpv1.TypeReady: usableDesc, miniov1alpha1.ConditionSecure: secureDesc,
	} {
		value := 0.0

		switch pc.GetCondition(condition).Status {
		case corev1.ConditionTrue:
			value = 1
		case corev1.ConditionFalse:
		default:
			continue
		}

		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, kind, pc.GetNamespace(), pc.GetName())
	}
}

// unready sends since when a managed resource has not been Ready, if it is not.
func unready(ch chan<- prometheus.Metric, kind string, mg resource.Managed) {
	ready := mg.GetCondition(xpv1.TypeReady)
	if ready.Status == corev1.ConditionTrue {
		return
	}

	since := ready.LastTransitionTime
	if since.IsZero() {
		since = mg.GetCreationTimestamp()
	}

	ch <- prometheus.MustNewConstMetric(unreadySinceDesc, prometheus.GaugeValue, seconds(since),
		kind, mg.GetNamespace(), mg.GetName(), string(ready.Reason))
}

// nextRotation sends when the next key of a User is due, if one is.
func nextRotation(ch chan<- prometheus.Metric, u *miniov1alpha1.User) {
	if at := u.Status.AtProvider.NextRotationAt; at != nil && rotates(u) {
		ch <- prometheus.MustNewConstMetric(nextRotationDesc, prometheus.GaugeValue, seconds(*at), u.Namespace, u.Name)
	}
}

// rotates reports whether the provider replaces u's key when its time has come.
func rotates(u *miniov1alpha1.User) bool {
	enabled, rotation := u.Spec.ForProvider.Enabled, u.Spec.ForProvider.Rotation

	return rotation != nil && rotation.Interval != nil && (enabled == nil || *enabled) && !meta.WasDeleted(u) && !reconciler.IsCopy(u) && reconciler.Updatable(u)
}

// seconds returns a time as metrics show it.
func seconds(t metav1.Time) float64 { return float64(t.Unix()) }
