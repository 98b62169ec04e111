// Package api connects tests to a platform: to Kubernetes, and to MinIO with the
// keys of a tenant or of the administrator.
package api

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/dev/platform"
)

// Config returns the REST configuration of the platform's cluster, for an administrator.
func Config(p *platform.Platform) (*rest.Config, error) {
	cfg, err := clientcmd.BuildConfigFromFlags("", p.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("cannot read %q: %w", p.Kubeconfig, err)
	}

	// Tests poll often, and must not be slowed down by the client.
	cfg.QPS, cfg.Burst = -1, -1

	return cfg, nil
}

// Kubernetes returns a client of the platform's cluster for an administrator. Its scheme
// has Cistern's kinds.
func Kubernetes(p *platform.Platform) (client.WithWatch, error) {
	cfg, err := Config(p)
	if err != nil {
		return nil, err
	}

	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, miniov1alpha1.AddToScheme} {
		if err := add(s); err != nil {
			return nil, fmt.Errorf("cannot build the scheme: %w", err)
		}
	}

	gv := tenantv1alpha1.BucketKind.GroupVersion()
	s.AddKnownTypes(gv, &tenantv1alpha1.Bucket{})
	metav1.AddToGroupVersion(s, gv)

	return client.NewWithWatch(cfg, client.Options{Scheme: s})
}

// BucketInfo reads the BucketInfo document from the Secret of a claim's user. The
// claim's own credentials have an empty user.
func BucketInfo(ctx context.Context, kube client.Client, namespace, claim, user string) (tenantv1alpha1.BucketInfo, error) {
	var info tenantv1alpha1.BucketInfo

	s := &corev1.Secret{}
	if err := kube.Get(ctx, types.NamespacedName{Namespace: namespace, Name: tenantv1alpha1.SecretNameFor(claim, user)}, s); err != nil {
		return info, fmt.Errorf("cannot get the tenant's Secret: %w", err)
	}

	if err := json.Unmarshal(s.Data[tenantv1alpha1.BucketInfoKey], &info); err != nil {
		return info, fmt.Errorf("cannot decode %s of Secret %q: %w", tenantv1alpha1.BucketInfoKey, s.Name, err)
	}

	return info, nil
}

// Tenant returns an S3 client with the endpoint and the key of a tenant's BucketInfo.
func Tenant(p *platform.Platform, info tenantv1alpha1.BucketInfo) (*miniogo.Client, error) {
	s3 := info.Spec.SecretS3

	return S3(p, s3.Endpoint, s3.AccessKeyID, s3.AccessSecretKey)
}

// S3 returns an S3 client of an endpoint inside the platform. Without keys its requests
// are anonymous.
func S3(p *platform.Platform, endpoint, accessKey, secretKey string) (*miniogo.Client, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, fmt.Errorf("cannot use endpoint %q: %w", endpoint, err)
	}

	transport, err := Transport(p)
	if err != nil {
		return nil, err
	}

	return miniogo.New(u.Host, &miniogo.Options{
		Creds:      credentials.NewStaticV4(accessKey, secretKey, ""),
		Secure:     u.Scheme == "https",
		Transport:  transport,
		MaxRetries: 1,
	})
}

// Admin is a client of MinIO with the administrator's keys, for the administration API
// and for S3.
type Admin struct {
	*madmin.AdminClient
	S3 *miniogo.Client
}

// NewAdmin returns a client with the keys of Secret minio-admin in namespace minio.
func NewAdmin(ctx context.Context, p *platform.Platform, kube client.Client) (*Admin, error) {
	s := &corev1.Secret{}
	if err := kube.Get(ctx, types.NamespacedName{Namespace: "minio", Name: "minio-admin"}, s); err != nil {
		return nil, fmt.Errorf("cannot get the administrator's keys: %w", err)
	}

	accessKey, secretKey := string(s.Data[miniov1alpha1.CredentialsKeyAccessKey]), string(s.Data[miniov1alpha1.CredentialsKeySecretKey])

	s3, err := S3(p, platform.MinIOInsideURL, accessKey, secretKey)
	if err != nil {
		return nil, err
	}

	admin, err := AdminAPI(p, accessKey, secretKey)
	if err != nil {
		return nil, err
	}

	return &Admin{AdminClient: admin, S3: s3}, nil
}

// AdminAPI returns a client of MinIO's administration API with the given keys.
func AdminAPI(p *platform.Platform, accessKey, secretKey string) (*madmin.AdminClient, error) {
	u, err := url.Parse(platform.MinIOInsideURL)
	if err != nil {
		return nil, err
	}

	transport, err := Transport(p)
	if err != nil {
		return nil, err
	}

	return madmin.NewWithOptions(u.Host, &madmin.Options{
		Creds:     credentials.NewStaticV4(accessKey, secretKey, ""),
		Secure:    true,
		Transport: transport,
	})
}

// Transport returns a transport for URLs that are valid inside the platform. It always
// connects to MinIO's address on this machine, and verifies the certificate against the
// host of the URL.
func Transport(p *platform.Platform) (*http.Transport, error) {
	outside, err := url.Parse(p.MinIOURL)
	if err != nil {
		return nil, fmt.Errorf("cannot use MinIO's URL %q: %w", p.MinIOURL, err)
	}

	pem, err := os.ReadFile(p.MinIOCAFile)
	if err != nil {
		return nil, fmt.Errorf("cannot read MinIO's CA: %w", err)
	}

	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%q holds no certificate", p.MinIOCAFile)
	}

	return &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, outside.Host)
		},
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
	}, nil
}
