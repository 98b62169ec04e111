package main

import (
	"maps"
	"slices"

	apiresource "k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	xpv2 "github.com/crossplane/crossplane-runtime/v2/apis/common/v2"
	"github.com/crossplane/function-sdk-go/errors"
	"github.com/crossplane/function-sdk-go/resource"
	"github.com/crossplane/function-sdk-go/resource/composed"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/fn/rules"
)

// desired is the desired state of one claim: its Bucket, and a User for each identity.
type desired struct {
	bucket *composed.Unstructured
	users  map[identity]*composed.Unstructured
	// waits holds a message for each resource that is not ready, inProgress if nothing is known to keep it
	// from becoming so, and the empty string for others.
	waits map[resource.Name]string
}

// identities returns the identities with Users: the claim's own, then the others by name.
func (d desired) identities() []identity { return slices.Sorted(maps.Keys(d.users)) }

// compose returns the resources of a claim, given its spec with the pool's defaults.
func compose(o *observed, pool *rules.Pool, spec *tenantv1alpha1.BucketSpec) (desired, error) {
	d := desired{users: make(map[identity]*composed.Unstructured, len(spec.Users)+1)}

	var err error
	if d.bucket, err = asComposed(miniov1alpha1.BucketKind.Kind, o.resourceName(), composeBucket(o, pool, spec)); err != nil {
		return desired{}, err
	}

	for _, i := range identitiesOf(spec) {
		if d.users[i], err = asComposed(miniov1alpha1.UserKind.Kind, i.resourceName(o), composeUser(o, pool, i, spec)); err != nil {
			return desired{}, err
		}
	}

	d.waits = d.assess(o)

	return d, nil
}

// composeBucket returns the spec of the claim's Bucket. What the claim does not set is composed as nothing,
// not left out: the bucket may have been another claim's, or changed by hand.
func composeBucket(o *observed, pool *rules.Pool, spec *tenantv1alpha1.BucketSpec) *miniov1alpha1.BucketSpec {
	b := &miniov1alpha1.BucketSpec{
		ManagedResourceSpec: xpv2.ManagedResourceSpec{
			ProviderConfigReference: providerConfigRef(o, pool),
			ManagementPolicies:      xpv1.ManagementPolicies{xpv1.ManagementActionAll},
		},
		ForProvider: miniov1alpha1.BucketParameters{
			ObjectLocking:   spec.Locking,
			WhenNotEmpty:    miniov1alpha1.WhenNotEmptyRefuse,
			Quota:           apiresource.NewQuantity(0, apiresource.BinarySI),
			Lifecycle:       make([]miniov1alpha1.LifecycleRule, 0, len(spec.Lifecycle)),
			AnonymousAccess: new(miniov1alpha1.AnonymousAccessNone),
		},
	}
	p := &b.ForProvider

	if spec.Locking {
		p.Retention = pool.Retention
	}

	if spec.Locking || spec.DeletionPolicy == tenantv1alpha1.DeletionPolicyRetain {
		b.ManagementPolicies = xpv1.ManagementPolicies{
			xpv1.ManagementActionObserve, xpv1.ManagementActionCreate,
			xpv1.ManagementActionUpdate, xpv1.ManagementActionLateInitialize,
		}
	} else if spec.DeletionPolicy == tenantv1alpha1.DeletionPolicyDelete {
		p.WhenNotEmpty = miniov1alpha1.WhenNotEmptyPurge
	}

	if q := spec.Quota; q != nil {
		// Rounded up to whole bytes.
		p.Quota = apiresource.NewQuantity(q.Value(), q.Format)
	}

	for _, r := range spec.Lifecycle {
		p.Lifecycle = append(p.Lifecycle, miniov1alpha1.LifecycleRule(r))
	}

	if v := spec.Versioning; v != nil && *v {
		p.Versioning = new(miniov1alpha1.VersioningEnabled)
	} else if v != nil {
		p.Versioning = new(miniov1alpha1.VersioningSuspended)
	}

	if spec.PublicRead {
		p.AnonymousAccess = new(miniov1alpha1.AnonymousAccessDownload)
	}

	return b
}

// composeUser returns the spec of an identity's User.
func composeUser(o *observed, pool *rules.Pool, i identity, spec *tenantv1alpha1.BucketSpec) *miniov1alpha1.UserSpec {
	access := miniov1alpha1.AccessReadWrite
	if spec.Users[string(i)].Readonly {
		access = miniov1alpha1.AccessReadOnly
	}

	u := &miniov1alpha1.UserSpec{
		ManagedResourceSpec: xpv2.ManagedResourceSpec{
			ProviderConfigReference:          providerConfigRef(o, pool),
			WriteConnectionSecretToReference: &xpv1.LocalSecretReference{Name: i.connectionSecretName(o)},
		},
		ForProvider: miniov1alpha1.UserParameters{
			Grants:   []miniov1alpha1.Grant{{BucketName: o.bucketName(), Access: access}},
			Rotation: composeRotation(spec.Rotation),
			// Only the pool has this field, so that a tenant cannot allow what the platform denies.
			DenyUnsignedUploads: pool.DenyUnsignedUploads,
			// The server does not check the locks of objects in these uploads.
			DenyUncheckedUploads: pool.DenyUncheckedUploads || spec.Locking,
			// A user that is removed from the claim loses its key at once; the claim's own key is
			// kept as long as the bucket.
			WhenBucketsRemain: miniov1alpha1.WhenBucketsRemainRemove,
		},
	}

	if i == claimItself {
		u.ForProvider.WhenBucketsRemain = miniov1alpha1.WhenBucketsRemainKeep
	}

	return u
}

// composeRotation returns the rotation of a User; setServedKeys adds the key that is served.
func composeRotation(r *tenantv1alpha1.Rotation) *miniov1alpha1.Rotation {
	if r == nil {
		return nil
	}

	return &miniov1alpha1.Rotation{Interval: r.Interval, Overlap: r.Overlap, Trigger: r.Trigger}
}

// providerConfigRef returns the provider configuration of the claim's server. It stays the same once
// a resource exists, even if the pool changes: on another server the bucket would be empty.
func providerConfigRef(o *observed, pool *rules.Pool) *xpv1.ProviderConfigReference {
	for _, m := range []managedResource{o.bucket(), o.user(claimItself)} {
		if ref, ok := m.providerConfigRef(); ok {
			return &ref
		}
	}

	return &xpv1.ProviderConfigReference{Kind: pool.ProviderConfigRef.Kind, Name: pool.ProviderConfigRef.Name}
}

// asComposed returns a managed resource with a typed spec. It does not convert a whole typed object, as
// that has a status, of which Crossplane would apply the zero values.
func asComposed(kind, name string, spec any) (*composed.Unstructured, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(spec)
	if err != nil {
		return nil, errors.Wrapf(err, "cannot encode the %s", kind)
	}

	return newComposed(miniov1alpha1.GroupVersion.String(), kind, name, map[string]any{"spec": content}), nil
}

// newComposed returns a resource with the given content, and no field beyond that: server-side apply
// makes Crossplane the owner of every field, even of an empty one.
func newComposed(apiVersion, kind, name string, content map[string]any) *composed.Unstructured {
	content["apiVersion"] = apiVersion
	content["kind"] = kind
	content["metadata"] = map[string]any{"name": name}

	return &composed.Unstructured{Unstructured: unstructured.Unstructured{Object: content}}
}

// keepObserved returns what exists of a claim, unchanged: each resource with the spec that it has.
func keepObserved(o *observed) desired {
	d := desired{users: make(map[identity]*composed.Unstructured)}

	if b := o.bucket(); b.exists() {
		d.bucket = b.keep()
	}

	for _, i := range o.users() {
		d.users[i] = o.user(i).keep()
	}

	d.waits = d.assess(o)

	return d
}

// assess returns what each resource waits for. A resource is ready if it is Ready and Synced with its
// desired spec.
func (d desired) assess(o *observed) map[resource.Name]string {
	all := make(map[resource.Name]string, len(d.users)+1)

	if d.bucket != nil {
		all[resourceBucket] = waitMessage("the bucket", o.bucket(), applied(d.bucket.Object, o.bucket(), bucketFields), o.bucket().ready())
	}

	for i, u := range d.users {
		all[i.resource()] = waitMessage(i.description(), o.user(i), applied(u.Object, o.user(i), userFields), userReady(o.user(i)))
	}

	return all
}

// inProgress is the message of a claim that waits for something, as long as nothing is known to prevent that. It
// does not say what: each other text would be one more write of the claim, which Crossplane answers with two
// more runs, and nobody could act on it.
const inProgress = "waiting for the bucket and its access keys"

// waitMessage returns why a managed resource is not ready, the empty string if it is. Applied reports
// whether its spec has all that the claim asks for.
func waitMessage(what string, m managedResource, applied, ready bool) string {
	if applied && ready {
		return ""
	}

	if message := tenantv1alpha1.MaskAccessKeyIDs(m.failure()); message != "" {
		return "waiting for " + what + ": " + message
	}

	return inProgress
}

// resources returns the desired resources by name. All of them count as ready: for one that does not,
// Crossplane records an event in each run, which it writes twice. The function tells Crossplane itself
// whether the claim is ready, see setStatus.
func (d desired) resources() map[resource.Name]*resource.DesiredComposed {
	all := make(map[resource.Name]*resource.DesiredComposed, 3*len(d.users)+1)

	if d.bucket != nil {
		all[resourceBucket] = &resource.DesiredComposed{Resource: d.bucket, Ready: resource.ReadyTrue}
	}

	for i, u := range d.users {
		all[i.resource()] = &resource.DesiredComposed{Resource: u, Ready: resource.ReadyTrue}
	}

	return all
}

func ready(r bool) resource.Ready {
	if r {
		return resource.ReadyTrue
	}

	return resource.ReadyFalse
}
