package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	xpv2 "github.com/crossplane/crossplane-runtime/v2/apis/common/v2"
)

// Access is what a grant allows.
// +kubebuilder:validation:Enum=ReadWrite;ReadOnly;WriteOnly
type Access string

// The kinds of access. None of them allows changing the bucket's settings.
const (
	// AccessReadWrite allows listing, reading, writing and deleting objects and, in a
	// grant without a prefix, reading the bucket's settings.
	AccessReadWrite Access = "ReadWrite"
	// AccessReadOnly allows listing and reading objects and, in a grant without a
	// prefix, reading the bucket's settings.
	AccessReadOnly Access = "ReadOnly"
	// AccessWriteOnly allows writing objects, but not listing, reading or deleting
	// them.
	AccessWriteOnly Access = "WriteOnly"
)

// Grant allows access to one bucket.
// +kubebuilder:validation:XValidation:rule="has(self.bucketName) || has(self.bucketRef) || has(self.bucketSelector)",message="a grant needs one of bucketName, bucketRef and bucketSelector"
type Grant struct {
	// BucketName is the name of a bucket on the server. One of bucketName,
	// bucketRef and bucketSelector must be set.
	// +optional
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9][a-z0-9.-]*[a-z0-9]$`
	// +crossplane:generate:reference:type=Bucket
	// +crossplane:generate:reference:refFieldName=BucketRef
	// +crossplane:generate:reference:selectorFieldName=BucketSelector
	BucketName string `json:"bucketName,omitempty"`

	// BucketRef names a Bucket resource, whose bucket is granted in place of
	// bucketName.
	// +optional
	BucketRef *xpv1.NamespacedReference `json:"bucketRef,omitempty"`

	// BucketSelector selects a Bucket resource, whose bucket is granted. What was
	// selected once stays selected, unless policy.resolve is Always.
	// +optional
	BucketSelector *xpv1.NamespacedSelector `json:"bucketSelector,omitempty"`

	// Prefix limits the grant to objects whose names begin with it, such as
	// "reports/". Without a slash at its end it also covers "reports-secret/". Clients
	// can list with this prefix or a longer one only, and make no calls of the bucket
	// itself, such as HeadBucket. The default is all objects. The characters *, ?, $
	// and \ are not allowed, because policies read them as patterns or variables.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^[^*?$\\]*$`
	Prefix string `json:"prefix,omitempty"`

	// Access that the grant allows. The default is ReadWrite.
	// +optional
	// +kubebuilder:default=ReadWrite
	Access Access `json:"access,omitempty"`
}

// PolicyAttachment attaches a policy to a user in addition to its grants.
// +kubebuilder:validation:XValidation:rule="has(self.policyName) || has(self.policyRef) || has(self.policySelector)",message="a policy needs one of policyName, policyRef and policySelector"
type PolicyAttachment struct {
	// PolicyName is the name of a policy on the server. One of policyName,
	// policyRef and policySelector must be set.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[^,\s]+$`
	// +crossplane:generate:reference:type=Policy
	// +crossplane:generate:reference:refFieldName=PolicyRef
	// +crossplane:generate:reference:selectorFieldName=PolicySelector
	PolicyName string `json:"policyName,omitempty"`

	// PolicyRef names a Policy resource, whose policy is attached in place of
	// policyName.
	// +optional
	PolicyRef *xpv1.NamespacedReference `json:"policyRef,omitempty"`

	// PolicySelector selects a Policy resource, whose policy is attached. What was
	// selected once stays selected, unless policy.resolve is Always.
	// +optional
	PolicySelector *xpv1.NamespacedSelector `json:"policySelector,omitempty"`
}

// Rotation replaces a user's access key with a new one, at intervals or on demand.
// +kubebuilder:validation:XValidation:rule="!has(self.interval) || !has(self.overlap) || duration(self.overlap) <= duration(self.interval)",message="overlap, 24h unless it is set, cannot be longer than interval"
type Rotation struct {
	// Interval from one key to the next, such as 720h; at least 1m. Unset means that
	// no key is replaced because of its age. A key that is older than a new interval is
	// replaced within a tenth of it.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1m')",message="interval must be at least 1m"
	Interval *metav1.Duration `json:"interval,omitempty"`

	// Overlap is how long a replaced key keeps working once its successor has arrived
	// where applications read it; at most 720h. The default is 24h. Another overlap
	// also counts for keys that were replaced before.
	// +optional
	// +kubebuilder:default="24h"
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('0s')",message="overlap cannot be negative"
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('720h')",message="overlap cannot be longer than 720h: each replaced key works until it ends"
	Overlap *metav1.Duration `json:"overlap,omitempty"`

	// Trigger is any text. Changing it to another text replaces the key at once, but
	// not within 10 seconds of the previous replacement.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Trigger string `json:"trigger,omitempty"`

	// ServedAccessKeyID is set by a controller that copies the key from the connection
	// Secret to where applications read it: the ID of the access key that is there now.
	// While it is set and names another key than status.atProvider.accessKeyID, the
	// overlap of earlier keys does not begin and no further rotation does, and the
	// named key is not revoked. Unset means that applications read the connection
	// Secret itself.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	ServedAccessKeyID string `json:"servedAccessKeyID,omitempty"`
}

// WhenBucketsRemain decides whether a User can be deleted while Bucket resources
// exist to which it has access.
// +kubebuilder:validation:Enum=Keep;Remove
type WhenBucketsRemain string

// The values of WhenBucketsRemain.
const (
	// WhenBucketsRemainKeep keeps the user until these Buckets are deleted, so that
	// the key to existing data is not lost.
	WhenBucketsRemainKeep WhenBucketsRemain = "Keep"
	// WhenBucketsRemainRemove removes the user at once.
	WhenBucketsRemainRemove WhenBucketsRemain = "Remove"
)

// UserParameters are the desired settings of a user.
type UserParameters struct {
	// Grants are the buckets to which the user has access. The server denies what
	// neither a grant nor a policy allows.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Grants []Grant `json:"grants,omitempty"`

	// Policies that are attached to the user in addition to its grants. The list is
	// complete: any other policy is detached.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Policies []PolicyAttachment `json:"policies,omitempty"`

	// DenyUnsignedUploads denies the user's keys uploads whose body is not part of the
	// signature and is followed by a checksum. Community releases of MinIO since
	// 2023-05-18 verify the signature of such uploads only in part: with the ID of an
	// access key alone, which is not secret, any client can write to the buckets of
	// that key (CVE-2026-40344, CVE-2026-41145). Set it for such servers.
	//
	// Recent AWS SDKs upload in this way by default over TLS. They do not where
	// AWS_REQUEST_CHECKSUM_CALCULATION or request_checksum_calculation of their
	// configuration is when_required, as in the connection Secret.
	// +optional
	DenyUnsignedUploads bool `json:"denyUnsignedUploads,omitempty"`

	// DenyUncheckedUploads denies the user's keys two kinds of uploads: by HTML form
	// with a signed policy (POST), and of archives that the server unpacks. The last
	// community release of MinIO, 2026-02-12, and earlier ones store what they upload
	// without checking the locks of object versions, and check the bucket's quota in
	// part or not at all. Set it on such servers for every user that writes to a bucket
	// with locking.
	//
	// Archives are denied without exception. A client that forges its request can still
	// upload by form: only a proxy in front of the server that drops forms denies those.
	//
	// Web pages cannot upload by form then, and objects whose names end in a slash,
	// which some clients create for empty folders, are denied too. All other uploads
	// go on: in one piece, in parts, and with presigned URLs.
	// +optional
	DenyUncheckedUploads bool `json:"denyUncheckedUploads,omitempty"`

	// Enabled is whether the user's keys work. A disabled user keeps its keys.
	// +optional
	// +kubebuilder:default=true
	Enabled *bool `json:"enabled,omitempty"`

	// Rotation replaces the user's access key. Unset means that the key is never
	// replaced, unless it is lost. Only the first key, while it works, can request
	// temporary credentials (STS), with which MinIO's Console logs in: MinIO refuses
	// them to each later key.
	// +optional
	Rotation *Rotation `json:"rotation,omitempty"`

	// WhenBucketsRemain decides what happens when the resource is deleted while
	// Bucket resources of its grants exist: Keep keeps the user until they are
	// deleted, Remove removes it at once. A grant without a bucketRef that names a
	// namespace concerns Buckets of the User's own namespace.
	// +optional
	// +kubebuilder:default=Keep
	WhenBucketsRemain WhenBucketsRemain `json:"whenBucketsRemain,omitempty"`
}

// RetiringKey is an access key that was replaced and still works.
type RetiringKey struct {
	// AccessKeyID is the ID of the key. It is not secret.
	AccessKeyID string `json:"accessKeyID"`

	// Since is when the overlap began: when a later key had arrived where applications
	// read it. Unset means that it has not begun.
	// +optional
	Since *metav1.Time `json:"since,omitempty"`

	// Until is when the overlap ends and the key is revoked. Unset means that the
	// overlap has not begun.
	// +optional
	Until *metav1.Time `json:"until,omitempty"`
}

// UserObservation is the observed state of a user and its access keys.
type UserObservation struct {
	// AccessKeyID is the ID of the current access key, which the connection Secret
	// holds. It is not secret.
	// +optional
	AccessKeyID string `json:"accessKeyID,omitempty"`

	// PublishedHash is a hash of the connection Secret's content, as it was read back,
	// without a key that is still pending. It changes with the content, so that clients
	// that watch the User notice, and reveals nothing of it.
	// +optional
	PublishedHash string `json:"publishedHash,omitempty"`

	// Generation counts the rotations. The key of generation 0 is the user's own; the
	// key of each later generation is a service account of the user.
	// +optional
	Generation int64 `json:"generation,omitempty"`

	// RotatedAt is when the current key was created. For a key that was created
	// before this field existed, it is when the key was first observed.
	// +optional
	RotatedAt *metav1.Time `json:"rotatedAt,omitempty"`

	// NextRotationAt is when the interval ends and the next key is due.
	// +optional
	NextRotationAt *metav1.Time `json:"nextRotationAt,omitempty"`

	// RotationTrigger is the value of the trigger when the current key was created.
	// +optional
	RotationTrigger string `json:"rotationTrigger,omitempty"`

	// RetiringKeys are the replaced keys that still work, at most two once the current
	// key is published.
	// +optional
	// +listType=map
	// +listMapKey=accessKeyID
	RetiringKeys []RetiringKey `json:"retiringKeys,omitempty"`
}

// UserSpec is the desired state of a User. Its providerConfigRef is immutable: on
// another server the external name may belong to another user.
// +kubebuilder:validation:XValidation:rule="has(self.providerConfigRef) == has(oldSelf.providerConfigRef) && (!has(self.providerConfigRef) || self.providerConfigRef == oldSelf.providerConfigRef)",message="providerConfigRef is fixed at creation: make a new resource to use another server"
type UserSpec struct {
	xpv2.ManagedResourceSpec `json:",inline"`

	// ForProvider holds the user's desired settings.
	// +optional
	// +kubebuilder:default={}
	ForProvider UserParameters `json:"forProvider"`
}

// UserStatus is the observed state of a User.
type UserStatus struct {
	xpv1.ResourceStatus `json:",inline"`

	// AtProvider is the observed state of the user and its access keys.
	// +optional
	AtProvider UserObservation `json:"atProvider,omitempty"`
}

// User is a user of a MinIO server: one identity with an access key of its own.
// Its external name is its name on the server, which is also the ID of its first
// access key. The default is derived from the resource's UID, so that two Users
// never share one. Its grants are written as one canned policy of that default
// name. This policy also denies the user creating service accounts, which are
// further access keys.
//
// The current access key is published in the Secret that
// spec.writeConnectionSecretToRef names, in the formats of the AWS SDKs, COSI,
// Cozystack, Velero, rclone and s3cmd. The server never returns a secret key, so that
// a key is stored in the Secret before the server is given it. A user or key that is
// lost on the server gets the stored key again. A user whose Secret is lost or edited
// gets a new key, and so does an existing user that is adopted by its external name
// without a Secret. Without the reference the secret key is not stored anywhere.
//
// Ready means verified: at the published endpoint, the server allowed the published
// key what a grant allows, and denied it what no grant allows.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories={crossplane,managed,minio}
// +kubebuilder:printcolumn:name="READY",type="string",JSONPath=".status.conditions[?(@.type=='Ready')].status"
// +kubebuilder:printcolumn:name="SYNCED",type="string",JSONPath=".status.conditions[?(@.type=='Synced')].status"
// +kubebuilder:printcolumn:name="NEXT-ROTATION",type="string",JSONPath=".status.atProvider.nextRotationAt",priority=1
// +kubebuilder:printcolumn:name="AGE",type="date",JSONPath=".metadata.creationTimestamp"
type User struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +optional
	// +kubebuilder:default={}
	Spec   UserSpec   `json:"spec"`
	Status UserStatus `json:"status,omitempty"`
}

// UserList is a list of Users.
// +kubebuilder:object:root=true
type UserList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []User `json:"items"`
}
