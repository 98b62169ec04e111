package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/signer"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/clients"
	"github.com/cistern-dev/cistern/test/dev/platform"
)

const (
	// workers is the number of concurrent reconciles of each kind in the provider.
	workers = 10
	// connections is the provider's limit of concurrent calls, and of connections
	// that it keeps.
	connections = 32

	region = "us-east-1"

	// emptyHash is the SHA-256 hash of an empty body.
	emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// baseline makes users and buckets on MinIO with its SDKs alone, without Kubernetes:
// the calls that the provider needs at least, in its order, and with as many
// workers. It is the upper limit for the speed of any provider that makes the same
// checks.
type baseline struct {
	s3        *miniogo.Client
	admin     *madmin.AdminClient
	transport *http.Transport
	// policy is a policy document that allows reading and writing the bucket photos.
	policy string

	pairs []pair
	calls atomic.Int64
}

// pair is a bucket, and a user with a key for it.
type pair struct{ bucket, user, secret string }

// newBaseline returns the baseline for n pairs.
func newBaseline(ctx context.Context, b *bench, n int) (*baseline, error) {
	if err := checkEncryption(); err != nil {
		return nil, err
	}

	policy, err := os.ReadFile(filepath.Join(b.repo, "provider", "user", "testdata", "read-write.json"))
	if err != nil {
		return nil, fmt.Errorf("cannot read the provider's policy document: %w", err)
	}

	keys := &corev1.Secret{}
	if err := b.kube.Get(ctx, client.ObjectKey{Namespace: "minio", Name: "minio-admin"}, keys); err != nil {
		return nil, fmt.Errorf("cannot read the administrator's keys: %w", err)
	}

	f := &baseline{policy: string(policy)}
	if f.transport, err = clients.Transport(b.platform); err != nil {
		return nil, err
	}

	f.transport.MaxIdleConns, f.transport.MaxIdleConnsPerHost, f.transport.DisableCompression = connections, connections, true

	creds := credentials.NewStaticV4(
		string(keys.Data[miniov1alpha1.CredentialsKeyAccessKey]), string(keys.Data[miniov1alpha1.CredentialsKeySecretKey]), "")
	counted := roundTripper(func(r *http.Request) (*http.Response, error) {
		f.calls.Add(1)

		return f.transport.RoundTrip(r)
	})
	host := strings.TrimPrefix(platform.MinIOInsideURL, "https://")

	if f.s3, err = miniogo.New(host, &miniogo.Options{
		Creds: creds, Secure: true, Transport: counted, Region: region, BucketLookup: miniogo.BucketLookupPath, MaxRetries: 1,
	}); err != nil {
		return nil, err
	}

	if f.admin, err = madmin.NewWithOptions(host, &madmin.Options{Creds: creds, Secure: true, Transport: counted}); err != nil {
		return nil, err
	}

	for i := range n {
		f.pairs = append(f.pairs, pair{
			bucket: fmt.Sprintf("%s-bare-%d", b.run, i), user: "BARE" + rand.Text()[:16], secret: (rand.Text() + rand.Text())[:40],
		})
	}

	return f, nil
}

// roundTripper is a function that carries out requests.
type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip carries out a request.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// checkEncryption returns an error unless this program encrypts requests as the
// provider does: the key derivation decides how long a call takes.
func checkEncryption() error {
	// The ID of the algorithm follows a salt of 32 bytes.
	const at, pbkdf2 = 32, 2

	if b, err := madmin.EncryptData("password", []byte("data")); err != nil || b[at] != pbkdf2 {
		return errors.Join(errors.New("this program was not built with `-tags fips`, as the provider is"), err)
	}

	return nil
}

// measure makes all pairs and removes them again. It returns how many pairs it made
// a second, and the number of calls for each.
func (f *baseline) measure(ctx context.Context) (rate, calls float64, err error) {
	defer f.transport.CloseIdleConnections()
	defer func() { err = errors.Join(err, f.remove(context.WithoutCancel(ctx))) }()

	began := time.Now()
	g := &errgroup.Group{}

	for _, kind := range []func(context.Context, pair) error{f.makeBucket, f.makeUser} {
		g.Go(func() error { return each(ctx, f.pairs, workers, kind) })
	}

	if err := g.Wait(); err != nil {
		return 0, 0, fmt.Errorf("cannot make bare calls: %w", err)
	}

	n := float64(len(f.pairs))

	return n / time.Since(began).Seconds(), float64(f.calls.Load()) / n, nil
}

// makeBucket checks that a bucket does not exist, makes it, and reads it.
func (f *baseline) makeBucket(ctx context.Context, p pair) error {
	if err := f.export(ctx, p.bucket, http.StatusNotFound); err != nil {
		return err
	}

	if err := f.s3.MakeBucket(ctx, p.bucket, miniogo.MakeBucketOptions{}); err != nil {
		return err
	}

	return f.export(ctx, p.bucket, http.StatusOK)
}

// export exports the metadata of a bucket, and checks the status of the response.
func (f *baseline) export(ctx context.Context, bucket string, status int) error {
	rsp, err := f.admin.ExecuteMethod(ctx, http.MethodGet, madmin.RequestData{
		RelPath: "/v3/export-bucket-metadata", QueryValues: url.Values{"bucket": {bucket}},
	})
	if err != nil {
		return err
	}

	return read(rsp, status)
}

// makeUser checks that a user does not exist, makes it with its policy, reads both,
// and checks its key.
func (f *baseline) makeUser(ctx context.Context, p pair) error {
	if _, err := f.admin.GetUserInfo(ctx, p.user); madmin.ToErrorResponse(err).Code != "XMinioAdminNoSuchUser" {
		return fmt.Errorf("user %s must not exist yet: %w", p.user, err)
	}

	document := strings.ReplaceAll(f.policy, ":::photos", ":::"+p.bucket)

	for _, step := range []func() error{
		func() error { return f.admin.AddCannedPolicy(ctx, p.user, []byte(document)) },
		func() error { return f.admin.AddUser(ctx, p.user, p.secret) },
		//nolint:staticcheck // The provider uses it, because its replacement is encrypted.
		func() error { return f.admin.SetPolicy(ctx, p.user, p.user, false) },
		func() error { _, err := f.admin.GetUserInfo(ctx, p.user); return err },
		func() error { _, err := f.admin.InfoCannedPolicyV2(ctx, p.user); return err },
		// Without a grant the status is 403, even if the bucket does not exist yet.
		func() error { return f.locate(ctx, p, p.bucket, http.StatusOK, http.StatusNotFound) },
		func() error { return f.locate(ctx, p, "not-granted", http.StatusForbidden) },
	} {
		if err := step(); err != nil {
			return err
		}
	}

	return nil
}

// locate requests a bucket's location with the key of a pair, and checks the status
// of the response.
func (f *baseline) locate(ctx context.Context, p pair, bucket string, statuses ...int) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, platform.MinIOInsideURL+"/"+bucket+"/?location=", nil)
	if err != nil {
		return err
	}

	req.Header.Set("X-Amz-Content-Sha256", emptyHash)
	f.calls.Add(1)

	rsp, err := f.transport.RoundTrip(signer.SignV4(*req, p.user, p.secret, "", region))
	if err != nil {
		return err
	}

	return read(rsp, statuses...)
}

// read reads a response to its end, so that its connection can be used again, and
// checks its status.
func read(rsp *http.Response, statuses ...int) error {
	defer rsp.Body.Close()

	if _, err := io.Copy(io.Discard, rsp.Body); err != nil {
		return err
	}

	if slices.Contains(statuses, rsp.StatusCode) {
		return nil
	}

	return fmt.Errorf("%s: %s", rsp.Request.URL.Path, rsp.Status)
}

// remove removes the pairs; those that were not made are no error.
func (f *baseline) remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	return each(ctx, f.pairs, workers, func(ctx context.Context, p pair) error {
		err := f.s3.RemoveBucket(ctx, p.bucket)
		if miniogo.ToErrorResponse(err).Code == miniogo.NoSuchBucket {
			err = nil
		}

		return errors.Join(err, ignoreUnknown(f.admin.RemoveUser(ctx, p.user)), ignoreUnknown(f.admin.RemoveCannedPolicy(ctx, p.user)))
	})
}

// ignoreUnknown returns err, or nil if it is that a user or policy does not exist.
func ignoreUnknown(err error) error {
	e := madmin.ErrorResponse{}
	if errors.As(err, &e) && strings.HasPrefix(e.Code, "XMinioAdminNoSuch") {
		return nil
	}

	return err
}
