package main

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	fnv1 "github.com/crossplane/function-sdk-go/proto/v1"
	"github.com/crossplane/function-sdk-go/resource"
	"github.com/crossplane/function-sdk-go/resource/composed"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// A claim that is restored from a backup has another UID than the one that the names of its resources
// contain. Crossplane labels these with the name of the claim, and tenants cannot create them. So a Bucket of
// the claim's namespace with that label and without a controller is what an earlier claim of the name had, and
// a claim that has no Bucket takes it over, with the Users beside it. All names follow from it from then on.

// Requirements for the Buckets and Users that are labelled with the claim's name, and for the Bucket that the
// claim's annotation names.
const (
	requirementBuckets  = "buckets-of-the-name"
	requirementUsers    = "users-of-the-name"
	requirementRestored = "restored-bucket"
)

// With these Crossplane marks composed resources: with the name of their claim, and with that within the
// composition.
const (
	labelComposite       = "crossplane.io/composite"
	annotationComposedAs = "crossplane.io/composition-resource-name"
)

// composedName matches the names of composed Buckets, and captures what all names of the claim follow from: the
// UID of the claim that they were first composed for.
var composedName = regexp.MustCompile(tenantv1alpha1.ComposedBucketPattern)

// findRestored finds the resources that the claim has under the name of an earlier claim, or takes over. If it
// should take over resources that are not complete, it returns why the claim is not ready: composing anything
// would begin with a new bucket.
func (o *observed) findRestored() *notReady {
	for _, name := range slices.Sorted(maps.Keys(o.resources)) {
		r := o.resources[name].Resource
		_, expected, known := o.expected(name)

		if base, ok := baseOf(name, r.GetName()); ok && known && o.owns(r) && r.GroupVersionKind().Group == miniov1alpha1.Group {
			o.base = base
		}

		// What Crossplane observes and the claim does not have yet is found by its label.
		if r.GetName() != expected && o.restorable(name, r) {
			delete(o.resources, name)
		}
	}

	if _, found := o.resources[resourceBucket]; found {
		return nil
	}

	o.incomplete = true

	for _, b := range o.required[requirementBuckets] {
		if base, ok := baseOf(resourceBucket, b.Resource.GetName()); ok && o.owns(b.Resource) {
			o.base = base
		}
	}

	if o.statusText("bucketName") != "" || o.base != o.uid {
		return nil
	}

	return o.takeOver()
}

// baseOf returns what the name of a composed Bucket or User follows from, and reports whether it has the form of
// such a name.
func baseOf(name resource.Name, objectName string) (string, bool) {
	if i, ok := identityOf(resourceUser, name); ok && i != claimItself {
		if objectName, ok = strings.CutSuffix(objectName, "-"+string(i)); !ok {
			return "", false
		}
	}

	m := composedName.FindStringSubmatch(objectName)
	if m == nil {
		return "", false
	}

	return m[1], true
}

// restorable reports whether an object is what an earlier claim of the name had as its composed resource.
func (o *observed) restorable(name resource.Name, r *composed.Unstructured) bool {
	_, named := baseOf(name, r.GetName())
	kind, _, known := o.expected(name)

	return named && known && r.GroupVersionKind().GroupKind() == kind && r.GetLabels()[labelComposite] == o.name &&
		r.GetAnnotations()[annotationComposedAs] == string(name) && metav1.GetControllerOf(r) == nil && r.GetDeletionTimestamp() == nil
}

// restorables returns the answer to a requirement, without what is not restorable, by name within the composition.
func (o *observed) restorables(requirement string) map[resource.Name][]*composed.Unstructured {
	all := make(map[resource.Name][]*composed.Unstructured)

	for _, r := range o.required[requirement] {
		u := &composed.Unstructured{Unstructured: *r.Resource}
		if name := resource.Name(u.GetAnnotations()[annotationComposedAs]); o.restorable(name, u) {
			all[name] = append(all[name], u)
		}
	}

	return all
}

// takeOver takes over the resources of an earlier claim of the name, if there are any.
func (o *observed) takeOver() *notReady {
	if _, answered := o.required[requirementBuckets]; !answered {
		return nil
	}

	buckets := o.restorables(requirementBuckets)[resourceBucket]

	wanted := o.restores()
	if wanted != "" {
		buckets = slices.DeleteFunc(buckets, func(b *composed.Unstructured) bool { return b.GetName() != wanted })
	}

	switch {
	case len(buckets) == 0 && wanted != "":
		return waitForRestore(`this claim was restored from a backup, and its Bucket "` + wanted + `" of minio.cistern.dev was not: ` +
			"restore the Buckets and Users of this namespace, too, without ownerReferences; " +
			"or remove the annotation " + tenantv1alpha1.AnnotationRestores + " to begin with a new, empty bucket")
	case len(buckets) == 0:
		return o.waitForSecrets()
	case len(buckets) > 1:
		return waitForRestore(`several Buckets of minio.cistern.dev were restored for a claim of this name: delete all but one, ` +
			"or name one in the annotation " + tenantv1alpha1.AnnotationRestores)
	}

	base, _ := baseOf(resourceBucket, buckets[0].GetName())

	return o.takeOverFrom(base, buckets[0])
}

// takeOverFrom takes over a Bucket and the Users whose names follow from the same base.
func (o *observed) takeOverFrom(base string, bucket *composed.Unstructured) *notReady {
	users := map[resource.Name]*composed.Unstructured{}

	for name, all := range o.restorables(requirementUsers) {
		for _, u := range all {
			if b, _ := baseOf(name, u.GetName()); b == base {
				users[name] = u
			}
		}
	}

	named, _ := o.spec()["users"].(map[string]any)
	wanted := append(make([]identity, 0, 1+len(named)), claimItself)

	for _, user := range slices.Sorted(maps.Keys(named)) {
		wanted = append(wanted, identity(user))
	}

	for _, i := range wanted {
		if users[i.resource()] == nil {
			name := strings.TrimSuffix(bucket.GetName()+"-"+string(i), "-")

			return waitForRestore(`Bucket "` + bucket.GetName() + `" of minio.cistern.dev was restored, and User "` + name +
				`" was not: restore the Users of this namespace, too, without ownerReferences; ` +
				"or, if it is one of the claim's spec.users, remove it there and add it again later")
		}
	}

	o.base = base
	o.resources[resourceBucket] = resource.ObservedComposed{Resource: bucket}

	for name, u := range users {
		o.resources[name] = resource.ObservedComposed{Resource: u}
		o.takenOver = append(o.takenOver, name)
	}

	return nil
}

// restores returns the name of the Bucket that the claim's annotation names; empty if there is none, or if that
// Bucket is of a claim of another name, whose manifest was copied.
func (o *observed) restores() string {
	name := o.annotation(tenantv1alpha1.AnnotationRestores)
	if !composedName.MatchString(name) {
		return ""
	}

	for _, r := range o.required[requirementRestored] {
		if r.Resource.GetName() == name && r.Resource.GetLabels()[labelComposite] != o.name {
			return ""
		}
	}

	return name
}

// annotation returns an annotation of the claim. Tenants can write it.
func (o *observed) annotation(key string) string {
	s, _ := nested(o.claim, "metadata", "annotations", key).(string)

	return s
}

// waitForSecrets returns why a claim without a Bucket waits if Secrets of its names hold the key of a bucket: the
// backup had them, and a new bucket would not be theirs.
func (o *observed) waitForSecrets() *notReady {
	for _, kind := range secretKinds {
		for _, r := range o.required[string(kind)] {
			if bucket := bucketIn(kind, r.Resource); bucket != "" && metav1.GetControllerOf(r.Resource) == nil {
				return &notReady{
					tenantv1alpha1.ReasonSecretConflict,
					`Secret "` + r.Resource.GetName() + `" holds a key of bucket "` + bucket + `", and is not this claim's: to get that bucket back, ` +
						"restore its Bucket and Users of minio.cistern.dev from the backup, without ownerReferences; " +
						`to begin with a new, empty bucket, delete the Secrets "` + claimItself.secretName(o, resourceSecret) + `" and "` +
						claimItself.secretName(o, resourceCredentials) + `"`,
				}
			}
		}
	}

	return nil
}

func waitForRestore(message string) *notReady {
	return &notReady{tenantv1alpha1.ReasonWaitingForRestore, message}
}

// requireRestored requires what findRestored needs, if the claim's Bucket is not observed.
func requireRestored(rsp *fnv1.RunFunctionResponse, o *observed) {
	if !o.incomplete {
		return
	}

	for name, kind := range map[string]schema.GroupVersionKind{
		requirementBuckets: miniov1alpha1.BucketKind, requirementUsers: miniov1alpha1.UserKind,
	} {
		requireResource(rsp, name, &fnv1.ResourceSelector{
			ApiVersion: kind.GroupVersion().String(),
			Kind:       kind.Kind,
			Match:      &fnv1.ResourceSelector_MatchLabels{MatchLabels: &fnv1.MatchLabels{Labels: map[string]string{labelComposite: o.name}}},
			Namespace:  &o.namespace,
		})
	}

	if name := o.annotation(tenantv1alpha1.AnnotationRestores); composedName.MatchString(name) {
		requireResource(rsp, requirementRestored, &fnv1.ResourceSelector{
			ApiVersion: miniov1alpha1.GroupVersion.String(),
			Kind:       miniov1alpha1.BucketKind.Kind,
			Match:      &fnv1.ResourceSelector_MatchName{MatchName: name},
			Namespace:  &o.namespace,
		})
	}

	if o.statusText("bucketName") == "" {
		requireSecrets(rsp, o, map[resource.Name]string{
			resourceSecret:      claimItself.secretName(o, resourceSecret),
			resourceCredentials: claimItself.secretName(o, resourceCredentials),
		})
	}
}
