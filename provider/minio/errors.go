package minio

import (
	"errors"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
)

// IsNotFound says that the server answered that the bucket, user, group or policy
// does not exist.
//
// Only MinIO's own answer counts, which has an ID: a proxy answers 404 as well, and
// minio-go calls every 404 on a bucket NoSuchBucket.
func IsNotFound(err error) bool {
	switch code(err) {
	case miniogo.NoSuchBucket, "XMinioAdminNoSuchUser", "XMinioAdminNoSuchGroup", "XMinioAdminNoSuchPolicy", "XMinioInvalidIAMCredentials":
		return answered(err)
	}

	return false
}

// IsNotEmpty says that the server kept a bucket because it holds objects.
func IsNotEmpty(err error) bool { return code(err) == "BucketNotEmpty" }

// IsGroupNotEmpty says that the server kept a group because it has members.
func IsGroupNotEmpty(err error) bool { return code(err) == "XMinioAdminGroupNotEmpty" }

// IsNoSuchPolicy says that the server does not have a policy.
func IsNoSuchPolicy(err error) bool { return code(err) == "XMinioAdminNoSuchPolicy" && answered(err) }

// IsPolicyInUse says that the server kept a policy because somebody holds it.
func IsPolicyInUse(err error) bool { return code(err) == "XMinioIAMPolicyInUse" }

// IsDenied says that the server knows the key and does not allow it the act.
func IsDenied(err error) bool { return code(err) == miniogo.AccessDenied && answered(err) }

// IsBadKey says that the server does not know the access key, or knows it with
// another secret. Only MinIO's own answer counts: a proxy that changes requests, or
// signs them itself, answers so as well.
func IsBadKey(err error) bool {
	return (code(err) == miniogo.InvalidAccessKeyID || code(err) == miniogo.SignatureDoesNotMatch) && answered(err)
}

// IsClientError says that the server refused a request. Any other error, such as a
// timeout of the server or of a gateway before it, leaves open whether the
// request was carried out.
func IsClientError(err error) bool {
	if s3, ok := errors.AsType[miniogo.ErrorResponse](err); ok {
		return s3.StatusCode >= 400 && s3.StatusCode < 500
	}

	// The administration API's errors do not tell their status.
	admin, ok := errors.AsType[madmin.ErrorResponse](err)

	return ok && admin.RequestID != "" && admin.Code != "InternalError"
}

// IsWrongRegion says that the server refused to make a bucket in a region that
// is not its own.
func IsWrongRegion(err error) bool {
	switch code(err) {
	case "InvalidRegion", "InvalidLocationConstraint", "IllegalLocationConstraintException", "AuthorizationHeaderMalformed":
		return true
	}

	return false
}

// IsLocked says of a deletion that the server kept the object because it is
// locked.
func IsLocked(err error) bool { return code(err) == "ObjectLocked" || code(err) == "InvalidRequest" }

// IsNotRetained says that an object is not locked for a time.
func IsNotRetained(err error) bool { return code(err) == "NoSuchObjectLockConfiguration" }

// IsWithoutKMS says of a setting of encryption that the server has no KMS to
// encrypt with.
func IsWithoutKMS(err error) bool {
	return code(err) == "KMSNotConfigured" || code(err) == miniogo.NotImplemented
}

// IsNoSuchKMSKey says that the server's KMS does not have a key. The first code is
// the KMS's own, handed through, the second that of the S3 API.
func IsNoSuchKMSKey(err error) bool {
	return code(err) == "kms:KeyNotFound" || code(err) == "KMS.NotFoundException"
}

// answered says that the error is MinIO's own answer.
func answered(err error) bool {
	if s3, ok := errors.AsType[miniogo.ErrorResponse](err); ok {
		return s3.RequestID != ""
	}

	admin, ok := errors.AsType[madmin.ErrorResponse](err)

	return ok && admin.RequestID != ""
}

// code returns the code of an error that a server answered with, of either API.
func code(err error) string {
	if s3, ok := errors.AsType[miniogo.ErrorResponse](err); ok {
		return s3.Code
	}

	if admin, ok := errors.AsType[madmin.ErrorResponse](err); ok {
		return admin.Code
	}

	return ""
}
