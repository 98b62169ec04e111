//go:build e2e

package clients

// scripted returns the operations of a library, which a program of its own carries out.
func scripted(command string) map[string]string {
	operations := map[string]string{}
	for _, op := range []string{
		"put", "get", "head", "copy", "move", "delete", "list", "presignGet", "presignPut", "presignPost",
		"versions", "getVersion", "deleteVersion", "retention", "hold", "settings",
	} {
		operations[op] = command + " " + op + ` "$@"`
	}

	return operations
}

// without returns operations without some.
func without(operations map[string]string, names ...string) map[string]string {
	for _, name := range names {
		delete(operations, name)
	}

	return operations
}

var boto3 = &client{
	name: "boto3", program: "/usr/bin/python3", names: true, refused: "AccessDenied|Forbidden",
	env:        []string{"AWS_CA_BUNDLE=$MNT/ca.crt"},
	more:       `boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL_S3"])`,
	version:    `/usr/bin/python3 "$SCRIPTS/boto3_client.py" version`,
	operations: scripted(`/usr/bin/python3 "$SCRIPTS/boto3_client.py"`),
}

var sdkGo = &client{
	name: "AWS SDK for Go v2", program: "aws-sdk-go", pinned: "aws-sdk-go", names: true, refused: "AccessDenied|Forbidden|403",
	env:        []string{"AWS_CA_BUNDLE=$MNT/ca.crt"},
	more:       `s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })`,
	operations: scripted("aws-sdk-go"),
}

var sdkJS = &client{
	name: "AWS SDK for JavaScript", program: "node", names: true, refused: "AccessDenied|Forbidden|Access Denied|403|UnknownError",
	env:     []string{"NODE_EXTRA_CA_CERTS=$MNT/ca.crt"},
	more:    `new S3Client({ forcePathStyle: true })`,
	version: `node "$SCRIPTS/sdk_client.cjs" version`,
	// Forms are made by another package.
	operations: without(scripted(`node "$SCRIPTS/sdk_client.cjs"`), "presignPost"),
}

var minioJS = &client{
	name: "minio-js", program: "node", names: true, refused: "AccessDenied|Access Denied|Forbidden|403",
	env:        []string{"NODE_EXTRA_CA_CERTS=$MNT/ca.crt"},
	more:       "host, port, TLS, region and keys in code",
	limits:     map[string]string{rowIPv6: "minio-js takes no IPv6 address"},
	version:    `node "$SCRIPTS/minio_client.cjs" version`,
	operations: scripted(`node "$SCRIPTS/minio_client.cjs"`),
}
