package main

import (
	"encoding/base64"

	corev1 "k8s.io/api/core/v1"

	"github.com/crossplane/function-sdk-go/errors"
	fnv1 "github.com/crossplane/function-sdk-go/proto/v1"
	"github.com/crossplane/function-sdk-go/resource"
	"github.com/crossplane/function-sdk-go/resource/composed"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// secrets are the tenant's Secrets of all identities, as far as they can be composed.
type secrets struct {
	composed map[resource.Name]*resource.DesiredComposed
	// taken are the names of existing Secrets that are not the claim's.
	taken []string
	// required are the names of Secrets that do not exist yet, by composed resource. Whether the
	// names are free has to be known first: applying a Secret would overwrite another one.
	required map[resource.Name]string
	// unknown reports whether Crossplane has yet to answer a requirement.
	unknown bool
	// incomplete are the identities whose keys are not published yet.
	incomplete []identity
	// outdated are existing Secrets that do not hold the current key although they should by now.
	outdated []outdatedSecret
	// served holds the ID of the key in each identity's existing Secrets.
	served map[identity]string
}

// secretKinds are the kinds of Secrets of an identity.
var secretKinds = []resource.Name{resourceSecret, resourceCredentials}

// composeSecrets composes each identity's Secrets. A new Secret is composed once Bucket and User are
// ready, so that its content is valid. An existing one follows the User's key even while other things
// fail, and is kept unchanged while the key is not published.
func composeSecrets(o *observed, d desired) (*secrets, error) {
	s := &secrets{
		composed: make(map[resource.Name]*resource.DesiredComposed),
		required: make(map[resource.Name]string),
		served:   make(map[identity]string),
	}

	for _, i := range d.identities() {
		data, err := secretData(o, i)
		if err != nil {
			return nil, err
		}

		if data == nil {
			s.incomplete = append(s.incomplete, i)
		} else {
			s.compare(o, i, data)
		}

		complete := data != nil && d.bucket != nil && d.waits[resourceBucket] == "" && d.waits[i.resource()] == ""
		for _, kind := range secretKinds {
			s.compose(o, i.of(kind), i.secretName(o, kind), data[kind], complete)
		}
	}

	return s, nil
}

// compose composes one Secret. Its data is nil if the key is not published; complete reports whether a
// new Secret may be created.
func (s *secrets) compose(o *observed, name resource.Name, secret string, data map[string]any, complete bool) {
	if existing := o.secret(name); existing != nil {
		if data == nil {
			data = ownData(existing, name)
		}

		s.composed[name] = newSecret(secret, data)

		return
	}

	if !complete {
		return
	}

	// It stays required until it exists, because Crossplane runs the function again until the
	// requirements stay the same.
	s.required[name] = secret

	switch free, known := o.free(name); {
	case !known:
		s.unknown = true
	case !free:
		s.taken = append(s.taken, secret)
	default:
		s.composed[name] = newSecret(secret, data)
	}
}

// ownData returns the data of an existing Secret without the keys that a tenant has added to it: a response
// that holds them could be larger than Crossplane accepts, and applying them would take them over.
func ownData(existing *composed.Unstructured, name resource.Name) map[string]any {
	data, _ := existing.Object["data"].(map[string]any)
	_, credentials := identityOf(resourceCredentials, name)

	own := make(map[string]any, len(data))

	for k, v := range data {
		if (credentials && miniov1alpha1.IsConnectionKey(k)) || (!credentials && k == tenantv1alpha1.BucketInfoKey) {
			own[k] = v
		}
	}

	return own
}

// newSecret returns a Secret, which is ready as soon as it is applied.
func newSecret(name string, data map[string]any) *resource.DesiredComposed {
	s := newComposed("v1", "Secret", name, map[string]any{
		"type": string(corev1.SecretTypeOpaque),
		"data": data,
	})
	s.SetLabels(map[string]string{tenantv1alpha1.LabelUserSecret: "true"})

	return &resource.DesiredComposed{Resource: s, Ready: resource.ReadyTrue}
}

// secretData returns the data of an identity's Secrets, by kind; nil if the identity's key is not
// published.
func secretData(o *observed, i identity) (map[resource.Name]map[string]any, error) {
	s3, complete := o.credentials(i)
	if !complete {
		return nil, nil
	}

	user := o.user(i)

	doc, err := tenantv1alpha1.NewBucketInfo("bc-"+string(user.Resource.GetUID()), o.bucketName(), s3).Document()
	if err != nil {
		return nil, errors.Wrap(err, "cannot encode BucketInfo")
	}

	details := make(map[string]any, len(user.ConnectionDetails))

	var encoded []byte
	for k, v := range user.ConnectionDetails {
		// The next key may not work yet; the provider keeps it there for itself. Others were
		// added by the tenant; see ownData.
		if !miniov1alpha1.IsConnectionKey(k) {
			continue
		}

		encoded = base64.StdEncoding.AppendEncode(encoded[:0], v)
		details[k] = string(encoded)
	}

	return map[resource.Name]map[string]any{
		resourceSecret:      {tenantv1alpha1.BucketInfoKey: base64.StdEncoding.EncodeToString(doc)},
		resourceCredentials: details,
	}, nil
}

// credentials returns an identity's connection details, and reports whether they are complete. The
// region may be empty, but must be present.
func (o *observed) credentials(i identity) (tenantv1alpha1.BucketInfoS3, bool) {
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

// requireSecrets requires any existing Secrets of the given names. Crossplane watches required
// resources, so the function runs again once a Secret that takes a name is deleted.
func requireSecrets(rsp *fnv1.RunFunctionResponse, o *observed, required map[resource.Name]string) {
	for name, secret := range required {
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
