// Package v1alpha1 is the input of function-bucket: what a Composition tells it
// about the platform.
//
// +kubebuilder:object:generate=true
// +groupName=input.cistern.dev
// +versionName=v1alpha1
package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// InputKind is the kind of the function's input.
var InputKind = schema.GroupVersionKind{Group: "input.cistern.dev", Version: "v1alpha1", Kind: "Input"}

// Field is a field of a claim's spec that a pool may offer or not.
// +kubebuilder:validation:Enum=locking;users;quota;versioning;lifecycle;deletionPolicy;rotation;publicRead
type Field string

// Fields of a claim's spec.
const (
	FieldLocking        Field = "locking"
	FieldUsers          Field = "users"
	FieldQuota          Field = "quota"
	FieldVersioning     Field = "versioning"
	FieldLifecycle      Field = "lifecycle"
	FieldDeletionPolicy Field = "deletionPolicy"
	FieldRotation       Field = "rotation"
	FieldPublicRead     Field = "publicRead"
)

// Limits bound what a claim may ask for.
type Limits struct {
	// Quota is the largest quota, in whole bytes, such as 100Gi. A claim that
	// asks for none, where the pool has no default either, gets this one.
	// +optional
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).isGreaterThan(quantity('0')) && quantity(string(self)).isLessThan(quantity('8Ei')) && (quantity(string(self)).isInteger() || quantity(string(self)).isGreaterThan(quantity('1Ki')))",message="a quota is whole bytes, more than 0 and less than 8Ei; write M for megabytes, not m"
	Quota *resource.Quantity `json:"quota,omitempty"`

	// Users is how many further users a claim may have. The default is 20, the
	// most there can be.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=20
	Users *int32 `json:"users,omitempty"`
}

// Defaults are what a claim gets that does not say otherwise. They follow the
// Composition: a claim that leaves a field to the pool gets a new default too.
type Defaults struct {
	// Quota of the bucket, in whole bytes, such as 10Gi.
	// +optional
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).isGreaterThan(quantity('0')) && quantity(string(self)).isLessThan(quantity('8Ei')) && (quantity(string(self)).isInteger() || quantity(string(self)).isGreaterThan(quantity('1Ki')))",message="a quota is whole bytes, more than 0 and less than 8Ei; write M for megabytes, not m"
	Quota *resource.Quantity `json:"quota,omitempty"`

	// Versioning of the bucket.
	// +optional
	Versioning *bool `json:"versioning,omitempty"`

	// Lifecycle of the bucket's objects.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	Lifecycle []tenantv1alpha1.LifecycleRule `json:"lifecycle,omitempty"`

	// Rotation of the access keys. A claim that has a rotation without an
	// interval, such as one that replaces its key now, gets the interval.
	// +optional
	Rotation *tenantv1alpha1.Rotation `json:"rotation,omitempty"`
}

// Pool is a place that buckets can be taken from.
type Pool struct {
	// Name by which a claim's spec.storagePool chooses the pool.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`

	// ProviderConfigRef names the provider configuration of the server behind
	// the pool: a ClusterProviderConfig, or a ProviderConfig of that name in
	// each tenant's namespace.
	ProviderConfigRef ProviderConfigRef `json:"providerConfigRef"`

	// Retention is how long objects are kept in buckets with locking. A pool
	// without it has no locking.
	// +optional
	Retention *miniov1alpha1.Retention `json:"retention,omitempty"`

	// Fields of a claim's spec that tenants may use. A claim that says nothing
	// else than the default of a field does not use it. The default is all but
	// publicRead.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=8
	Fields []Field `json:"fields,omitempty"`

	// Limits bound what a claim may ask for.
	// +optional
	Limits *Limits `json:"limits,omitempty"`

	// Defaults are what a claim gets that does not say otherwise. They are the
	// platform's own: neither fields nor limits are about them.
	// +optional
	Defaults *Defaults `json:"defaults,omitempty"`
}

// ProviderConfigRef names a provider configuration.
type ProviderConfigRef struct {
	// Kind of the provider configuration.
	// +kubebuilder:validation:Enum=ClusterProviderConfig;ProviderConfig
	Kind string `json:"kind"`

	// Name of the provider configuration.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// Rule is what a claim must meet before anything is made or changed for it.
// +kubebuilder:validation:XValidation:rule="has(self.message) || has(self.messageExpression)",message="a rule needs message or messageExpression"
type Rule struct {
	// Name of the rule, by which the platform team knows it.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`

	// Expression in the Common Expression Language (CEL), as Kubernetes has it
	// in version 1.35, with all its libraries. It must be true for a claim that
	// meets the rule. It can name
	//
	//   - claim: the claim's metadata (name, namespace, labels, annotations) and
	//     spec, with the pool's defaults filled in;
	//   - namespaceObject: metadata (name, labels, annotations) of the claim's
	//     namespace. Crossplane needs the right to read namespaces for it;
	//   - pool: the pool of the claim, as it stands here;
	//   - old: the claim's status before; empty for a claim that is new.
	//
	// Labels and annotations are always there, if only empty; for other fields
	// that are optional, ask has(claim.spec.quota) first. Quotas are text:
	// quantity(claim.spec.quota). The list of lists.range cannot be longer than
	// 1000, and its length must stand there as a number.
	//
	// Source: https://kubernetes.io/docs/reference/using-api/cel/.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Expression string `json:"expression"`

	// Message that tells the tenant what to change.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`

	// MessageExpression is a CEL expression of the message. It goes before
	// message, which is the fallback if it fails.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	MessageExpression string `json:"messageExpression,omitempty"`
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

	// Rules that every claim must meet, whatever its pool. All of them are
	// judged, and the claim says which it breaks.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	Rules []Rule `json:"rules,omitempty"`
}
