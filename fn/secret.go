package main

import (
	"encoding/base64"

	corev1 "k8s.io/api/core/v1"

	"github.com/crossplane/function-sdk-go/errors"
	fnv1 "github.com/crossplane/function-sdk-go/proto/v1"
	"github.com/crossplane/function-sdk-go/resource"
	"github.com/crossplane/function-sdk-go/resource/composed"

	minio "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenant "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// composeSecret returns the tenant's Secret once its content is known and its
// name is known to be free. It is ready as soon as it is composed: applying it
// is all there is to it. A Secret that exists is kept as it is while anything
// is missing.
func composeSecret(o *observation) (*resource.DesiredComposed, error) {
	if o.conflict || (!o.asked && o.secret == nil) {
		return nil, nil
	}

	data := map[string]any{}

	switch s3, complete := o.credentials(); {
	case complete && o.bucket.ready() && o.user.ready():
		doc, err := tenant.NewBucketInfo("bc-"+string(o.user.Resource.GetUID()), o.bucketName(), s3).Document()
		if err != nil {
			return nil, errors.Wrap(err, "cannot encode BucketInfo")
		}

		data[tenant.BucketInfoKey] = base64.StdEncoding.EncodeToString(doc)

	case o.secret != nil:
		if kept, ok := o.secret.Object["data"].(map[string]any); ok {
			data = kept
		}

	default:
		return nil, nil
	}

	s := composed.New()
	s.SetAPIVersion("v1")
	s.SetKind("Secret")
	s.SetName(o.secretName())
	s.Object["type"] = string(corev1.SecretTypeOpaque)
	s.Object["data"] = data

	return &resource.DesiredComposed{Resource: s, Ready: resource.ReadyTrue}, nil
}

// credentials returns the user's connection details, and whether they are
// complete. The region may be empty, but must be there.
func (o *observation) credentials() (tenant.BucketInfoS3, bool) {
	d := o.user.ConnectionDetails
	_, region := d[minio.ConnectionKeyRegion]

	s3 := tenant.BucketInfoS3{
		Endpoint:        string(d[minio.ConnectionKeyEndpoint]),
		Region:          string(d[minio.ConnectionKeyRegion]),
		AccessKeyID:     string(d[minio.ConnectionKeyAccessKeyID]),
		AccessSecretKey: string(d[minio.ConnectionKeySecretAccessKey]),
	}

	return s3, region && s3.Endpoint != "" && s3.AccessKeyID != "" && s3.AccessSecretKey != ""
}

// requireSecret asks Crossplane for whatever Secret has the name of the
// tenant's: applying ours over a stranger's would overwrite it. Crossplane
// watches what it was asked for, so the claim goes on once a stranger is gone.
func requireSecret(rsp *fnv1.RunFunctionResponse, o *observation) {
	rsp.Requirements = &fnv1.Requirements{
		Resources: map[string]*fnv1.ResourceSelector{
			requirementSecret: {
				ApiVersion: "v1",
				Kind:       "Secret",
				Match:      &fnv1.ResourceSelector_MatchName{MatchName: o.secretName()},
				Namespace:  &o.namespace,
			},
		},
	}
}
