// Package manager holds what all providers have in common apart from their kinds: flags, the
// controller manager and the options of the controllers.
package manager

import (
	"os"
	"runtime/debug"
	"time"

	"github.com/alecthomas/kong"
	"go.uber.org/zap/zapcore"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	crlog "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	xpcontroller "github.com/crossplane/crossplane-runtime/v2/pkg/controller"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/feature"
	"github.com/crossplane/crossplane-runtime/v2/pkg/gate"
	"github.com/crossplane/crossplane-runtime/v2/pkg/logging"
	"github.com/crossplane/crossplane-runtime/v2/pkg/ratelimiter"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/customresourcesgate"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"
	"github.com/crossplane/crossplane-runtime/v2/pkg/statemetrics"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/reconciler"
)

// gcPercent is how much the heap may grow between two garbage collections, unless GOGC is
// set. A provider is idle most of the time, and its heap grows with the resources: half of
// Go's default needs some megabytes less, and a little more CPU.
const gcPercent = 50

// Flags are the flags that every provider has. Those that other Crossplane providers have under
// another name are taken under that name too.
type Flags struct {
	Debug bool `help:"Log every reconcile." short:"d"`

	PollInterval             time.Duration `default:"10m" aliases:"poll" env:"PROVIDER_POLL_INTERVAL,PROVIDER_POLL" help:"Longest time until a change on the server is found and corrected. It sets how often each resource is compared with the server."`
	PollStateMetric          time.Duration `default:"1m" help:"How often the resources of each kind are counted for the metrics. Each count lists all of them from the cache."`
	Sync                     time.Duration `default:"10h" short:"s" help:"How often the caches deliver all resources again. Changes on the server are found by polls, not by this."`
	MaxReconcileRate         int           `default:"100" help:"How many reconciles may start per second, for all kinds together."`
	MaxConcurrency           int           `default:"10" aliases:"max-concurrent-reconciles" help:"How many reconciles of each kind may run at once for one server. A kind has three times as many workers."`
	LeaderElection           bool          `default:"true" env:"LEADER_ELECTION" help:"Let only one of several replicas reconcile." negatable:""`
	LeaderElectionNamespace  string        `env:"POD_NAMESPACE" help:"Namespace of the leader election's Lease; the pod's own by default."`
	MetricsAddress           string        `default:":8080" aliases:"metrics-bind-address" help:"Address of /metrics."`
	HealthAddress            string        `default:":8081" aliases:"health-probe-bind-addr,health-probe-bind-address" help:"Address of /healthz and /readyz."`
	PprofAddress             string        `help:"Address of Go's profiles at /debug/pprof; not served by default."`
	EnableChangeLogs         bool          `default:"false" env:"ENABLE_CHANGE_LOGS" help:"Send every change of an external resource to the change log service, a sidecar." name:"enable-changelogs"`
	ChangeLogsSocket         string        `default:"/var/run/changelogs/changelogs.sock" env:"CHANGELOGS_SOCKET_PATH" help:"Path of the change log service's socket." name:"changelogs-socket-path"`
	EnableManagementPolicies bool          `default:"true" env:"ENABLE_MANAGEMENT_POLICIES" help:"Honour spec.managementPolicies." negatable:""`
}

// Parse parses the command line of a provider, and sets flags that are not on it from environment
// variables: PROVIDER_ and the flag's name, unless the flag names others. It ends the process if
// that fails.
func Parse(c any, description string) *kong.Context { return kong.Parse(c, options(description)...) }

func options(description string) []kong.Option {
	return []kong.Option{kong.Description(description), kong.DefaultEnvars("PROVIDER")}
}

// Manager is a controller manager, with the options that its controllers need.
type Manager struct {
	ctrl.Manager

	// Options are shared by all controllers.
	Options xpcontroller.Options
}

// New returns the manager of a provider's controllers, which also serves its metrics, health
// and profiles. Its scheme holds the kinds of Kubernetes, of provider-minio, and those that
// are given. The webhook server starts only if a webhook is registered with it.
func (f *Flags) New(provider string, hooks webhook.Options, kinds ...func(*runtime.Scheme) error) (*Manager, error) {
	zl := zap.New(zap.UseDevMode(f.Debug), zap.Level(f.level()))
	ctrl.SetLogger(zl)

	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}

	s, err := newScheme(kinds)
	if err != nil {
		return nil, err
	}

	mgr, err := f.manager(provider, s, hooks)
	if err != nil {
		return nil, errors.Wrap(err, "cannot create the controller manager")
	}

	changes, err := f.changeLogger(provider)
	if err != nil {
		return nil, err
	}

	return &Manager{Manager: mgr, Options: f.options(logging.NewLogrLogger(zl.WithName(provider)), changes)}, nil
}

// Run sets up the gate that starts each controller once its CRD is established, and runs the
// controllers until the process is asked to stop.
func (m *Manager) Run() error {
	if err := customresourcesgate.Setup(m, m.Options); err != nil {
		return errors.Wrap(err, "cannot set up the gate that waits for CRDs")
	}

	return errors.Wrap(m.Start(ctrl.SetupSignalHandler()), "cannot run the controllers")
}

func (f *Flags) level() zapcore.Level {
	if f.Debug {
		return zapcore.DebugLevel
	}

	return zapcore.InfoLevel
}

// manager returns the controller manager with its health checks.
func (f *Flags) manager(provider string, s *runtime.Scheme, hooks webhook.Options) (ctrl.Manager, error) {
	cfg, err := ctrl.GetConfig()
	if err != nil {
		return nil, err
	}

	// The API server warns about the runtime's finalizer with every resource. Once is
	// enough.
	cfg.WarningHandlerWithContext = crlog.NewKubeAPIWarningLogger(crlog.KubeAPIWarningLoggerOptions{Deduplicate: true})

	mgr, err := ctrl.NewManager(ratelimiter.LimitRESTConfig(cfg, f.MaxReconcileRate), ctrl.Options{
		Scheme:                        s,
		LeaderElection:                f.LeaderElection,
		LeaderElectionID:              provider,
		LeaderElectionNamespace:       f.LeaderElectionNamespace,
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       new(reconciler.ShutdownTimeout),
		// The priority queue of controller-runtime v0.23 can block for ever if it is shut
		// down under load, and the provider with it.
		// Source: https://github.com/kubernetes-sigs/controller-runtime/issues/3538.
		Controller:             config.Controller{UsePriorityQueue: new(false)},
		HealthProbeBindAddress: f.HealthAddress,
		PprofBindAddress:       f.PprofAddress,
		Metrics:                metricsserver.Options{BindAddress: f.MetricsAddress},
		WebhookServer:          webhook.NewServer(hooks),
		Cache:                  f.caches(),
		Client: client.Options{Cache: &client.CacheOptions{
			// Caches of these would hold every Secret and ConfigMap of the cluster.
			DisableFor: []client.Object{&corev1.Secret{}, &corev1.ConfigMap{}},
		}},
	})
	if err != nil {
		return nil, err
	}

	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return nil, err
	}

	ready := healthz.Ping
	if hooks.CertDir != "" {
		ready = mgr.GetWebhookServer().StartedChecker()
	}

	return mgr, mgr.AddReadyzCheck("webhooks", ready)
}

// caches returns the options of the manager's cache. It keeps CRDs without their schemas,
// which are most of their size, and all other objects without their managed fields.
func (f *Flags) caches() cache.Options {
	o := cache.Options{SyncPeriod: &f.Sync, ByObject: reconciler.SecretCache(), DefaultTransform: cache.TransformStripManagedFields()}
	o.ByObject[&apiextensionsv1.CustomResourceDefinition{}] = cache.ByObject{Transform: func(obj any) (any, error) {
		if crd, ok := obj.(*apiextensionsv1.CustomResourceDefinition); ok {
			crd.ManagedFields = nil
			for i := range crd.Spec.Versions {
				crd.Spec.Versions[i].Schema = nil
			}
		}

		return obj, nil
	}}

	return o
}

// options returns the options of the controllers, and registers their metrics.
func (f *Flags) options(log logging.Logger, changes managed.ChangeLogger) xpcontroller.Options {
	recorder, state := managed.NewMRMetricRecorder(), statemetrics.NewMRStateMetrics()
	metrics.Registry.MustRegister(recorder, state)

	o := xpcontroller.Options{
		Logger:                  log,
		MaxConcurrentReconciles: f.MaxConcurrency,
		PollInterval:            f.PollInterval,
		GlobalRateLimiter:       ratelimiter.NewGlobal(f.MaxReconcileRate),
		Features:                &feature.Flags{},
		Gate:                    new(gate.Gate[schema.GroupVersionKind]),
		MetricOptions: &xpcontroller.MetricOptions{
			PollStateMetricInterval: f.PollStateMetric,
			MRMetrics:               recorder,
			MRStateMetrics:          state,
		},
	}
	if f.EnableManagementPolicies {
		o.Features.Enable(feature.EnableBetaManagementPolicies)
	}

	if changes != nil {
		o.Features.Enable(feature.EnableAlphaChangeLogs)
		o.ChangeLogOptions = &xpcontroller.ChangeLogOptions{ChangeLogger: changes}
	}

	return o
}

func newScheme(kinds []func(*runtime.Scheme) error) (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	for _, add := range append([]func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, miniov1alpha1.AddToScheme,
	}, kinds...) {
		if err := add(s); err != nil {
			return nil, errors.Wrap(err, "cannot build the scheme")
		}
	}

	return s, nil
}
