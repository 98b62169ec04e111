package minio

import (
	"errors"
	"fmt"
	"testing"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
)

func TestPredicates(t *testing.T) {
	type want struct{ notFound, notEmpty, refusal bool }

	cases := map[string]struct {
		reason string
		err    error
		want   want
	}{
		"Nil":        {reason: "No error is none of them."},
		"Network":    {reason: "An error of the network is no answer.", err: errors.New("connection refused")},
		"NoBucket":   {reason: "The S3 API's code.", err: miniogo.ErrorResponse{Code: "NoSuchBucket", RequestID: "1", StatusCode: 404}, want: want{notFound: true, refusal: true}},
		"Ingress404": {reason: "A 404 that MinIO did not give says nothing of the bucket.", err: miniogo.ErrorResponse{Code: "NoSuchBucket", StatusCode: 404}, want: want{refusal: true}},
		"Gateway504": {reason: "A gateway that gave up leaves open what the server did.", err: miniogo.ErrorResponse{Code: "504 Gateway Timeout", StatusCode: 504}},
		"NoUser":     {reason: "The administration API's code.", err: madmin.ErrorResponse{Code: "XMinioAdminNoSuchUser"}, want: want{notFound: true}},
		"NoPolicy":   {reason: "The administration API's code.", err: madmin.ErrorResponse{Code: "XMinioAdminNoSuchPolicy"}, want: want{notFound: true}},
		"NotEmpty":   {reason: "A bucket with objects.", err: miniogo.ErrorResponse{Code: "BucketNotEmpty", StatusCode: 409}, want: want{notEmpty: true, refusal: true}},
		"Wrapped":    {reason: "Context does not hide the code.", err: fmt.Errorf("cannot look: %w", miniogo.ErrorResponse{Code: "NoSuchBucket", RequestID: "1", StatusCode: 404}), want: want{notFound: true, refusal: true}},
		"Denied":     {reason: "Any other code is a refusal all the same.", err: miniogo.ErrorResponse{Code: "AccessDenied", StatusCode: 403}, want: want{refusal: true}},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := want{notFound: IsNotFound(tc.err), notEmpty: IsNotEmpty(tc.err), refusal: IsRefusal(tc.err)}
			if got != tc.want {
				t.Errorf("%s\nwant %+v, got %+v", tc.reason, tc.want, got)
			}
		})
	}
}
