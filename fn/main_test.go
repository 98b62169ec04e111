package main

import (
	"net"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	fnv1 "github.com/crossplane/function-sdk-go/proto/v1"
)

// TestServeLargeRequest sends a request that is larger than gRPC's default limit, as that of a claim with
// large Secrets is.
func TestServeLargeRequest(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	address := l.Addr().String()
	_ = l.Close()

	// The SDK cannot stop a server; it ends with the test's process.
	go func() { _ = (&serve{Network: "tcp", Address: address, Insecure: true, MaxRecvMessageSize: 64}).Run() }()

	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}

	defer func() { _ = conn.Close() }()

	req := readRequest(t, "testdata/ready/request.yaml")
	req.GetObserved().GetResources()["secret"].ConnectionDetails = map[string][]byte{"large": []byte(strings.Repeat("x", 5<<20))}

	if _, err := fnv1.NewFunctionRunnerServiceClient(conn).RunFunction(t.Context(), req, grpc.WaitForReady(true)); err != nil {
		t.Errorf("RunFunction(...): %v", err)
	}
}

// TestServeFlags expects the flags of other functions, and their environment variables.
func TestServeFlags(t *testing.T) {
	t.Setenv("FUNCTION_MAX_RECV_MESSAGE_SIZE", "8")
	t.Setenv("FUNCTION_ADDRESS", "/run/other.sock")
	t.Setenv("TLS_SERVER_CERTS_DIR", "/certs")

	c := &cli{}

	p, err := kong.New(c, options()...)
	if err != nil {
		t.Fatal(err)
	}

	if _, err := p.Parse([]string{"--network=unix", "--address=/run/function.sock", "--insecure"}); err != nil {
		t.Fatal(err)
	}

	want := serve{
		Network: "unix", Address: "/run/function.sock", MetricsAddress: ":8080", TLSCertsDir: "/certs", MaxRecvMessageSize: 8, Insecure: true,
	}
	if diff := cmp.Diff(want, c.Serve); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
}
