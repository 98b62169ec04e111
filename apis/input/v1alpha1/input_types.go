// Package v1alpha1 is the input of function-bucket: what a Composition tells it
// about the platform.
//
// +kubebuilder:object:generate=true
// +groupName=input.cistern.dev
// +versionName=v1alpha1
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
)

// InputKind is the kind of the function's input.
var InputKind = schema.GroupVersionKind{Group: "input.cistern.dev", Version: "v1alpha1", Kind: "Input"}

// Pool is a place that buckets can be taken from.
type Pool struct {
	// Name by which a claim's spec.storagePool chooses the pool.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`

	// ProviderConfigRef names the provider configuration of the server behind
	// the pool: a ClusterProviderConfig, or a ProviderConfig of that name in
	// each tenant's namespace.
	ProviderConfigRef xpv1.ProviderConfigReference `json:"providerConfigRef"`
}

// Input tells function-bucket what the platform offers. Fields that are not
// defined here are refused.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,categories={crossplane}
// +kubebuilder:validation:XValidation:rule="self.pools.exists(p, p.name == self.defaultPool)",message="defaultPool must be the name of one of the pools"
type Input struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Pools that tenants may take buckets from.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Pools []Pool `json:"pools"`

	// DefaultPool is the name of the pool of claims that name none.
	DefaultPool string `json:"defaultPool"`
}
