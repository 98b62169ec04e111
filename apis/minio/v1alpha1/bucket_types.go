package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	xpv2 "github.com/crossplane/crossplane-runtime/v2/apis/common/v2"
)

// VersioningState is whether a bucket keeps the earlier versions of its objects.
// +kubebuilder:validation:Enum=Enabled;Suspended
type VersioningState string

// States of versioning. Versioning that was enabled once can be suspended, but the bucket
// never becomes unversioned again.
const (
	VersioningEnabled   VersioningState = "Enabled"
	VersioningSuspended VersioningState = "Suspended"
)

// RetentionMode is who may shorten the retention of an object.
// +kubebuilder:validation:Enum=Governance;Compliance
type RetentionMode string

// Modes of retention.
const (
	// RetentionGovernance protects against mistakes only. MinIO lets every access key
	// of the server shorten or end it, also one without a grant for the bucket, if the
	// client asks for that; no policy can deny it.
	RetentionGovernance RetentionMode = "Governance"
	// RetentionCompliance lets no user shorten it, not even an administrator.
	RetentionCompliance RetentionMode = "Compliance"
)

// Retention is how long new objects are locked, unless their upload sets a
// retention of its own.
// +kubebuilder:validation:ExactlyOneOf=days;years
type Retention struct {
	// Mode of the locks. In mode Compliance no user can shorten or end a lock, not
	// even an administrator. Mode Governance protects against mistakes only, not
	// against a stolen key: MinIO lets every access key of the server shorten or end
	// such a lock, also one without a grant for the bucket, if the client asks for
	// that. No policy can deny it.
	Mode RetentionMode `json:"mode"`

	// Days for which a new object is locked.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=36500
	Days *int32 `json:"days,omitempty"`

	// Years for which a new object is locked.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	Years *int32 `json:"years,omitempty"`
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
	// incomplete multipart upload is aborted. MinIO does not implement such
	// rules; the provider aborts the uploads when it observes the bucket. The
	// server itself aborts uploads too, by default after 24 hours
	// (stale_uploads_expiry).
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=36500
	AbortIncompleteUploadsAfterDays *int32 `json:"abortIncompleteUploadsAfterDays,omitempty"`
}

// EncryptionType is which key encrypts objects at rest.
// +kubebuilder:validation:Enum=SSE-S3;SSE-KMS
type EncryptionType string

// Types of encryption. Both need a server with a KMS.
const (
	// EncryptionSSES3 encrypts with the server's default key.
	EncryptionSSES3 EncryptionType = "SSE-S3"
	// EncryptionSSEKMS encrypts with a key of the server's KMS.
	EncryptionSSEKMS EncryptionType = "SSE-KMS"
)

// Encryption is how new objects are encrypted at rest, unless their upload asks for
// another encryption.
// +kubebuilder:validation:XValidation:rule="self.type == 'SSE-KMS' || !has(self.kmsKeyID)",message="kmsKeyID needs type SSE-KMS"
// +kubebuilder:validation:XValidation:rule="self.type != 'SSE-KMS' || has(self.kmsKeyID)",message="type SSE-KMS needs kmsKeyID"
type Encryption struct {
	// Type of the encryption.
	Type EncryptionType `json:"type"`

	// KMSKeyID is the name of a key of the server's KMS. Type SSE-KMS needs it;
	// type SSE-S3 does not allow it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	KMSKeyID string `json:"kmsKeyID,omitempty"`
}

// AnonymousAccess is what requests without credentials may do.
// +kubebuilder:validation:Enum=None;Download
type AnonymousAccess string

// Kinds of anonymous access.
const (
	// AnonymousAccessNone allows nothing.
	AnonymousAccessNone AnonymousAccess = "None"
	// AnonymousAccessDownload allows reading objects whose names are known, but
	// not listing them.
	AnonymousAccessDownload AnonymousAccess = "Download"
)

// WhenNotEmpty is what happens to a bucket whose resource is deleted while the
// bucket holds objects, versions of objects, or incomplete uploads.
// +kubebuilder:validation:Enum=Refuse;Purge
type WhenNotEmpty string

// What happens to a bucket whose resource is deleted and that is not empty.
const (
	// WhenNotEmptyRefuse keeps the bucket, and the resource, until the bucket is
	// empty.
	WhenNotEmptyRefuse WhenNotEmpty = "Refuse"
	// WhenNotEmptyPurge deletes everything in the bucket. Locked objects stay
	// until their locks end, and so do the bucket and the resource.
	WhenNotEmptyPurge WhenNotEmpty = "Purge"
)

// BucketParameters are the settings of a bucket. A setting that was never set here
// is left on the server as it is. A setting that was set here and is then removed
// is undone on the server. A setting that is set to nothing, such as an empty list, a
// quota of 0 or anonymousAccess None, is removed from the server, no matter who set it there.
// +kubebuilder:validation:XValidation:rule="has(self.region) == has(oldSelf.region) && (!has(self.region) || self.region == oldSelf.region)",message="region is fixed at creation"
// +kubebuilder:validation:XValidation:rule="!has(self.objectLocking) || !self.objectLocking || !has(self.versioning) || self.versioning == 'Enabled'",message="objectLocking needs versioning: it cannot be Suspended"
// +kubebuilder:validation:XValidation:rule="!has(self.retention) || (has(self.objectLocking) && self.objectLocking)",message="retention needs objectLocking, which is fixed at creation"
type BucketParameters struct {
	// Region in which to create the bucket. It must be the server's own region.
	// The default is the region of the provider configuration. It is fixed at
	// creation.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Region *string `json:"region,omitempty"`

	// ObjectLocking allows objects of the bucket to be locked against deletion and
	// overwriting (S3 Object Lock). It enables versioning. It is fixed at
	// creation.
	// +optional
	// +kubebuilder:default=false
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="objectLocking is fixed at creation"
	ObjectLocking bool `json:"objectLocking"`

	// Retention locks each new object. It needs objectLocking.
	// +optional
	Retention *Retention `json:"retention,omitempty"`

	// Versioning of the bucket's objects. A bucket cannot become unversioned
	// again: when this field is removed, versioning is suspended.
	// +optional
	Versioning *VersioningState `json:"versioning,omitempty"`

	// Quota is the maximum size of the bucket, including all versions of its
	// objects, such as 10Gi. It is rounded up to whole bytes. When it is set, it
	// must not be less than what the bucket holds. The server measures buckets
	// from time to time, so a bucket may exceed its quota for some minutes. 0 is no
	// limit: a quota that another client sets is removed.
	// +optional
	// +kubebuilder:validation:XValidation:rule="string(self).matches('^[+-]?[0-9.]{1,25}([A-Za-z]{0,2}|[eE][+-]?[0-9]{1,2})$')",message="quota has at most 25 digits, and two in an exponent, such as 1.5Gi or 1e9"
	// +kubebuilder:validation:XValidation:rule="!string(self).matches('^[+-]?[0-9.]{1,25}([A-Za-z]{0,2}|[eE][+-]?[0-9]{1,2})$') || !quantity(string(self)).isLessThan(quantity('0'))",message="quota cannot be negative; 0 is no limit"
	// +kubebuilder:validation:XValidation:rule="!string(self).matches('^[+-]?[0-9.]{1,25}([A-Za-z]{0,2}|[eE][+-]?[0-9]{1,2})$') || quantity(string(self)).isLessThan(quantity('8Ei'))",message="quota must be less than 8Ei"
	// +kubebuilder:validation:XValidation:rule="!string(self).matches('^[+-]?[0-9.]{1,25}([A-Za-z]{0,2}|[eE][+-]?[0-9]{1,2})$') || quantity(string(self)).isInteger() || quantity(string(self)).isGreaterThan(quantity('1Ki'))",message="quota must be whole bytes: write M for megabytes, not m"
	Quota *resource.Quantity `json:"quota,omitempty"`

	// Lifecycle is the list of all lifecycle rules of the bucket. If it is set,
	// rules that other clients add are removed; if it is empty, all rules are.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	Lifecycle []LifecycleRule `json:"lifecycle,omitzero"`

	// Tags are all tags of the bucket. If the field is set, tags that other
	// clients add are removed; if it is empty, all tags are. Keys and values consist of letters A to Z and a to
	// z, digits, spaces and + - . _ : / @ =; the condition Synced names a tag that
	// does not.
	// +optional
	// +kubebuilder:validation:MaxProperties=50
	// +kubebuilder:validation:XValidation:rule="self.all(k, size(k) >= 1 && size(k) <= 128 && size(self[k]) <= 256)",message="a tag has a key of 1 to 128 and a value of at most 256 characters"
	Tags map[string]string `json:"tags,omitzero"`

	// Encryption of new objects at rest.
	// +optional
	Encryption *Encryption `json:"encryption,omitempty"`

	// AnonymousAccess is what requests without credentials may do. The server
	// keeps it as the bucket's policy; it replaces any other bucket policy.
	// +optional
	AnonymousAccess *AnonymousAccess `json:"anonymousAccess,omitempty"`

	// WhenNotEmpty is what happens to the bucket when the resource is deleted
	// while the bucket is not empty. The default is Refuse. Incomplete uploads that
	// the server does not list do not count: those begun before it restarted, or
	// through a node of it that the provider cannot reach.
	// +optional
	// +kubebuilder:default=Refuse
	WhenNotEmpty WhenNotEmpty `json:"whenNotEmpty,omitempty"`
}

// BucketObservation is the observed state of a bucket.
type BucketObservation struct {
	// Versioning is the state of versioning on the server; empty if the bucket was
	// never versioned.
	// +optional
	Versioning VersioningState `json:"versioning,omitempty"`

	// ManagedSettings are the fields of spec.forProvider that the resource has
	// set on the server, sorted. A setting that is not in spec.forProvider is
	// undone on the server if it is listed here, and left alone otherwise.
	// +optional
	// +listType=set
	ManagedSettings []string `json:"managedSettings,omitempty"`

	// Purged is the number of objects and versions that the purge has deleted so
	// far. It is counted only for a bucket with object locking.
	// +optional
	Purged int64 `json:"purged,omitempty"`

	// PurgedUpTo is the name of the last object that the purge of a bucket with
	// object locking has processed; the next step continues after it. It is empty
	// when the next step begins with the first object.
	// +optional
	PurgedUpTo string `json:"purgedUpTo,omitempty"`
}

// BucketSpec is the desired state of a Bucket. Its providerConfigRef is fixed at
// creation: on another server, a bucket of the same name may belong to another
// owner.
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

	// AtProvider is the observed state of the bucket.
	// +optional
	AtProvider BucketObservation `json:"atProvider,omitempty"`
}

// Bucket is a bucket of a MinIO server. Its external name is the bucket's name
// and defaults to the resource's name. MinIO accepts 3 to 63 lower-case letters,
// digits, dots and hyphens.
//
// A bucket that exists already is left alone, and the condition Synced reports
// that, unless the annotation crossplane.io/external-name is set to the bucket's
// name: then the resource adopts the bucket. Deleting the resource removes the
// bucket if it is empty; otherwise whenNotEmpty decides.
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
