package v1alpha1

import (
	"encoding/json"
	"strings"
)

// BucketInfoKey is the only key of the Secret with the name that SecretNameFor
// returns. Its value is a BucketInfo document.
const BucketInfoKey = "BucketInfo"

// LabelUserSecret is the label of the Secrets that belong to tenants, with the value
// "true". It tells them from Secrets that the platform has in a tenant's namespace, for
// rights and for views of Cozystack.
const LabelUserSecret = "apps.cozystack.io/user-secret" //nolint:gosec // The name of a label, not a secret.

// SecretNameFor returns the name of the Secret that holds the BucketInfo of a
// claim's user. The user of the claim's own credentials is the empty string.
func SecretNameFor(claim, user string) string {
	if user == "" {
		return "bucket-" + claim
	}

	return "bucket-" + claim + "-" + user
}

// CredentialsSecretNameFor returns the name of the Secret that holds the
// credentials of a claim's user in the formats that applications read.
func CredentialsSecretNameFor(claim, user string) string {
	return SecretNameFor(claim, user) + "-credentials"
}

// BucketInfo is the document that describes a bucket to applications: version
// v1alpha1 of the BucketInfo of the Container Object Storage Interface (COSI), as
// its provisioner writes it. Readers compare it byte by byte, so every field is
// written, and the order of the fields is part of the format.
//
// The type does not use COSI's own, which embeds ObjectMeta: the fields that
// ObjectMeta writes change between releases of apimachinery.
// Source: https://github.com/kubernetes-sigs/container-object-storage-interface.
//
// +kubebuilder:object:generate=false
type BucketInfo struct {
	Metadata BucketInfoMetadata `json:"metadata"`
	Spec     BucketInfoSpec     `json:"spec"`
}

// BucketInfoMetadata is the name of the access that the document describes.
//
// +kubebuilder:object:generate=false
type BucketInfoMetadata struct {
	// Name of the access: bc-<uid>.
	Name string `json:"name"`
	// CreationTimestamp is always null.
	CreationTimestamp *struct{} `json:"creationTimestamp"`
}

// BucketInfoSpec is how to access the bucket.
//
// +kubebuilder:object:generate=false
type BucketInfoSpec struct {
	// BucketName is the bucket's name on the server.
	BucketName string `json:"bucketName"`
	// AuthenticationType is always KEY.
	AuthenticationType string `json:"authenticationType"`
	// SecretS3 holds endpoint and credentials.
	SecretS3 BucketInfoS3 `json:"secretS3"`
	// SecretAzure is always null.
	SecretAzure *struct{} `json:"secretAzure"`
	// Protocols is always ["s3"].
	Protocols []string `json:"protocols"`
}

// BucketInfoS3 holds the endpoint and credentials of a bucket. Its String and
// GoString methods do not print the credentials.
//
// +kubebuilder:object:generate=false
type BucketInfoS3 struct {
	// Endpoint is the server's URL.
	Endpoint string `json:"endpoint"`
	// Region of the server; may be empty.
	Region string `json:"region"`
	// AccessKeyID of the credentials.
	AccessKeyID string `json:"accessKeyID"`
	// AccessSecretKey of the credentials.
	AccessSecretKey string `json:"accessSecretKey"`
}

// String returns endpoint and region, and no credentials.
func (s BucketInfoS3) String() string {
	return strings.Join([]string{s.Endpoint, s.Region, "[redacted]"}, " ")
}

// GoString returns endpoint and region, and no credentials.
func (s BucketInfoS3) GoString() string { return s.String() }

// NewBucketInfo returns a BucketInfo for a bucket. The accessName is its metadata.name.
func NewBucketInfo(accessName, bucketName string, s3 BucketInfoS3) BucketInfo {
	return BucketInfo{
		Metadata: BucketInfoMetadata{Name: accessName},
		Spec: BucketInfoSpec{
			BucketName:         bucketName,
			AuthenticationType: "KEY",
			SecretS3:           s3,
			Protocols:          []string{"s3"},
		},
	}
}

// Document returns the BucketInfo as the Secret holds it: compact JSON without a
// trailing newline.
func (i BucketInfo) Document() ([]byte, error) { return json.Marshal(i) }
