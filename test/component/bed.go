// Package component is a test bed for the provider alone: a real API server and a
// real MinIO, the provider as a process of its own, and between them a wire that
// knows every call and can end the provider at any. All are plain child
// processes of the test, without root and without containers. There is no
// Crossplane and no kubelet: what they do, package e2e tests.
package component

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
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
)

// Bed is a running test bed.
type Bed struct {
	// Kube is an administrator of the API server. It does not use the wire.
	Kube client.Client
	// Server is MinIO. Its clients do not use the wire.
	Server *Storage
	// Wire is between the provider and both.
	Wire *Wire
	// Endpoint is MinIO's URL for the provider, on the wire.
	Endpoint string

	Options

	dir      string
	binary   string
	config   string
	children *children
	servers  []*http.Server
	ca       *pki.CA
	cluster  *cluster

	// mu guards all, to which servers are added that start at the same time.
	mu  sync.Mutex
	all []*process
}

// Options say what a bed is made for. Paths are relative to the root of the clone.
type Options struct {
	// Name of the provider.
	Name string
	// Program is the package of its program.
	Program string
	// CRDs are the directories of the kinds that there are.
	CRDs []string
	// Rights is the file of the policy that limits what the provider may do on
	// MinIO; an administrator's rights if it is empty.
	Rights string
	// Kinds add to what the administrator's client knows.
	Kinds func(*runtime.Scheme) error
	// Storage is what MinIO finds in its environment besides its keys and its KMS.
	Storage []string
}

// Native are the options for provider-minio.
func Native() Options {
	return Options{Name: "provider", Program: "./provider", CRDs: []string{"package/provider/crds"}, Kinds: miniov1alpha1.AddToScheme}
}

// Start builds what is not in the cache and starts everything but the provider.
// What it does is told to out.
func Start(ctx context.Context, out io.Writer, o Options) (*Bed, error) {
	repo, err := tools.RepoDir()
	if err != nil {
		return nil, err
	}

	programs, err := tools.Build(ctx, out, "kube", "minio")
	if err != nil {
		return nil, err
	}

	dir, err := os.MkdirTemp("", "cistern-direct-")
	if err != nil {
		return nil, fmt.Errorf("cannot make a directory: %w", err)
	}

	b := &Bed{Options: o, dir: dir, Wire: &Wire{}, children: newChildren(dir), binary: filepath.Join(repo, "_output", "bin", o.Name+"-race")}

	if err := b.start(ctx, repo, programs); err != nil {
		b.Close()

		return nil, err
	}

	return b, nil
}

func (b *Bed) start(ctx context.Context, repo string, programs map[string]string) error {
	var err error
	if b.ca, err = pki.NewCA("cistern-direct"); err != nil {
		return err
	}

	g, gctx := errgroup.WithContext(ctx)

	g.Go(func() error { return b.build(gctx, repo) })
	g.Go(func() (err error) {
		b.Server, err = b.startStorage(gctx, "minio", programs["minio"], b.Storage...)

		return err
	})
	g.Go(func() error { return b.startCluster(gctx, programs["kube"], repo) })

	if err := g.Wait(); err != nil {
		return err
	}

	if err := b.openWire(); err != nil {
		return err
	}

	return b.configure(ctx, "default", b.Endpoint, b.Server)
}

// build builds the provider with Go's race detector in it.
func (b *Bed) build(ctx context.Context, repo string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-race", "-tags=fips", "-o", b.binary, b.Program)
	cmd.Dir = repo
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")

	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot build the provider: %w\n%s", err, output)
	}

	return nil
}

// openWire puts the proxies between the provider and its servers: to MinIO with
// a certificate that only the provider configuration vouches for, to Kubernetes
// as a user of its own.
func (b *Bed) openWire() error {
	var err error
	if b.Endpoint, err = b.wire(b.Server); err != nil {
		return err
	}

	transport, err := b.cluster.transport(b.ca)
	if err != nil {
		return err
	}

	host, err := b.serve(b.Wire.proxy(&url.URL{Scheme: "https", Host: b.cluster.host}, transport, kubernetesCall), nil)
	if err != nil {
		return err
	}

	b.config, err = writeKubeconfig(b.dir, "http://"+host)

	return err
}

// wire puts a proxy before a MinIO and returns its URL.
func (b *Bed) wire(s *Storage) (string, error) {
	cert, err := serverCertificate(b.ca)
	if err != nil {
		return "", err
	}

	host, err := b.serve(b.Wire.proxy(s.url, &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}, minioCall), cert)

	return "https://" + host, err
}

// AddStorage starts another MinIO, on the wire as well, with more in its
// environment, and a ClusterProviderConfig of its name that leads to it.
func (b *Bed) AddStorage(ctx context.Context, name string, env ...string) (*Storage, error) {
	programs, err := tools.Build(ctx, io.Discard, "minio")
	if err != nil {
		return nil, err
	}

	s, err := b.startStorage(ctx, name, programs["minio"], env...)
	if err != nil {
		return nil, err
	}

	endpoint, err := b.wire(s)
	if err != nil {
		return nil, err
	}

	return s, b.configure(ctx, name, endpoint, s)
}

// configure makes a provider configuration that leads to a server.
func (b *Bed) configure(ctx context.Context, name, endpoint string, s *Storage) error {
	accessKey, secretKey, err := b.credentials(ctx, s)
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
			CABundle:    &miniov1alpha1.CABundle{Inline: string(b.ca.Cert)},
		},
	}

	// The API server takes a moment to serve the kinds of new CRDs.
	return await.Until(ctx, "the API server to take the provider's configuration", func() error {
		return errors.Join(
			client.IgnoreAlreadyExists(b.Kube.Create(ctx, secret)),
			client.IgnoreAlreadyExists(b.Kube.Create(ctx, config)))
	})
}

// credentials returns those that the provider has on a server.
func (b *Bed) credentials(ctx context.Context, s *Storage) (accessKey, secretKey string, err error) {
	if b.Rights == "" {
		return s.AccessKey, s.SecretKey, nil
	}

	repo, err := tools.RepoDir()
	if err != nil {
		return "", "", err
	}

	policy, err := os.ReadFile(filepath.Join(repo, b.Rights))
	if err != nil {
		return "", "", fmt.Errorf("cannot read the provider's rights: %w", err)
	}

	key, err := s.AddServiceAccount(ctx, madmin.AddServiceAccountReq{Policy: policy})
	if err != nil {
		return "", "", fmt.Errorf("cannot make the provider's key: %w", err)
	}

	return key.AccessKey, key.SecretKey, nil
}

// run starts a process that ends with the bed.
func (b *Bed) run(name string, env []string, argv ...string) (*process, error) {
	p, err := b.children.start(name, env, argv...)
	if err == nil {
		b.mu.Lock()
		defer b.mu.Unlock()

		b.all = append(b.all, p)
	}

	return p, err
}

// Close ends everything and removes what it stored.
func (b *Bed) Close() {
	for _, p := range b.all {
		p.kill()
	}

	for _, s := range b.servers {
		_ = s.Close()
	}

	b.children.close()
	_ = os.RemoveAll(b.dir)
}

// freeAddress returns an address on loopback that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("cannot find a free port: %w", err)
	}
	defer l.Close()

	return l.Addr().String(), nil
}
