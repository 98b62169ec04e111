package node

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/cistern-dev/cistern/test/dev/platform/relay"
)

// serve serves the registry to the node and to the machine, and forwards the
// machine's connections to the API server and MinIO.
func serve(ctx context.Context) error {
	var outside [ListenerCount]net.Listener

	for i, f := range listenerFiles() {
		l, err := net.FileListener(f)
		if err != nil {
			return fmt.Errorf("cannot use an inherited listener: %w", err)
		}

		_ = f.Close() // FileListener made a duplicate
		outside[i] = l
	}

	inside, err := (&net.ListenConfig{}).Listen(ctx, "tcp", Registry)
	if err != nil {
		return fmt.Errorf("cannot listen for the registry: %w", err)
	}

	server := &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		Handler: registry.New(
			registry.Logger(log.New(io.Discard, "", 0)), // by default it logs each request
			registry.WithBlobHandler(registry.NewDiskBlobHandler(innerDir+"/registry")),
		),
	}
	go server.Serve(inside)                    //nolint:errcheck // It ends with this process.
	go server.Serve(outside[ListenerRegistry]) //nolint:errcheck // It ends with this process.
	go forward(outside[ListenerAPI], net.JoinHostPort(IP, apiPort))
	go forward(outside[ListenerMinIO], net.JoinHostPort(MinIOIP, "9000"))

	return nil
}

// forward passes each connection on to an address in the node's network. A listener
// stays in the network namespace in which it was made, here the machine's; a new
// connection is made in the namespace of this process, the node's.
func forward(l net.Listener, address string) {
	relay.Serve(l, address, func() (net.Conn, error) {
		return relay.Retry(func() (net.Conn, error) {
			//nolint:noctx // It ends with this process.
			return net.DialTimeout("tcp", address, 5*time.Second)
		})
	})
}
