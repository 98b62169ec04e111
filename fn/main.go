// Command fn is function-bucket: the composition function that turns a tenant's
// Bucket claim into managed resources of provider-minio and the tenant's Secret.
package main

import (
	"github.com/alecthomas/kong"

	"github.com/crossplane/function-sdk-go"
)

type cli struct {
	Debug bool `help:"Log every run." short:"d"`

	Address     string `default:":9443" help:"Address of the gRPC server."`
	TLSCertsDir string `env:"TLS_SERVER_CERTS_DIR" help:"Directory of the server's tls.crt and tls.key and the caller's ca.crt."`
	Insecure    bool   `help:"Serve without TLS, for trials on one machine. Ignores --tls-certs-dir."`
}

func main() {
	c := &cli{}
	k := kong.Parse(c, kong.Description("Crossplane composition function: a tenant's Bucket claim becomes a bucket on MinIO and a Secret."))
	k.FatalIfErrorf(c.Run())
}

// Run serves the function until the process is told to stop.
func (c *cli) Run() error {
	log, err := function.NewLogger(c.Debug)
	if err != nil {
		return err
	}

	return function.Serve(NewFunction(log),
		function.Listen("tcp", c.Address),
		function.MTLSCertificates(c.TLSCertsDir),
		function.Insecure(c.Insecure))
}
