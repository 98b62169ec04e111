package minio

import (
	"errors"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
)

// IsNotFound reports whether MinIO answered that a bucket, user, group or policy does not
// exist.
//
// Only MinIO's own answers count, which have a request ID: a gateway answers 404 as well,
// and minio-go turns every 404 for a bucket into NoSuchBucket.
func IsNotFound(err error) bool {
	switch code(err) {
	case miniogo.NoSuchBucket, "XMinioAdminNoSuchUser", "XMinioAdminNoSuchGroup", "XMinioAdminNoSuchPolicy", "XMinioInvalidIAMCredentials":
		return isMinIOsAnswer(err)
	}

	return false
}

// IsForceDeleteDenied reports whether the server does not remove a bucket together with what it
// holds, because it replicates the bucket.
func IsForceDeleteDenied(err error) bool {
	return code(err) == "MethodNotAllowed" && isMinIOsAnswer(err)
}

// IsVersioningNeeded reports whether the server did not suspend the versioning of a bucket,
// because it replicates the bucket, or locks its objects.
func IsVersioningNeeded(err error) bool { return code(err) == "InvalidBucketState" }

// IsWithoutUsers reports whether the server did not create a user or an access key, because it
// takes its users from an LDAP directory and has none of its own.
func IsWithoutUsers(err error) bool { return code(err) == "XMinioIAMActionNotAllowed" }

// IsKeyTaken reports whether the server did not create an access key because it has one of that ID.
func IsKeyTaken(err error) bool {
	return code(err) == "XMinioIAMServiceAccountNotAllowed" && isMinIOsAnswer(err)
}

// IsGroupNotEmpty reports whether the server did not delete a group because it has
// members.
func IsGroupNotEmpty(err error) bool { return code(err) == "XMinioAdminGroupNotEmpty" }

// IsNoSuchPolicy reports whether the server does not have a policy.
func IsNoSuchPolicy(err error) bool {
	return code(err) == "XMinioAdminNoSuchPolicy" && isMinIOsAnswer(err)
}

// IsPolicyInUse reports whether the server did not delete a policy because it is attached
// to a user or group.
func IsPolicyInUse(err error) bool { return code(err) == "XMinioIAMPolicyInUse" }

// IsDenied reports whether MinIO knows the access key and does not allow it the call.
func IsDenied(err error) bool { return code(err) == miniogo.AccessDenied && isMinIOsAnswer(err) }

// IsBadKey reports whether MinIO does not know the access key, or knows it with another
// secret key. A gateway that changes requests, or signs them itself, does not count.
func IsBadKey(err error) bool {
	return (code(err) == miniogo.InvalidAccessKeyID || code(err) == miniogo.SignatureDoesNotMatch) && isMinIOsAnswer(err)
}

// IsClientError reports whether the server answered with a 4xx, so that the request was
// not carried out. Any other error, such as a timeout of the server or of a gateway, leaves
// open whether it was.
func IsClientError(err error) bool {
	if s3, ok := errors.AsType[miniogo.ErrorResponse](err); ok {
		return s3.StatusCode >= 400 && s3.StatusCode < 500
	}

	// Errors of the administration API do not hold their status.
	admin, ok := errors.AsType[madmin.ErrorResponse](err)

	return ok && admin.RequestID != "" && admin.Code != "InternalError"
}

// IsWrongRegion reports whether the server did not create a bucket because the region is
// not its own.
func IsWrongRegion(err error) bool {
	switch code(err) {
	case "InvalidRegion", "InvalidLocationConstraint", "IllegalLocationConstraintException", "AuthorizationHeaderMalformed":
		return true
	}

	return false
}

// IsLocked reports whether the server did not delete an object because it is locked.
func IsLocked(err error) bool { return code(err) == "ObjectLocked" || code(err) == "InvalidRequest" }

// IsNotRetained reports whether an object has no retention.
func IsNotRetained(err error) bool { return code(err) == "NoSuchObjectLockConfiguration" }

// IsWithoutKMS reports whether the server did not set a bucket's encryption because it has
// no KMS.
func IsWithoutKMS(err error) bool {
	return code(err) == "KMSNotConfigured" || code(err) == miniogo.NotImplemented
}

// IsNoSuchKMSKey reports whether the server's KMS does not have a key. The first code is
// the KMS's own, the second that of the S3 API.
func IsNoSuchKMSKey(err error) bool {
	return code(err) == "kms:KeyNotFound" || code(err) == "KMS.NotFoundException"
}

// isMinIOsAnswer reports whether an error is an answer of MinIO itself, not of a gateway.
func isMinIOsAnswer(err error) bool {
	if s3, ok := errors.AsType[miniogo.ErrorResponse](err); ok {
		return s3.RequestID != ""
	}

	admin, ok := errors.AsType[madmin.ErrorResponse](err)

	return ok && admin.RequestID != ""
}

// code returns the error code of an answer of either API, or an empty string.
func code(err error) string {
	if s3, ok := errors.AsType[miniogo.ErrorResponse](err); ok {
		return s3.Code
	}

	if admin, ok := errors.AsType[madmin.ErrorResponse](err); ok {
		return admin.Code
	}

	return ""
}
