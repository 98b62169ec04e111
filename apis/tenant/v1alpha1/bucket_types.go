package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
)

// BucketKind is the kind that tenants claim.
var BucketKind = schema.GroupVersionKind{Group: "apps.cozystack.io", Version: "v1alpha1", Kind: "Bucket"}

// Condition of a claim, in addition to Crossplane's own Ready and Synced.
const (
	// ConditionProvisioned is True while bucket, credentials and Secrets are as
	// the claim asks for. While it is False, its reason and message say what the
	// claim waits for.
	ConditionProvisioned = "Provisioned"

	// ReasonProvisioned says that everything is provisioned.
	ReasonProvisioned = "Provisioned"
	// ReasonInvalidClaim says that the claim asks for something that the
	// platform does not offer. Nothing is created or changed.
	ReasonInvalidClaim = "InvalidClaim"
	// ReasonRuleBroken says that the claim breaks a rule of the platform. The
	// message is the rule's. Nothing is created or changed.
	ReasonRuleBroken = "RuleBroken"
	// ReasonRuleFailed says that a rule of the platform could not be evaluated;
	// the platform team must correct it. Nothing is created or changed.
	ReasonRuleFailed = "RuleFailed"
	// ReasonInvalidInput says that the Composition's input is invalid; the
	// platform team must correct it. Nothing is created or changed.
	ReasonInvalidInput = "InvalidInput"
	// ReasonProvisioning says that what the claim asks for is being made or changed,
	// and that nothing is known to prevent that. Its message is always the same.
	ReasonProvisioning = "Provisioning"
	// ReasonWaitingForBucket says that the bucket cannot be made or changed. The message
	// says why.
	ReasonWaitingForBucket = "WaitingForBucket"
	// ReasonWaitingForUser says that a user or its access key cannot be made or changed.
	// The message says why.
	ReasonWaitingForUser = "WaitingForUser"
	// ReasonSecretConflict says that a Secret that is not the claim's has the
	// name of one of the claim's Secrets. It is left alone; once it is deleted,
	// the claim continues.
	ReasonSecretConflict = "SecretConflict"
	// ReasonWaitingForRestore says that the claim was restored from a backup, and the
	// resources of its bucket were not all. Nothing is created until they are.
	ReasonWaitingForRestore = "WaitingForRestore"
	// ReasonSecretOutdated says that one of the claim's Secrets does not hold the
	// current access key, because it is immutable or cannot be written. With rotation,
	// the key in it keeps working until it does.
	ReasonSecretOutdated = "SecretOutdated"
)

// DeletionPolicy is what happens to a bucket when its claim is deleted.
// +kubebuilder:validation:Enum=Retain;DeleteIfEmpty;Delete
type DeletionPolicy string

// What happens to a bucket when its claim is deleted. Its credentials are deleted
// in any case.
const (
	// DeletionPolicyRetain keeps the bucket on the server, with everything in it.
	DeletionPolicyRetain DeletionPolicy = "Retain"
	// DeletionPolicyDeleteIfEmpty deletes the bucket if it is empty. A claim
	// whose bucket is not empty cannot be deleted.
	DeletionPolicyDeleteIfEmpty DeletionPolicy = "DeleteIfEmpty"
	// DeletionPolicyDelete deletes the bucket with everything in it.
	DeletionPolicyDelete DeletionPolicy = "Delete"
)

// BucketUser is an additional user of a bucket.
type BucketUser struct {
	// Readonly allows only listing and reading objects. Other users may also
	// write and delete them.
	// +optional
	// +kubebuilder:default=false
	Readonly bool `json:"readonly"`
}

// LifecycleRule deletes objects, noncurrent versions or incomplete uploads of a
// certain age.
// +kubebuilder:validation:XValidation:rule="has(self.expireAfterDays) || has(self.expireNoncurrentAfterDays) || has(self.abortIncompleteUploadsAfterDays)",message="a lifecycle rule needs one of expireAfterDays, expireNoncurrentAfterDays and abortIncompleteUploadsAfterDays"
type LifecycleRule struct {
	// Prefix of the names of the objects that the rule applies to. By default it
	// applies to all objects.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[^\x00-\x08\x0B\x0C\x0E-\x1F\x{FFFE}\x{FFFF}]*$')`,message="prefix cannot hold control characters, which the server does not keep"
	Prefix string `json:"prefix,omitempty"`

	// ExpireAfterDays is how many days after its upload an object is deleted. In
	// a versioned bucket, the object becomes a noncurrent version.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=36500
	ExpireAfterDays *int32 `json:"expireAfterDays,omitempty"`

	// ExpireNoncurrentAfterDays is how many days after an object was replaced or
	// deleted its noncurrent version is deleted permanently.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=36500
	ExpireNoncurrentAfterDays *int32 `json:"expireNoncurrentAfterDays,omitempty"`

	// AbortIncompleteUploadsAfterDays is how many days after its beginning an
	// incomplete multipart upload is aborted.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=36500
	AbortIncompleteUploadsAfterDays *int32 `json:"abortIncompleteUploadsAfterDays,omitempty"`
}

// Rotation replaces all access keys of a claim with new ones, at intervals or on
// demand.
// +kubebuilder:validation:XValidation:rule="!has(self.interval) || !has(self.overlap) || duration(self.overlap) <= duration(self.interval)",message="overlap, 24h unless it is set, cannot be longer than interval"
type Rotation struct {
	// Interval from one key to the next, such as 720h; at least 1m. Unset means that
	// no key is replaced because of its age. A key that is older than a new interval is
	// replaced within a tenth of it.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1m')",message="interval must be at least 1m"
	Interval *metav1.Duration `json:"interval,omitempty"`

	// Overlap is how long a replaced key keeps working. Pods that read keys from
	// their environment must restart within this time. At most 720h; the default is
	// 24h.
	// +optional
	// +kubebuilder:default="24h"
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('0s')",message="overlap cannot be negative"
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('720h')",message="overlap cannot be longer than 720h: each replaced key works until it ends"
	Overlap *metav1.Duration `json:"overlap,omitempty"`

	// Trigger is any text. Changing it to another text replaces the keys at once.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Trigger string `json:"trigger,omitempty"`
}

// BucketSpec is what a tenant may ask for. Every field is optional.
// +kubebuilder:validation:XValidation:rule="has(self.storagePool) == has(oldSelf.storagePool) && (!has(self.storagePool) || self.storagePool == oldSelf.storagePool)",message="storagePool is fixed at creation"
// +kubebuilder:validation:XValidation:rule="!has(self.locking) || !self.locking || !has(self.versioning) || self.versioning",message="locking needs versioning: leave versioning out, or true"
// +kubebuilder:validation:XValidation:rule="!has(self.locking) || !self.locking || !has(self.deletionPolicy) || self.deletionPolicy != 'Delete'",message="a bucket with locking is always retained: deletionPolicy cannot be Delete"
// +kubebuilder:validation:XValidation:rule="!has(self.publicRead) || !self.publicRead || ((!has(self.locking) || !self.locking) && (!has(self.deletionPolicy) || self.deletionPolicy != 'Retain'))",message="a bucket that is retained would stay public after its claim is deleted: publicRead cannot be true with deletionPolicy Retain or locking"
// +kubebuilder:validation:XValidation:rule="!has(self.crossplane) || !has(self.crossplane.compositionUpdatePolicy) || self.crossplane.compositionUpdatePolicy == 'Automatic'",message="the platform chooses the composition revision: leave spec.crossplane.compositionUpdatePolicy out"
// +kubebuilder:validation:XValidation:rule="!has(self.crossplane) || !has(self.crossplane.compositionRevisionSelector)",message="the platform chooses the composition revision: leave spec.crossplane.compositionRevisionSelector out"
// +kubebuilder:validation:XValidation:rule="!has(self.crossplane) || !has(self.crossplane.resourceRefs) || self.crossplane.resourceRefs.size() <= 64 && self.crossplane.resourceRefs.all(r, r.kind == 'Secret' && r.apiVersion == 'v1' || r.kind in ['Bucket', 'User'] && r.apiVersion.startsWith('minio.cistern.dev/'))",message="Crossplane chooses what a claim refers to: leave spec.crossplane.resourceRefs out"
type BucketSpec struct {
	// Locking protects each object from deletion and overwriting for the pool's
	// retention time (S3 Object Lock). Such a bucket is always versioned, and
	// always retained when the claim is deleted. Uploads by HTML form, of archives
	// that the server unpacks, and of objects whose names end in a slash are denied.
	// It is fixed at creation.
	// +optional
	// +kubebuilder:default=false
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="locking is fixed at creation"
	Locking bool `json:"locking"`

	// StoragePool is the name of the platform's pool in which the bucket is
	// created. The default is the platform's default pool. It is fixed at
	// creation.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	StoragePool string `json:"storagePool,omitempty"`

	// Users are additional users of the bucket by name, at most 20. Each has its
	// own access keys, in the Secrets bucket-<claim>-<user> and
	// bucket-<claim>-<user>-credentials. A user that is removed loses its keys at
	// once. A name has at most 63 lower-case letters, digits and hyphens, begins
	// and ends with a letter or digit, and cannot be "credentials" or end in
	// "-credentials".
	// +optional
	// +kubebuilder:validation:MaxProperties=20
	// +kubebuilder:validation:XValidation:rule="self.all(name, size(name) <= 63 && name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'))",message="the name of a user is made of at most 63 lower-case letters, digits and hyphens, and begins and ends with a letter or digit"
	// +kubebuilder:validation:XValidation:rule="self.all(name, name != 'credentials' && !name.endsWith('-credentials'))",message="the name of a user cannot be credentials or end in -credentials: Secrets have such names"
	Users map[string]BucketUser `json:"users,omitempty"`

	// Quota is the maximum size of the bucket, including all versions of its
	// objects, such as 10Gi. It is rounded up to whole bytes. The server measures
	// buckets from time to time, so a bucket may exceed its quota for some minutes.
	// +optional
	// +kubebuilder:validation:XValidation:rule="string(self).matches('^[+-]?[0-9.]{1,25}([A-Za-z]{0,2}|[eE][+-]?[0-9]{1,2})$')",message="quota has at most 25 digits, and two in an exponent, such as 1.5Gi or 1e9"
	// +kubebuilder:validation:XValidation:rule="!string(self).matches('^[+-]?[0-9.]{1,25}([A-Za-z]{0,2}|[eE][+-]?[0-9]{1,2})$') || quantity(string(self)).isGreaterThan(quantity('0'))",message="quota must be more than 0"
	// +kubebuilder:validation:XValidation:rule="!string(self).matches('^[+-]?[0-9.]{1,25}([A-Za-z]{0,2}|[eE][+-]?[0-9]{1,2})$') || quantity(string(self)).isLessThan(quantity('8Ei'))",message="quota must be less than 8Ei"
	// +kubebuilder:validation:XValidation:rule="!string(self).matches('^[+-]?[0-9.]{1,25}([A-Za-z]{0,2}|[eE][+-]?[0-9]{1,2})$') || quantity(string(self)).isInteger() || quantity(string(self)).isGreaterThan(quantity('1Ki'))",message="quota must be whole bytes: write M for megabytes, not m"
	Quota *resource.Quantity `json:"quota,omitempty"`

	// Versioning keeps the earlier versions of objects that are overwritten or
	// deleted. Setting it to false later suspends it: existing versions are kept.
	// The default is true with locking, and the pool's default otherwise.
	// +optional
	Versioning *bool `json:"versioning,omitempty"`

	// Lifecycle rules delete objects, noncurrent versions and incomplete uploads
	// of a certain age.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	Lifecycle []LifecycleRule `json:"lifecycle,omitempty"`

	// DeletionPolicy is what happens to the bucket when the claim is deleted. A
	// bucket with locking is always retained.
	// +optional
	// +kubebuilder:default=DeleteIfEmpty
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`

	// Rotation replaces the access keys of the claim and of all its users. Only the
	// first key of a user, while it works, can log in to MinIO's Console and request
	// temporary credentials (STS). A user that is added later has a first key.
	// +optional
	Rotation *Rotation `json:"rotation,omitempty"`

	// PublicRead allows reading objects whose names are known, without
	// credentials. The pool must offer it. A bucket that is retained, by
	// deletionPolicy or by locking, cannot have it.
	// +optional
	// +kubebuilder:default=false
	PublicRead bool `json:"publicRead"`
}

// Access is what a user may do in the bucket.
type Access string

// Kinds of access.
const (
	// AccessReadWrite allows listing, reading, writing and deleting objects.
	AccessReadWrite Access = "ReadWrite"
	// AccessReadOnly allows listing and reading objects.
	AccessReadOnly Access = "ReadOnly"
)

// CredentialsStatus is the status of one user's credentials.
type CredentialsStatus struct {
	// User is the user's name in spec.users. It is empty for the claim's own
	// credentials.
	// +optional
	User string `json:"user,omitempty"`

	// Access is what these credentials allow.
	// +optional
	Access Access `json:"access,omitempty"`

	// SecretName is the name of the Secret, in the claim's namespace, whose key
	// BucketInfo holds endpoint and credentials.
	// +optional
	SecretName string `json:"secretName,omitempty"`

	// CredentialsSecretName is the name of the Secret that holds endpoint and
	// credentials in the formats that applications read, for envFrom and as files.
	// +optional
	CredentialsSecretName string `json:"credentialsSecretName,omitempty"`

	// AccessKeyID is the beginning and the end of the ID of the current access key,
	// such as CSTN…Z7Z4. The whole ID is in the Secrets only.
	// +optional
	AccessKeyID string `json:"accessKeyID,omitempty"`

	// RotatedAt is when the current key was created.
	// +optional
	RotatedAt *metav1.Time `json:"rotatedAt,omitempty"`

	// NextRotationAt is when spec.rotation.interval ends and the next key is due.
	// +optional
	NextRotationAt *metav1.Time `json:"nextRotationAt,omitempty"`
}

// BucketStatus is the observed state of a claim's bucket.
type BucketStatus struct {
	xpv1.ConditionedStatus `json:",inline"`

	// BucketName is the bucket's name on the server.
	// +optional
	BucketName string `json:"bucketName,omitempty"`

	// Endpoint is the URL of the server.
	// +optional
	Endpoint string `json:"endpoint,omitempty"`

	// Region of the server. It may be empty.
	// +optional
	Region string `json:"region,omitempty"`

	// SecretName is the name of the Secret, in the claim's namespace, whose key
	// BucketInfo holds endpoint and credentials.
	// +optional
	SecretName string `json:"secretName,omitempty"`

	// Credentials are the credentials of the claim, followed by those of its users
	// by name.
	// +optional
	// +listType=atomic
	Credentials []CredentialsStatus `json:"credentials,omitempty"`
}

// Bucket claims an S3 bucket for a tenant, with credentials in the Secrets
// bucket-<name> and bucket-<name>-credentials.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced
// +kubebuilder:printcolumn:name="STATE",type="string",JSONPath=".status.conditions[?(@.type=='Provisioned')].reason"
// +kubebuilder:printcolumn:name="BUCKET",type="string",JSONPath=".status.bucketName"
// +kubebuilder:printcolumn:name="ENDPOINT",type="string",JSONPath=".status.endpoint"
// +kubebuilder:printcolumn:name="SECRET",type="string",JSONPath=".status.secretName"
// +kubebuilder:printcolumn:name="ACCESS-KEY",type="string",JSONPath=".status.credentials[0].accessKeyID",priority=1
// +kubebuilder:printcolumn:name="NEXT-ROTATION",type="string",JSONPath=".status.credentials[0].nextRotationAt",priority=1
type Bucket struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +optional
	Spec   BucketSpec   `json:"spec,omitempty"`
	Status BucketStatus `json:"status,omitempty"`
}
