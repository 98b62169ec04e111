package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	xpv2 "github.com/crossplane/crossplane-runtime/v2/apis/common/v2"
)

// Keys of a User's connection Secret. The names are those that the AWS SDKs
// read from the environment, so that a pod can take the Secret with envFrom.
const (
	// ConnectionKeyAccessKeyID holds the access key's ID.
	ConnectionKeyAccessKeyID = "AWS_ACCESS_KEY_ID"
	// ConnectionKeySecretAccessKey holds the access key's secret.
	ConnectionKeySecretAccessKey = "AWS_SECRET_ACCESS_KEY" //nolint:gosec // The name of a key, not a key.
	// ConnectionKeyEndpoint holds the URL that the provider configuration
	// advertises to users of the bucket.
	ConnectionKeyEndpoint = "AWS_ENDPOINT_URL_S3"
	// ConnectionKeyRegion holds the region that the provider configuration
	// advertises; empty if it names none.
	ConnectionKeyRegion = "AWS_REGION"
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

	// Access that is allowed.
	// +optional
	// +kubebuilder:default=ReadWrite
	Access Access `json:"access,omitempty"`
}

// UserParameters are the settings of a user.
type UserParameters struct {
	// Grants say what the user may do. What no grant allows is refused.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Grants []Grant `json:"grants,omitempty"`
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
}

// UserSpec is the desired state of a User.
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
// Its external name is the ID of that key; the default is made from the
// resource's UID, so two Users never share one. Its grants are kept as one
// canned policy, named as that default, which also denies the user to make
// service accounts: access keys of its own making.
//
// The access key is published in the Secret that
// spec.writeConnectionSecretToRef names, under the keys AWS_ACCESS_KEY_ID,
// AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL_S3 and AWS_REGION. The server never
// discloses a secret key: where the Secret or its key is lost, the user gets a
// new one. So does an existing user that is adopted by its external name.
// Without the reference the user gets a secret key that nobody knows.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories={crossplane,managed,minio}
// +kubebuilder:printcolumn:name="READY",type="string",JSONPath=".status.conditions[?(@.type=='Ready')].status"
// +kubebuilder:printcolumn:name="SYNCED",type="string",JSONPath=".status.conditions[?(@.type=='Synced')].status"
// +kubebuilder:printcolumn:name="ACCESS-KEY",type="string",JSONPath=".status.atProvider.accessKeyID"
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
