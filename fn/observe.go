package main

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/function-sdk-go/errors"
	fnv1 "github.com/crossplane/function-sdk-go/proto/v1"
	"github.com/crossplane/function-sdk-go/request"
	"github.com/crossplane/function-sdk-go/resource"
	"github.com/crossplane/function-sdk-go/resource/composed"

	tenant "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// requirementSecret is the name under which Crossplane is asked for whatever
// Secret has the name that the tenant's Secret is to have.
const requirementSecret = "secret"

// observation is what one run is told of a claim. It is read by field path, so
// that resources of a neighbouring version of the API can be read as well.
type observation struct {
	name        string
	namespace   string
	uid         types.UID
	storagePool string
	// endpoint that the claim's status holds from an earlier run.
	endpoint string

	bucket managedResource
	user   managedResource

	// secret is the tenant's Secret if it exists and is the claim's own.
	secret *composed.Unstructured
	// conflict says that a Secret of that name exists which is not.
	conflict bool
	// asked says that Crossplane has been asked for the Secret; until then
	// nothing is known of a conflict.
	asked bool
}

// managedResource is what is observed of a composed managed resource. Nothing
// is observed of it before Crossplane has made it.
type managedResource struct {
	resource.ObservedComposed
}

func observe(req *fnv1.RunFunctionRequest) (*observation, error) {
	xr, err := request.GetObservedCompositeResource(req)
	if err != nil {
		return nil, errors.Wrap(err, "cannot read the claim")
	}

	composedResources, err := request.GetObservedComposedResources(req)
	if err != nil {
		return nil, errors.Wrap(err, "cannot read the composed resources")
	}

	o := &observation{
		name:      xr.Resource.GetName(),
		namespace: xr.Resource.GetNamespace(),
		uid:       xr.Resource.GetUID(),
		bucket:    managedResource{composedResources[resourceBucket]},
		user:      managedResource{composedResources[resourceUser]},
	}
	// A field that is not set reads as empty, and that is what it means.
	o.storagePool, _ = xr.Resource.GetString("spec.storagePool")
	o.endpoint, _ = xr.Resource.GetString("status.endpoint")

	if s := composedResources[resourceSecret].Resource; s != nil && o.owns(s) {
		o.secret = s
	}

	found, asked, err := request.GetRequiredResource(req, requirementSecret)
	if err != nil {
		return nil, errors.Wrap(err, "cannot read the required Secret")
	}

	o.asked = asked
	for _, s := range found {
		o.conflict = o.conflict || !o.owns(s.Resource)
	}

	return o, nil
}

// owns reports whether the claim controls an object.
func (o *observation) owns(obj metav1.Object) bool {
	c := metav1.GetControllerOf(obj)

	return c != nil && c.UID == o.uid
}

func (o *observation) bucketName() string { return "bucket-" + string(o.uid) }

func (o *observation) secretName() string { return tenant.SecretNameFor(o.name, "") }

// providerConfigRef returns the provider configuration that a resource was made
// with. It decides which server the resource is on.
func (m managedResource) providerConfigRef() (xpv1.ProviderConfigReference, bool) {
	var ref xpv1.ProviderConfigReference
	if !m.exists() {
		return ref, false
	}

	err := m.Resource.GetValueInto("spec.providerConfigRef", &ref)

	return ref, err == nil && ref.Kind != "" && ref.Name != ""
}

func (m managedResource) exists() bool { return m.Resource != nil }

func (m managedResource) ready() bool {
	return m.exists() &&
		m.Resource.GetCondition(xpv1.TypeReady).Status == corev1.ConditionTrue &&
		m.Resource.GetCondition(xpv1.TypeSynced).Status == corev1.ConditionTrue
}

// trouble returns what keeps a resource from being ready, as far as it says.
func (m managedResource) trouble() string {
	if !m.exists() {
		return ""
	}

	if c := m.Resource.GetCondition(xpv1.TypeSynced); c.Status == corev1.ConditionFalse {
		return strings.TrimSpace(c.Message)
	}

	return strings.TrimSpace(m.Resource.GetCondition(xpv1.TypeReady).Message)
}
