package main

import (
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/function-sdk-go/errors"
	fnv1 "github.com/crossplane/function-sdk-go/proto/v1"
	"github.com/crossplane/function-sdk-go/request"
	"github.com/crossplane/function-sdk-go/resource"
	"github.com/crossplane/function-sdk-go/resource/composed"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// requirementNamespace is the name under which Crossplane is asked for the
// claim's namespace. Secrets are asked for under the names of their composed
// resources.
const requirementNamespace = "namespace"

// observation is what one run is told of a claim. Resources are read by field
// path, so that those of a neighbouring version of the API can be read as well.
type observation struct {
	name, namespace, uid string

	// claim as the tenant wrote it, with its status of an earlier run.
	claim map[string]any
	// resources that were composed and are the claim's own.
	resources map[resource.Name]resource.ObservedComposed
	// required holds what Crossplane was asked for, and found or not.
	required map[string][]resource.Required
}

func observe(req *fnv1.RunFunctionRequest) (*observation, error) {
	xr, err := request.GetObservedCompositeResource(req)
	if err != nil {
		return nil, errors.Wrap(err, "cannot read the claim")
	}

	o := &observation{
		name:      xr.Resource.GetName(),
		namespace: xr.Resource.GetNamespace(),
		uid:       string(xr.Resource.GetUID()),
		claim:     xr.Resource.UnstructuredContent(),
	}

	if o.resources, err = request.GetObservedComposedResources(req); err != nil {
		return nil, errors.Wrap(err, "cannot read the composed resources")
	}

	if err := o.checkReferences(); err != nil {
		return nil, err
	}

	if o.required, err = request.GetRequiredResources(req); err != nil {
		return nil, errors.Wrap(err, "cannot read the required resources")
	}

	return o, nil
}

// checkReferences returns an error if an observed resource is not what its name among
// the composed ones says. Crossplane observes what spec.crossplane.resourceRefs of the
// claim leads to, which tenants can write, and believes annotations of what it finds
// there: a ConfigMap could be the claim's Bucket, and name somebody else's bucket.
// Objects of the provider's kinds tenants cannot make.
func (o *observation) checkReferences() error {
	for _, name := range slices.Sorted(maps.Keys(o.resources)) {
		r := o.resources[name].Resource
		kind := r.GroupVersionKind().GroupKind()

		if want, called, known := o.expected(name); known && (kind != want || r.GetName() != called) {
			return errors.Errorf("%s %q cannot be the claim's %s, which is %s %q: take it out of spec.crossplane.resourceRefs",
				kind, r.GetName(), name, want, called)
		}
	}

	return nil
}

// expected returns which kind a composed resource is of and what it is called, and
// whether there is one of that name.
func (o *observation) expected(name resource.Name) (kind schema.GroupKind, called string, known bool) {
	if name == resourceBucket {
		return miniov1alpha1.BucketKind.GroupKind(), o.resourceName(), true
	}

	if i, ok := identityOf(resourceUser, name); ok {
		return miniov1alpha1.UserKind.GroupKind(), i.resourceName(o), true
	}

	for _, of := range []resource.Name{resourceSecret, resourceCredentials} {
		if i, ok := identityOf(of, name); ok {
			return schema.GroupKind{Kind: "Secret"}, i.secrets(o)[name], true
		}
	}

	return schema.GroupKind{}, "", false
}

// spec returns the claim's spec as the tenant wrote it.
func (o *observation) spec() map[string]any {
	spec, _ := o.claim["spec"].(map[string]any)

	return spec
}

// status returns a text of the claim's status of an earlier run.
func (o *observation) status(field string) string {
	s, _, _ := unstructured.NestedString(o.claim, "status", field) // What is no text says nothing.

	return s
}

// unwatched reports since when Crossplane's circuit breaker drops what it hears of
// the claim and its resources, if it does.
func (o *observation) unwatched() (since time.Time, unwatched bool) {
	conditions, _ := field(o.claim, "status", "conditions").([]any)

	c := condition(conditions, "Responsive")
	if c["status"] != string(corev1.ConditionFalse) {
		return time.Time{}, false
	}

	text, _ := c["lastTransitionTime"].(string)
	since, err := time.Parse(time.RFC3339, text)

	return since, err == nil
}

// owns reports whether the claim controls an object.
func (o *observation) owns(obj metav1.Object) bool {
	c := metav1.GetControllerOf(obj)

	return c != nil && string(c.UID) == o.uid
}

// resourceName is the name of the claim's Bucket, and of the bucket unless the
// platform team had the Bucket adopt another one. It is made from the claim's
// UID: the same name may be claimed again at once.
func (o *observation) resourceName() string { return "bucket-" + o.uid }

// bucketName is the name of the claim's bucket on the server.
func (o *observation) bucketName() string {
	if b := o.bucket(); b.exists() {
		if n := meta.GetExternalName(b.Resource); n != "" {
			return n
		}
	}

	return o.resourceName()
}

func (o *observation) bucket() managedResource { return managedResource{o.resources[resourceBucket]} }

func (o *observation) user(i identity) managedResource {
	return managedResource{o.resources[i.resource()]}
}

// users returns whose User resources exist: the claim's own, then the others by
// name.
func (o *observation) users() []identity {
	var all []identity

	for name := range o.resources {
		if i, ok := identityOf(resourceUser, name); ok {
			all = append(all, i)
		}
	}

	slices.Sort(all)

	return all
}

// secret returns a Secret that was composed before, or nil.
func (o *observation) secret(name resource.Name) *composed.Unstructured {
	if s := o.resources[name].Resource; s != nil && o.owns(s) {
		return s
	}

	return nil
}

// free says whether nobody has a Secret of the name that one is to be composed
// under, and whether that is known at all.
func (o *observation) free(name resource.Name) (free, known bool) {
	found, asked := o.required[string(name)]

	return !slices.ContainsFunc(found, func(r resource.Required) bool { return !o.owns(r.Resource) }), asked
}

// managedResource is what is observed of a composed managed resource. Nothing
// is observed of it before Crossplane has made it.
type managedResource struct {
	resource.ObservedComposed
}

func (m managedResource) exists() bool { return m.Resource != nil }

// providerConfigRef returns the provider configuration that a resource was made
// with. It decides which server the resource is on.
func (m managedResource) providerConfigRef() (xpv1.ProviderConfigReference, bool) {
	kind, _ := m.field("spec", "providerConfigRef", "kind").(string)
	name, _ := m.field("spec", "providerConfigRef", "name").(string)

	return xpv1.ProviderConfigReference{Kind: kind, Name: name}, kind != "" && name != ""
}

// ready reports whether the resource is as its spec says, and says so of the
// spec that it has now.
func (m managedResource) ready() bool {
	return m.isTrue(xpv1.TypeReady) && m.isTrue(xpv1.TypeSynced)
}

func (m managedResource) isTrue(t xpv1.ConditionType) bool {
	c := m.condition(t)
	if c["status"] != string(corev1.ConditionTrue) {
		return false
	}

	// Not every condition says of which generation it is true. Numbers of what is
	// observed are all of one type, which GetGeneration does not know.
	of, told := c["observedGeneration"].(float64)
	generation, _ := m.field("metadata", "generation").(float64)

	return !told || of >= generation
}

// trouble returns what keeps a resource from being ready, as far as it says.
func (m managedResource) trouble() string {
	c := m.condition(xpv1.TypeSynced)
	if c["status"] != string(corev1.ConditionFalse) {
		c = m.condition(xpv1.TypeReady)
	}

	message, _ := c["message"].(string)

	return strings.TrimSpace(message)
}

// condition returns a condition of the resource, nil if it has none of the type.
func (m managedResource) condition(t xpv1.ConditionType) map[string]any {
	conditions, _ := m.field("status", "conditions").([]any)

	return condition(conditions, t)
}

func condition(conditions []any, t xpv1.ConditionType) map[string]any {
	for _, c := range conditions {
		if c, ok := c.(map[string]any); ok && c["type"] == string(t) {
			return c
		}
	}

	return nil
}

// field returns a field of the resource, nil if it is not set.
func (m managedResource) field(path ...string) any {
	if !m.exists() {
		return nil
	}

	return field(m.Resource.Object, path...)
}

func field(obj map[string]any, path ...string) any {
	v, _, _ := unstructured.NestedFieldNoCopy(obj, path...) // What cannot be reached is not set.

	return v
}

// requiredNamespace returns the claim's namespace, nil if Crossplane did not
// find it, and whether it was asked for it.
func (o *observation) requiredNamespace() (namespace map[string]any, asked bool) {
	found, asked := o.required[requirementNamespace]
	for _, r := range found {
		if r.Resource.GetName() == o.namespace {
			return r.Resource.Object, asked
		}
	}

	return nil, asked
}
