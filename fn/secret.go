package main

import (
	"encoding/base64"

	corev1 "k8s.io/api/core/v1"

	"github.com/crossplane/function-sdk-go/errors"
	fnv1 "github.com/crossplane/function-sdk-go/proto/v1"
	"github.com/crossplane/function-sdk-go/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// secrets are the tenant's Secrets of all identities, as far as they can be
// composed.
type secrets struct {
	composed map[resource.Name]*resource.DesiredComposed
	// taken are the names of Secrets that are not the claim's.
	taken []string
	// asking are the names of Secrets that are to be made, by composed resource:
	// applying ours over a stranger's would overwrite it.
	asking map[resource.Name]string
	// unknown says that Crossplane has not answered yet.
	unknown bool
	// incomplete are the identities that wait for their Secrets.
	incomplete []identity
}

// composeSecrets composes what it can of each identity's Secrets. A Secret is
// made once bucket and user are ready, so that what it says is true; one that
// exists follows the user's key, whatever else is amiss, and is kept as it is
// while that is not known.
func composeSecrets(o *observation, c composition) (*secrets, error) {
	s := &secrets{composed: make(map[resource.Name]*resource.DesiredComposed), asking: make(map[resource.Name]string)}

	for _, i := range c.identities() {
		data, err := secretData(o, i)
		if err != nil {
			return nil, err
		}

		if data == nil {
			s.incomplete = append(s.incomplete, i)
		}

		there := data != nil && c.bucket != nil && c.waits[resourceBucket] == "" && c.waits[i.resource()] == ""
		for name, secret := range i.secrets(o) {
			s.compose(o, name, secret, data[name], there)
		}
	}

	return s, nil
}

// compose composes one Secret, of which data is nil if it is not known.
func (s *secrets) compose(o *observation, name resource.Name, secret string, data map[string]any, there bool) {
	if observed := o.secret(name); observed != nil {
		if data == nil {
			data, _ = observed.Object["data"].(map[string]any)
		}

		s.composed[name] = newSecret(secret, data)

		return
	}

	if !there {
		return
	}

	// Asked for as long as it is not the claim's: Crossplane calls until the
	// answer is the same.
	s.asking[name] = secret

	switch free, known := o.free(name); {
	case !known:
		s.unknown = true
	case !free:
		s.taken = append(s.taken, secret)
	default:
		s.composed[name] = newSecret(secret, data)
	}
}

// newSecret returns a Secret. It is ready as soon as it is composed: applying it
// is all there is to it.
func newSecret(name string, data map[string]any) *resource.DesiredComposed {
	s := newComposed("v1", "Secret", name, map[string]any{
		"type": string(corev1.SecretTypeOpaque),
		"data": data,
	})

	return &resource.DesiredComposed{Resource: s, Ready: resource.ReadyTrue}
}

// secretData returns what an identity's Secrets are to hold, by composed
// resource; nil if the identity's key is not known.
func secretData(o *observation, i identity) (map[resource.Name]map[string]any, error) {
	s3, complete := o.credentials(i)
	if !complete {
		return nil, nil
	}

	user := o.user(i)

	doc, err := tenantv1alpha1.NewBucketInfo("bc-"+string(user.Resource.GetUID()), o.bucketName(), s3).Document()
	if err != nil {
		return nil, errors.Wrap(err, "cannot encode BucketInfo")
	}

	shapes := make(map[string]any, len(user.ConnectionDetails))
	for k, v := range user.ConnectionDetails {
		// The next key may not work yet; the provider keeps it there for itself.
		if k == miniov1alpha1.ConnectionKeyPending {
			continue
		}

		shapes[k] = base64.StdEncoding.EncodeToString(v)
	}

	return map[resource.Name]map[string]any{
		i.of(resourceSecret):      {tenantv1alpha1.BucketInfoKey: base64.StdEncoding.EncodeToString(doc)},
		i.of(resourceCredentials): shapes,
	}, nil
}

// credentials returns an identity's connection details, and whether they are
// complete. The region may be empty, but must be there.
func (o *observation) credentials(i identity) (tenantv1alpha1.BucketInfoS3, bool) {
	d := o.user(i).ConnectionDetails
	_, region := d[miniov1alpha1.ConnectionKeyRegion]

	s3 := tenantv1alpha1.BucketInfoS3{
		Endpoint:        string(d[miniov1alpha1.ConnectionKeyEndpoint]),
		Region:          string(d[miniov1alpha1.ConnectionKeyRegion]),
		AccessKeyID:     string(d[miniov1alpha1.ConnectionKeyAccessKeyID]),
		AccessSecretKey: string(d[miniov1alpha1.ConnectionKeySecretAccessKey]),
	}

	return s3, region && s3.Endpoint != "" && s3.AccessKeyID != "" && s3.AccessSecretKey != ""
}

// requireSecrets asks Crossplane for whatever Secrets have the names that are to
// be composed. Crossplane watches what it was asked for, so the claim goes on
// once a stranger's is gone.
func requireSecrets(rsp *fnv1.RunFunctionResponse, o *observation, asking map[resource.Name]string) {
	for name, secret := range asking {
		requireResource(rsp, string(name), &fnv1.ResourceSelector{
			ApiVersion: "v1",
			Kind:       "Secret",
			Match:      &fnv1.ResourceSelector_MatchName{MatchName: secret},
			Namespace:  &o.namespace,
		})
	}
}

func requireResource(rsp *fnv1.RunFunctionResponse, name string, s *fnv1.ResourceSelector) {
	if rsp.GetRequirements() == nil {
		rsp.Requirements = &fnv1.Requirements{Resources: make(map[string]*fnv1.ResourceSelector)}
	}

	rsp.Requirements.Resources[name] = s
}
