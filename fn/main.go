// Command fn is function-bucket: the composition function that turns a tenant's
// Bucket claim into managed resources of provider-minio and the tenant's Secrets.
package main

import (
	"os"
	"runtime/debug"

	"github.com/alecthomas/kong"

	"github.com/crossplane/function-sdk-go"
)

type cli struct {
	Serve serve `cmd:"" default:"withargs" help:"Serve Crossplane. This is the default."`
	Try   try   `cmd:"" help:"Print the resources of a new claim, or why it is not allowed, without a cluster."`
}

type serve struct {
	Debug bool `help:"Log every run." short:"d"`

	Network            string `default:"tcp" help:"Network of the gRPC server, such as tcp or unix."`
	Address            string `default:":9443" help:"Address of the gRPC server."`
	MetricsAddress     string `default:":8080" help:"Address of the metrics server; empty for none."`
	TLSCertsDir        string `env:"TLS_SERVER_CERTS_DIR" help:"Directory of the server's tls.crt and tls.key and the client's ca.crt."`
	MaxRecvMessageSize int    `default:"64" help:"Size of the largest request, in MB. Requests contain the claim's Secrets, to which tenants can add data."`

	Insecure bool `help:"Serve without TLS, for tests on one machine. Ignores --tls-certs-dir."`
}

// gcPercent lets garbage grow to four times what is in use before it is collected, instead of once.
// Hardly anything is in use between two requests, some megabytes of policies, while each request leaves
// hundreds of kilobytes: collecting less often saves a third of the function's CPU.
const gcPercent = 400

func main() {
	k := kong.Parse(&cli{}, options()...)
	k.FatalIfErrorf(k.Run())
}

// options make flags that are not on the command line come from environment variables: FUNCTION_ and
// the flag's name, unless the flag names another.
func options() []kong.Option {
	return []kong.Option{
		kong.Description("Crossplane composition function that turns a tenant's Bucket claim into a MinIO bucket and Secrets."),
		kong.DefaultEnvars("FUNCTION"),
	}
}

// Run serves the function until the process is stopped.
func (c *serve) Run() error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}

	log, err := function.NewLogger(c.Debug)
	if err != nil {
		return err
	}

	return function.Serve(NewFunction(log),
		function.Listen(c.Network, c.Address),
		function.WithMetricsServer(c.MetricsAddress),
		function.MaxRecvMessageSize(c.MaxRecvMessageSize*1024*1024),
		function.MTLSCertificates(c.TLSCertsDir),
		function.Insecure(c.Insecure))
}
