// Command extras is provider-minio-extras: the controllers of the long tail of
// MinIO's features. It uses the provider configurations of provider-minio, which also
// checks the servers' health.
package main

import (
	"io"
	"log"

	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/cistern-dev/cistern/apis/extras"
	"github.com/cistern-dev/cistern/provider/manager"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/monitor"
	"github.com/cistern-dev/cistern/provider/server"
	"github.com/cistern-dev/cistern/provider/upjet"
)

type cli struct {
	manager.Flags
}

func main() {
	c := &cli{}
	k := manager.Parse(c, "Crossplane provider for the long tail of MinIO: groups, LDAP, tiers, keys, notifications and bucket policies.")
	k.FatalIfErrorf(c.Run())
}

// Run runs the provider until it receives a signal to stop.
func (c *cli) Run() error {
	// The Terraform provider logs every read, and the server's answer with it.
	log.SetOutput(io.Discard)

	mgr, err := c.New("provider-minio-extras", webhook.Options{}, extras.AddToScheme)
	if err != nil {
		return err
	}

	calls := monitor.NewCalls()
	metrics.Registry.MustRegister(calls)

	if err := upjet.Setup(mgr, mgr.Options, server.NewServers(mgr.GetClient(), minio.WithObserver(calls.Observe))); err != nil {
		return err
	}

	return mgr.Run()
}
