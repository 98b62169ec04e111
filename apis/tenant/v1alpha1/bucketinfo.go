package v1alpha1

import (
	"encoding/json"
	"strings"
)

// BucketInfoKey is the one key of the Secret that a tenant gets. Its value is a
// BucketInfo document.
const BucketInfoKey = "BucketInfo"

// SecretNameFor returns the name of the Secret that holds the BucketInfo of a
// claim's user. The claim's own credentials have an empty user.
func SecretNameFor(claim, user string) string {
	if user == "" {
		return "bucket-" + claim
	}

	return "bucket-" + claim + "-" + user
}

// CredentialsSecretNameFor returns the name of the Secret that holds the
// credentials of a claim's user in the shapes that applications read.
func CredentialsSecretNameFor(claim, user string) string {
	return SecretNameFor(claim, user) + "-credentials"
}

// BucketInfo is the document through which applications learn of their bucket:
// version v1alpha1 of the BucketInfo of the Container Object Storage Interface
// (COSI), as its provisioner writes it. Readers compare it by bytes, so no
// field is ever left out and the order of the fields is part of the format.
//
// The type is this project's own: COSI's embeds ObjectMeta, which writes other
// fields with each release of apimachinery.
// Source: https://github.com/kubernetes-sigs/container-object-storage-interface.
//
// +kubebuilder:object:generate=false
type BucketInfo struct {
	Metadata BucketInfoMetadata `json:"metadata"`
	Spec     BucketInfoSpec     `json:"spec"`
}

// BucketInfoMetadata names the access that the document describes.
//
// +kubebuilder:object:generate=false
type BucketInfoMetadata struct {
	// Name of the access: bc-<uid>.
	Name string `json:"name"`
	// CreationTimestamp is always null.
	CreationTimestamp *struct{} `json:"creationTimestamp"`
}

// BucketInfoSpec says how to reach the bucket.
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

// BucketInfoS3 holds the endpoint and credentials of a bucket. It is a secret:
// as text it shows the endpoint only.
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

// String shows the endpoint only.
func (s BucketInfoS3) String() string {
	return strings.Join([]string{s.Endpoint, s.Region, "[redacted]"}, " ")
}

// GoString shows the endpoint only.
func (s BucketInfoS3) GoString() string { return s.String() }

// NewBucketInfo describes the access called accessName to a bucket.
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

// Document returns the BucketInfo as it stands in the Secret: compact JSON
// without a line end.
func (i BucketInfo) Document() ([]byte, error) { return json.Marshal(i) }
