// Command provider is provider-minio: the controllers of buckets, users and policies on MinIO
// servers, and the admission webhooks of the tenants' API.
package main

import (
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/cistern-dev/cistern/provider/admission"
	"github.com/cistern-dev/cistern/provider/bucket"
	"github.com/cistern-dev/cistern/provider/controller"
	"github.com/cistern-dev/cistern/provider/manager"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/monitor"
	"github.com/cistern-dev/cistern/provider/policy"
	"github.com/cistern-dev/cistern/provider/server"
	"github.com/cistern-dev/cistern/provider/user"
)

type cli struct {
	manager.Flags

	TLSServerCertsDir string `aliases:"certs-dir" env:"TLS_SERVER_CERTS_DIR" help:"Directory of the webhook server's tls.crt and tls.key. No webhook is served without it."`
	WebhookPort       int    `default:"9443" help:"Port of the admission webhooks."`
}

func main() {
	c := &cli{}
	k := manager.Parse(c, "Crossplane provider for MinIO: buckets, users and their policies.")
	k.FatalIfErrorf(c.Run())
}

// Run runs the provider until it is asked to stop.
func (c *cli) Run() error {
	mgr, err := c.New("provider-minio", webhook.Options{Port: c.WebhookPort, CertDir: c.TLSServerCertsDir})
	if err != nil {
		return err
	}

	o := mgr.Options
	calls := monitor.NewCalls()
	servers := server.NewServers(mgr.GetClient(),
		minio.WithObserver(calls.Observe), minio.WithSnapshots(c.PollInterval/bucket.SnapshotShare))
	buckets := monitor.NewBuckets(mgr.GetClient(), servers.For, o.Logger)

	state, reviews := monitor.NewState(mgr.GetClient(), o.Logger), monitor.NewReviews()

	metrics.Registry.MustRegister(calls, buckets, state, reviews)

	if err := server.SetupProviderConfigs(mgr, o, servers); err != nil {
		return err
	}

	if err := state.Setup(mgr, o.Gate); err != nil {
		return err
	}

	buckets.Setup(mgr, o.Gate)

	controller.Setup(mgr, o, servers, bucket.Kind(buckets.Changed()))
	controller.Setup(mgr, o, servers, user.Kind())
	controller.Setup(mgr, o, servers, policy.Kind())

	if c.TLSServerCertsDir != "" {
		hooks := mgr.GetWebhookServer()
		hooks.Register(admission.ClaimPath, reviews.Of(admission.ClaimPath, admission.Claim()))
		hooks.Register(admission.CrossplanePath, reviews.Of(admission.CrossplanePath, admission.Crossplane()))
		hooks.Register(admission.ReferencesPath, reviews.Of(admission.ReferencesPath, admission.References()))
		hooks.Register(admission.DeletionPath, reviews.Of(admission.DeletionPath, admission.Deletion(mgr.GetAPIReader(), servers)))
	}

	return mgr.Run()
}
