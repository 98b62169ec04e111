// Package component tests provider-minio alone: as a process, against a real API server
// and a real MinIO. A proxy between them records every call and can kill the provider
// at any of them. The tests prove that
//   - the provider can be killed at every single write: the next one completes the
//     work, and nothing is left behind;
//   - each operation needs a known number of calls, and a poll writes nothing;
//   - changes that others make by hand are reverted.
//
// All servers are plain child processes of the test, without root and without
// containers. Crossplane and the kubelet are missing; package e2e covers what they do.
// Package extras tests provider-minio-extras in the same environment.
package component

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"github.com/minio/madmin-go/v3"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/dev/platform/pki"
	"github.com/cistern-dev/cistern/test/dev/tools"
	"github.com/cistern-dev/cistern/test/process"
)

// Env is a running test environment: an API server, MinIO, and the proxy between them
// and the provider.
type Env struct {
	// Kube is an administrator's client of the API server. It bypasses the proxy.
	Kube client.Client
	// Server is MinIO. Its clients bypass the proxy.
	Server *Storage
	// Proxy is between the provider and both servers.
	Proxy *Proxy
	// Endpoint is MinIO's URL for the provider, which leads through the proxy.
	Endpoint string

	Options

	dir    string
	binary string
	config string
	// minio is the program of MinIO.
	minio    string
	children *process.Group
	servers  []*http.Server
	ca       *pki.CA
	cluster  *cluster
	// guard is before an external server; nil without one.
	guard *guard

	// mu guards all, to which servers are added that start concurrently, and cert.
	mu   sync.Mutex
	all  []*process.Process
	cert *tls.Certificate
}

// Options describe the provider under test. Paths are relative to the root of the
// repository.
type Options struct {
	// Name of the provider.
	Name string
	// Program is its main package.
	Program string
	// CRDs are the directories of the CRDs that are installed.
	CRDs []string
	// Rights is the file of the policy that limits the provider's key on MinIO. If it
	// is empty, the provider uses the administrator's key.
	Rights string
	// Kinds adds kinds to the scheme of the administrator's client.
	Kinds func(*runtime.Scheme) error
	// Storage holds environment variables of MinIO, besides its keys and its KMS.
	Storage []string
	// External is the server to use in place of a MinIO of the environment's own. No further
	// servers are started beside it.
	External *External
}

// Native returns the options for provider-minio.
func Native() Options {
	return Options{
		Name:    "provider",
		Program: "./provider",
		CRDs:    []string{"package/provider/crds"},
		Kinds:   miniov1alpha1.AddToScheme,
	}
}

// Start builds the programs that are not in the cache and starts everything except the
// provider. It reports its progress to out.
func Start(ctx context.Context, out io.Writer, o Options) (*Env, error) {
	repo, err := tools.RepoDir()
	if err != nil {
		return nil, err
	}

	minio, err := Release()
	if err != nil {
		return nil, err
	}

	names := []string{"kube"}
	if o.External == nil {
		names = append(names, minio)
	}

	programs, err := tools.Build(ctx, out, names...)
	if err != nil {
		return nil, err
	}

	dir, err := os.MkdirTemp("", "cistern-component-")
	if err != nil {
		return nil, fmt.Errorf("cannot create a directory: %w", err)
	}

	e := &Env{
		Options: o, Proxy: &Proxy{},
		dir: dir, binary: filepath.Join(repo, "_output", "bin", o.Name+"-race"), children: process.NewGroup(),
		minio: programs[minio],
	}

	if err := e.start(ctx, repo, programs["kube"]); err != nil {
		e.Close()

		return nil, err
	}

	return e, nil
}

func (e *Env) start(ctx context.Context, repo, kube string) error {
	var err error
	if e.ca, err = pki.NewCA("cistern-component"); err != nil {
		return err
	}

	g, gctx := errgroup.WithContext(ctx)

	g.Go(func() error { return e.build(gctx, repo) })
	g.Go(func() (err error) {
		if e.External != nil {
			e.Server, err = e.connect(gctx, e.External)
		} else {
			e.Server, err = e.startStorage(gctx, "minio", e.Storage...)
		}

		return err
	})
	g.Go(func() error { return e.startCluster(gctx, kube, repo) })

	if err := g.Wait(); err != nil {
		return err
	}

	if err := e.startProxies(); err != nil {
		return err
	}

	return e.configure(ctx, "default", e.Endpoint, e.Server)
}

// build builds the provider with the race detector.
func (e *Env) build(ctx context.Context, repo string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-race", "-buildvcs=false", "-tags=fips", "-o", e.binary, e.Program)
	cmd.Dir = repo
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")

	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot build the provider: %w\n%s", err, output)
	}

	return nil
}

// AddStorage starts another MinIO behind the proxy, with more environment variables, and
// creates a ClusterProviderConfig of the given name for it.
func (e *Env) AddStorage(ctx context.Context, name string, env ...string) (*Storage, error) {
	s, err := e.startStorage(ctx, name, env...)
	if err != nil {
		return nil, err
	}

	endpoint, err := e.proxyTo(s)
	if err != nil {
		return nil, err
	}

	return s, e.configure(ctx, name, endpoint, s)
}

// configure creates a ClusterProviderConfig for a server.
func (e *Env) configure(ctx context.Context, name, endpoint string, s *Storage) error {
	accessKey, secretKey, err := e.credentials(ctx, s)
	if err != nil {
		return err
	}

	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "minio-admin-" + name, Namespace: metav1.NamespaceDefault},
		StringData: map[string]string{
			miniov1alpha1.CredentialsKeyAccessKey: accessKey,
			miniov1alpha1.CredentialsKeySecretKey: secretKey,
		},
	}
	config := &miniov1alpha1.ClusterProviderConfig{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: miniov1alpha1.ProviderConfigSpec{
			Endpoint:    endpoint,
			Region:      region,
			Credentials: miniov1alpha1.Credentials{SecretRef: miniov1alpha1.ObjectReference{Name: secret.Name, Namespace: secret.Namespace}},
			CABundle:    &miniov1alpha1.CABundle{Inline: string(e.ca.Cert)},
		},
	}

	// The API server needs a moment to serve the kinds of new CRDs.
	return await.Until(ctx, "the API server to take the provider's configuration", func() error {
		return errors.Join(
			client.IgnoreAlreadyExists(e.Kube.Create(ctx, secret)),
			client.IgnoreAlreadyExists(e.Kube.Create(ctx, config)))
	})
}

// credentials returns the provider's key on a server.
func (e *Env) credentials(ctx context.Context, s *Storage) (accessKey, secretKey string, err error) {
	if e.Rights == "" {
		return s.AccessKey, s.SecretKey, nil
	}

	repo, err := tools.RepoDir()
	if err != nil {
		return "", "", err
	}

	policy, err := os.ReadFile(filepath.Join(repo, e.Rights))
	if err != nil {
		return "", "", fmt.Errorf("cannot read the provider's rights: %w", err)
	}

	key, err := s.AddServiceAccount(ctx, madmin.AddServiceAccountReq{Policy: policy})
	if err != nil {
		return "", "", fmt.Errorf("cannot create the provider's key: %w", err)
	}

	return key.AccessKey, key.SecretKey, nil
}

// run starts a process that Close ends.
func (e *Env) run(name string, env []string, argv ...string) (*process.Process, error) {
	p, err := e.children.Start(name, process.Options{
		Env: append(os.Environ(), env...), Dir: e.dir, Log: filepath.Join(e.dir, name+".log"),
	}, argv...)
	if err == nil {
		e.mu.Lock()
		defer e.mu.Unlock()

		e.all = append(e.all, p)
	}

	return p, err
}

// Close ends all processes and removes their data.
func (e *Env) Close() {
	for _, p := range e.all {
		p.Kill()
	}

	for _, s := range e.servers {
		if s != nil {
			_ = s.Close()
		}
	}

	e.children.Close()
	_ = os.RemoveAll(e.dir)
}
