package v1alpha1

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/scheme"
)

// Group is the API group of everything in this package.
const Group = "minio.cistern.dev"

var (
	// GroupVersion of everything in this package.
	GroupVersion = schema.GroupVersion{Group: Group, Version: "v1alpha1"}

	// SchemeBuilder collects the kinds of this package.
	SchemeBuilder = &scheme.Builder{GroupVersion: GroupVersion}

	// AddToScheme adds the kinds of this package to a scheme.
	AddToScheme = SchemeBuilder.AddToScheme
)

// Kinds of this package.
var (
	BucketKind                = GroupVersion.WithKind("Bucket")
	UserKind                  = GroupVersion.WithKind("User")
	PolicyKind                = GroupVersion.WithKind("Policy")
	ProviderConfigKind        = GroupVersion.WithKind("ProviderConfig")
	ClusterProviderConfigKind = GroupVersion.WithKind("ClusterProviderConfig")
	ProviderConfigUsageKind   = GroupVersion.WithKind("ProviderConfigUsage")
)

func init() {
	SchemeBuilder.Register(
		&Bucket{}, &BucketList{},
		&User{}, &UserList{},
		&Policy{}, &PolicyList{},
		&ProviderConfig{}, &ProviderConfigList{},
		&ClusterProviderConfig{}, &ClusterProviderConfigList{},
		&ProviderConfigUsage{}, &ProviderConfigUsageList{},
	)
}
