package bench

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/encoding/protojson"
	"sigs.k8s.io/yaml"

	fnv1 "github.com/crossplane/function-sdk-go/proto/v1"

	"github.com/cistern-dev/cistern/test/dev/platform/pki"
)

// concurrentCalls is the number of concurrent calls when the throughput is measured:
// enough that the function never waits for a call.
const concurrentCalls = 8

// function calls the function's program as Crossplane does, over one connection
// with mutual TLS, for a claim that is ready and has three users and five rules.
// The program runs on one core.
func (b *bench) function(ctx context.Context, p *Part) (err error) {
	req, err := readRequest(filepath.Join(b.repo, "fn", "testdata", "ready-users", "request.yaml"))
	if err != nil {
		return err
	}

	dir, err := os.MkdirTemp("", "cistern-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	f, err := startFunction(ctx, filepath.Join(b.packages, "function-bucket"), dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.stop()) }()

	// The first calls read the function's input, and grow the heap.
	if _, err := f.run(ctx, req, b.Calls/10, 1); err != nil {
		return err
	}

	one, err := f.run(ctx, req, b.Calls, 1)
	if err != nil {
		return err
	}

	p.percentiles("RunFunction, one at a time", "ms", 1000, one)

	before, err := readProcess(f.proc())
	if err != nil {
		return err
	}

	began := time.Now()

	many, err := f.run(ctx, req, b.Calls, concurrentCalls)
	if err != nil {
		return err
	}

	took := time.Since(began).Seconds()

	after, err := readProcess(f.proc())
	if err != nil {
		return err
	}

	used := (after.used - before.used).Seconds()

	p.value("RunFunction on one core, "+strconv.Itoa(concurrentCalls)+" at a time", "1/s", len(many), float64(len(many))/took)
	p.percentiles("RunFunction, "+strconv.Itoa(concurrentCalls)+" at a time", "ms", 1000, many)
	p.value("CPU of the function", "ms each", len(many), 1000*used/float64(len(many)))

	return nil
}

// readRequest reads a request of the function's own tests.
func readRequest(file string) (*fnv1.RunFunctionRequest, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read the request: %w", err)
	}

	if b, err = yaml.YAMLToJSONStrict(b); err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", file, err)
	}

	req := &fnv1.RunFunctionRequest{}
	if err := protojson.Unmarshal(b, req); err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", file, err)
	}

	return req, nil
}

// functionProgram is a running process of the function, with a connection to it.
type functionProgram struct {
	cmd    *exec.Cmd
	conn   *grpc.ClientConn
	client fnv1.FunctionRunnerServiceClient
}

// startFunction starts the function's program with certificates that it writes to a
// directory, and returns once the function responds.
func startFunction(ctx context.Context, program, dir string) (*functionProgram, error) {
	conf, err := issue(dir)
	if err != nil {
		return nil, err
	}

	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}

	f := &functionProgram{cmd: exec.CommandContext(ctx, program, "--address="+address, "--metrics-address=", "--tls-certs-dir="+dir)}
	f.cmd.Env = append(os.Environ(), "GOMAXPROCS=1")

	if err := f.cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start the function: %w", err)
	}

	if f.conn, err = grpc.NewClient(address, grpc.WithTransportCredentials(credentials.NewTLS(conf))); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot make a client of the function: %w", err), f.stop())
	}

	f.client = fnv1.NewFunctionRunnerServiceClient(f.conn)

	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()

	if _, err := f.client.RunFunction(ctx, &fnv1.RunFunctionRequest{}, grpc.WaitForReady(true)); err != nil {
		return nil, errors.Join(fmt.Errorf("the function does not respond: %w", err), f.stop())
	}

	return f, nil
}

// issue writes the certificates of the function to a directory, with the file names
// of Crossplane, and returns the TLS configuration of its only client.
func issue(dir string) (*tls.Config, error) {
	ca, err := pki.NewCA("benchmark")
	if err != nil {
		return nil, err
	}

	server, err := ca.Server("function", "127.0.0.1")
	if err != nil {
		return nil, err
	}

	caller, err := ca.Client("crossplane")
	if err != nil {
		return nil, err
	}

	for name, content := range map[string][]byte{"tls.crt": server.Cert, "tls.key": server.Key, "ca.crt": ca.Cert} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return nil, fmt.Errorf("cannot write certificates: %w", err)
		}
	}

	pair, err := tls.X509KeyPair(caller.Cert, caller.Key)
	if err != nil {
		return nil, fmt.Errorf("cannot use a certificate: %w", err)
	}

	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca.Cert)

	return &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

// freeAddress returns a free address of the loopback interface.
func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("cannot find a free port: %w", err)
	}

	return l.Addr().String(), l.Close()
}

// run calls the function n times, with a number of concurrent calls, and returns
// how long each call took.
func (f *functionProgram) run(ctx context.Context, req *fnv1.RunFunctionRequest, n, atOnce int) ([]time.Duration, error) {
	took := make([]time.Duration, n)
	calls := make([]int, n)

	for i := range calls {
		calls[i] = i
	}

	return took, each(ctx, calls, atOnce, func(ctx context.Context, i int) error {
		began := time.Now()
		rsp, err := f.client.RunFunction(ctx, req)
		took[i] = time.Since(began)

		if err != nil {
			return fmt.Errorf("cannot run the function: %w", err)
		}

		if len(rsp.GetDesired().GetResources()) == 0 {
			return errors.New("the function composes nothing")
		}

		return nil
	})
}

// proc returns the function's directory in /proc.
func (f *functionProgram) proc() string { return "/proc/" + strconv.Itoa(f.cmd.Process.Pid) }

// stop kills the function.
func (f *functionProgram) stop() error {
	var err error
	if f.conn != nil {
		err = f.conn.Close()
	}

	_ = f.cmd.Process.Kill()
	_ = f.cmd.Wait() // The error is that it was killed.

	return err
}
