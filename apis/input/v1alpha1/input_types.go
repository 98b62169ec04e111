// Package v1alpha1 is the input of function-bucket: the platform's policy, which a
// Composition holds.
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

// Field is a field of a claim's spec that a pool may offer.
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

// Limits bound the values that a claim may ask for.
type Limits struct {
	// Quota is the largest quota, in whole bytes, such as 100Gi. It is also the
	// default quota of a pool whose defaults have none.
	// +optional
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).isGreaterThan(quantity('0')) && quantity(string(self)).isLessThan(quantity('8Ei')) && (quantity(string(self)).isInteger() || quantity(string(self)).isGreaterThan(quantity('1Ki')))",message="a quota is whole bytes, more than 0 and less than 8Ei; write M for megabytes, not m"
	Quota *resource.Quantity `json:"quota,omitempty"`

	// Users is the largest number of additional users. The default is 20, which
	// is also the maximum.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=20
	Users *int32 `json:"users,omitempty"`

	// Rotation limits how often keys are replaced, and how long replaced keys work.
	// +optional
	Rotation *RotationLimits `json:"rotation,omitempty"`
}

// RotationLimits are the bounds of a claim's rotation.
// +kubebuilder:validation:XValidation:rule="!has(self.minInterval) || !has(self.maxInterval) || duration(self.minInterval) <= duration(self.maxInterval)",message="minInterval cannot be longer than maxInterval"
type RotationLimits struct {
	// MinInterval is the shortest interval, such as 24h.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1m')",message="minInterval must be at least 1m"
	MinInterval *metav1.Duration `json:"minInterval,omitempty"`

	// MaxInterval is the longest interval, such as 2160h. It is also the default
	// interval of a pool whose defaults have none, so that all keys are rotated.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1m')",message="maxInterval must be at least 1m"
	MaxInterval *metav1.Duration `json:"maxInterval,omitempty"`

	// MaxOverlap is how long a replaced key may keep working, such as 168h. The
	// overlap of a claim that sets none is 24h.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('0s')",message="maxOverlap cannot be negative"
	MaxOverlap *metav1.Duration `json:"maxOverlap,omitempty"`
}

// Defaults are the values of fields that a claim does not set. A changed default
// applies to existing claims too.
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

	// Rotation of the access keys. Its interval also applies to a claim whose
	// rotation has no interval, such as one that sets only a trigger.
	// +optional
	Rotation *tenantv1alpha1.Rotation `json:"rotation,omitempty"`
}

// Pool is a storage offer that claims can choose: a MinIO server, and the fields,
// limits and defaults of claims for it.
type Pool struct {
	// Name of the pool, for a claim's spec.storagePool.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`

	// ProviderConfigRef names the provider configuration of the pool's server: a
	// ClusterProviderConfig, or a ProviderConfig of that name in each tenant's
	// namespace.
	ProviderConfigRef ProviderConfigRef `json:"providerConfigRef"`

	// Retention is how long objects are locked in buckets with locking. A pool
	// without it does not offer locking. Its mode must be Compliance: on MinIO every
	// key can lift a Governance lock, even one of another bucket.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self.mode == 'Compliance'",message="mode must be Compliance: on MinIO every key can lift a Governance lock, even one of another bucket"
	Retention *miniov1alpha1.Retention `json:"retention,omitempty"`

	// DenyUnsignedUploads denies all keys of the pool's buckets uploads whose body is
	// not part of the signature and is followed by a checksum. Set it for servers that
	// do not verify the signature of all such uploads, which are all community
	// releases of MinIO since 2023-05-18: see the field of the same name of User.
	// Tenants cannot change it.
	// +optional
	DenyUnsignedUploads bool `json:"denyUnsignedUploads,omitempty"`

	// DenyUncheckedUploads denies all keys of the pool's buckets uploads by HTML form
	// and of archives that the server unpacks, which community releases of MinIO do not
	// check against quotas: see the field of the same name of User, also for what it
	// cannot deny. The keys of buckets with locking are denied them in any case.
	// Tenants cannot change it.
	// +optional
	DenyUncheckedUploads bool `json:"denyUncheckedUploads,omitempty"`

	// Fields of a claim's spec that tenants may use. A claim that sets a field to
	// its default does not use it. The default is all fields except publicRead.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=8
	Fields []Field `json:"fields,omitempty"`

	// Limits bound the values that a claim may ask for.
	// +optional
	Limits *Limits `json:"limits,omitempty"`

	// Defaults are the values of fields that a claim does not set. Fields and
	// limits do not apply to them.
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

// Rule is a condition that a claim must meet before anything is created or changed
// for it.
// +kubebuilder:validation:XValidation:rule="has(self.message) || has(self.messageExpression)",message="a rule needs message or messageExpression"
type Rule struct {
	// Name of the rule, for the platform team.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`

	// Expression in the Common Expression Language (CEL) of Kubernetes 1.35, with
	// all its libraries. It must be true for a claim that meets the rule. It can
	// use these variables:
	//
	//   - claim: the claim's metadata (name, namespace, labels, annotations) and
	//     spec, with the pool's defaults;
	//   - namespaceObject: metadata (name, labels, annotations) of the claim's
	//     namespace. It needs the permission for Crossplane to read namespaces;
	//   - pool: the claim's pool, as in this input;
	//   - old: the claim's previous status; empty for a new claim.
	//
	// Labels and annotations are always set, though possibly empty. For other
	// optional fields, test has(claim.spec.quota) first. Quotas are strings:
	// quantity(claim.spec.quota). The length of lists.range must be a literal
	// number of at most 1000.
	//
	// Source: https://kubernetes.io/docs/reference/using-api/cel/.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Expression string `json:"expression"`

	// Message for the tenant: what to change in the claim.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`

	// MessageExpression is a CEL expression that returns the message. Message is
	// the fallback if it fails.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	MessageExpression string `json:"messageExpression,omitempty"`
}

// Input is the platform's policy: its pools, their defaults and limits, and the
// rules for claims. An Input with an undefined field is invalid.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,categories={crossplane}
// +kubebuilder:validation:XValidation:rule="self.pools.exists(p, p.name == self.defaultPool)",message="defaultPool must be the name of one of the pools"
type Input struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Pools of the platform.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Pools []Pool `json:"pools"`

	// DefaultPool is the name of the pool for claims without spec.storagePool.
	DefaultPool string `json:"defaultPool"`

	// Rules that every claim must meet, whatever its pool. All rules are
	// evaluated, and the claim's condition Provisioned lists those that it breaks.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	Rules []Rule `json:"rules,omitempty"`
}
