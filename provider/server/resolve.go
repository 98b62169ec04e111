package server

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
)

// readConfig returns the spec of a provider configuration and the deployment IDs that its
// server may have. It also returns a version, which changes with the spec and when the
// configuration is created anew.
func (s *Servers) readConfig(ctx context.Context, key ConfigKey) (
	spec miniov1alpha1.ProviderConfigSpec, version string, ids []string, err error,
) {
	var (
		pc     client.Object
		in     *miniov1alpha1.ProviderConfigSpec
		status *miniov1alpha1.ProviderConfigStatus
	)

	switch key.kind {
	case miniov1alpha1.ProviderConfigKind.Kind:
		o := &miniov1alpha1.ProviderConfig{}
		pc, in, status = o, &o.Spec, &o.Status
	case miniov1alpha1.ClusterProviderConfigKind.Kind:
		o := &miniov1alpha1.ClusterProviderConfig{}
		pc, in, status = o, &o.Spec, &o.Status
	default:
		return spec, "", nil, errors.Errorf("spec.providerConfigRef.kind %q is neither ProviderConfig nor ClusterProviderConfig", key.kind)
	}

	if err := s.kube.Get(ctx, types.NamespacedName{Namespace: key.namespace, Name: key.name}, pc); err != nil {
		return spec, "", nil, errors.Wrapf(err, "cannot get %s %q", key.kind, key.name)
	}

	ids = []string{status.DeploymentID, pc.GetAnnotations()[miniov1alpha1.AnnotationDeploymentID]}

	return *in, fmt.Sprintf("%s %d", pc.GetUID(), pc.GetGeneration()), ids, nil
}

// resolve reads everything that a configuration references. It reads from no namespace
// other than the given one, unless that is empty.
func (s *Servers) resolve(ctx context.Context, spec miniov1alpha1.ProviderConfigSpec, namespace string) (minio.Config, error) {
	conf := minio.Config{
		Endpoint:       spec.Endpoint,
		PublicEndpoint: spec.PublicEndpoint,
		Region:         spec.Region,
	}
	if conf.PublicEndpoint == "" {
		conf.PublicEndpoint = spec.Endpoint
	}

	setLimits(&conf, spec.Client)

	creds := &corev1.Secret{}
	if err := s.fetch(ctx, spec.Credentials.SecretRef, namespace, creds); err != nil {
		return conf, errors.Wrap(err, "credentials")
	}

	accessKey, secretKey := creds.Data[miniov1alpha1.CredentialsKeyAccessKey], creds.Data[miniov1alpha1.CredentialsKeySecretKey]
	if len(accessKey) == 0 || len(secretKey) == 0 {
		return conf, errors.Errorf("credentials: Secret %q needs the keys %s and %s",
			spec.Credentials.SecretRef.Name, miniov1alpha1.CredentialsKeyAccessKey, miniov1alpha1.CredentialsKeySecretKey)
	}

	conf.AccessKey, conf.SecretKey = string(accessKey), minio.Secret(secretKey)

	var err error
	conf.CABundle, err = s.caBundle(ctx, spec.CABundle, namespace)
	conf.OnlyCABundle = spec.CABundlePolicy == miniov1alpha1.CABundlePolicyReplace

	return conf, errors.Wrap(err, "CA bundle")
}

func (s *Servers) caBundle(ctx context.Context, ca *miniov1alpha1.CABundle, namespace string) (string, error) {
	switch {
	case ca == nil:
		return "", nil

	case ca.SecretRef != nil:
		o := &corev1.Secret{}
		if err := s.fetch(ctx, ca.SecretRef.ObjectReference, namespace, o); err != nil {
			return "", err
		}

		if len(o.Data[ca.SecretRef.Key]) == 0 {
			return "", errors.Errorf("Secret %q has no key %q", ca.SecretRef.Name, ca.SecretRef.Key)
		}

		return string(o.Data[ca.SecretRef.Key]), nil

	case ca.ConfigMapRef != nil:
		o := &corev1.ConfigMap{}
		if err := s.fetch(ctx, ca.ConfigMapRef.ObjectReference, namespace, o); err != nil {
			return "", err
		}

		if o.Data[ca.ConfigMapRef.Key] == "" {
			return "", errors.Errorf("ConfigMap %q has no key %q", ca.ConfigMapRef.Name, ca.ConfigMapRef.Key)
		}

		return o.Data[ca.ConfigMapRef.Key], nil
	}

	return ca.Inline, nil
}

// setLimits sets the limits of calls to a server. The CRDs have the same defaults, but
// apply them only to configurations that set spec.client.
func setLimits(conf *minio.Config, o *miniov1alpha1.ClientOptions) {
	conf.Timeout, conf.MaxCallsInFlight = minio.DefaultTimeout, minio.DefaultMaxCallsInFlight

	if o != nil && o.Timeout != nil {
		conf.Timeout = o.Timeout.Duration
	}

	if o != nil && o.MaxCallsInFlight != nil {
		conf.MaxCallsInFlight = int(*o.MaxCallsInFlight)
	}
}

// fetch reads a referenced object. The CRDs enforce the same rule for namespaces; here it
// holds for configurations that were stored before they did.
func (s *Servers) fetch(ctx context.Context, ref miniov1alpha1.ObjectReference, namespace string, into client.Object) error {
	nn := types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name}

	if namespace != "" {
		if ref.Namespace != "" && ref.Namespace != namespace {
			return errors.Errorf("a ProviderConfig may read its own namespace only, not %q", ref.Namespace)
		}

		nn.Namespace = namespace
	}

	return errors.Wrapf(s.kube.Get(ctx, nn, into), "cannot read %q in namespace %q", nn.Name, nn.Namespace)
}
