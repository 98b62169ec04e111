// Command provider is provider-minio: the controllers that drive MinIO servers,
// and the admission webhooks of the tenants' API.
package main

import (
	"time"

	"github.com/alecthomas/kong"
	"go.uber.org/zap/zapcore"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
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

	"github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/admission"
	"github.com/cistern-dev/cistern/provider/bucket"
	"github.com/cistern-dev/cistern/provider/kind"
	"github.com/cistern-dev/cistern/provider/policy"
	"github.com/cistern-dev/cistern/provider/user"
)

// stateMetricsInterval is how often the resources of each kind are counted for
// the metrics. Counting lists all of them from the cache.
const stateMetricsInterval = time.Minute

type cli struct {
	Debug bool `help:"Log every reconcile." short:"d"`

	PollInterval         time.Duration `default:"10m" help:"How often a resource that is up to date is compared with the server."`
	MaxReconcileRate     int           `default:"100" help:"How many reconciles may start a second, over all kinds."`
	MaxConcurrency       int           `default:"10"  help:"How many reconciles of each kind may run at once."`
	LeaderElection       bool          `default:"true" help:"Let only one of several replicas reconcile." negatable:""`
	LeaderElectionNS     string        `env:"POD_NAMESPACE" help:"Namespace of the leader election's Lease; the pod's own by default." name:"leader-election-namespace"`
	TLSServerCertsDir    string        `env:"TLS_SERVER_CERTS_DIR" help:"Directory of the webhook server's tls.crt and tls.key. Without it no webhook is served."`
	WebhookPort          int           `default:"9443" help:"Port of the admission webhooks."`
	MetricsAddress       string        `default:":8080" help:"Address of /metrics."`
	HealthAddress        string        `default:":8081" help:"Address of /healthz and /readyz."`
	EnableManagementPols bool          `default:"true" help:"Honour spec.managementPolicies." name:"enable-management-policies" negatable:""`
}

func main() {
	c := &cli{}
	k := kong.Parse(c, kong.Description("Crossplane provider for MinIO: buckets, users and their policies."))
	k.FatalIfErrorf(c.Run())
}

// Run runs the provider until it is told to stop.
func (c *cli) Run() error {
	zl := zap.New(zap.UseDevMode(c.Debug), zap.Level(level(c.Debug)))
	ctrl.SetLogger(zl)

	mgr, err := c.manager()
	if err != nil {
		return errors.Wrap(err, "cannot create the controller manager")
	}

	o := c.options(logging.NewLogrLogger(zl.WithName("provider-minio")))

	if err := kind.SetupProviderConfigs(mgr, o); err != nil {
		return err
	}

	servers := kind.NewServers(mgr.GetClient())
	kind.Setup(mgr, o, servers, bucket.Kind())
	kind.Setup(mgr, o, servers, user.Kind())
	kind.Setup(mgr, o, servers, policy.Kind())

	if err := customresourcesgate.Setup(mgr, o); err != nil {
		return errors.Wrap(err, "cannot set up the gate that waits for CRDs")
	}

	if c.TLSServerCertsDir != "" {
		mgr.GetWebhookServer().Register(admission.ClaimPath, admission.Claim())
		mgr.GetWebhookServer().Register(admission.DeletionPath, admission.Deletion(mgr.GetClient(), servers))
	}

	return errors.Wrap(mgr.Start(ctrl.SetupSignalHandler()), "cannot run the controllers")
}

// manager returns the manager of all controllers, with its endpoints.
func (c *cli) manager() (ctrl.Manager, error) {
	s, err := newScheme()
	if err != nil {
		return nil, err
	}

	cfg, err := ctrl.GetConfig()
	if err != nil {
		return nil, err
	}

	mgr, err := ctrl.NewManager(ratelimiter.LimitRESTConfig(cfg, c.MaxReconcileRate), ctrl.Options{
		Scheme:                        s,
		LeaderElection:                c.LeaderElection,
		LeaderElectionID:              "provider-minio",
		LeaderElectionNamespace:       c.LeaderElectionNS,
		LeaderElectionReleaseOnCancel: true,
		HealthProbeBindAddress:        c.HealthAddress,
		Metrics:                       metricsserver.Options{BindAddress: c.MetricsAddress},
		WebhookServer:                 webhook.NewServer(webhook.Options{Port: c.WebhookPort, CertDir: c.TLSServerCertsDir}),
		Client: client.Options{Cache: &client.CacheOptions{
			// A cache would hold every Secret and ConfigMap of the cluster.
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
	if c.TLSServerCertsDir != "" {
		ready = mgr.GetWebhookServer().StartedChecker()
	}

	return mgr, mgr.AddReadyzCheck("webhooks", ready)
}

// options that all controllers share. Their metrics are registered here.
func (c *cli) options(log logging.Logger) xpcontroller.Options {
	recorder, state := managed.NewMRMetricRecorder(), statemetrics.NewMRStateMetrics()
	metrics.Registry.MustRegister(recorder, state)

	o := xpcontroller.Options{
		Logger:                  log,
		MaxConcurrentReconciles: c.MaxConcurrency,
		PollInterval:            c.PollInterval,
		GlobalRateLimiter:       ratelimiter.NewGlobal(c.MaxReconcileRate),
		Features:                &feature.Flags{},
		Gate:                    new(gate.Gate[schema.GroupVersionKind]),
		MetricOptions: &xpcontroller.MetricOptions{
			PollStateMetricInterval: stateMetricsInterval,
			MRMetrics:               recorder,
			MRStateMetrics:          state,
		},
	}
	if c.EnableManagementPols {
		o.Features.Enable(feature.EnableBetaManagementPolicies)
	}

	return o
}

func newScheme() (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, v1alpha1.AddToScheme,
	} {
		if err := add(s); err != nil {
			return nil, errors.Wrap(err, "cannot build the scheme")
		}
	}

	return s, nil
}

func level(debug bool) zapcore.Level {
	if debug {
		return zapcore.DebugLevel
	}

	return zapcore.InfoLevel
}
