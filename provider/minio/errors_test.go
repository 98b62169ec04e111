package minio

import (
	"errors"
	"fmt"
	"testing"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
)

func TestPredicates(t *testing.T) {
	type want struct{ notFound, inUse, denied, badKey, client bool }

	cases := map[string]struct {
		reason string
		err    error
		want   want
	}{
		"Nil": {
			reason: "A nil error satisfies no predicate.",
		},
		"Network": {
			reason: "A failed connection is no answer.",
			err:    errors.New("connection refused"),
		},
		"NoBucket": {
			reason: "The S3 API's code.",
			err:    miniogo.ErrorResponse{Code: "NoSuchBucket", RequestID: "1", StatusCode: 404},
			want:   want{notFound: true, client: true},
		},
		"Ingress404": {
			reason: "A gateway's 404 says nothing about the bucket.",
			err:    miniogo.ErrorResponse{Code: "NoSuchBucket", StatusCode: 404},
			want:   want{client: true},
		},
		"Gateway504": {
			reason: "A gateway's timeout leaves open what the server did.",
			err:    miniogo.ErrorResponse{Code: "504 Gateway Timeout", StatusCode: 504},
		},
		"NoUser": {
			reason: "The administration API's code.",
			err:    madmin.ErrorResponse{Code: "XMinioAdminNoSuchUser", RequestID: "1"},
			want:   want{notFound: true, client: true},
		},
		"NoPolicy": {
			reason: "The administration API's code.",
			err:    madmin.ErrorResponse{Code: "XMinioAdminNoSuchPolicy", RequestID: "1"},
			want:   want{notFound: true, client: true},
		},
		"NotEmpty": {
			reason: "A bucket with objects.",
			err:    miniogo.ErrorResponse{Code: "BucketNotEmpty", StatusCode: 409},
			want:   want{client: true},
		},
		"Wrapped": {
			reason: "A wrapped error keeps its code.",
			err:    fmt.Errorf("cannot read: %w", miniogo.ErrorResponse{Code: "NoSuchBucket", RequestID: "1", StatusCode: 404}),
			want:   want{notFound: true, client: true},
		},
		"Denied": {
			reason: "The server knows the key and does not allow the call.",
			err:    miniogo.ErrorResponse{Code: "AccessDenied", RequestID: "1", StatusCode: 403},
			want:   want{denied: true, client: true},
		},
		"Ingress403": {
			reason: "A gateway's 403 says nothing about what the server allows.",
			err:    miniogo.ErrorResponse{Code: "AccessDenied", StatusCode: 403},
			want:   want{client: true},
		},
		"NoKey": {
			reason: "The server does not know the key.",
			err:    miniogo.ErrorResponse{Code: "InvalidAccessKeyId", RequestID: "1", StatusCode: 403},
			want:   want{badKey: true, client: true},
		},
		"WrongKey": {
			reason: "The server knows the key with another secret.",
			err:    miniogo.ErrorResponse{Code: "SignatureDoesNotMatch", RequestID: "1", StatusCode: 403},
			want:   want{badKey: true, client: true},
		},
		"NoAccess": {
			reason: "The access key is not a user's own.",
			err:    madmin.ErrorResponse{Code: "XMinioInvalidIAMCredentials", RequestID: "1"},
			want:   want{notFound: true, client: true},
		},
		"PolicyAttached": {
			reason: "A policy that is attached is not deleted.",
			err:    madmin.ErrorResponse{Code: "XMinioIAMPolicyInUse", RequestID: "1"},
			want:   want{inUse: true, client: true},
		},
		"InternalError": {
			reason: "An internal error leaves open what the server did.",
			err:    madmin.ErrorResponse{Code: "InternalError", RequestID: "1"},
		},
		"Ingress404OfAdmin": {
			reason: "A gateway's 404 says nothing about a user, whatever its code.",
			err:    madmin.ErrorResponse{Code: "XMinioAdminNoSuchUser"},
		},
		"IngressBadKey": {
			reason: "A gateway's word on a key is not MinIO's.",
			err:    miniogo.ErrorResponse{Code: "SignatureDoesNotMatch", StatusCode: 403},
			want:   want{client: true},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := want{
				notFound: IsNotFound(tc.err), inUse: IsPolicyInUse(tc.err),
				denied: IsDenied(tc.err), badKey: IsBadKey(tc.err), client: IsClientError(tc.err),
			}
			if got != tc.want {
				t.Errorf("%s\nwant %+v, got %+v", tc.reason, tc.want, got)
			}
		})
	}
}
