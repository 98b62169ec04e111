package v1alpha1

import (
	"fmt"
	"net/url"
	"strings"
)

// Keys of a User's connection Secret. Each client finds the credentials in the
// shape that it reads; a pod can take them all with envFrom, which passes over
// the names that no variable can have.
const (
	// ConnectionKeyAccessKeyID and those that follow are what the AWS SDKs read
	// from the environment. This one holds the access key's ID.
	// Source: https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html.
	ConnectionKeyAccessKeyID = "AWS_ACCESS_KEY_ID"
	// ConnectionKeySecretAccessKey holds the access key's secret.
	ConnectionKeySecretAccessKey = "AWS_SECRET_ACCESS_KEY" //nolint:gosec // The name of a key, not a key.
	// ConnectionKeyEndpoint holds the URL that the provider configuration
	// advertises to users of the bucket.
	ConnectionKeyEndpoint = "AWS_ENDPOINT_URL_S3"
	// ConnectionKeyRegion holds the region that the provider configuration
	// advertises; empty if it names none.
	ConnectionKeyRegion = "AWS_REGION"

	// ConnectionKeyBucketName holds the name of the bucket of the first grant.
	// It is there if there is a grant.
	ConnectionKeyBucketName = "BUCKET_NAME"

	// ConnectionKeyCozystackAccessKey and the three that follow are Cozystack's.
	// This one holds the access key's ID.
	// Source: https://cozystack.io/docs/, Bucket.
	ConnectionKeyCozystackAccessKey = "accessKey"
	// ConnectionKeyCozystackSecretKey holds the access key's secret.
	ConnectionKeyCozystackSecretKey = "secretKey"
	// ConnectionKeyCozystackEndpoint holds host and port of the endpoint,
	// without the scheme.
	ConnectionKeyCozystackEndpoint = "endpoint"
	// ConnectionKeyCozystackBucketName is there if there is a grant.
	ConnectionKeyCozystackBucketName = "bucketName"

	// ConnectionKeyCOSIProtocol and those that follow are COSI v1alpha2's. This
	// one holds S3.
	// Source: https://github.com/kubernetes-sigs/container-object-storage-interface, client/apis/objectstorage/v1alpha2/protocols.go.
	ConnectionKeyCOSIProtocol = "COSI_PROTOCOL"
	// ConnectionKeyCOSIBucketID is there if there is a grant.
	ConnectionKeyCOSIBucketID = "COSI_S3_BUCKET_ID"
	// ConnectionKeyCOSIEndpoint holds the endpoint's URL.
	ConnectionKeyCOSIEndpoint = "COSI_S3_ENDPOINT"
	// ConnectionKeyCOSIRegion may be empty.
	ConnectionKeyCOSIRegion = "COSI_S3_REGION"
	// ConnectionKeyCOSIAddressingStyle holds path: MinIO takes the bucket from
	// the URL's path.
	ConnectionKeyCOSIAddressingStyle = "COSI_S3_ADDRESSING_STYLE"
	// ConnectionKeyCOSIAccessKeyID holds the access key's ID.
	ConnectionKeyCOSIAccessKeyID = "COSI_S3_ACCESS_KEY_ID"
	// ConnectionKeyCOSIAccessSecretKey holds the access key's secret.
	ConnectionKeyCOSIAccessSecretKey = "COSI_S3_ACCESS_SECRET_KEY" //nolint:gosec // The name of a key, not a key.

	// ConnectionKeyAWSFile holds a shared credentials file of the AWS SDKs and
	// command line.
	// Source: https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html.
	ConnectionKeyAWSFile = "credentials"
	// ConnectionKeyVeleroFile holds the same for Velero, whose Helm chart reads
	// this key.
	// Source: https://github.com/vmware-tanzu/velero-plugin-for-aws.
	ConnectionKeyVeleroFile = "cloud"
	// ConnectionKeyRcloneFile holds a configuration of rclone with one remote,
	// s3.
	// Source: https://rclone.org/s3/.
	ConnectionKeyRcloneFile = "rclone.conf"
	// ConnectionKeyS3cmdFile holds a configuration of s3cmd.
	// Source: https://s3tools.org/kb/item14.htm.
	ConnectionKeyS3cmdFile = "s3cfg"
)

// Connection is what it takes to use a server, and a bucket on it.
// +kubebuilder:object:generate=false
type Connection struct {
	// Endpoint is the server's URL.
	Endpoint string
	// Region may be empty.
	Region string
	// AccessKeyID and SecretAccessKey are the credentials.
	AccessKeyID, SecretAccessKey string
	// BucketName may be empty: then the keys that name a bucket are left out.
	BucketName string
}

// Details returns the connection in every shape that a connection Secret holds.
// None of its fields may hold a line break; the result of one that does is not
// defined for the shapes that are files.
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

// host returns host and port of the endpoint, and whether it speaks TLS.
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
		// The tenant's key may not make buckets, and does not need to.
		{"no_check_bucket", "true"},
	})
}

func (c Connection) s3cmdFile(host string, secure bool) string {
	return section("default", [][2]string{
		{"access_key", c.AccessKeyID},
		{"secret_key", c.SecretAccessKey},
		{"host_base", host},
		// The bucket is in the path, not in the host's name.
		{"host_bucket", host},
		{"bucket_location", c.Region},
		{"use_https", map[bool]string{true: "True", false: "False"}[secure]},
	})
}

// section returns a section of an INI file. A setting without a value is left
// out.
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
