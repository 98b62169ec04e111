package v1alpha1

import (
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

// BucketParameters are the settings of a bucket.
// +kubebuilder:validation:XValidation:rule="has(self.region) == has(oldSelf.region) && (!has(self.region) || self.region == oldSelf.region)",message="region is fixed at creation"
// +kubebuilder:validation:XValidation:rule="!has(self.objectLocking) || !self.objectLocking || !has(self.versioning) || self.versioning == 'Enabled'",message="objectLocking needs versioning: it cannot be Suspended"
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

	// Versioning of the bucket's objects. Unset leaves the server's state alone.
	// +optional
	Versioning *VersioningState `json:"versioning,omitempty"`
}

// BucketObservation is what the server says of a bucket.
type BucketObservation struct {
	// Versioning as the server has it; empty if the bucket never was versioned.
	// +optional
	Versioning VersioningState `json:"versioning,omitempty"`
}

// BucketSpec is the desired state of a Bucket.
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
// while objects are left the resource stays, and Synced says why.
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
