package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	xpv2 "github.com/crossplane/crossplane-runtime/v2/apis/common/v2"
)

// Access is what a grant allows.
// +kubebuilder:validation:Enum=ReadWrite;ReadOnly;WriteOnly
type Access string

// Kinds of access. None of them allows changes of the bucket's settings.
const (
	// AccessReadWrite allows to list, read, write and delete objects.
	AccessReadWrite Access = "ReadWrite"
	// AccessReadOnly allows to list and read objects.
	AccessReadOnly Access = "ReadOnly"
	// AccessWriteOnly allows to write objects, not to list, read or delete
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

	// BucketRef names a Bucket resource from which to take bucketName.
	// +optional
	BucketRef *xpv1.NamespacedReference `json:"bucketRef,omitempty"`

	// BucketSelector selects a Bucket resource from which to take bucketName.
	// +optional
	BucketSelector *xpv1.NamespacedSelector `json:"bucketSelector,omitempty"`

	// Prefix of the names of the objects that the grant is for, such as
	// "reports/". The default is all objects. The characters * and ? stand for
	// themselves in names of objects but for others in policies, and so does $:
	// they are refused.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^[^*?$\\]*$`
	Prefix string `json:"prefix,omitempty"`

	// Access that is allowed.
	// +optional
	// +kubebuilder:default=ReadWrite
	Access Access `json:"access,omitempty"`
}

// PolicyAttachment gives a user a policy beside its grants.
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

	// PolicyRef names a Policy resource from which to take policyName.
	// +optional
	PolicyRef *xpv1.NamespacedReference `json:"policyRef,omitempty"`

	// PolicySelector selects a Policy resource from which to take policyName.
	// +optional
	PolicySelector *xpv1.NamespacedSelector `json:"policySelector,omitempty"`
}

// Rotation replaces a user's access key by a new one from time to time.
// +kubebuilder:validation:XValidation:rule="!has(self.interval) || !has(self.overlap) || duration(self.overlap) <= duration(self.interval)",message="overlap, 24h unless it is set, cannot be longer than interval"
type Rotation struct {
	// Interval from one key to the next, such as 720h. The default is never.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1m')",message="interval must be at least 1m"
	Interval *metav1.Duration `json:"interval,omitempty"`

	// Overlap is how long an old key works beside the new one.
	// +optional
	// +kubebuilder:default="24h"
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('0s')",message="overlap cannot be negative"
	Overlap *metav1.Duration `json:"overlap,omitempty"`

	// Trigger is any text. Changing it replaces the key at once.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Trigger string `json:"trigger,omitempty"`
}

// WhenBucketsRemain says what becomes of a user that is to be deleted while
// Bucket resources that it was granted exist.
// +kubebuilder:validation:Enum=Keep;Remove
type WhenBucketsRemain string

// What becomes of a user that is to be deleted while its buckets exist.
const (
	// WhenBucketsRemainKeep keeps the user until the Buckets are gone, so that
	// nobody loses the key to data that still exists.
	WhenBucketsRemainKeep WhenBucketsRemain = "Keep"
	// WhenBucketsRemainRemove removes the user at once.
	WhenBucketsRemainRemove WhenBucketsRemain = "Remove"
)

// UserParameters are the settings of a user.
type UserParameters struct {
	// Grants say what the user may do. What neither a grant nor a policy allows
	// is refused.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Grants []Grant `json:"grants,omitempty"`

	// Policies that the user holds beside its grants. They are all there are:
	// one that was attached elsewhere is taken from the user.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Policies []PolicyAttachment `json:"policies,omitempty"`

	// Enabled lets the user in. A user that is not enabled keeps its keys, and
	// none of them works.
	// +optional
	// +kubebuilder:default=true
	Enabled *bool `json:"enabled,omitempty"`

	// Rotation replaces the user's access key. Unset leaves it as it is.
	// +optional
	Rotation *Rotation `json:"rotation,omitempty"`

	// WhenBucketsRemain says what becomes of the user when the resource is
	// deleted while Bucket resources that its grants are about exist, in the
	// namespaces that the grants name them in.
	// +optional
	// +kubebuilder:default=Keep
	WhenBucketsRemain WhenBucketsRemain `json:"whenBucketsRemain,omitempty"`
}

// RetiringKey is an access key that has been replaced and still works.
type RetiringKey struct {
	// AccessKeyID is the ID of the key. It is no secret.
	AccessKeyID string `json:"accessKeyID"`

	// Until is when the key is removed.
	Until metav1.Time `json:"until"`
}

// UserObservation is what the server says of a user.
type UserObservation struct {
	// AccessKeyID is the ID of the current access key. It is no secret.
	// +optional
	AccessKeyID string `json:"accessKeyID,omitempty"`

	// PublishedHash is another value for each content of the connection Secret,
	// so that whoever watches the User learns of a change. Nothing follows from
	// it about the content.
	// +optional
	PublishedHash string `json:"publishedHash,omitempty"`

	// Generation counts the rotations. Generation 0 is the user's own key; a
	// later one is an access key that belongs to the user.
	// +optional
	Generation int64 `json:"generation,omitempty"`

	// RotatedAt is when the current key was made or, of one that was made before
	// this was recorded, first seen.
	// +optional
	RotatedAt *metav1.Time `json:"rotatedAt,omitempty"`

	// NextRotationAt is when the next key is due by the interval.
	// +optional
	NextRotationAt *metav1.Time `json:"nextRotationAt,omitempty"`

	// RotationTrigger is the trigger that the current key was made for.
	// +optional
	RotationTrigger string `json:"rotationTrigger,omitempty"`

	// RetiringKeys are the keys before the current one that still work.
	// +optional
	// +listType=map
	// +listMapKey=accessKeyID
	RetiringKeys []RetiringKey `json:"retiringKeys,omitempty"`
}

// UserSpec is the desired state of a User. Its providerConfigRef is fixed at
// creation: on another server the external name may be somebody else's.
// +kubebuilder:validation:XValidation:rule="has(self.providerConfigRef) == has(oldSelf.providerConfigRef) && (!has(self.providerConfigRef) || self.providerConfigRef == oldSelf.providerConfigRef)",message="providerConfigRef is fixed at creation: make a new resource to use another server"
type UserSpec struct {
	xpv2.ManagedResourceSpec `json:",inline"`

	// ForProvider holds the user's settings.
	// +optional
	// +kubebuilder:default={}
	ForProvider UserParameters `json:"forProvider"`
}

// UserStatus is the observed state of a User.
type UserStatus struct {
	xpv1.ResourceStatus `json:",inline"`

	// AtProvider is what the server says of the user.
	// +optional
	AtProvider UserObservation `json:"atProvider,omitempty"`
}

// User is a user of a MinIO server: one identity with an access key of its own.
// Its external name is its name on the server, which is also the ID of its first
// key; the default is made from the resource's UID, so two Users never share
// one. Its grants are kept as one canned policy, named as that default, which
// also denies the user to make service accounts: access keys of its own making.
//
// The current access key is published in the Secret that
// spec.writeConnectionSecretToRef names, in all shapes that ConnectionDetails
// documents. The server never discloses a secret key: where the Secret or its
// key is lost, the user gets a new one. So does an existing user that is adopted
// by its external name. Without the reference the user gets a secret key that
// nobody knows.
//
// Ready means proven: with the published key, on the published endpoint, the
// server allowed what a grant allows and refused what none does.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories={crossplane,managed,minio}
// +kubebuilder:printcolumn:name="READY",type="string",JSONPath=".status.conditions[?(@.type=='Ready')].status"
// +kubebuilder:printcolumn:name="SYNCED",type="string",JSONPath=".status.conditions[?(@.type=='Synced')].status"
// +kubebuilder:printcolumn:name="ACCESS-KEY",type="string",JSONPath=".status.atProvider.accessKeyID"
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
