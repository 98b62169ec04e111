package main

import (
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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

// requirementNamespace is the name of the required resource that is the claim's namespace. Required
// Secrets have the names of their composed resources.
const requirementNamespace = "namespace"

// secretKind is the kind of the tenant's Secrets.
var secretKind = schema.GroupKind{Kind: "Secret"}

// observed is the observed state of one claim. Resources are read by field path, so that those of a
// neighbouring API version can be read too.
type observed struct {
	name, namespace, uid string
	// base is what all names of the claim's resources follow from: the claim's UID, or that of the earlier claim
	// whose resources it has.
	base string

	// claim as the tenant wrote it, with the status of the previous run.
	claim map[string]any
	// resources that are composed, by name.
	resources map[resource.Name]resource.ObservedComposed
	// required holds the required resources, by the name of the requirement. An entry without
	// resources says that Crossplane found none.
	required map[string][]resource.Required
	// unreferenced are resources that the claim has, and that Crossplane does not observe.
	unreferenced map[resource.Name]unreferenced
	// misnamed are the names within the composition under which Crossplane observes a Secret of the claim
	// that is not the resource of that name.
	misnamed []resource.Name
	// incomplete reports whether Crossplane does not observe the claim's Bucket.
	incomplete bool
	// takenOver are the Users that the claim takes over in this run.
	takenOver []resource.Name
	// waitsForRestore is why nothing can be composed yet, nil if something can.
	waitsForRestore *notReady
}

func observe(req *fnv1.RunFunctionRequest) (*observed, error) {
	xr, err := request.GetObservedCompositeResource(req)
	if err != nil {
		return nil, errors.Wrap(err, "cannot read the claim")
	}

	o := &observed{
		name:      xr.Resource.GetName(),
		namespace: xr.Resource.GetNamespace(),
		uid:       string(xr.Resource.GetUID()),
		base:      string(xr.Resource.GetUID()),
		claim:     xr.Resource.UnstructuredContent(),
	}

	if o.resources, err = request.GetObservedComposedResources(req); err != nil {
		return nil, errors.Wrap(err, "cannot read the composed resources")
	}

	if o.required, err = request.GetRequiredResources(req); err != nil {
		return nil, errors.Wrap(err, "cannot read the required resources")
	}

	o.waitsForRestore = o.findRestored()

	if err := o.checkReferences(); err != nil {
		return nil, err
	}

	o.findUnreferenced()

	return o, nil
}

// checkReferences returns an error if an observed resource has not the kind and name that its name
// within the composition requires. Crossplane observes what the claim's spec.crossplane.resourceRefs
// names, which tenants can write, and trusts the annotations of what it finds: a ConfigMap could pose
// as the claim's Bucket, and name another tenant's bucket. Tenants cannot create objects of the
// provider's kinds.
//
// A Secret that the claim controls is removed from the observed resources instead: a tenant can change
// the annotations of its own Secrets.
func (o *observed) checkReferences() error {
	for _, name := range slices.Sorted(maps.Keys(o.resources)) {
		r := o.resources[name].Resource
		kind := r.GroupVersionKind().GroupKind()

		wantKind, wantName, known := o.expected(name)
		if !known || (kind == wantKind && r.GetName() == wantName) {
			continue
		}

		if kind != secretKind || !o.owns(r) {
			return errors.Errorf("%s %q cannot be the claim's %s, which is %s %q: remove it from spec.crossplane.resourceRefs",
				kind, r.GetName(), name, wantKind, wantName)
		}

		delete(o.resources, name)
		o.misnamed = append(o.misnamed, name)
	}

	return nil
}

// removeMisnamed removes the misnamed resources from those that are composed in this run. Crossplane gives a
// composed resource the object name of the one that it observes, so the real ones must not be composed
// now. Crossplane deletes the Secret instead, and the next run composes the real resource, and the Secret
// anew.
func (o *observed) removeMisnamed(all map[resource.Name]*resource.DesiredComposed) {
	for _, name := range o.misnamed {
		delete(all, name)
	}
}

// expected returns the kind and the object name of a composed resource, and reports whether this
// function composes one of the given name.
func (o *observed) expected(name resource.Name) (kind schema.GroupKind, objectName string, known bool) {
	if name == resourceBucket {
		return miniov1alpha1.BucketKind.GroupKind(), o.resourceName(), true
	}

	if i, ok := identityOf(resourceUser, name); ok {
		return miniov1alpha1.UserKind.GroupKind(), i.resourceName(o), true
	}

	for _, kind := range secretKinds {
		if i, ok := identityOf(kind, name); ok {
			return secretKind, i.secretName(o, kind), true
		}
	}

	return schema.GroupKind{}, "", false
}

// spec returns the claim's spec as the tenant wrote it.
func (o *observed) spec() map[string]any {
	spec, _ := o.claim["spec"].(map[string]any)

	return spec
}

// status returns the claim's status of the previous run, nil if there is none.
func (o *observed) status() map[string]any {
	status, _ := o.claim["status"].(map[string]any)

	return status
}

// earlierStatus returns the status of the previous run, as rules see it. A claim that takes over a bucket is not
// a new one.
func (o *observed) earlierStatus() map[string]any {
	if len(o.takenOver) == 0 {
		return o.status()
	}

	status := maps.Clone(o.status())
	if status == nil {
		status = make(map[string]any)
	}

	status["bucketName"] = o.bucketName()

	return status
}

// statusText returns a field of the claim's status, the empty string if it is not a string.
func (o *observed) statusText(field string) string {
	s, _ := o.status()[field].(string)

	return s
}

// condition returns a condition of the claim, nil if it has none of that type.
func (o *observed) condition(t xpv1.ConditionType) map[string]any {
	conditions, _ := o.status()["conditions"].([]any)

	return condition(conditions, t)
}

// unwatched reports whether Crossplane's circuit breaker drops the events of the claim and its
// resources, and since when.
func (o *observed) unwatched() (since time.Time, unwatched bool) {
	c := o.condition("Responsive")
	if c["status"] != string(corev1.ConditionFalse) {
		return time.Time{}, false
	}

	text, _ := c["lastTransitionTime"].(string)
	since, err := time.Parse(time.RFC3339, text)

	return since, err == nil
}

// owns reports whether the claim is the controller of an object.
func (o *observed) owns(obj metav1.Object) bool {
	c := metav1.GetControllerOf(obj)

	return c != nil && string(c.UID) == o.uid
}

// resourceName returns the name of the claim's Bucket, which is also the bucket's name on the server
// unless the platform team made the Bucket adopt another one. It contains the claim's UID, because a
// new claim may have the name of a deleted one; after a restore, that of the claim before.
func (o *observed) resourceName() string { return "bucket-" + o.base }

// bucketName returns the name of the claim's bucket on the server.
func (o *observed) bucketName() string {
	if b := o.bucket(); b.exists() {
		if n := meta.GetExternalName(b.Resource); n != "" {
			return n
		}
	}

	return o.resourceName()
}

func (o *observed) bucket() managedResource { return managedResource{o.resources[resourceBucket]} }

func (o *observed) user(i identity) managedResource {
	return managedResource{o.resources[i.resource()]}
}

// users returns the identities whose Users exist: the claim's own, then the others by name.
func (o *observed) users() []identity {
	var all []identity

	for name := range o.resources {
		if i, ok := identityOf(resourceUser, name); ok {
			all = append(all, i)
		}
	}

	slices.Sort(all)

	return all
}

// secret returns a composed Secret that exists, or nil.
func (o *observed) secret(name resource.Name) *composed.Unstructured {
	if s := o.resources[name].Resource; s != nil && o.owns(s) {
		return s
	}

	return nil
}

// free reports whether the name of a Secret that is to be composed is free, and whether that is known:
// it is not before Crossplane has answered the requirement.
func (o *observed) free(name resource.Name) (free, known bool) {
	found, answered := o.required[string(name)]
	foreign := func(r resource.Required) bool { return !o.owns(r.Resource) && !o.restoredSecret(r.Resource) }

	return !slices.ContainsFunc(found, foreign), answered
}

// requiredNamespace returns the claim's namespace, nil if Crossplane did not find it, and reports
// whether Crossplane has answered the requirement.
func (o *observed) requiredNamespace() (namespace map[string]any, answered bool) {
	found, answered := o.required[requirementNamespace]
	for _, r := range found {
		if r.Resource.GetName() == o.namespace {
			return r.Resource.Object, answered
		}
	}

	return nil, answered
}
