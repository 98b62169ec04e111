package minio

import (
	"errors"
	"fmt"
	"testing"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
)

func TestPredicates(t *testing.T) {
	type want struct{ notFound, notEmpty, inUse, denied, badKey, refusal bool }

	cases := map[string]struct {
		reason string
		err    error
		want   want
	}{
		"Nil":               {reason: "No error is none of them."},
		"Network":           {reason: "An error of the network is no answer.", err: errors.New("connection refused")},
		"NoBucket":          {reason: "The S3 API's code.", err: miniogo.ErrorResponse{Code: "NoSuchBucket", RequestID: "1", StatusCode: 404}, want: want{notFound: true, refusal: true}},
		"Ingress404":        {reason: "A 404 that MinIO did not give says nothing of the bucket.", err: miniogo.ErrorResponse{Code: "NoSuchBucket", StatusCode: 404}, want: want{refusal: true}},
		"Gateway504":        {reason: "A gateway that gave up leaves open what the server did.", err: miniogo.ErrorResponse{Code: "504 Gateway Timeout", StatusCode: 504}},
		"NoUser":            {reason: "The administration API's code.", err: madmin.ErrorResponse{Code: "XMinioAdminNoSuchUser", RequestID: "1"}, want: want{notFound: true, refusal: true}},
		"NoPolicy":          {reason: "The administration API's code.", err: madmin.ErrorResponse{Code: "XMinioAdminNoSuchPolicy", RequestID: "1"}, want: want{notFound: true, refusal: true}},
		"NotEmpty":          {reason: "A bucket with objects.", err: miniogo.ErrorResponse{Code: "BucketNotEmpty", StatusCode: 409}, want: want{notEmpty: true, refusal: true}},
		"Wrapped":           {reason: "Context does not hide the code.", err: fmt.Errorf("cannot look: %w", miniogo.ErrorResponse{Code: "NoSuchBucket", RequestID: "1", StatusCode: 404}), want: want{notFound: true, refusal: true}},
		"Denied":            {reason: "The server knows the key and does not allow the act.", err: miniogo.ErrorResponse{Code: "AccessDenied", RequestID: "1", StatusCode: 403}, want: want{denied: true, refusal: true}},
		"Ingress403":        {reason: "A 403 that MinIO did not give says nothing of what it allows.", err: miniogo.ErrorResponse{Code: "AccessDenied", StatusCode: 403}, want: want{refusal: true}},
		"NoKey":             {reason: "The server does not know the key.", err: miniogo.ErrorResponse{Code: "InvalidAccessKeyId", RequestID: "1", StatusCode: 403}, want: want{badKey: true, refusal: true}},
		"WrongKey":          {reason: "The server knows the key with another secret.", err: miniogo.ErrorResponse{Code: "SignatureDoesNotMatch", RequestID: "1", StatusCode: 403}, want: want{badKey: true, refusal: true}},
		"Ingress404OfAdmin": {reason: "Not even with the code of the administration API.", err: madmin.ErrorResponse{Code: "XMinioAdminNoSuchUser"}},
		"IngressBadKey":     {reason: "A proxy's word on a key is not MinIO's.", err: miniogo.ErrorResponse{Code: "SignatureDoesNotMatch", StatusCode: 403}, want: want{refusal: true}},
		"NoAccess":          {reason: "An access key that is no user's own.", err: madmin.ErrorResponse{Code: "XMinioInvalidIAMCredentials", RequestID: "1"}, want: want{notFound: true, refusal: true}},
		"PolicyHeld":        {reason: "A policy that somebody holds is kept.", err: madmin.ErrorResponse{Code: "XMinioIAMPolicyInUse", RequestID: "1"}, want: want{inUse: true, refusal: true}},
		"ErrorCapture":      {reason: "A server in trouble leaves open what it did.", err: madmin.ErrorResponse{Code: "InternalError", RequestID: "1"}},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := want{
				notFound: IsNotFound(tc.err), notEmpty: IsNotEmpty(tc.err), inUse: IsPolicyInUse(tc.err),
				denied: IsDenied(tc.err), badKey: IsBadKey(tc.err), refusal: IsClientError(tc.err),
			}
			if got != tc.want {
				t.Errorf("%s\nwant %+v, got %+v", tc.reason, tc.want, got)
			}
		})
	}
}
