package main

import (
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
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	xpcontroller "github.com/crossplane/crossplane-runtime/v2/pkg/controller"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/feature"
	"github.com/crossplane/crossplane-runtime/v2/pkg/gate"
	"github.com/crossplane/crossplane-runtime/v2/pkg/logging"
	"github.com/crossplane/crossplane-runtime/v2/pkg/ratelimiter"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"
	"github.com/crossplane/crossplane-runtime/v2/pkg/statemetrics"

	"github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/kind"
)

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

	// The API server warns of the runtime's finalizers with every resource; once
	// will do.
	cfg.WarningHandlerWithContext = log.NewKubeAPIWarningLogger(log.KubeAPIWarningLoggerOptions{Deduplicate: true})

	mgr, err := ctrl.NewManager(ratelimiter.LimitRESTConfig(cfg, c.MaxReconcileRate), ctrl.Options{
		Scheme:                        s,
		LeaderElection:                c.LeaderElection,
		LeaderElectionID:              "provider-minio",
		LeaderElectionNamespace:       c.LeaderElectionNS,
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       new(kind.ShutdownTimeout),
		// The priority queue of controller-runtime v0.23 can block for ever when it
		// is shut down under load, and the provider with it.
		// Source: https://github.com/kubernetes-sigs/controller-runtime/issues/3538.
		Controller:             config.Controller{UsePriorityQueue: new(false)},
		HealthProbeBindAddress: c.HealthAddress,
		Metrics:                metricsserver.Options{BindAddress: c.MetricsAddress},
		WebhookServer:          webhook.NewServer(webhook.Options{Port: c.WebhookPort, CertDir: c.TLSServerCertsDir}),
		Cache:                  cache.Options{ByObject: kind.SecretCache()},
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
func (c *cli) options(log logging.Logger, changes managed.ChangeLogger) xpcontroller.Options {
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

	if changes != nil {
		o.Features.Enable(feature.EnableAlphaChangeLogs)
		o.ChangeLogOptions = &xpcontroller.ChangeLogOptions{ChangeLogger: changes}
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
