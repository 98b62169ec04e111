package v1alpha1

import (
	"cmp"
)

// The keys of a User's connection Secret. Each client finds the credentials in the
// format that it reads. A pod can use envFrom with the whole Secret: Kubernetes skips
// keys that are not valid names of environment variables.
const (
	// ConnectionKeyAccessKeyID holds the access key's ID. This key and the three that
	// follow are environment variables of the AWS SDKs.
	// Source: https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html.
	ConnectionKeyAccessKeyID = "AWS_ACCESS_KEY_ID"
	// ConnectionKeySecretAccessKey holds the secret key.
	ConnectionKeySecretAccessKey = "AWS_SECRET_ACCESS_KEY" //nolint:gosec // The name of a key, not a key.
	// ConnectionKeyEndpoint holds the URL at which clients reach the server:
	// publicEndpoint of the provider configuration, or its endpoint.
	ConnectionKeyEndpoint = "AWS_ENDPOINT_URL_S3"
	// ConnectionKeyRegion holds the region of the server. It is never empty.
	ConnectionKeyRegion = "AWS_REGION"
	// ConnectionKeyDefaultRegion holds the region for boto3 and version 1 of the AWS
	// CLI, which do not read AWS_REGION.
	ConnectionKeyDefaultRegion = "AWS_DEFAULT_REGION"
	// ConnectionKeyRequestChecksums holds when_required: the AWS SDKs then sign the
	// bodies of uploads, or leave them unsigned in a form that the server verifies.
	// Uploads with checksums in unsigned trailers, which are their default over TLS,
	// are denied where denyUnsignedUploads is set.
	ConnectionKeyRequestChecksums = "AWS_REQUEST_CHECKSUM_CALCULATION"
	// ConnectionKeyResponseChecksums holds when_required.
	ConnectionKeyResponseChecksums = "AWS_RESPONSE_CHECKSUM_VALIDATION"

	// ConnectionKeyCACertificates holds the certificate authorities of the provider
	// configuration, PEM. It is left out if the configuration names none, if clients
	// reach the server without TLS, and if there are more than 64 KiB of them, which
	// an environment variable could not hold.
	//
	// There is no AWS_CA_BUNDLE: it is the path of a file, which depends on where the
	// Secret is mounted, and some clients other than the AWS SDKs fail if it is set.
	ConnectionKeyCACertificates = "ca.crt"

	// ConnectionKeyBucketName holds the bucket of the first grant. It is left out
	// without a grant.
	ConnectionKeyBucketName = "BUCKET_NAME"
	// ConnectionKeyBucketHost holds the host of the endpoint, without the port. An
	// IPv6 address has its brackets.
	ConnectionKeyBucketHost = "BUCKET_HOST"
	// ConnectionKeyBucketPort holds the port of the endpoint, also if it is the default
	// port of the scheme.
	ConnectionKeyBucketPort = "BUCKET_PORT"

	// ConnectionKeyMCHost holds the alias s3 of MinIO's client mc. It is left out if the
	// access key holds a character that has a meaning in URLs, which mc does not
	// decode.
	// Source: https://github.com/minio/mc, cmd/config.go.
	ConnectionKeyMCHost = "MC_HOST_s3"
	// ConnectionKeyResticRepository holds the repository of restic in the root of the
	// bucket. It is left out without a grant.
	// Source: https://restic.readthedocs.io/en/stable/030_preparing_a_new_repo.html.
	ConnectionKeyResticRepository = "RESTIC_REPOSITORY"

	// ConnectionKeyCozystackAccessKey holds the access key's ID. This key and the
	// three that follow are Cozystack's.
	// Source: https://cozystack.io/docs/, Bucket.
	ConnectionKeyCozystackAccessKey = "accessKey"
	// ConnectionKeyCozystackSecretKey holds the secret key.
	ConnectionKeyCozystackSecretKey = "secretKey"
	// ConnectionKeyCozystackEndpoint holds the endpoint without the scheme: its host,
	// and its port unless it is the default port of the scheme.
	ConnectionKeyCozystackEndpoint = "endpoint"
	// ConnectionKeyCozystackBucketName holds the bucket of the first grant. It is left
	// out without a grant.
	ConnectionKeyCozystackBucketName = "bucketName"

	// ConnectionKeyCOSIProtocol holds S3. This key and the seven that follow are those of
	// COSI v1alpha2.
	// Source: https://github.com/kubernetes-sigs/container-object-storage-interface, client/apis/objectstorage/v1alpha2/protocols.go.
	ConnectionKeyCOSIProtocol = "COSI_PROTOCOL"
	// ConnectionKeyCOSIBucketID holds the bucket of the first grant. It is left out
	// without a grant.
	ConnectionKeyCOSIBucketID = "COSI_S3_BUCKET_ID"
	// ConnectionKeyCOSICertificateAuthority holds the same as ca.crt. It is left out
	// with it.
	ConnectionKeyCOSICertificateAuthority = "COSI_CERTIFICATE_AUTHORITY"
	// ConnectionKeyCOSIEndpoint holds the endpoint's URL.
	ConnectionKeyCOSIEndpoint = "COSI_S3_ENDPOINT"
	// ConnectionKeyCOSIRegion holds the region.
	ConnectionKeyCOSIRegion = "COSI_S3_REGION"
	// ConnectionKeyCOSIAddressingStyle holds path: MinIO expects the bucket in the
	// path of the URL.
	ConnectionKeyCOSIAddressingStyle = "COSI_S3_ADDRESSING_STYLE"
	// ConnectionKeyCOSIAccessKeyID holds the access key's ID.
	ConnectionKeyCOSIAccessKeyID = "COSI_S3_ACCESS_KEY_ID"
	// ConnectionKeyCOSIAccessSecretKey holds the secret key.
	ConnectionKeyCOSIAccessSecretKey = "COSI_S3_ACCESS_SECRET_KEY" //nolint:gosec // The name of a key, not a key.

	// ConnectionKeyAWSFile holds a shared credentials file of the AWS SDKs and the AWS
	// CLI. It works without their shared config file.
	// Source: https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html.
	ConnectionKeyAWSFile = "credentials"
	// ConnectionKeyAWSConfigFile holds a shared config file of the AWS SDKs and the AWS
	// CLI, without the credentials.
	ConnectionKeyAWSConfigFile = "config"
	// ConnectionKeyVeleroFile holds the same file for Velero, whose Helm chart reads
	// this key.
	// Source: https://github.com/vmware-tanzu/velero-plugin-for-aws.
	ConnectionKeyVeleroFile = "cloud"
	// ConnectionKeyRcloneFile holds a configuration of rclone with one remote named
	// s3.
	// Source: https://rclone.org/s3/.
	ConnectionKeyRcloneFile = "rclone.conf"
	// ConnectionKeyS3cmdFile holds a configuration of s3cmd.
	// Source: https://s3tools.org/kb/item14.htm.
	ConnectionKeyS3cmdFile = "s3cfg"
)

// ConnectionKeyPending holds the next access key while it is not the current one yet,
// as a JSON document with accessKeyID and secretAccessKey. It is for the provider
// alone, which stores a key before it gives it to the server: the key may not work
// yet. Clients ignore it, and controllers that copy the connection Secret leave it out.
const ConnectionKeyPending = "pending"

// defaultRegion is the region of a MinIO server that was not given one.
const defaultRegion = "us-east-1"

// maxCACertificates is how many bytes of certificates are published. Linux starts no
// program with an environment variable of more than 128 KiB, and the certificates are
// variables of a pod that takes the whole Secret with envFrom.
const maxCACertificates = 64 << 10

// checksums is the value with which the AWS SDKs calculate and validate checksums only
// for calls that need one.
const checksums = "when_required"

// Connection is what a client needs to use a server, and a bucket on it.
// +kubebuilder:object:generate=false
type Connection struct {
	// Endpoint is the URL at which clients reach the server. It is published in its
	// canonical form, which clients sign alike: in lower case, without a trailing slash
	// and without the default port of the scheme.
	Endpoint string
	// Region of the server; us-east-1 if it is empty.
	Region string
	// CACertificates are the certificate authorities to trust, PEM: certificates and
	// nothing else. It may be empty.
	CACertificates string
	// AccessKeyID and SecretAccessKey are the two parts of the access key.
	AccessKeyID, SecretAccessKey string
	// BucketName may be empty; the keys for a bucket's name are then left out.
	BucketName string
}

// connectionKeys has all keys that Details may write.
var connectionKeys = Connection{
	Endpoint: "https://minio", CACertificates: "-", AccessKeyID: "-", SecretAccessKey: "-", BucketName: "-",
}.Details()

// IsConnectionKey reports whether a key is one of a connection Secret that clients read.
func IsConnectionKey(key string) bool {
	_, ok := connectionKeys[key]

	return ok
}

// Details returns the content of a connection Secret: the connection in every format.
// No field but CACertificates may contain a line break; the files are undefined for one
// that does.
func (c Connection) Details() map[string][]byte {
	c.Region = cmp.Or(c.Region, defaultRegion)
	e := parseEndpoint(c.Endpoint)
	c.Endpoint = e.url
	file := c.awsFile()

	d := map[string]string{
		ConnectionKeyAccessKeyID:       c.AccessKeyID,
		ConnectionKeySecretAccessKey:   c.SecretAccessKey,
		ConnectionKeyEndpoint:          c.Endpoint,
		ConnectionKeyRegion:            c.Region,
		ConnectionKeyDefaultRegion:     c.Region,
		ConnectionKeyRequestChecksums:  checksums,
		ConnectionKeyResponseChecksums: checksums,

		ConnectionKeyBucketHost: e.host,
		ConnectionKeyBucketPort: e.port,
		ConnectionKeyMCHost:     c.mcHost(e),

		ConnectionKeyCozystackAccessKey: c.AccessKeyID,
		ConnectionKeyCozystackSecretKey: c.SecretAccessKey,
		ConnectionKeyCozystackEndpoint:  e.authority,

		ConnectionKeyCOSIProtocol:        "S3",
		ConnectionKeyCOSIEndpoint:        c.Endpoint,
		ConnectionKeyCOSIRegion:          c.Region,
		ConnectionKeyCOSIAddressingStyle: "path",
		ConnectionKeyCOSIAccessKeyID:     c.AccessKeyID,
		ConnectionKeyCOSIAccessSecretKey: c.SecretAccessKey,

		ConnectionKeyAWSFile:       file,
		ConnectionKeyAWSConfigFile: c.awsConfigFile(),
		ConnectionKeyVeleroFile:    file,
		ConnectionKeyRcloneFile:    c.rcloneFile(),
		ConnectionKeyS3cmdFile:     c.s3cmdFile(e),
	}

	if c.BucketName != "" {
		d[ConnectionKeyBucketName] = c.BucketName
		d[ConnectionKeyCozystackBucketName] = c.BucketName
		d[ConnectionKeyCOSIBucketID] = c.BucketName
		d[ConnectionKeyResticRepository] = "s3:" + c.Endpoint + "/" + c.BucketName
	}

	if e.secure && len(c.CACertificates) <= maxCACertificates {
		d[ConnectionKeyCACertificates] = c.CACertificates
		d[ConnectionKeyCOSICertificateAuthority] = c.CACertificates
	}

	details := make(map[string][]byte, len(d))

	for k, v := range d {
		if v != "" {
			details[k] = []byte(v)
		}
	}

	return details
}
