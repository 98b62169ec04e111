package v1alpha1

import (
	"fmt"
	"net/url"
	"strings"
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
	// ConnectionKeyRegion holds the region of the provider configuration; empty if it
	// names none.
	ConnectionKeyRegion = "AWS_REGION"

	// ConnectionKeyBucketName holds the bucket of the first grant. It is left out
	// without a grant.
	ConnectionKeyBucketName = "BUCKET_NAME"

	// ConnectionKeyCozystackAccessKey holds the access key's ID. This key and the
	// three that follow are Cozystack's.
	// Source: https://cozystack.io/docs/, Bucket.
	ConnectionKeyCozystackAccessKey = "accessKey"
	// ConnectionKeyCozystackSecretKey holds the secret key.
	ConnectionKeyCozystackSecretKey = "secretKey"
	// ConnectionKeyCozystackEndpoint holds host and port of the endpoint,
	// without the scheme.
	ConnectionKeyCozystackEndpoint = "endpoint"
	// ConnectionKeyCozystackBucketName holds the bucket of the first grant. It is left
	// out without a grant.
	ConnectionKeyCozystackBucketName = "bucketName"

	// ConnectionKeyCOSIProtocol holds S3. This key and the six that follow are those of
	// COSI v1alpha2.
	// Source: https://github.com/kubernetes-sigs/container-object-storage-interface, client/apis/objectstorage/v1alpha2/protocols.go.
	ConnectionKeyCOSIProtocol = "COSI_PROTOCOL"
	// ConnectionKeyCOSIBucketID holds the bucket of the first grant. It is left out
	// without a grant.
	ConnectionKeyCOSIBucketID = "COSI_S3_BUCKET_ID"
	// ConnectionKeyCOSIEndpoint holds the endpoint's URL.
	ConnectionKeyCOSIEndpoint = "COSI_S3_ENDPOINT"
	// ConnectionKeyCOSIRegion holds the region; empty if there is none.
	ConnectionKeyCOSIRegion = "COSI_S3_REGION"
	// ConnectionKeyCOSIAddressingStyle holds path: MinIO expects the bucket in the
	// path of the URL.
	ConnectionKeyCOSIAddressingStyle = "COSI_S3_ADDRESSING_STYLE"
	// ConnectionKeyCOSIAccessKeyID holds the access key's ID.
	ConnectionKeyCOSIAccessKeyID = "COSI_S3_ACCESS_KEY_ID"
	// ConnectionKeyCOSIAccessSecretKey holds the secret key.
	ConnectionKeyCOSIAccessSecretKey = "COSI_S3_ACCESS_SECRET_KEY" //nolint:gosec // The name of a key, not a key.

	// ConnectionKeyAWSFile holds a shared credentials file of the AWS SDKs and the AWS
	// CLI.
	// Source: https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html.
	ConnectionKeyAWSFile = "credentials"
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

// Connection is what a client needs to use a server, and a bucket on it.
// +kubebuilder:object:generate=false
type Connection struct {
	// Endpoint is the URL at which clients reach the server.
	Endpoint string
	// Region may be empty.
	Region string
	// AccessKeyID and SecretAccessKey are the two parts of the access key.
	AccessKeyID, SecretAccessKey string
	// BucketName may be empty; the keys for a bucket's name are then left out.
	BucketName string
}

// Details returns the content of a connection Secret: the connection in every format.
// No field may contain a line break; the files are undefined for one that does.
func (c Connection) Details() map[string][]byte {
	host, secure := c.host()
	file := c.awsFile()

	d := map[string]string{
		ConnectionKeyAccessKeyID:     c.AccessKeyID,
		ConnectionKeySecretAccessKey: c.SecretAccessKey,
		ConnectionKeyEndpoint:        c.Endpoint,
		ConnectionKeyRegion:          c.Region,

		ConnectionKeyCozystackAccessKey: c.AccessKeyID,
		ConnectionKeyCozystackSecretKey: c.SecretAccessKey,
		ConnectionKeyCozystackEndpoint:  host,

		ConnectionKeyCOSIProtocol:        "S3",
		ConnectionKeyCOSIEndpoint:        c.Endpoint,
		ConnectionKeyCOSIRegion:          c.Region,
		ConnectionKeyCOSIAddressingStyle: "path",
		ConnectionKeyCOSIAccessKeyID:     c.AccessKeyID,
		ConnectionKeyCOSIAccessSecretKey: c.SecretAccessKey,

		ConnectionKeyAWSFile:    file,
		ConnectionKeyVeleroFile: file,
		ConnectionKeyRcloneFile: c.rcloneFile(),
		ConnectionKeyS3cmdFile:  c.s3cmdFile(host, secure),
	}

	if c.BucketName != "" {
		d[ConnectionKeyBucketName] = c.BucketName
		d[ConnectionKeyCozystackBucketName] = c.BucketName
		d[ConnectionKeyCOSIBucketID] = c.BucketName
	}

	details := make(map[string][]byte, len(d))
	for k, v := range d {
		details[k] = []byte(v)
	}

	return details
}

// host returns host and port of the endpoint, and whether it uses TLS. An endpoint
// that is not a URL is returned as it is.
func (c Connection) host() (host string, secure bool) {
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Host == "" {
		return c.Endpoint, false
	}

	return u.Host, u.Scheme == "https"
}

func (c Connection) awsFile() string {
	return section("default", [][2]string{
		{"aws_access_key_id", c.AccessKeyID},
		{"aws_secret_access_key", c.SecretAccessKey},
	})
}

func (c Connection) rcloneFile() string {
	return section("s3", [][2]string{
		{"type", "s3"},
		{"provider", "Minio"},
		{"access_key_id", c.AccessKeyID},
		{"secret_access_key", c.SecretAccessKey},
		{"endpoint", c.Endpoint},
		{"region", c.Region},
		// The key must not create buckets; rclone would try to otherwise.
		{"no_check_bucket", "true"},
	})
}

func (c Connection) s3cmdFile(host string, secure bool) string {
	return section("default", [][2]string{
		{"access_key", c.AccessKeyID},
		{"secret_key", c.SecretAccessKey},
		{"host_base", host},
		// MinIO expects the bucket in the path, not in the host name.
		{"host_bucket", host},
		{"bucket_location", c.Region},
		{"use_https", map[bool]string{true: "True", false: "False"}[secure]},
	})
}

// section returns a section of an INI file. It leaves out settings without a value.
func section(name string, settings [][2]string) string {
	var b strings.Builder

	fmt.Fprintf(&b, "[%s]\n", name)

	for _, s := range settings {
		if s[1] != "" {
			fmt.Fprintf(&b, "%s = %s\n", s[0], s[1])
		}
	}

	return b.String()
}
