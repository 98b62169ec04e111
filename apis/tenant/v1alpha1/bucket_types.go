package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
)

// BucketKind is the kind that tenants claim.
var BucketKind = schema.GroupVersionKind{Group: "apps.cozystack.io", Version: "v1alpha1", Kind: "Bucket"}

// Condition of a claim, beside Crossplane's own Ready and Synced.
const (
	// ConditionProvisioned is True once bucket, credentials and Secret are
	// there. While it is False its reason and message say what the claim waits
	// for.
	ConditionProvisioned = "Provisioned"

	// ReasonProvisioned says that everything is there.
	ReasonProvisioned = "Provisioned"
	// ReasonInvalidClaim says that the claim asks for something that the
	// platform does not have. Nothing is made or changed.
	ReasonInvalidClaim = "InvalidClaim"
	// ReasonInvalidInput says that the Composition's input cannot be used; the
	// platform team must mend it. Nothing is made or changed.
	ReasonInvalidInput = "InvalidInput"
	// ReasonWaitingForBucket says that the bucket is not ready yet.
	ReasonWaitingForBucket = "WaitingForBucket"
	// ReasonWaitingForUser says that the user with its access key is not ready
	// yet.
	ReasonWaitingForUser = "WaitingForUser"
	// ReasonSecretConflict says that the Secret's name is taken by a Secret
	// that is not the claim's. It stays untouched; once it is gone the claim
	// goes on.
	ReasonSecretConflict = "SecretConflict"
)

// BucketSpec is what a tenant may ask for. All of it is optional.
// +kubebuilder:validation:XValidation:rule="has(self.storagePool) == has(oldSelf.storagePool) && (!has(self.storagePool) || self.storagePool == oldSelf.storagePool)",message="storagePool is fixed at creation"
// +kubebuilder:validation:XValidation:rule="!has(self.crossplane) || !has(self.crossplane.compositionUpdatePolicy) || self.crossplane.compositionUpdatePolicy == 'Automatic'",message="the platform chooses the composition revision: leave spec.crossplane.compositionUpdatePolicy out"
// +kubebuilder:validation:XValidation:rule="!has(self.crossplane) || !has(self.crossplane.compositionRevisionSelector)",message="the platform chooses the composition revision: leave spec.crossplane.compositionRevisionSelector out"
type BucketSpec struct {
	// StoragePool is the platform's pool to take the bucket from. The default
	// is the platform's default pool. Fixed at creation.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	StoragePool string `json:"storagePool,omitempty"`
}

// BucketStatus is what the tenant needs to know of its bucket.
type BucketStatus struct {
	xpv1.ConditionedStatus `json:",inline"`

	// BucketName is the bucket's name on the server.
	// +optional
	BucketName string `json:"bucketName,omitempty"`

	// Endpoint is the URL at which to reach the bucket.
	// +optional
	Endpoint string `json:"endpoint,omitempty"`

	// SecretName is the name of the Secret, in the claim's namespace, whose key
	// BucketInfo holds endpoint and credentials.
	// +optional
	SecretName string `json:"secretName,omitempty"`
}

// Bucket is an S3 bucket of its own for a tenant, with credentials for it in
// the Secret bucket-<name>.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced
// +kubebuilder:printcolumn:name="BUCKET",type="string",JSONPath=".status.bucketName"
// +kubebuilder:printcolumn:name="ENDPOINT",type="string",JSONPath=".status.endpoint"
// +kubebuilder:printcolumn:name="SECRET",type="string",JSONPath=".status.secretName"
type Bucket struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +optional
	Spec   BucketSpec   `json:"spec,omitempty"`
	Status BucketStatus `json:"status,omitempty"`
}
