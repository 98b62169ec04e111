package node

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
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

// forward forwards each connection to an address in the node's network. A listener
// stays in the network namespace in which it was made, here the machine's; a new
// connection is made in the namespace of this process, the node's.
func forward(l net.Listener, address string) {
	for {
		conn, err := l.Accept()
		if err != nil {
			log.Printf("cannot accept for %s: %v", address, err)

			return
		}

		go forwardOne(conn, address)
	}
}

func forwardOne(conn net.Conn, address string) {
	defer conn.Close()

	target, err := dial(address)
	if err != nil {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset shows the client that the server did not answer
		}

		return
	}
	defer target.Close()

	var both sync.WaitGroup
	both.Go(func() { pipe(target, conn) })
	both.Go(func() { pipe(conn, target) })
	both.Wait()
}

// dial connects, and tries again for a second: kube-proxy may have no rule yet for
// a pod that has just become ready.
func dial(address string) (net.Conn, error) {
	for deadline := time.Now().Add(time.Second); ; time.Sleep(50 * time.Millisecond) {
		//nolint:noctx // It ends with this process.
		conn, err := net.DialTimeout("tcp", address, 5*time.Second)
		if err == nil || time.Now().After(deadline) {
			return conn, err
		}
	}
}

// pipe copies one direction of a connection. It closes that direction at its end,
// and leaves the other open.
func pipe(to, from net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		_ = from.Close() // ends the other direction too
	}

	if tcp, ok := to.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
}
