package component

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/process"
)

const (
	region = "us-east-1"
	// KMSKey is the name of the only key of MinIO's built-in KMS.
	KMSKey = "component-key"
)

// Storage is a MinIO server with its administrator's clients.
type Storage struct {
	*madmin.AdminClient
	S3 *miniogo.Client

	// AccessKey and SecretKey are the administrator's.
	AccessKey, SecretKey string
	// KMSKey is the name of a key of the server's KMS; empty if it has none.
	KMSKey string

	url    *url.URL
	region string
	// transport is the proxy's.
	transport *http.Transport
}

// startStorage starts a MinIO with one drive and a KMS.
func (e *Env) startStorage(ctx context.Context, name string, env ...string) (*Storage, error) {
	address, err := process.FreeAddress("127.0.0.1")
	if err != nil {
		return nil, err
	}

	kms, err := newKMS()
	if err != nil {
		return nil, err
	}

	s, p, err := e.startNode(name, address, append([]string{kms}, env...), e.dir+"/data-"+name)
	if err != nil {
		return nil, err
	}

	return s, s.ready(ctx, p)
}

// newKMS returns the environment variable of a KMS with a new key.
func newKMS() (string, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return "", fmt.Errorf("cannot generate a key: %w", err)
	}

	return "MINIO_KMS_SECRET_KEY=" + KMSKey + ":" + base64.StdEncoding.EncodeToString(key), nil
}

// startNode starts a MinIO, or a node of one, and does not wait for it.
func (e *Env) startNode(name, address string, env []string, drives ...string) (*Storage, *process.Process, error) {
	own := region

	for _, v := range env {
		if r, set := strings.CutPrefix(v, "MINIO_SITE_REGION="); set {
			own = r
		}
	}

	s, err := newClients(address, own, "component-admin", "component-admin-secret")
	if err != nil {
		return nil, nil, err
	}

	s.KMSKey = KMSKey

	p, err := e.run(name, append([]string{
		"MINIO_ROOT_USER=" + s.AccessKey, "MINIO_ROOT_PASSWORD=" + s.SecretKey,
		// MinIO otherwise requires a separate drive of a minimum size.
		"MINIO_CI_CD=1",
		"MINIO_BROWSER=off", "MINIO_UPDATE=off",
	}, env...), append([]string{e.minio, "server", "--quiet", "--address", address}, drives...)...)
	if err != nil {
		return nil, nil, err
	}

	return s, p, nil
}

// newClients returns an administrator's clients of the server at an address, without TLS.
func newClients(address, region, accessKey, secretKey string) (*Storage, error) {
	s := &Storage{
		url: &url.URL{Scheme: "http", Host: address}, region: region,
		AccessKey: accessKey, SecretKey: secretKey,
		transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
	}

	var err error
	if s.S3, err = s.Client(accessKey, secretKey); err != nil {
		return nil, err
	}

	creds := credentials.NewStaticV4(accessKey, secretKey, "")
	if s.AdminClient, err = madmin.NewWithOptions(address, &madmin.Options{Creds: creds}); err != nil {
		return nil, fmt.Errorf("cannot create an administration client: %w", err)
	}

	return s, nil
}

// ready waits until the server answers, also about users and policies, which it loads later.
func (s *Storage) ready(ctx context.Context, p *process.Process) error {
	return await.Until(ctx, "MinIO to be ready", func() error {
		if err := p.Ended(); err != nil {
			return err
		}

		_, err := s.S3.ListBuckets(ctx)
		_, errIAM := s.ListCannedPolicies(ctx)

		return errors.Join(err, errIAM)
	})
}

// URL returns the server's own URL, which bypasses the proxy.
func (s *Storage) URL() string { return s.url.String() }

// Client returns an S3 client with the given key.
func (s *Storage) Client(accessKey, secretKey string) (*miniogo.Client, error) {
	c, err := miniogo.New(s.url.Host, &miniogo.Options{
		Creds:      credentials.NewStaticV4(accessKey, secretKey, ""),
		Region:     s.region,
		MaxRetries: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("cannot create an S3 client: %w", err)
	}

	return c, nil
}

// Inventory holds the sorted names of everything on a server. Access keys are written
// as user/key.
type Inventory struct {
	Buckets, Users, Policies, AccessKeys []string
}

// Inventory lists everything on the server.
func (s *Storage) Inventory(ctx context.Context) (Inventory, error) {
	var i Inventory

	buckets, err := s.S3.ListBuckets(ctx)
	if err != nil {
		return i, fmt.Errorf("cannot list buckets: %w", err)
	}

	for _, b := range buckets {
		i.Buckets = append(i.Buckets, b.Name)
	}

	policies, err := s.ListCannedPolicies(ctx)
	if err != nil {
		return i, fmt.Errorf("cannot list policies: %w", err)
	}

	i.Policies = slices.Sorted(maps.Keys(policies))

	users, err := s.ListUsers(ctx)
	if err != nil {
		return i, fmt.Errorf("cannot list users: %w", err)
	}

	i.Users = slices.Sorted(maps.Keys(users))

	for _, u := range i.Users {
		keys, err := s.ListServiceAccounts(ctx, u)
		if err != nil {
			return i, fmt.Errorf("cannot list the access keys of user %q: %w", u, err)
		}

		for _, k := range keys.Accounts {
			i.AccessKeys = append(i.AccessKeys, u+"/"+k.AccessKey)
		}
	}

	slices.Sort(i.AccessKeys)

	return i, nil
}
