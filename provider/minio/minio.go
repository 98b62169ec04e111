// Package minio builds the clients of a MinIO server and tells its errors
// apart. It knows nothing of Kubernetes.
package minio

import (
	"fmt"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// DefaultRegion signs the requests to a server whose region nobody named. It is
// the region of a MinIO server that was not given one.
const DefaultRegion = "us-east-1"

// What bounds the calls to a server of which nobody said it; the CRD's defaults.
const (
	DefaultTimeout          = 30 * time.Second
	DefaultMaxCallsInFlight = 32
)

// init keeps madmin from trying a call again. Its default is ten times, which
// hides a server that is away for half a minute and may repeat an encrypted
// call; it can be set for the process only.
func init() { madmin.MaxRetry = 1 } //nolint:gochecknoinits // See above.

// Config says how to reach a server. Two equal Configs lead to the same server
// with the same credentials.
type Config struct {
	// Endpoint is the server's URL: scheme and host, nothing else.
	Endpoint string
	// PublicEndpoint is the URL to hand to users of buckets.
	PublicEndpoint string
	// Region to hand to users of buckets; may be empty.
	Region string
	// AccessKey of an administrator.
	AccessKey string
	// SecretKey of that administrator.
	SecretKey Secret
	// CABundle holds the certificate authorities to trust, PEM. If it is empty
	// those of the system are trusted.
	CABundle string
	// Timeout of one call; zero means DefaultTimeout.
	Timeout time.Duration
	// MaxCallsInFlight is how many calls may be under way at once, of S3 and Admin
	// together. Further ones wait. Zero means DefaultMaxCallsInFlight.
	MaxCallsInFlight int
}

// Option changes how a server is driven.
type Option func(*options)

// WithSnapshots has BucketSnapshot answer with what is not older than an age.
func WithSnapshots(age time.Duration) Option { return func(opts *options) { opts.lookAge = age } }

type options struct {
	observe Observer
	lookAge time.Duration
}

// WithObserver tells an observer of each call to the server.
func WithObserver(o Observer) Option { return func(opts *options) { opts.observe = o } }

// Server is a MinIO server that can be driven. It is safe for concurrent use.
type Server struct {
	Config

	// S3 is the client of the S3 API.
	S3 *miniogo.Client
	// Admin is the client of MinIO's own administration API.
	Admin *madmin.AdminClient
	// CACertificates are those of the CA bundle to hand to users of buckets, PEM.
	CACertificates string

	transport *transport
	look      look
	verdict   atomic.Pointer[Health]
}

// New returns the server that a Config leads to. It makes no call.
func New(c Config, opts ...Option) (*Server, error) {
	o := options{}
	for _, opt := range opts {
		opt(&o)
	}

	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("endpoint %q is not a URL like https://minio.example.org:9000", c.Endpoint)
	}

	rt, err := newTransport(c, o.observe)
	if err != nil {
		return nil, err
	}

	creds := credentials.NewStaticV4(c.AccessKey, c.SecretKey.Reveal(), "")
	secure := u.Scheme == "https"

	s3, err := miniogo.New(u.Host, &miniogo.Options{
		Creds:        creds,
		Secure:       secure,
		Transport:    rt,
		Region:       c.signingRegion(),
		BucketLookup: miniogo.BucketLookupPath,
		MaxRetries:   1,
	})
	if err != nil {
		return nil, fmt.Errorf("cannot make an S3 client of endpoint %q: %w", c.Endpoint, err)
	}

	admin, err := madmin.NewWithOptions(u.Host, &madmin.Options{Creds: creds, Secure: secure, Transport: rt})
	if err != nil {
		return nil, fmt.Errorf("cannot make an administration client of endpoint %q: %w", c.Endpoint, err)
	}

	return &Server{
		Config: c, S3: s3, Admin: admin, CACertificates: certificates(c.CABundle), transport: rt, look: look{age: o.lookAge},
	}, nil
}

// Close lets go of idle connections. Calls in flight end undisturbed.
func (s *Server) Close() { s.transport.CloseIdleConnections() }
