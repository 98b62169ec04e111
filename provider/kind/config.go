package kind

import (
	"context"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	"github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
)

// Servers hands out the servers that provider configurations lead to, one for
// each configuration, so that connections are used again. It is safe for
// concurrent use.
type Servers struct {
	kube client.Reader

	mu    sync.Mutex
	cache map[configKey]*minio.Server
}

// configKey names a provider configuration.
type configKey struct{ kind, namespace, name string }

// NewServers returns Servers that read configurations, Secrets and ConfigMaps
// through kube.
func NewServers(kube client.Reader) *Servers {
	return &Servers{kube: kube, cache: make(map[configKey]*minio.Server)}
}

// For returns the server that mg's provider configuration leads to. A change of
// the configuration, or of what it references, takes effect at the next call.
//
// While mg is being deleted the server of an earlier call does, if the
// configuration cannot be read: a namespace that is being deleted takes its
// ProviderConfig, or the Secret of that, before the resources that need it.
func (s *Servers) For(ctx context.Context, mg resource.ModernManaged) (*minio.Server, error) {
	ref := mg.GetProviderConfigReference()
	if ref == nil {
		return nil, errors.New("spec.providerConfigRef is not set")
	}

	key := configKey{kind: ref.Kind, name: ref.Name}
	if ref.Kind == v1alpha1.ProviderConfigKind.Kind {
		key.namespace = mg.GetNamespace()
	}

	conf, err := s.read(ctx, key)
	if err != nil && meta.WasDeleted(mg) {
		if srv := s.known(key); srv != nil {
			return srv, nil
		}
	}

	if err != nil {
		return nil, err
	}

	srv, err := s.server(key, conf)

	return srv, errors.Wrapf(err, "cannot use %s %q", ref.Kind, ref.Name)
}

// read reads a provider configuration and everything that it references.
func (s *Servers) read(ctx context.Context, key configKey) (minio.Config, error) {
	var (
		pc   client.Object
		spec *v1alpha1.ProviderConfigSpec
	)

	switch key.kind {
	case v1alpha1.ProviderConfigKind.Kind:
		o := &v1alpha1.ProviderConfig{}
		pc, spec = o, &o.Spec
	case v1alpha1.ClusterProviderConfigKind.Kind:
		o := &v1alpha1.ClusterProviderConfig{}
		pc, spec = o, &o.Spec
	default:
		return minio.Config{}, errors.Errorf("spec.providerConfigRef.kind %q is neither ProviderConfig nor ClusterProviderConfig", key.kind)
	}

	if err := s.kube.Get(ctx, types.NamespacedName{Namespace: key.namespace, Name: key.name}, pc); err != nil {
		return minio.Config{}, errors.Wrapf(err, "cannot get %s %q", key.kind, key.name)
	}

	conf, err := s.resolve(ctx, *spec, key.namespace)

	return conf, errors.Wrapf(err, "cannot use %s %q", key.kind, key.name)
}

// known returns the server that the configuration led to, or nil.
func (s *Servers) known(key configKey) *minio.Server {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.cache[key]
}

// server returns the cached server of a configuration, or a new one if the
// configuration has changed.
func (s *Servers) server(key configKey, conf minio.Config) (*minio.Server, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	old, found := s.cache[key]
	if found && old.Config == conf {
		return old, nil
	}

	srv, err := minio.New(conf)
	if err != nil {
		return nil, err
	}

	if found {
		old.Close()
	}

	s.cache[key] = srv

	return srv, nil
}

// resolve reads everything that a configuration references. A namespace that is
// not empty is the only one that may be read from.
func (s *Servers) resolve(ctx context.Context, spec v1alpha1.ProviderConfigSpec, namespace string) (minio.Config, error) {
	conf := minio.Config{
		Endpoint:       spec.Endpoint,
		PublicEndpoint: spec.PublicEndpoint,
		Region:         spec.Region,
	}
	if conf.PublicEndpoint == "" {
		conf.PublicEndpoint = spec.Endpoint
	}

	creds := &corev1.Secret{}
	if err := s.get(ctx, spec.Credentials.SecretRef, namespace, creds); err != nil {
		return conf, errors.Wrap(err, "credentials")
	}

	accessKey, secretKey := creds.Data[v1alpha1.CredentialsKeyAccessKey], creds.Data[v1alpha1.CredentialsKeySecretKey]
	if len(accessKey) == 0 || len(secretKey) == 0 {
		return conf, errors.Errorf("credentials: Secret %q needs the keys %s and %s",
			spec.Credentials.SecretRef.Name, v1alpha1.CredentialsKeyAccessKey, v1alpha1.CredentialsKeySecretKey)
	}

	conf.AccessKey, conf.SecretKey = string(accessKey), minio.Secret(secretKey)

	var err error
	conf.CABundle, err = s.caBundle(ctx, spec.CABundle, namespace)

	return conf, errors.Wrap(err, "CA bundle")
}

func (s *Servers) caBundle(ctx context.Context, ca *v1alpha1.CABundle, namespace string) (string, error) {
	switch {
	case ca == nil:
		return "", nil

	case ca.SecretRef != nil:
		o := &corev1.Secret{}
		if err := s.get(ctx, ca.SecretRef.ObjectReference, namespace, o); err != nil {
			return "", err
		}

		if len(o.Data[ca.SecretRef.Key]) == 0 {
			return "", errors.Errorf("Secret %q has no key %q", ca.SecretRef.Name, ca.SecretRef.Key)
		}

		return string(o.Data[ca.SecretRef.Key]), nil

	case ca.ConfigMapRef != nil:
		o := &corev1.ConfigMap{}
		if err := s.get(ctx, ca.ConfigMapRef.ObjectReference, namespace, o); err != nil {
			return "", err
		}

		if o.Data[ca.ConfigMapRef.Key] == "" {
			return "", errors.Errorf("ConfigMap %q has no key %q", ca.ConfigMapRef.Name, ca.ConfigMapRef.Key)
		}

		return o.Data[ca.ConfigMapRef.Key], nil
	}

	return ca.Inline, nil
}

// get reads a referenced object. The namespace rule also stands in the CRDs;
// here it holds for configurations that were stored before the CRDs said so.
func (s *Servers) get(ctx context.Context, ref v1alpha1.ObjectReference, namespace string, into client.Object) error {
	nn := types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name}

	if namespace != "" {
		if ref.Namespace != "" && ref.Namespace != namespace {
			return errors.Errorf("a ProviderConfig may read its own namespace only, not %q", ref.Namespace)
		}

		nn.Namespace = namespace
	}

	return errors.Wrapf(s.kube.Get(ctx, nn, into), "cannot read %q in namespace %q", nn.Name, nn.Namespace)
}
