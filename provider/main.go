// Command provider is provider-minio: the controllers that drive MinIO servers,
// and the admission webhooks of the tenants' API.
package main

import (
	"time"

	"github.com/alecthomas/kong"
	"go.uber.org/zap/zapcore"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/logging"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/customresourcesgate"

	"github.com/cistern-dev/cistern/provider/admission"
	"github.com/cistern-dev/cistern/provider/bucket"
	"github.com/cistern-dev/cistern/provider/kind"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/policy"
	"github.com/cistern-dev/cistern/provider/usage"
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
	EnableChangeLogs     bool          `default:"false" help:"Send every change of a resource to the change log service, a sidecar, over its socket." name:"enable-changelogs"`
	ChangeLogsSocket     string        `default:"/var/run/changelogs/changelogs.sock" help:"Path of that socket." name:"changelogs-socket-path"`
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

	changes, err := c.changeLogger()
	if err != nil {
		return err
	}

	o := c.options(logging.NewLogrLogger(zl.WithName("provider-minio")), changes)

	calls := usage.NewCalls()
	servers := kind.NewServers(mgr.GetClient(), minio.WithObserver(calls.Observe))
	buckets := usage.NewBuckets(mgr.GetClient(), servers.For, o.Logger)

	metrics.Registry.MustRegister(calls, buckets)

	if err := kind.SetupProviderConfigs(mgr, o, servers); err != nil {
		return err
	}

	buckets.Setup(mgr, o.Gate)

	bk := bucket.Kind()
	bk.Wake = buckets.Changed()

	kind.Setup(mgr, o, servers, bk)
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

func level(debug bool) zapcore.Level {
	if debug {
		return zapcore.DebugLevel
	}

	return zapcore.InfoLevel
}
