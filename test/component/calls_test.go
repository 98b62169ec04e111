//go:build e2e

package component

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7/pkg/signer"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// answer is how a server answers a call.
type answer string

const (
	allowed        answer = "yes"
	denied         answer = "no"
	notImplemented answer = "not in MinIO"
)

// s3Call is a call of S3. In its path, body and headers BUCKET, OBJECT, UPLOAD, VERSION
// and ETAG stand for those of the test.
type s3Call struct {
	name, method, path, body string
	headers                  map[string]string
}

func (c s3Call) header(r *strings.Replacer) http.Header {
	h := http.Header{}
	for k, v := range c.headers {
		h.Set(k, r.Replace(v))
	}

	return h
}

// callGroup is calls that a key may make either all or not at all.
type callGroup struct {
	title string
	// locked reports whether the object is locked in mode Compliance.
	locked bool
	calls  []s3Call
}

// text returns the group as a cell of a table.
func (g callGroup) text() string {
	names := make([]string, 0, len(g.calls))
	for _, c := range g.calls {
		names = append(names, c.name)
	}

	return g.title + ": " + strings.Join(names, ", ")
}

const (
	bucketPath = "/BUCKET"
	objectPath = "/BUCKET/OBJECT"
	retention  = `<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2020-01-01T00:00:00Z</RetainUntilDate></Retention>`
	tagSet     = `<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>`
	accessList = `<AccessControlPolicy><AccessControlList><Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ` +
		`xsi:type="CanonicalUser"><ID></ID></Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>`
)

// get returns the calls that read subresources of a bucket or object, each by name and
// query.
func get(path string, calls ...string) []s3Call {
	all := make([]s3Call, 0, len(calls)/2)
	for i := 0; i < len(calls); i += 2 {
		all = append(all, s3Call{name: calls[i], method: http.MethodGet, path: path + calls[i+1]})
	}

	return all
}

// callGroups returns the rows of the table in docs/tenants.md.
func callGroups() []callGroup {
	return []callGroup{
		{title: "find the bucket", calls: append(
			get("/", "ListBuckets", ""),
			append(get(bucketPath, "GetBucketLocation", "?location"), s3Call{name: "HeadBucket", method: http.MethodHead, path: bucketPath})...)},
		{title: "list", calls: get(bucketPath, "ListObjects", "", "ListObjectsV2", "?list-type=2", "ListObjectVersions", "?versions",
			"ListMultipartUploads", "?uploads")},
		{title: "read objects", calls: readCalls()},
		{title: "write objects", calls: writeCalls()},
		{title: "delete objects", calls: deleteCalls()},
		{title: "delete a locked version, or end its lock", locked: true, calls: lockedCalls()},
		{title: "read settings", calls: get(bucketPath, "GetBucketVersioning", "?versioning", "GetObjectLockConfiguration", "?object-lock",
			"GetBucketLifecycleConfiguration", "?lifecycle", "GetBucketTagging", "?tagging", "GetBucketEncryption", "?encryption",
			"GetBucketPolicy", "?policy", "GetBucketPolicyStatus", "?policyStatus", "GetBucketCors", "?cors", "GetBucketAcl", "?acl")},
		{title: "read other settings", calls: get(bucketPath, "GetBucketNotificationConfiguration", "?notification",
			"GetBucketReplication", "?replication")},
		{title: "change settings", calls: settingCalls()},
		{title: "create and delete buckets", calls: []s3Call{
			{name: "CreateBucket", method: http.MethodPut, path: "/BUCKET-new"},
			{name: "DeleteBucket", method: http.MethodDelete, path: bucketPath},
		}},
	}
}

func readCalls() []s3Call {
	return append(get(objectPath, "GetObject", "", "GetObject of a version", "?versionId=VERSION", "GetObjectTagging", "?tagging",
		"GetObjectRetention", "?retention", "GetObjectLegalHold", "?legal-hold", "GetObjectAcl", "?acl"),
		s3Call{name: "HeadObject", method: http.MethodHead, path: objectPath},
		s3Call{
			name: "GetObjectAttributes", method: http.MethodGet, path: objectPath + "?attributes",
			headers: map[string]string{"X-Amz-Object-Attributes": "ETag"},
		},
		s3Call{
			name: "SelectObjectContent", method: http.MethodPost, path: objectPath + "?select&select-type=2",
			body: `<SelectObjectContentRequest><Expression>select s._1 from s3object s</Expression><ExpressionType>SQL</ExpressionType>` +
				`<InputSerialization><CSV></CSV></InputSerialization><OutputSerialization><CSV></CSV></OutputSerialization></SelectObjectContentRequest>`,
		},
	)
}

func writeCalls() []s3Call {
	upload := objectPath + "?uploadId=UPLOAD"

	return []s3Call{
		{name: "PutObject", method: http.MethodPut, path: objectPath, body: "text"},
		{name: "CopyObject", method: http.MethodPut, path: objectPath + "-copy", headers: map[string]string{"X-Amz-Copy-Source": objectPath}},
		{name: "CreateMultipartUpload", method: http.MethodPost, path: objectPath + "?uploads"},
		{name: "UploadPart", method: http.MethodPut, path: upload + "&partNumber=1", body: "text"},
		{name: "ListParts", method: http.MethodGet, path: upload},
		{
			name: "CompleteMultipartUpload", method: http.MethodPost, path: upload,
			body: `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>ETAG</ETag></Part></CompleteMultipartUpload>`,
		},
		{name: "AbortMultipartUpload", method: http.MethodDelete, path: upload},
		{name: "PutObjectTagging", method: http.MethodPut, path: objectPath + "?tagging", body: tagSet},
		{name: "PutObjectRetention", method: http.MethodPut, path: objectPath + "?retention", body: strings.ReplaceAll(retention, "2020", "2050")},
		{name: "PutObjectLegalHold", method: http.MethodPut, path: objectPath + "?legal-hold", body: `<LegalHold><Status>OFF</Status></LegalHold>`},
	}
}

func deleteCalls() []s3Call {
	return []s3Call{
		{name: "DeleteObject", method: http.MethodDelete, path: objectPath},
		{name: "DeleteObject of a version", method: http.MethodDelete, path: objectPath + "?versionId=VERSION"},
		{name: "DeleteObjects", method: http.MethodPost, path: bucketPath + "?delete", body: `<Delete><Object><Key>OBJECT</Key></Object></Delete>`},
		{name: "DeleteObjectTagging", method: http.MethodDelete, path: objectPath + "?tagging"},
	}
}

// lockedCalls are what a lock prevents.
func lockedCalls() []s3Call {
	version, bypass := objectPath+"?versionId=VERSION", map[string]string{"X-Amz-Bypass-Governance-Retention": "true"}

	return []s3Call{
		{name: "DeleteObject", method: http.MethodDelete, path: version},
		{name: "DeleteObject with BypassGovernanceRetention", method: http.MethodDelete, path: version, headers: bypass},
		{
			name: "PutObjectRetention with an earlier date", method: http.MethodPut, path: version + "&retention",
			body: strings.NewReplacer("GOVERNANCE", "COMPLIANCE", "2020-01-01T00:00:00Z", time.Now().UTC().Add(time.Minute).Format(time.RFC3339)).Replace(retention),
		},
		{name: "the same with BypassGovernanceRetention", method: http.MethodPut, path: version + "&retention", body: `<Retention></Retention>`, headers: bypass},
	}
}

// settingCalls change every setting of a bucket, and undo what can be undone.
func settingCalls() []s3Call {
	var all []s3Call

	for _, s := range [][3]string{
		{"PutBucketVersioning", "versioning", `<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`},
		{"PutObjectLockConfiguration", "object-lock", `<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>`},
		{"PutBucketLifecycleConfiguration", "lifecycle", `<LifecycleConfiguration><Rule><ID>a</ID><Status>Enabled</Status><Filter></Filter>` +
			`<Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>`},
		{"PutBucketTagging", "tagging", tagSet},
		{"PutBucketEncryption", "encryption", `<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>` +
			`<SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`},
		{"PutBucketPolicy", "policy", `{"Version":"2012-10-17","Statement":[]}`},
		{"PutBucketAcl", "acl", accessList},
		{"PutBucketNotificationConfiguration", "notification", `<NotificationConfiguration></NotificationConfiguration>`},
		{"PutBucketReplication", "replication", `<ReplicationConfiguration></ReplicationConfiguration>`},
	} {
		all = append(all, s3Call{name: s[0], method: http.MethodPut, path: bucketPath + "?" + s[1], body: s[2]})
	}

	for _, s := range [][2]string{
		{"DeleteBucketLifecycle", "lifecycle"}, {"DeleteBucketTagging", "tagging"}, {"DeleteBucketEncryption", "encryption"},
		{"DeleteBucketPolicy", "policy"}, {"DeleteBucketReplication", "replication"},
	} {
		all = append(all, s3Call{name: s[0], method: http.MethodDelete, path: bucketPath + "?" + s[1]})
	}

	return append(all, s3Call{name: "PutObjectAcl", method: http.MethodPut, path: objectPath + "?acl", body: accessList})
}

// response is what a server answers.
type response struct {
	status int
	body   string
}

// signedCall makes a call with a key, as it stands, without what a client library adds.
func signedCall(ctx context.Context, c miniov1alpha1.Connection, method, path, body string, header http.Header) (response, error) {
	req, err := http.NewRequestWithContext(ctx, method, env.Server.URL()+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return response{}, fmt.Errorf("cannot make a request: %w", err)
	}

	req.Header = header
	sum, digest := sha256.Sum256([]byte(body)), md5.Sum([]byte(body))
	req.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))

	// Some settings are not accepted without.
	if body != "" {
		req.Header.Set("Content-MD5", base64.StdEncoding.EncodeToString(digest[:]))
	}

	return do(signer.SignV4(*req, c.AccessKeyID, c.SecretAccessKey, "", region))
}

func do(req *http.Request) (response, error) {
	rsp, err := http.DefaultClient.Do(req)
	if err != nil {
		return response{}, fmt.Errorf("cannot reach the server: %w", err)
	}
	defer rsp.Body.Close()

	text, err := io.ReadAll(rsp.Body)
	if err != nil {
		return response{}, fmt.Errorf("cannot read the answer: %w", err)
	}

	return response{status: rsp.StatusCode, body: string(text)}, nil
}
