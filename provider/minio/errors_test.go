package minio

import (
	"errors"
	"fmt"
	"testing"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
)

func TestPredicates(t *testing.T) {
	type want struct{ notFound, notEmpty, answer bool }

	cases := map[string]struct {
		reason string
		err    error
		want   want
	}{
		"Nil":      {reason: "No error is none of them."},
		"Network":  {reason: "An error of the network is no answer.", err: errors.New("connection refused")},
		"NoBucket": {reason: "The S3 API's code.", err: miniogo.ErrorResponse{Code: "NoSuchBucket"}, want: want{notFound: true, answer: true}},
		"NoUser":   {reason: "The administration API's code.", err: madmin.ErrorResponse{Code: "XMinioAdminNoSuchUser"}, want: want{notFound: true, answer: true}},
		"NoPolicy": {reason: "The administration API's code.", err: madmin.ErrorResponse{Code: "XMinioAdminNoSuchPolicy"}, want: want{notFound: true, answer: true}},
		"NotEmpty": {reason: "A bucket with objects.", err: miniogo.ErrorResponse{Code: "BucketNotEmpty"}, want: want{notEmpty: true, answer: true}},
		"Wrapped":  {reason: "Context does not hide the code.", err: fmt.Errorf("cannot look: %w", miniogo.ErrorResponse{Code: "NoSuchBucket"}), want: want{notFound: true, answer: true}},
		"Denied":   {reason: "Any other code is an answer all the same.", err: madmin.ErrorResponse{Code: "AccessDenied"}, want: want{answer: true}},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := want{notFound: IsNotFound(tc.err), notEmpty: IsNotEmpty(tc.err), answer: IsAnswer(tc.err)}
			if got != tc.want {
				t.Errorf("%s\nwant %+v, got %+v", tc.reason, tc.want, got)
			}
		})
	}
}
