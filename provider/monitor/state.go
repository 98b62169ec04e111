package monitor

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	kinds   map[schema.GroupVersionKind]func(context.Context, chan<- prometheus.Metric) error
}

// NewState returns State that lists resources through kube, which must be a cache.
func NewState(kube client.Reader, log logging.Logger) *State {
	return &State{kube: kube, log: log, kinds: make(map[schema.GroupVersionKind]func(context.Context, chan<- prometheus.Metric) error)}
}

// Setup adds State to a manager. It lists each kind of managed resource once its CRD is
// established: a cache has no resources of a kind that is not activated.
func (s *State) Setup(mgr ctrl.Manager, g xpcontroller.Gate) error {
	s.show(miniov1alpha1.ClusterProviderConfigKind, s.clusterConfigs)
	s.show(miniov1alpha1.ProviderConfigKind, s.configs)

	g.Register(func() { s.show(miniov1alpha1.BucketKind, s.buckets) }, miniov1alpha1.BucketKind)
	g.Register(func() { s.show(miniov1alpha1.PolicyKind, s.policies) }, miniov1alpha1.PolicyKind)
	g.Register(func() { s.show(miniov1alpha1.UserKind, s.users) }, miniov1alpha1.UserKind)

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

func (s *State) show(gvk schema.GroupVersionKind, collect func(context.Context, chan<- prometheus.Metric) error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.kinds[gvk] = collect
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

	for gvk, collect := range s.kinds {
		if err := collect(ctx, ch); err != nil {
			s.log.Info("Cannot list resources for the metrics of their state", "kind", gvk.Kind, "error", err)
		}
	}
}

// list lists all objects of a kind, which it must not change: they are those of the cache.
func (s *State) list(ctx context.Context, l client.ObjectList) error {
	return s.kube.List(ctx, l, client.UnsafeDisableDeepCopy)
}

func (s *State) clusterConfigs(ctx context.Context, ch chan<- prometheus.Metric) error {
	l := &miniov1alpha1.ClusterProviderConfigList{}
	if err := s.list(ctx, l); err != nil {
		return err
	}

	for i := range l.Items {
		config(ch, miniov1alpha1.ClusterProviderConfigKind.Kind, &l.Items[i])
	}

	return nil
}

func (s *State) configs(ctx context.Context, ch chan<- prometheus.Metric) error {
	l := &miniov1alpha1.ProviderConfigList{}
	if err := s.list(ctx, l); err != nil {
		return err
	}

	for i := range l.Items {
		config(ch, miniov1alpha1.ProviderConfigKind.Kind, &l.Items[i])
	}

	return nil
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

func (s *State) buckets(ctx context.Context, ch chan<- prometheus.Metric) error {
	l := &miniov1alpha1.BucketList{}
	if err := s.list(ctx, l); err != nil {
		return err
	}

	for i := range l.Items {
		unready(ch, miniov1alpha1.BucketKind.Kind, &l.Items[i])
	}

	return nil
}

func (s *State) policies(ctx context.Context, ch chan<- prometheus.Metric) error {
	l := &miniov1alpha1.PolicyList{}
	if err := s.list(ctx, l); err != nil {
		return err
	}

	for i := range l.Items {
		unready(ch, miniov1alpha1.PolicyKind.Kind, &l.Items[i])
	}

	return nil
}

func (s *State) users(ctx context.Context, ch chan<- prometheus.Metric) error {
	l := &miniov1alpha1.UserList{}
	if err := s.list(ctx, l); err != nil {
		return err
	}

	for i := range l.Items {
		u := &l.Items[i]
		unready(ch, miniov1alpha1.UserKind.Kind, u)

		if at := u.Status.AtProvider.NextRotationAt; at != nil && rotates(u) {
			ch <- prometheus.MustNewConstMetric(nextRotationDesc, prometheus.GaugeValue, seconds(*at), u.Namespace, u.Name)
		}
	}

	return nil
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

// rotates reports whether the provider replaces u's key when its time has come.
func rotates(u *miniov1alpha1.User) bool {
	enabled := u.Spec.ForProvider.Enabled

	return (enabled == nil || *enabled) && !meta.WasDeleted(u) && !reconciler.IsCopy(u) && mayUpdate(u.GetManagementPolicies())
}

func mayUpdate(policies xpv1.ManagementPolicies) bool {
	for _, p := range policies {
		if p == xpv1.ManagementActionAll || p == xpv1.ManagementActionUpdate {
			return true
		}
	}

	return len(policies) == 0
}

// seconds returns a time as metrics show it.
func seconds(t metav1.Time) float64 { return float64(t.Unix()) }
