package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	xpv2 "github.com/crossplane/crossplane-runtime/v2/apis/common/v2"
)

// VersioningState says whether a bucket keeps the earlier versions of its
// objects.
// +kubebuilder:validation:Enum=Enabled;Suspended
type VersioningState string

// States of versioning. A bucket that was versioned once can be suspended, but
// never become unversioned again.
const (
	VersioningEnabled   VersioningState = "Enabled"
	VersioningSuspended VersioningState = "Suspended"
)

// RetentionMode says who may shorten the retention of an object.
// +kubebuilder:validation:Enum=Governance;Compliance
type RetentionMode string

// Modes of retention.
const (
	// RetentionGovernance lets those shorten it whom a policy allows
	// s3:BypassGovernanceRetention.
	RetentionGovernance RetentionMode = "Governance"
	// RetentionCompliance lets nobody shorten it, administrators included.
	RetentionCompliance RetentionMode = "Compliance"
)

// Retention is how long new objects are locked unless their upload says
// otherwise.
// +kubebuilder:validation:ExactlyOneOf=days;years
type Retention struct {
	// Mode of the locks.
	Mode RetentionMode `json:"mode"`

	// Days that a new object is locked.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=36500
	Days *int32 `json:"days,omitempty"`

	// Years that a new object is locked.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	Years *int32 `json:"years,omitempty"`
}

// LifecycleRule deletes what has become old.
// +kubebuilder:validation:XValidation:rule="has(self.expireAfterDays) || has(self.expireNoncurrentAfterDays) || has(self.abortIncompleteUploadsAfterDays)",message="a lifecycle rule needs one of expireAfterDays, expireNoncurrentAfterDays and abortIncompleteUploadsAfterDays"
type LifecycleRule struct {
	// Prefix of the names of the objects that the rule is for. The default is
	// all objects.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[^\x00-\x08\x0B\x0C\x0E-\x1F\x{FFFE}\x{FFFF}]*$')`,message="prefix cannot hold control characters, which the server does not keep"
	Prefix string `json:"prefix,omitempty"`

	// ExpireAfterDays is how many days after its upload an object is deleted. In
	// a versioned bucket it becomes a noncurrent version.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=36500
	ExpireAfterDays *int32 `json:"expireAfterDays,omitempty"`

	// ExpireNoncurrentAfterDays is how many days after it was replaced or
	// deleted a version is deleted for good.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=36500
	ExpireNoncurrentAfterDays *int32 `json:"expireNoncurrentAfterDays,omitempty"`

	// AbortIncompleteUploadsAfterDays is how many days after it was begun a
	// multipart upload is given up. MinIO has no such rule of its own: the
	// provider does it when it looks at the bucket. Servers also give up by
	// themselves, after 24 hours unless told otherwise (stale_uploads_expiry).
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=36500
	AbortIncompleteUploadsAfterDays *int32 `json:"abortIncompleteUploadsAfterDays,omitempty"`
}

// EncryptionType says who holds the key that encrypts objects at rest.
// +kubebuilder:validation:Enum=SSE-S3;SSE-KMS
type EncryptionType string

// Types of encryption. Both need a server with a KMS.
const (
	// EncryptionSSES3 encrypts with the server's default key.
	EncryptionSSES3 EncryptionType = "SSE-S3"
	// EncryptionSSEKMS encrypts with a key of the server's KMS.
	EncryptionSSEKMS EncryptionType = "SSE-KMS"
)

// Encryption is how new objects are encrypted at rest unless their upload says
// otherwise.
// +kubebuilder:validation:XValidation:rule="self.type == 'SSE-KMS' || !has(self.kmsKeyID)",message="kmsKeyID needs type SSE-KMS"
// +kubebuilder:validation:XValidation:rule="self.type != 'SSE-KMS' || has(self.kmsKeyID)",message="type SSE-KMS needs kmsKeyID"
type Encryption struct {
	// Type of the encryption.
	Type EncryptionType `json:"type"`

	// KMSKeyID names the key of the server's KMS. Type SSE-KMS needs it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	KMSKeyID string `json:"kmsKeyID,omitempty"`
}

// AnonymousAccess is what those may do who show no key.
// +kubebuilder:validation:Enum=None;Download
type AnonymousAccess string

// Kinds of anonymous access.
const (
	// AnonymousAccessNone allows nothing.
	AnonymousAccessNone AnonymousAccess = "None"
	// AnonymousAccessDownload allows to read objects whose names are known, not
	// to list them.
	AnonymousAccessDownload AnonymousAccess = "Download"
)

// WhenNotEmpty says what becomes of a bucket that is to be deleted while it
// holds objects, versions of objects, or incomplete uploads.
// +kubebuilder:validation:Enum=Refuse;Purge
type WhenNotEmpty string

// What becomes of a bucket that is to be deleted and not empty.
const (
	// WhenNotEmptyRefuse keeps the bucket, and with it the resource.
	WhenNotEmptyRefuse WhenNotEmpty = "Refuse"
	// WhenNotEmptyPurge deletes everything in it. Locked objects stay, and with
	// them the bucket.
	WhenNotEmptyPurge WhenNotEmpty = "Purge"
)

// BucketParameters are the settings of a bucket. A setting that is not set is
// left as it is on the server; one that was set and no longer is, is undone.
// +kubebuilder:validation:XValidation:rule="has(self.region) == has(oldSelf.region) && (!has(self.region) || self.region == oldSelf.region)",message="region is fixed at creation"
// +kubebuilder:validation:XValidation:rule="!has(self.objectLocking) || !self.objectLocking || !has(self.versioning) || self.versioning == 'Enabled'",message="objectLocking needs versioning: it cannot be Suspended"
// +kubebuilder:validation:XValidation:rule="!has(self.retention) || (has(self.objectLocking) && self.objectLocking)",message="retention needs objectLocking, which is fixed at creation"
type BucketParameters struct {
	// Region in which to create the bucket. It must be the server's own region.
	// The default is the region of the provider configuration. Fixed at
	// creation.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Region *string `json:"region,omitempty"`

	// ObjectLocking lets objects of this bucket be locked against deletion and
	// overwriting (S3 Object Lock). It switches versioning on. Fixed at
	// creation.
	// +optional
	// +kubebuilder:default=false
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="objectLocking is fixed at creation"
	ObjectLocking bool `json:"objectLocking"`

	// Retention locks each new object. It needs objectLocking.
	// +optional
	Retention *Retention `json:"retention,omitempty"`

	// Versioning of the bucket's objects. It can be suspended, but not undone:
	// a bucket whose versioning is no longer set is suspended.
	// +optional
	Versioning *VersioningState `json:"versioning,omitempty"`

	// Quota is the most that the bucket may hold, all versions of its objects
	// together, such as 10Gi, rounded up to whole bytes. It must be no less than
	// what the bucket holds when it is set. The server counts from time to time, so a
	// bucket may outgrow its quota for some minutes.
	// +optional
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).isGreaterThan(quantity('0'))",message="quota must be more than 0"
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).isLessThan(quantity('8Ei'))",message="quota must be less than 8Ei"
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).isInteger() || quantity(string(self)).isGreaterThan(quantity('1Ki'))",message="quota must be whole bytes: write M for megabytes, not m"
	Quota *resource.Quantity `json:"quota,omitempty"`

	// Lifecycle deletes what has become old. The rules are all there are: one
	// that was made elsewhere is removed.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	Lifecycle []LifecycleRule `json:"lifecycle,omitempty"`

	// Tags of the bucket. They are all there are: one that was set elsewhere is
	// removed. Keys and values are made of letters A to Z and a to z, digits, spaces
	// and + - . _ : / @ =; Synced names a tag that is not.
	// +optional
	// +kubebuilder:validation:MaxProperties=50
	// +kubebuilder:validation:XValidation:rule="self.all(k, size(k) >= 1 && size(k) <= 128 && size(self[k]) <= 256)",message="a tag has a key of 1 to 128 and a value of at most 256 characters"
	Tags map[string]string `json:"tags,omitempty"`

	// Encryption of new objects at rest.
	// +optional
	Encryption *Encryption `json:"encryption,omitempty"`

	// AnonymousAccess is what those may do who show no key. It is kept as the
	// bucket's policy and replaces any other.
	// +optional
	AnonymousAccess *AnonymousAccess `json:"anonymousAccess,omitempty"`

	// WhenNotEmpty says what becomes of the bucket when the resource is deleted
	// while the bucket holds anything.
	// +optional
	// +kubebuilder:default=Refuse
	WhenNotEmpty WhenNotEmpty `json:"whenNotEmpty,omitempty"`
}

// BucketObservation is what the server says of a bucket.
type BucketObservation struct {
	// Versioning as the server has it; empty if the bucket never was versioned.
	// +optional
	Versioning VersioningState `json:"versioning,omitempty"`

	// ManagedSettings are the fields of spec.forProvider that the resource has
	// set on the server, sorted. One that is no longer in spec.forProvider is
	// undone on the server if it is in here, and left alone if it is not.
	// +optional
	// +listType=set
	ManagedSettings []string `json:"managedSettings,omitempty"`

	// Purged counts the objects and versions that were deleted from a bucket with
	// object locking since it was to be purged.
	// +optional
	Purged int64 `json:"purged,omitempty"`

	// PurgedUpTo is the name of the object up to which the bucket was gone
	// through when time was over; the next step goes on behind it.
	// +optional
	PurgedUpTo string `json:"purgedUpTo,omitempty"`
}

// BucketSpec is the desired state of a Bucket. Its providerConfigRef is fixed at
// creation: on another server the external name may be somebody else's.
// +kubebuilder:validation:XValidation:rule="has(self.providerConfigRef) == has(oldSelf.providerConfigRef) && (!has(self.providerConfigRef) || self.providerConfigRef == oldSelf.providerConfigRef)",message="providerConfigRef is fixed at creation: make a new resource to use another server"
type BucketSpec struct {
	xpv2.ManagedResourceSpec `json:",inline"`

	// ForProvider holds the bucket's settings.
	// +optional
	// +kubebuilder:default={}
	ForProvider BucketParameters `json:"forProvider"`
}

// BucketStatus is the observed state of a Bucket.
type BucketStatus struct {
	xpv1.ResourceStatus `json:",inline"`

	// AtProvider is what the server says of the bucket.
	// +optional
	AtProvider BucketObservation `json:"atProvider,omitempty"`
}

// Bucket is a bucket of a MinIO server. Its external name is the bucket's name
// and defaults to the resource's name; MinIO takes 3 to 63 lower-case letters,
// digits, dots and hyphens.
//
// A bucket that exists already is left alone, and Synced says so, unless
// somebody set the annotation crossplane.io/external-name to its name: then the
// resource adopts it. Deleting the resource removes the bucket if it is empty;
// while anything is left in it, whenNotEmpty decides.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories={crossplane,managed,minio}
// +kubebuilder:printcolumn:name="READY",type="string",JSONPath=".status.conditions[?(@.type=='Ready')].status"
// +kubebuilder:printcolumn:name="SYNCED",type="string",JSONPath=".status.conditions[?(@.type=='Synced')].status"
// +kubebuilder:printcolumn:name="EXTERNAL-NAME",type="string",JSONPath=".metadata.annotations.crossplane\\.io/external-name"
// +kubebuilder:printcolumn:name="AGE",type="date",JSONPath=".metadata.creationTimestamp"
type Bucket struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +optional
	// +kubebuilder:default={}
	Spec   BucketSpec   `json:"spec"`
	Status BucketStatus `json:"status,omitempty"`
}

// BucketList is a list of Buckets.
// +kubebuilder:object:root=true
type BucketList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Bucket `json:"items"`
}
