package server

import (
	"context"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
)

// keepUnused is how long the server of a configuration that is gone is kept
// after its last use. Whoever is being deleted with it is tried every few
// seconds and so keeps it.
const keepUnused = time.Hour

// Servers hands out the servers that provider configurations lead to, one for
// each configuration, so that connections are used again. It is safe for
// concurrent use.
type Servers struct {
	kube    client.Reader
	options []minio.Option
	now     func() time.Time

	mu    sync.Mutex
	cache map[configKey]*knownServer
}

// readAgain is how long what a configuration references is taken for what was read:
// reading it for each reconcile would be most of what the provider asks of the API
// server. A configuration that is changed itself is read at once.
const readAgain = 5 * time.Second

// configKey names a provider configuration.
type configKey struct{ kind, namespace, name string }

// knownServer is the server that a configuration leads to.
type knownServer struct {
	*minio.Server

	// version of the configuration, and when what it references was read last.
	version string
	read    time.Time
	// used is when a resource last asked for the server.
	used time.Time

	// first is held by whoever checks the server for the first time.
	first sync.Mutex
	// checked is when that was done last because a resource asked for the server.
	checked time.Time
}

// refusedFor is how long a server that must not be driven is taken for one without
// another look, where no controller checks servers.
const refusedFor = time.Minute

// NewServers returns Servers that read configurations, Secrets and ConfigMaps
// through kube and make each server with the given options.
func NewServers(kube client.Reader, opts ...minio.Option) *Servers {
	return &Servers{kube: kube, options: opts, now: time.Now, cache: make(map[configKey]*knownServer)}
}

// For returns the server that mg's provider configuration leads to. A change of
// the configuration takes effect at the next call, one of what it references within
// seconds.
// It is an error if the server was found to be one that must not be driven; a
// server that nobody checked yet is checked first.
//
// While mg is being deleted any server will do, and that of an earlier call if
// the configuration cannot be read: a namespace that is being deleted takes its
// ProviderConfig, or the Secret of that, before the resources that need it.
func (s *Servers) For(ctx context.Context, mg resource.ModernManaged) (*minio.Server, error) {
	ref := mg.GetProviderConfigReference()
	if ref == nil {
		return nil, errors.New("spec.providerConfigRef is not set")
	}

	key := configKey{kind: ref.Kind, name: ref.Name}
	if ref.Kind == miniov1alpha1.ProviderConfigKind.Kind {
		key.namespace = mg.GetNamespace()
	}

	srv, err := s.get(ctx, key, readAgain)
	if err != nil && meta.WasDeleted(mg) {
		srv, err = s.known(key, err)
	}

	if err != nil {
		return nil, err
	}

	s.use(srv)

	if meta.WasDeleted(mg) {
		return srv.Server, nil
	}

	return srv.Server, errors.Wrapf(srv.refusal(ctx, s.now()), "cannot use %s %q", ref.Kind, ref.Name)
}

// refusal returns an error if the server must not be driven.
func (s *knownServer) refusal(ctx context.Context, now time.Time) error {
	s.first.Lock()
	defer s.first.Unlock()

	if s.Health() == minio.Unknown || (s.Unusable() != nil && now.Sub(s.checked) > refusedFor) {
		s.checked = now

		// Whatever else is wrong, the call that the caller is about to make will
		// tell it in its own words.
		_ = s.Check(ctx)
	}

	return s.Unusable()
}

// get returns the server that a configuration leads to. What the configuration
// references is taken for what it was if that was read within a time.
func (s *Servers) get(ctx context.Context, key configKey, within time.Duration) (*knownServer, error) {
	spec, version, err := s.config(ctx, key)
	if err != nil {
		return nil, err
	}

	if srv := s.recent(key, version, within); srv != nil {
		return srv, nil
	}

	conf, err := s.resolve(ctx, spec, key.namespace)
	if err != nil {
		return nil, errors.Wrapf(err, "cannot use %s %q", key.kind, key.name)
	}

	srv, err := s.server(key, version, conf)

	return srv, errors.Wrapf(err, "cannot use %s %q", key.kind, key.name)
}

// recent returns the server of a version of a configuration if all of that was read
// within a time, or nil.
func (s *Servers) recent(key configKey, version string, within time.Duration) *knownServer {
	s.mu.Lock()
	defer s.mu.Unlock()

	srv := s.cache[key]
	if srv == nil || srv.version != version || s.now().Sub(srv.read) >= within {
		return nil
	}

	return srv
}

// use notes that a resource uses a server.
func (s *Servers) use(srv *knownServer) {
	s.mu.Lock()
	defer s.mu.Unlock()

	srv.used = s.now()
}

// evict lets go of the server of a configuration that is gone once no resource
// has asked for it for a while. It reports whether there is nothing left to let
// go of.
func (s *Servers) evict(key configKey) bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	srv, found := s.cache[key]
	if !found {
		return true
	}

	if s.now().Sub(srv.used) < keepUnused {
		return false
	}

	srv.Close()
	delete(s.cache, key)

	return true
}

// known returns the server that the configuration led to, or err.
func (s *Servers) known(key configKey, err error) (*knownServer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if srv, found := s.cache[key]; found {
		return srv, nil
	}

	return nil, err
}

// server returns the server of what a version of a configuration says: the cached
// one, or a new one if that says something else than before.
func (s *Servers) server(key configKey, version string, conf minio.Config) (*knownServer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	srv, found := s.cache[key]
	if !found || srv.Config != conf {
		made, err := minio.New(conf, s.options...)
		if err != nil {
			return nil, err
		}

		next := &knownServer{Server: made}
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
