package main

import (
	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/function-sdk-go/resource"
	"github.com/crossplane/function-sdk-go/resource/composed"

	input "github.com/cistern-dev/cistern/apis/input/v1alpha1"
	minio "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// The resources are composed as plain maps with just the fields that are meant:
// Crossplane applies them server-side, where a typed object's empty fields
// would count as wishes.

// composeBucket returns the claim's Bucket. It is named as the bucket on the
// server, after the claim's UID: the same name may be claimed again at once.
func composeBucket(o *observation, pool input.Pool) *resource.DesiredComposed {
	return &resource.DesiredComposed{
		Resource: newManaged(minio.BucketKind.Kind, o.bucketName(), server(o, pool), map[string]any{}),
		Ready:    ready(o.bucket.ready()),
	}
}

// composeUser returns the claim's User, which may read and write in the claim's
// bucket.
func composeUser(o *observation, pool input.Pool) *resource.DesiredComposed {
	u := newManaged(minio.UserKind.Kind, o.bucketName(), server(o, pool), map[string]any{
		"grants": []any{map[string]any{
			"bucketName": o.bucketName(),
			"access":     string(minio.AccessReadWrite),
		}},
	})
	// Not "bucket-…": those names are the tenants'.
	u.Object["spec"].(map[string]any)["writeConnectionSecretToRef"] = map[string]any{"name": "user-" + string(o.uid)} //nolint:forcetypeassert // Made by newManaged.

	return &resource.DesiredComposed{Resource: u, Ready: ready(o.user.ready())}
}

// server returns the provider configuration of the server that the claim is on.
// Once something is there it stays where it is, whatever becomes of the pool: on
// another server the tenant would find an empty bucket.
func server(o *observation, pool input.Pool) xpv1.ProviderConfigReference {
	for _, m := range []managedResource{o.bucket, o.user} {
		if ref, ok := m.providerConfigRef(); ok {
			return ref
		}
	}

	return xpv1.ProviderConfigReference{Kind: pool.ProviderConfigRef.Kind, Name: pool.ProviderConfigRef.Name}
}

func newManaged(kind, name string, server xpv1.ProviderConfigReference, forProvider map[string]any) *composed.Unstructured {
	u := composed.New()
	u.SetAPIVersion(minio.GroupVersion.String())
	u.SetKind(kind)
	u.SetName(name)
	u.Object["spec"] = map[string]any{
		"forProvider": forProvider,
		"providerConfigRef": map[string]any{
			"kind": server.Kind,
			"name": server.Name,
		},
	}

	return u
}

func ready(r bool) resource.Ready {
	if r {
		return resource.ReadyTrue
	}

	return resource.ReadyFalse
}
