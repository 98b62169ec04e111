package main

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	fnv1 "github.com/crossplane/function-sdk-go/proto/v1"
	"github.com/crossplane/function-sdk-go/resource"
	"github.com/crossplane/function-sdk-go/resource/composed"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// Crossplane observes what the claim's spec.crossplane.resourceRefs names, which every writer of the claim
// can wipe. What the claim has follows from its status, which tenants cannot write, and from names that
// contain its UID. What it has and Crossplane does not observe is required by name.

// unreferenced is a resource that the claim had in the previous run, and that Crossplane does not observe.
type unreferenced struct {
	kind schema.GroupVersionKind
	name string
	// found reports whether it exists, and is the claim's.
	found bool
}

// findUnreferenced finds what the claim has beside the resources that Crossplane observes. What exists
// counts as observed, without connection details.
func (o *observed) findUnreferenced() {
	o.unreferenced = make(map[resource.Name]unreferenced)

	if o.statusText("bucketName") != "" {
		o.find(resourceBucket, miniov1alpha1.BucketKind, o.resourceName())
	}

	all, _ := o.status()["credentials"].([]any)
	for _, c := range all {
		c, _ := c.(map[string]any)
		user, _ := c["user"].(string)
		i := identity(user)

		o.find(i.resource(), miniov1alpha1.UserKind, i.resourceName(o))

		for field, kind := range map[string]resource.Name{"secretName": resourceSecret, "credentialsSecretName": resourceCredentials} {
			if c[field] != nil {
				o.find(i.of(kind), corev1.SchemeGroupVersion.WithKind("Secret"), i.secretName(o, kind))
			}
		}
	}
}

// find adds a resource to those that are unreferenced, unless Crossplane observes it.
func (o *observed) find(name resource.Name, kind schema.GroupVersionKind, objectName string) {
	if _, observed := o.resources[name]; observed {
		return
	}

	u := unreferenced{kind: kind, name: objectName}

	found := o.required[string(name)]
	if i := slices.IndexFunc(found, func(r resource.Required) bool {
		return r.Resource.GroupVersionKind() == kind && r.Resource.GetName() == objectName && o.owns(r.Resource)
	}); i >= 0 {
		u.found = true
		o.resources[name] = resource.ObservedComposed{Resource: &composed.Unstructured{Unstructured: *found[i].Resource}}
	}

	o.unreferenced[name] = u
}

// requireUnreferenced requires what the claim has and Crossplane does not observe.
func requireUnreferenced(rsp *fnv1.RunFunctionResponse, o *observed) {
	for name, u := range o.unreferenced {
		requireResource(rsp, string(name), &fnv1.ResourceSelector{
			ApiVersion: u.kind.GroupVersion().String(),
			Kind:       u.kind.Kind,
			Match:      &fnv1.ResourceSelector_MatchName{MatchName: u.name},
			Namespace:  &o.namespace,
		})
	}
}

// keepUnreferenced keeps Users that were removed from the claim while Crossplane did not observe them, for
// this run: Crossplane deletes only what it has observed.
func (d desired) keepUnreferenced(o *observed) {
	for _, i := range o.users() {
		if _, wanted := d.users[i]; !wanted && (o.unreferenced[i.resource()].found || slices.Contains(o.takenOver, i.resource())) {
			d.users[i] = o.user(i).keep()
			d.waits[i.resource()] = inProgress
		}
	}
}
