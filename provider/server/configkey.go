package server

import (
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// ConfigKey names a provider configuration. Its namespace is empty for a
// ClusterProviderConfig, which is the same in all namespaces.
type ConfigKey struct{ kind, namespace, name string }

// ConfigKeyOf returns the key of the configuration that a resource refers to; the zero
// value if it refers to none.
func ConfigKeyOf(mg resource.ModernManaged) ConfigKey {
	ref := mg.GetProviderConfigReference()
	if ref == nil {
		return ConfigKey{}
	}

	key := ConfigKey{kind: ref.Kind, name: ref.Name}
	if ref.Kind == miniov1alpha1.ProviderConfigKind.Kind {
		key.namespace = mg.GetNamespace()
	}

	return key
}
