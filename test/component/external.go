package component

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
)

// External is a server that runs already. The environment uses it in place of a MinIO of its
// own, creates things on it that Tidy removes, and changes nothing that was there before.
type External struct {
	// URL is that of the S3 API.
	URL *url.URL
	// AccessKey and SecretKey are an administrator's.
	AccessKey, SecretKey string
	// CA is the authority that signed the server's certificate, in PEM; empty for a public one.
	CA []byte
}

// ExternalFromEnvironment returns the server of MINIO_URL, with the keys of MINIO_ROOT_USER and
// MINIO_ROOT_PASSWORD and the authority in the file MINIO_CA, or nil if MINIO_URL is not set.
func ExternalFromEnvironment() (*External, error) {
	text := os.Getenv("MINIO_URL")
	if text == "" {
		return nil, nil //nolint:nilnil // There is none.
	}

	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || (u.Path != "" && u.Path != "/") {
		return nil, errors.New("cannot use MINIO_URL: it must be like https://minio.example.org:9000, without a path")
	}

	x := &External{URL: u, AccessKey: os.Getenv("MINIO_ROOT_USER"), SecretKey: os.Getenv("MINIO_ROOT_PASSWORD")}
	if x.AccessKey == "" || x.SecretKey == "" {
		return nil, errors.New("cannot use MINIO_URL: set MINIO_ROOT_USER and MINIO_ROOT_PASSWORD to the keys of an administrator")
	}

	if file := os.Getenv("MINIO_CA"); file != "" {
		if x.CA, err = os.ReadFile(file); err != nil {
			return nil, fmt.Errorf("cannot read MINIO_CA: %w", err)
		}
	}

	return x, nil
}

// transport returns a transport to the server.
func (x *External) transport() (*http.Transport, error) {
	t := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}

	if len(x.CA) > 0 {
		t.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(x.CA) {
			return nil, errors.New("cannot use MINIO_CA: it holds no certificate in PEM")
		}
	}

	return t, nil
}

// connect returns the clients of an external server. They and the provider reach it through a
// guard on this machine.
func (e *Env) connect(ctx context.Context, x *External) (*Storage, error) {
	transport, err := x.transport()
	if err != nil {
		return nil, err
	}

	e.guard = newGuard(x.URL, transport)

	host, err := e.serve(e.guard)
	if err != nil {
		return nil, err
	}

	s, err := newClients(host, region, x.AccessKey, x.SecretKey)
	if err != nil {
		return nil, err
	}

	info, err := s.ServerInfo(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot use the server of MINIO_URL: %w", err)
	}

	if info.Region != "" && info.Region != region {
		return nil, fmt.Errorf("cannot use the server of MINIO_URL: its region is %s, and the tests need %s", info.Region, region)
	}

	if key, err := s.GetKeyStatus(ctx, ""); err == nil {
		s.KMSKey = key.KeyID
	}

	before, err := s.Inventory(ctx)
	if err != nil {
		return nil, err
	}

	e.guard.protect(before)

	return s, nil
}

// Tidy removes from an external server what was created there. It returns how many things it
// removed, and what remains and why, which is nothing unless objects are locked. The provider
// must have ended.
func (e *Env) Tidy(ctx context.Context) (removed int, remains []error) {
	for _, t := range e.guard.things() {
		switch err := e.Server.remove(ctx, t); {
		case err == nil:
			removed++
		case !absent(err):
			remains = append(remains, fmt.Errorf("%s %s: %w", t.kind, t.name, err))
		}
	}

	return removed, remains
}

// absent reports whether an error means that what was to be removed does not exist, because its
// test removed it, or the call that should have created it failed.
func absent(err error) bool {
	return slices.Contains([]string{"XMinioAdminNoSuchUser", "XMinioAdminNoSuchPolicy"}, madmin.ToErrorResponse(err).Code) ||
		miniogo.ToErrorResponse(err).Code == miniogo.NoSuchBucket
}

func (s *Storage) remove(ctx context.Context, t thing) error {
	switch t.kind {
	case kindUser:
		return s.RemoveUser(ctx, t.name)
	case kindPolicy:
		return s.RemoveCannedPolicy(ctx, t.name)
	default:
		return s.removeBucket(ctx, t.name)
	}
}

// removeBucket removes a bucket with its contents, except those whose lock cannot be lifted.
func (s *Storage) removeBucket(ctx context.Context, name string) error {
	err := s.S3.RemoveBucketWithOptions(ctx, name, miniogo.RemoveBucketOptions{ForceDelete: true})
	if err == nil || absent(err) {
		return err
	}

	// The server refuses that for a bucket with object locking.
	off := miniogo.LegalHoldDisabled

	for o := range s.S3.ListObjects(ctx, name, miniogo.ListObjectsOptions{WithVersions: true, Recursive: true}) {
		if o.Err != nil {
			return o.Err
		}

		_ = s.S3.PutObjectLegalHold(ctx, name, o.Key, miniogo.PutObjectLegalHoldOptions{VersionID: o.VersionID, Status: &off})
		_ = s.S3.RemoveObject(ctx, name, o.Key, miniogo.RemoveObjectOptions{VersionID: o.VersionID, GovernanceBypass: true})
	}

	return s.S3.RemoveBucket(ctx, name)
}
