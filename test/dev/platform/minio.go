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

// minioNames are the names under which MinIO is reached, inside and outside.
var minioNames = []string{"minio", "minio.minio", "minio.minio.svc", "minio.minio.svc.cluster.local", "localhost", "127.0.0.1"}

// MinIOKMSKey names the one key of MinIO's KMS, which is the server itself.
const MinIOKMSKey = "cistern"

// minio is what differs between MinIO here and there. Its data is on a volume,
// so that it outlives the pod.
type minio struct {
	// Image is MinIO's, as the cluster names it.
	Image string
	// ClusterIP is the address of its Service; empty leaves it to the cluster.
	ClusterIP string
	// VolumeDir is the directory of the node for its data; empty asks the
	// cluster's default storage class for a volume.
	VolumeDir string
}

// install creates MinIO with new keys and certificates, waits until it serves,
// and writes how to reach it to files in the output directory.
func (m minio) install(ctx context.Context, outputDir string, p *Platform) error {
	manifests, ca, err := m.render(p.Owner())
	if err != nil {
		return err
	}
	// Server-side, as otherwise an annotation would repeat the Secrets.
	if _, err := p.Kubectl(ctx, manifests, "apply", "--server-side", "--filename=-"); err != nil {
		return fmt.Errorf("cannot create MinIO: %w", err)
	}

	if _, err := p.Kubectl(ctx, "", "--namespace=minio", "rollout", "status", "deployment/minio",
		"--timeout=3m"); err != nil {
		return fmt.Errorf("cannot start MinIO: %w", err)
	}

	for file, content := range map[string][]byte{minioURLFile: []byte(p.MinIOURL + "\n"), minioCAFile: ca} {
		if err := os.WriteFile(filepath.Join(outputDir, file), content, 0o644); err != nil {
			return fmt.Errorf("cannot write how to reach MinIO: %w", err)
		}
	}

	return nil
}

// render returns MinIO's manifests, labelled with their owner, and the certificate
// of its CA.
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
		"SecretKey": rand.Text() + rand.Text()[:14], // 40 characters, MinIO's most
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

// newKey returns a key of 32 random bytes, what MinIO's KMS wants.
func newKey() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails

	return key
}

// indent makes text a block of YAML below a key of one level.
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

// pingMinIO asks MinIO whether it is alive, over TLS with its CA.
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
		return fmt.Errorf("cannot ask MinIO: %w", err)
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
