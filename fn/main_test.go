package main

import (
	"net"
	"strings"
	"testing"

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
	go func() { _ = (&serve{Address: address, Insecure: true, MaxRecvMessageSize: 64}).Run() }()

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
