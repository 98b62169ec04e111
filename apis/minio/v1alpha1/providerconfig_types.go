package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	xpv2 "github.com/crossplane/crossplane-runtime/v2/apis/common/v2"
)

// Keys of the Secret that holds the credentials of a provider configuration.
const (
	// CredentialsKeyAccessKey holds the access key's ID.
	CredentialsKeyAccessKey = "accessKey"
	// CredentialsKeySecretKey holds the access key's secret.
	CredentialsKeySecretKey = "secretKey"
)

// AnnotationDeploymentID confirms that a provider configuration leads to another server than
// before: its value is the deployment ID of that server.
const AnnotationDeploymentID = Group + "/deployment-id"

// ObjectReference names a Secret or ConfigMap.
type ObjectReference struct {
	// Name of the object.
	// +kubebuilder:validation:MinLength=1
	Name string `json:"name"`

	// Namespace of the object. A ClusterProviderConfig must set it. A
	// ProviderConfig must not set it, because it reads its own namespace only.
	// +optional
	Namespace string `json:"namespace,omitempty"`
}

// ObjectKeyReference names a key of a Secret or ConfigMap.
type ObjectKeyReference struct {
	ObjectReference `json:",inline"`

	// Key of the object's data to read.
	// +optional
	// +kubebuilder:default=ca.crt
	Key string `json:"key,omitempty"`
}

// CABundle holds or references the certificate authorities to trust.
// +kubebuilder:validation:ExactlyOneOf=inline;secretRef;configMapRef
type CABundle struct {
	// Inline holds the certificates, in PEM.
	// +optional
	Inline string `json:"inline,omitempty"`

	// SecretRef names a Secret's key that holds the certificates, in PEM.
	// +optional
	SecretRef *ObjectKeyReference `json:"secretRef,omitempty"`

	// ConfigMapRef names a ConfigMap's key that holds the certificates, in PEM.
	// +optional
	ConfigMapRef *ObjectKeyReference `json:"configMapRef,omitempty"`
}

// CABundlePolicy says what a CABundle means for the public certificate authorities.
type CABundlePolicy string

const (
	// CABundlePolicyAdd trusts the authorities of the bundle beside the public ones.
	CABundlePolicyAdd CABundlePolicy = "Add"
	// CABundlePolicyReplace trusts the authorities of the bundle only.
	CABundlePolicyReplace CABundlePolicy = "Replace"
)

// Credentials of an administrator of the server.
type Credentials struct {
	// SecretRef names a Secret with the keys accessKey and secretKey.
	SecretRef ObjectReference `json:"secretRef"`
}

// ClientOptions limit the provider's calls to a server.
type ClientOptions struct {
	// Timeout of one call to the server. All calls of one reconcile together may
	// take one minute.
	// +optional
	// +kubebuilder:default="30s"
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('1m')",message="timeout must be from 1s to 1m"
	Timeout *metav1.Duration `json:"timeout,omitempty"`

	// MaxCallsInFlight is how many calls to the server may run at once. Further
	// calls wait.
	// +optional
	// +kubebuilder:default=32
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1024
	MaxCallsInFlight *int32 `json:"maxCallsInFlight,omitempty"`
}

// ProviderConfigSpec describes how to reach a MinIO server.
type ProviderConfigSpec struct {
	// Endpoint is the URL at which the provider reaches the server: scheme, host
	// and, unless it is the scheme's default, port. Example:
	// https://minio.minio.svc:9000.
	// +kubebuilder:validation:Pattern=`^https?://[^/?#@\s]+/?$`
	// +kubebuilder:validation:MaxLength=512
	Endpoint string `json:"endpoint"`

	// PublicEndpoint is the server's URL that is published to the users of
	// buckets. The default is endpoint.
	// +optional
	// +kubebuilder:validation:Pattern=`^https?://[^/?#@\s]+/?$`
	// +kubebuilder:validation:MaxLength=512
	PublicEndpoint string `json:"publicEndpoint,omitempty"`

	// Region of the server. Requests are signed with it, and it is published to the
	// users of buckets. If it is empty, the region that the server reports is used,
	// or us-east-1 if the server has none. A configuration whose region is not the
	// server's cannot be used.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Region string `json:"region,omitempty"`

	// Credentials of an administrator of the server.
	Credentials Credentials `json:"credentials"`

	// CABundle holds or references the certificate authorities to trust, for
	// endpoint and publicEndpoint, in addition to the public ones. It is published
	// to the users of buckets: if publicEndpoint has a certificate of a public
	// authority and endpoint has not, add that authority too.
	// +optional
	CABundle *CABundle `json:"caBundle,omitempty"`

	// CABundlePolicy is Replace to trust the authorities in caBundle only. Without
	// caBundle it has no effect.
	// +optional
	// +kubebuilder:default=Add
	// +kubebuilder:validation:Enum=Add;Replace
	CABundlePolicy CABundlePolicy `json:"caBundlePolicy,omitempty"`

	// Client limits the provider's calls to the server.
	// +optional
	Client *ClientOptions `json:"client,omitempty"`
}

// ProviderConfigStatus is the observed state of a provider configuration.
type ProviderConfigStatus struct {
	xpv1.ProviderConfigStatus `json:",inline"`

	// DeploymentID identifies the server that the configuration was first used with.
	// Another server at the same endpoint cannot be used, unless the annotation
	// minio.cistern.dev/deployment-id of the configuration holds its ID.
	// +optional
	DeploymentID string `json:"deploymentID,omitempty"`
}

// ProviderConfig describes the MinIO server of managed resources in its own
// namespace. It reads Secrets and ConfigMaps of that namespace only.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories={crossplane,provider,minio}
// +kubebuilder:printcolumn:name="READY",type="string",JSONPath=".status.conditions[?(@.type=='Ready')].status"
// +kubebuilder:printcolumn:name="REASON",type="string",JSONPath=".status.conditions[?(@.type=='Ready')].reason"
// +kubebuilder:printcolumn:name="ENDPOINT",type="string",JSONPath=".spec.endpoint"
// +kubebuilder:printcolumn:name="USERS",type="integer",JSONPath=".status.users"
// +kubebuilder:printcolumn:name="AGE",type="date",JSONPath=".metadata.creationTimestamp"
// +kubebuilder:validation:XValidation:rule="!has(self.spec.credentials.secretRef.namespace)",message="a ProviderConfig reads Secrets of its own namespace: leave spec.credentials.secretRef.namespace out, or use a ClusterProviderConfig"
// +kubebuilder:validation:XValidation:rule="!has(self.spec.caBundle) || !has(self.spec.caBundle.secretRef) || !has(self.spec.caBundle.secretRef.namespace)",message="a ProviderConfig reads Secrets of its own namespace: leave spec.caBundle.secretRef.namespace out, or use a ClusterProviderConfig"
// +kubebuilder:validation:XValidation:rule="!has(self.spec.caBundle) || !has(self.spec.caBundle.configMapRef) || !has(self.spec.caBundle.configMapRef.namespace)",message="a ProviderConfig reads ConfigMaps of its own namespace: leave spec.caBundle.configMapRef.namespace out, or use a ClusterProviderConfig"
type ProviderConfig struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ProviderConfigSpec   `json:"spec"`
	Status ProviderConfigStatus `json:"status,omitempty"`
}

// ProviderConfigList is a list of ProviderConfigs.
// +kubebuilder:object:root=true
type ProviderConfigList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ProviderConfig `json:"items"`
}

// ClusterProviderConfig describes the MinIO server of managed resources in any
// namespace. Managed resources that name no configuration use the
// ClusterProviderConfig called default.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories={crossplane,provider,minio}
// +kubebuilder:printcolumn:name="READY",type="string",JSONPath=".status.conditions[?(@.type=='Ready')].status"
// +kubebuilder:printcolumn:name="REASON",type="string",JSONPath=".status.conditions[?(@.type=='Ready')].reason"
// +kubebuilder:printcolumn:name="ENDPOINT",type="string",JSONPath=".spec.endpoint"
// +kubebuilder:printcolumn:name="USERS",type="integer",JSONPath=".status.users"
// +kubebuilder:printcolumn:name="AGE",type="date",JSONPath=".metadata.creationTimestamp"
// +kubebuilder:validation:XValidation:rule="has(self.spec.credentials.secretRef.namespace)",message="a ClusterProviderConfig has no namespace of its own: set spec.credentials.secretRef.namespace"
// +kubebuilder:validation:XValidation:rule="!has(self.spec.caBundle) || !has(self.spec.caBundle.secretRef) || has(self.spec.caBundle.secretRef.namespace)",message="a ClusterProviderConfig has no namespace of its own: set spec.caBundle.secretRef.namespace"
// +kubebuilder:validation:XValidation:rule="!has(self.spec.caBundle) || !has(self.spec.caBundle.configMapRef) || has(self.spec.caBundle.configMapRef.namespace)",message="a ClusterProviderConfig has no namespace of its own: set spec.caBundle.configMapRef.namespace"
type ClusterProviderConfig struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ProviderConfigSpec   `json:"spec"`
	Status ProviderConfigStatus `json:"status,omitempty"`
}

// ClusterProviderConfigList is a list of ClusterProviderConfigs.
// +kubebuilder:object:root=true
type ClusterProviderConfigList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ClusterProviderConfig `json:"items"`
}

// ProviderConfigUsage records that a managed resource uses a ProviderConfig or
// ClusterProviderConfig. That configuration cannot be deleted while it is used.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Namespaced,categories={crossplane,provider,minio}
// +kubebuilder:printcolumn:name="CONFIG-KIND",type="string",JSONPath=".providerConfigRef.kind"
// +kubebuilder:printcolumn:name="CONFIG-NAME",type="string",JSONPath=".providerConfigRef.name"
// +kubebuilder:printcolumn:name="RESOURCE-KIND",type="string",JSONPath=".resourceRef.kind"
// +kubebuilder:printcolumn:name="RESOURCE-NAME",type="string",JSONPath=".resourceRef.name"
// +kubebuilder:printcolumn:name="AGE",type="date",JSONPath=".metadata.creationTimestamp"
type ProviderConfigUsage struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	xpv2.TypedProviderConfigUsage `json:",inline"`
}

// ProviderConfigUsageList is a list of ProviderConfigUsages.
// +kubebuilder:object:root=true
type ProviderConfigUsageList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ProviderConfigUsage `json:"items"`
}
