package platform

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"github.com/cistern-dev/cistern/package/image"
	"github.com/cistern-dev/cistern/test/dev/platform/pki"
)

//go:embed manifests/minio.yaml
var minioManifest string

// minioNames are the host names of MinIO, in the cluster and on this machine.
var minioNames = []string{"minio", "minio.minio", "minio.minio.svc", "minio.minio.svc.cluster.local", "localhost", "127.0.0.1"}

// MinIOKMSKey is the name of the one key of the KMS that is built into MinIO.
const MinIOKMSKey = "cistern"

// minio describes MinIO: what differs between a local and an existing cluster. Its
// data is on a volume, and outlives the pod.
type minio struct {
	// Image is the reference of its image in the cluster.
	Image string
	// ClusterIP is the address of its Service; if empty, the cluster chooses one.
	ClusterIP string
	// VolumeDir is the directory of the node for its data; if empty, the cluster's
	// default storage class provides a volume.
	VolumeDir string
}

// install installs MinIO with new keys and certificates, waits until it serves,
// and writes its URL and CA to files in the output directory.
func (m minio) install(ctx context.Context, outputDir string, p *Platform) error {
	manifests, ca, err := m.render(p.Owner())
	if err != nil {
		return err
	}
	// Client-side apply would repeat the Secrets in an annotation.
	if _, err := p.Kubectl(ctx, manifests, "apply", "--server-side", "--filename=-"); err != nil {
		return fmt.Errorf("cannot create MinIO: %w", err)
	}

	if _, err := p.Kubectl(ctx, "", "--namespace=minio", "rollout", "status", "deployment/minio",
		"--timeout=3m"); err != nil {
		return fmt.Errorf("cannot start MinIO: %w", err)
	}

	for file, content := range map[string][]byte{minioURLFile: []byte(p.MinIOURL + "\n"), minioCAFile: ca} {
		if err := os.WriteFile(filepath.Join(outputDir, file), content, 0o644); err != nil {
			return fmt.Errorf("cannot write MinIO's URL and CA: %w", err)
		}
	}

	return nil
}

// render returns MinIO's manifests with the label of their owner, and the
// certificate of its CA.
func (m minio) render(owner string) (manifests string, caCert []byte, err error) {
	ca, err := pki.NewCA("cistern-minio")
	if err != nil {
		return "", nil, err
	}

	server, err := ca.Server("minio", minioNames...)
	if err != nil {
		return "", nil, err
	}

	t, err := template.New("minio.yaml").Parse(minioManifest)
	if err != nil {
		return "", nil, fmt.Errorf("cannot parse MinIO's manifests: %w", err)
	}

	var b bytes.Buffer

	err = t.Execute(&b, map[string]string{
		"Owner":     strings.Replace(owner, "=", ": ", 1),
		"AccessKey": "admin-" + strings.ToLower(rand.Text()[:10]),
		"SecretKey": rand.Text() + rand.Text()[:14], // 40 characters, MinIO's limit
		"KMSKey":    MinIOKMSKey + ":" + base64.StdEncoding.EncodeToString(newKey()),
		"CA":        indent(ca.Cert),
		"Cert":      base64.StdEncoding.EncodeToString(server.Cert),
		"Key":       base64.StdEncoding.EncodeToString(server.Key),
		"ClusterIP": m.ClusterIP,
		"Image":     m.Image,
		"User":      image.NonRoot,
		"VolumeDir": m.VolumeDir,
	})
	if err != nil {
		return "", nil, fmt.Errorf("cannot render MinIO's manifests: %w", err)
	}

	return b.String(), ca.Cert, nil
}

// newKey returns a key for MinIO's KMS: 32 random bytes.
func newKey() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails

	return key
}

// indent indents text as a block of YAML below a key of the first level.
func indent(text []byte) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", "\n    ")
}

// waitForMinIO returns when MinIO answers at its URL.
func (p *Platform) waitForMinIO(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()

	for {
		err := p.pingMinIO(ctx)
		if err == nil {
			return nil
		}

		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// pingMinIO returns an error unless MinIO's liveness probe succeeds over TLS.
func (p *Platform) pingMinIO(ctx context.Context) error {
	ca, err := os.ReadFile(p.MinIOCAFile)
	if err != nil {
		return fmt.Errorf("cannot read MinIO's CA: %w", err)
	}

	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)

	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.MinIOURL+"/minio/health/live", nil)
	if err != nil {
		return fmt.Errorf("cannot make a request for MinIO: %w", err)
	}

	res, err := transport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("cannot reach MinIO at %s: %w", p.MinIOURL, err)
	}

	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("cannot reach MinIO at %s: %s", p.MinIOURL, res.Status)
	}

	return nil
}
