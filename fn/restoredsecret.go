package main

import (
	"encoding/base64"
	"encoding/json"
	"regexp"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/crossplane/function-sdk-go/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// bucketNames matches names of buckets. Tenants can write anything into their Secrets.
var bucketNames = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// restoredSecret reports whether a Secret without a controller is one of an earlier claim of the name, for the
// bucket that the claim has. It may be overwritten: the claim's own would hold the same.
func (o *observed) restoredSecret(s *unstructured.Unstructured) bool {
	if metav1.GetControllerOf(s) != nil || s.GetDeletionTimestamp() != nil || s.Object["immutable"] == true || !o.bucket().exists() {
		return false
	}

	for _, kind := range secretKinds {
		if bucketIn(kind, s) == o.bucketName() {
			return true
		}
	}

	return false
}

// bucketIn returns the name of the bucket whose key a tenant's Secret of a kind holds; empty if it is none.
func bucketIn(kind resource.Name, s *unstructured.Unstructured) string {
	if s.GetLabels()[tenantv1alpha1.LabelUserSecret] != "true" {
		return ""
	}

	read := func(key string) []byte {
		encoded, _ := nested(s.Object, "data", key).(string)
		value, _ := base64.StdEncoding.DecodeString(encoded)

		return value
	}

	name := string(read(miniov1alpha1.ConnectionKeyBucketName))

	if kind == resourceSecret {
		doc := tenantv1alpha1.BucketInfo{}
		_ = json.Unmarshal(read(tenantv1alpha1.BucketInfoKey), &doc)
		name = doc.Spec.BucketName
	}

	if !bucketNames.MatchString(name) {
		return ""
	}

	return name
}
