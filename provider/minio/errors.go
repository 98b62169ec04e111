package minio

import (
	"errors"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
)

// IsNotFound says that the server answered that the bucket, user or policy does
// not exist.
func IsNotFound(err error) bool {
	switch code(err) {
	case miniogo.NoSuchBucket, "XMinioAdminNoSuchUser", "XMinioAdminNoSuchPolicy":
		return true
	}

	return false
}

// IsNotEmpty says that the server kept a bucket because it holds objects.
func IsNotEmpty(err error) bool { return code(err) == "BucketNotEmpty" }

// IsAnswer says that the server itself answered with an error. Any other error
// leaves open whether the server carried out the request.
func IsAnswer(err error) bool { return code(err) != "" }

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
