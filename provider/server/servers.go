// Package server leads from a managed resource, by way of its ProviderConfig or
// ClusterProviderConfig, to the client of a MinIO server. It keeps one client per
// configuration, reports in each configuration's condition Ready whether the server can
// be used, and keeps configurations in use from being deleted.
package server

import (
	"context"
	"sync"
	"time"

	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
)

const (
	// referencesTTL is how long the Secrets and ConfigMaps that a configuration references
	// are taken as they were read. To read them in each reconcile would be most of the
	// provider's requests to the API server. A change of the configuration itself takes
	// effect at once.
	referencesTTL = 5 * time.Second

	// firstCheckWait is how long a reconcile waits for the first check of a server. A server
	// that works answers within milliseconds.
	firstCheckWait = time.Second

	// recheckUnreachable is how long a server that did not answer is not checked again for a
	// resource, and recheckWait how long a reconcile waits for that check.
	recheckUnreachable = 5 * time.Second
	recheckWait        = 250 * time.Millisecond

	// recheckUnusable is how long an unusable server is taken for one before a resource's
	// reconcile checks it again. It matters for provider-minio-extras, which has no
	// controller that checks servers.
	recheckUnusable = time.Minute

	// unusedTTL is how long the server of a deleted configuration is kept after its last
	// use. Resources that are being deleted with the configuration are retried every few
	// seconds, and each attempt counts as use.
	unusedTTL = time.Hour
)

// Servers returns the servers that provider configurations lead to. It keeps one for each
// configuration, so that connections are reused. It is safe for concurrent use.
type Servers struct {
	kube    client.Reader
	options []minio.Option
	now     func() time.Time

	mu    sync.Mutex
	cache map[ConfigKey]*cachedServer
}

// cachedServer is the server that a configuration leads to. The mutex of Servers guards
// its times and its version.
type cachedServer struct {
	*minio.Server

	// version of the configuration that led here, and when its references were read.
	version string
	read    time.Time
	// used is when a resource last asked for the server.
	used time.Time

	// checked is when the server was last checked for a resource, if recheckMu is held.
	recheckMu sync.Mutex
	checked   time.Time
}

// NewServers returns Servers that read configurations, Secrets and ConfigMaps through
// kube, and create each server with the given options.
func NewServers(kube client.Reader, opts ...minio.Option) *Servers {
	return &Servers{kube: kube, options: opts, now: time.Now, cache: make(map[ConfigKey]*cachedServer)}
}

// For returns the server that mg's provider configuration leads to. A change of the
// configuration takes effect at the next call, a change of what it references within
// seconds. A server that was never checked is checked first. For returns an error if the
// server must not be driven, and at once if it did not answer the last check: a call to it
// would hold a worker until it times out, and say no more than the check did. It returns a
// conflict, after which a reconcile is repeated in silence, if the first check takes long.
//
// While mg is being deleted, For returns also a server that must not be driven, unless it is
// another one than before. If the configuration cannot be read, it then returns the server
// of an earlier call: when a namespace is deleted, its ProviderConfig and credentials may go
// before the resources that need them.
func (s *Servers) For(ctx context.Context, mg resource.ModernManaged) (*minio.Server, error) {
	ref := mg.GetProviderConfigReference()
	if ref == nil {
		return nil, errors.New("spec.providerConfigRef is not set")
	}

	key := ConfigKeyOf(mg)

	srv, err := s.lookup(ctx, key, referencesTTL)
	if err != nil && meta.WasDeleted(mg) {
		if last := s.last(key); last != nil {
			srv, err = last, nil
		}
	}

	if err != nil {
		return nil, err
	}

	s.markUsed(srv)

	if err := srv.unreachable(ctx, s.now()); err != nil {
		return srv.Server, errors.Wrapf(err, "cannot use %s %q", ref.Kind, ref.Name)
	}

	// What has the name of the resource's own on another server is not the resource's.
	if meta.WasDeleted(mg) && srv.Health() != minio.Changed {
		return srv.Server, nil
	}

	return srv.Server, errors.Wrapf(srv.unusable(ctx, s.now()), "cannot use %s %q", ref.Kind, ref.Name)
}

// lookup returns the server that a configuration leads to: the cached one if the
// configuration is unchanged and its references were read less than maxAge ago, otherwise
// one that is built from what they hold now.
func (s *Servers) lookup(ctx context.Context, key ConfigKey, maxAge time.Duration) (*cachedServer, error) {
	spec, version, ids, err := s.readConfig(ctx, key)
	if err != nil {
		return nil, err
	}

	srv := s.cached(key, version, maxAge)
	if srv == nil {
		if srv, err = s.build(ctx, key, spec, version); err != nil {
			return nil, errors.Wrapf(err, "cannot use %s %q", key.kind, key.name)
		}
	}

	srv.Expect(ids...)

	return srv, nil
}

// cached returns the server of a configuration's version if its references were read less
// than maxAge ago, or nil.
func (s *Servers) cached(key ConfigKey, version string, maxAge time.Duration) *cachedServer {
	s.mu.Lock()
	defer s.mu.Unlock()

	srv := s.cache[key]
	if srv == nil || srv.version != version || s.now().Sub(srv.read) >= maxAge {
		return nil
	}

	return srv
}

// build reads what a configuration references and returns the server that it leads to.
// It keeps the existing server, with its connections, unless something has changed.
func (s *Servers) build(ctx context.Context, key ConfigKey, spec miniov1alpha1.ProviderConfigSpec, version string) (*cachedServer, error) {
	conf, err := s.resolve(ctx, spec, key.namespace)
	if err != nil {
		return nil, err
	}

	s.mu.Lock()
	defer s.mu.Unlock()

	srv, found := s.cache[key]
	if !found || srv.Config != conf {
		made, err := minio.New(conf, s.options...)
		if err != nil {
			return nil, err
		}

		next := &cachedServer{Server: made}
		if found {
			next.used = srv.used
			srv.Close()
		}

		srv = next
		s.cache[key] = srv
	}

	srv.version, srv.read = version, s.now()

	return srv, nil
}

// last returns the server that a configuration led to at the last successful lookup, or
// nil.
func (s *Servers) last(key ConfigKey) *cachedServer {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.cache[key]
}

// markUsed records that a resource uses a server now.
func (s *Servers) markUsed(srv *cachedServer) {
	s.mu.Lock()
	defer s.mu.Unlock()

	srv.used = s.now()
}

// evict closes and drops the server of a deleted configuration, unless a resource used it
// within unusedTTL. It reports whether nothing is kept of the configuration any more.
func (s *Servers) evict(key ConfigKey) bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	srv, found := s.cache[key]
	if !found {
		return true
	}

	if s.now().Sub(srv.used) < unusedTTL {
		return false
	}

	srv.Close()
	delete(s.cache, key)

	return true
}

// unreachable returns an error if the server did not answer the last check, or has not
// answered the first one yet. It has the server checked if it was not, or too long ago.
func (s *cachedServer) unreachable(ctx context.Context, now time.Time) error {
	switch s.Health() {
	case minio.Unknown:
		s.recheck(ctx, now, 0, firstCheckWait)
	case minio.Unreachable:
		s.recheck(ctx, now, recheckUnreachable, recheckWait)
	default:
	}

	switch s.Health() {
	case minio.Unknown:
		return kerrors.NewConflict(schema.GroupResource{Group: miniov1alpha1.Group}, s.Endpoint, errors.New("the server has not answered its first check yet"))
	case minio.Unreachable:
		return s.Failure()
	default:
		return nil
	}
}

// unusable returns an error if the server must not be driven. It has the server checked if
// that was found too long ago.
func (s *cachedServer) unusable(ctx context.Context, now time.Time) error {
	if s.Unusable() != nil {
		s.recheck(ctx, now, recheckUnusable, firstCheckWait)
	}

	return s.Unusable()
}

// recheck has the server checked, unless it was checked for a resource less than after ago.
// Only the caller that starts the check waits for its end, at most for the given time; before
// the first check has ended, all callers do.
func (s *cachedServer) recheck(ctx context.Context, now time.Time, after, wait time.Duration) {
	s.recheckMu.Lock()
	early := now.Sub(s.checked) < after

	if !early {
		s.checked = now
	}

	s.recheckMu.Unlock()

	if early {
		return
	}

	select {
	case <-s.CheckInBackground():
	case <-ctx.Done():
	case <-time.After(wait):
	}
}
