package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	xpv2 "github.com/crossplane/crossplane-runtime/v2/apis/common/v2"
)

// PolicyParameters are the settings of a policy.
type PolicyParameters struct {
	// Document of the policy: JSON in the IAM policy language, as MinIO implements
	// it. A document on the server that means the same is not replaced, however it
	// is written.
	// Source: https://min.io/docs/minio/linux/administration/identity-access-management/policy-based-access-control.html.
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=20480
	Document string `json:"document"`
}

// PolicyObservation is the observed state of a policy.
type PolicyObservation struct {
	// UpdatedAt is when the policy was last changed on the server.
	// +optional
	UpdatedAt *metav1.Time `json:"updatedAt,omitempty"`
}

// PolicySpec is the desired state of a Policy. Its providerConfigRef is fixed at
// creation: on another server, a policy of the same name may belong to another
// owner.
// +kubebuilder:validation:XValidation:rule="has(self.providerConfigRef) == has(oldSelf.providerConfigRef) && (!has(self.providerConfigRef) || self.providerConfigRef == oldSelf.providerConfigRef)",message="providerConfigRef is fixed at creation: make a new resource to use another server"
type PolicySpec struct {
	xpv2.ManagedResourceSpec `json:",inline"`

	// ForProvider holds the policy's settings.
	ForProvider PolicyParameters `json:"forProvider"`
}

// PolicyStatus is the observed state of a Policy.
type PolicyStatus struct {
	xpv1.ResourceStatus `json:",inline"`

	// AtProvider is the observed state of the policy.
	// +optional
	AtProvider PolicyObservation `json:"atProvider,omitempty"`
}

// Policy is a canned policy of a MinIO server, which can be attached to users. Its
// external name is the policy's name and defaults to the resource's name. The
// name is unique on the server, so Policies in different namespaces cannot have
// the same external name.
//
// A policy that exists already is left alone, and the condition Synced reports
// that, unless the annotation crossplane.io/external-name is set to the policy's
// name: then the resource adopts the policy. Deleting the resource removes the
// policy once it is no longer attached to users or groups; until then, Synced
// names them.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories={crossplane,managed,minio}
// +kubebuilder:printcolumn:name="READY",type="string",JSONPath=".status.conditions[?(@.type=='Ready')].status"
// +kubebuilder:printcolumn:name="SYNCED",type="string",JSONPath=".status.conditions[?(@.type=='Synced')].status"
// +kubebuilder:printcolumn:name="EXTERNAL-NAME",type="string",JSONPath=".metadata.annotations.crossplane\\.io/external-name"
// +kubebuilder:printcolumn:name="AGE",type="date",JSONPath=".metadata.creationTimestamp"
type Policy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   PolicySpec   `json:"spec"`
	Status PolicyStatus `json:"status,omitempty"`
}

// PolicyList is a list of Policies.
// +kubebuilder:object:root=true
type PolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Policy `json:"items"`
}
