package minio

import (
	"errors"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
)

// IsNotFound says that the server answered that the bucket, user or policy does
// not exist.
//
// minio-go calls every 404 on a bucket NoSuchBucket, whoever answers; only MinIO
// itself gives its answers an ID.
func IsNotFound(err error) bool {
	switch code(err) {
	case miniogo.NoSuchBucket:
		return answered(err)
	case "XMinioAdminNoSuchUser", "XMinioAdminNoSuchPolicy":
		return true
	}

	return false
}

// IsNotEmpty says that the server kept a bucket because it holds objects.
func IsNotEmpty(err error) bool { return code(err) == "BucketNotEmpty" }

// IsRefusal says that the S3 API refused a request. Any other error, such as a
// timeout of the server or of a gateway before it, leaves open whether the
// request was carried out.
func IsRefusal(err error) bool {
	s3, ok := errors.AsType[miniogo.ErrorResponse](err)

	return ok && s3.StatusCode >= 400 && s3.StatusCode < 500
}

// answered says that the error is MinIO's own answer.
func answered(err error) bool {
	s3, ok := errors.AsType[miniogo.ErrorResponse](err)

	return ok && s3.RequestID != ""
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
