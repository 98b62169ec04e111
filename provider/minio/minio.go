// Package minio builds the clients of a MinIO server, checks its health and classifies
// its errors. It knows nothing of Kubernetes.
package minio

import (
	"fmt"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/minio/madmin-go/v3"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// DefaultRegion is the region of a server if neither Config nor the server names one. Such a
// server accepts any.
const DefaultRegion = "us-east-1"

// Limits of the calls to a server if Config sets none. The CRDs have the same defaults.
const (
	DefaultTimeout          = 30 * time.Second
	DefaultMaxCallsInFlight = 32
)

// init makes madmin try each call once. By default it tries ten times, which hides for
// half a minute that a server does not answer, and may repeat an encrypted call. The
// number can be set for the whole process only.
func init() { madmin.MaxRetry = 1 } //nolint:gochecknoinits // See above.

// Config describes how to reach a server. Two equal Configs lead to the same server with
// the same credentials.
type Config struct {
	// Endpoint is the server's URL: scheme and host, nothing else.
	Endpoint string
	// PublicEndpoint is the URL that is published to the users of buckets.
	PublicEndpoint string
	// Region of the server; if it is empty, the one that the server reports. See
	// Server.PublishedRegion and Server.SigningRegion.
	Region string
	// AccessKey of an administrator.
	AccessKey string
	// SecretKey of that administrator.
	SecretKey Secret
	// CABundle holds certificate authorities to trust beside the public ones, in PEM.
	CABundle string
	// OnlyCABundle is set to trust the authorities in CABundle only, unless that is empty.
	OnlyCABundle bool
	// Timeout of one call. Zero means DefaultTimeout.
	Timeout time.Duration
	// MaxCallsInFlight is how many calls of S3 and Admin together may run at once. Further
	// calls wait. Zero means DefaultMaxCallsInFlight.
	MaxCallsInFlight int
}

// Option changes how the clients of a server work.
type Option func(*options)

// WithSnapshots allows BucketSnapshot to return metadata of up to an age. Without it, or if
// the age is zero, there are no snapshots.
func WithSnapshots(age time.Duration) Option { return func(opts *options) { opts.snapshotAge = age } }

type options struct {
	observe     Observer
	snapshotAge time.Duration
}

// WithObserver calls an observer after each call to the server.
func WithObserver(o Observer) Option { return func(opts *options) { opts.observe = o } }

// Server holds the clients of a MinIO server. It is safe for concurrent use.
type Server struct {
	Config

	// Admin is the client of MinIO's administration API.
	Admin *madmin.AdminClient
	// CACertificates are those of the CA bundle to hand to users of buckets, PEM.
	CACertificates string

	// s3 is the client of the S3 API for a region.
	s3        atomic.Pointer[regionalS3]
	transport *transport
	snapshot  snapshot
	// public guards the calls to endpoints other than the server's own.
	public gate
	// state is what the last Check found.
	state atomic.Pointer[state]
	// known holds the deployment IDs that the server may have; nil if any will do.
	known atomic.Pointer[[]string]
	// background is the Check that runs in the background, if any.
	background background
}

// New returns the clients of the server that a Config describes. It makes no call.
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

	admin, err := madmin.NewWithOptions(u.Host, &madmin.Options{Creds: creds, Secure: u.Scheme == "https", Transport: genuine{rt}})
	if err != nil {
		return nil, fmt.Errorf("cannot create an administration client for endpoint %q: %w", c.Endpoint, err)
	}

	s := &Server{
		Config: c, Admin: admin, CACertificates: certificates(c.CABundle),
		transport: rt, snapshot: snapshot{age: o.snapshotAge},
	}

	if err := s.signS3(s.SigningRegion()); err != nil {
		return nil, err
	}

	return s, nil
}

// Close closes idle connections. Running calls are not affected.
func (s *Server) Close() { s.transport.CloseIdleConnections() }
