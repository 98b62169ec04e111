package main

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	apiresource "k8s.io/apimachinery/pkg/api/resource"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/function-sdk-go/resource"
	"github.com/crossplane/function-sdk-go/resource/composed"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/fn/rules"
)

// The resources are composed as plain maps with just the fields that are meant:
// Crossplane applies them server-side, where a typed object's empty fields
// would count as wishes.

// composition is what becomes of a claim: its Bucket, and a User for each
// identity.
type composition struct {
	bucket *composed.Unstructured
	users  map[identity]*composed.Unstructured
	// waits says what each of them waits for; nothing for one that is as it is
	// to be.
	waits map[resource.Name]string
}

// identities returns whose Users there are: the claim's own, then the others by
// name.
func (c composition) identities() []identity { return slices.Sorted(maps.Keys(c.users)) }

// compose returns what a claim asks for. Its spec has the pool's defaults filled
// in.
func compose(o *observation, pool *rules.Pool, spec map[string]any) composition {
	ref := server(o, pool)
	c := composition{
		bucket: composeBucket(o, ref, pool, spec),
		users:  map[identity]*composed.Unstructured{claimItself: composeUser(o, ref, claimItself, miniov1alpha1.AccessReadWrite, spec)},
	}

	users, _ := spec["users"].(map[string]any)
	for name, u := range users {
		access := miniov1alpha1.AccessReadWrite
		if u, ok := u.(map[string]any); ok && isTrue(u, "readonly") {
			access = miniov1alpha1.AccessReadOnly
		}

		c.users[identity(name)] = composeUser(o, ref, identity(name), access, spec)
	}

	c.waits = c.assess(o)

	return c
}

// assess returns what each resource waits for. One is ready once it says so of
// the spec that it is to have.
func (c composition) assess(o *observation) map[resource.Name]string {
	all := make(map[resource.Name]string, len(c.users)+1)

	if c.bucket != nil {
		all[resourceBucket] = waits("the bucket", o.bucket(), missing(c.bucket.Object, o.bucket(), bucketSettings))
	}

	for i, u := range c.users {
		all[i.resource()] = waits(i.what(), o.user(i), missing(u.Object, o.user(i), userSettings))
	}

	return all
}

func waits(what string, m managedResource, missing []string) string {
	why := m.trouble()

	switch {
	case why == "" && m.exists() && len(missing) > 0:
		return "waiting for " + what + " to take over " + strings.Join(missing, ", ")
	case len(missing) == 0 && m.ready():
		return ""
	case why == "":
		return "waiting for " + what
	}

	return "waiting for " + what + ": " + why
}

// composeBucket returns the claim's Bucket.
func composeBucket(o *observation, ref xpv1.ProviderConfigReference, pool *rules.Pool, spec map[string]any) *composed.Unstructured {
	locking := isTrue(spec, "locking")
	p := map[string]any{
		"objectLocking": locking,
		"whenNotEmpty":  string(miniov1alpha1.WhenNotEmptyRefuse),
	}

	if locking && pool.Retention != nil {
		p["retention"] = retention(pool.Retention)
	}

	if spec["deletionPolicy"] == string(tenantv1alpha1.DeletionPolicyDelete) && !locking {
		p["whenNotEmpty"] = string(miniov1alpha1.WhenNotEmptyPurge)
	}

	if q, set := spec["quota"]; set {
		p["quota"] = canonicalQuantity(q)
	}

	if l, set := spec["lifecycle"]; set {
		p["lifecycle"] = l
	}

	if v, set := spec["versioning"].(bool); set {
		p["versioning"] = string(miniov1alpha1.VersioningSuspended)
		if v {
			p["versioning"] = string(miniov1alpha1.VersioningEnabled)
		}
	}

	if isTrue(spec, "publicRead") {
		p["anonymousAccess"] = string(miniov1alpha1.AnonymousAccessDownload)
	}

	policies := []any{string(xpv1.ManagementActionAll)}
	if locking || spec["deletionPolicy"] == string(tenantv1alpha1.DeletionPolicyRetain) {
		policies = []any{
			string(xpv1.ManagementActionObserve), string(xpv1.ManagementActionCreate),
			string(xpv1.ManagementActionUpdate), string(xpv1.ManagementActionLateInitialize),
		}
	}

	return newManaged(miniov1alpha1.BucketKind.Kind, o.resourceName(), ref, map[string]any{
		"forProvider":        p,
		"managementPolicies": policies,
	})
}

func retention(r *miniov1alpha1.Retention) map[string]any {
	m := map[string]any{"mode": string(r.Mode)}
	if r.Days != nil {
		m["days"] = int64(*r.Days)
	}

	if r.Years != nil {
		m["years"] = int64(*r.Years)
	}

	return m
}

// composeUser returns an identity's User.
func composeUser(o *observation, ref xpv1.ProviderConfigReference, i identity, access miniov1alpha1.Access, spec map[string]any) *composed.Unstructured {
	p := map[string]any{
		"grants": []any{map[string]any{"bucketName": o.bucketName(), "access": string(access)}},
		// Who is taken from the claim goes at once, the claim's own key not
		// before the bucket.
		"whenBucketsRemain": string(miniov1alpha1.WhenBucketsRemainRemove),
	}
	if i == claimItself {
		p["whenBucketsRemain"] = string(miniov1alpha1.WhenBucketsRemainKeep)
	}

	if r, ok := spec["rotation"].(map[string]any); ok {
		p["rotation"] = canonicalRotation(r)
	}

	return newManaged(miniov1alpha1.UserKind.Kind, i.resourceName(o), ref, map[string]any{
		"forProvider":                p,
		"writeConnectionSecretToRef": map[string]any{"name": i.connectionSecretName(o)},
	})
}

// Quantities and durations can be written in many ways, and the provider stores
// a resource with each in its canonical one. Composed in another, Crossplane and
// the provider would write them over and over again.

func canonicalQuantity(v any) any {
	text, ok := v.(string)
	if n, isNumber := v.(float64); isNumber {
		text, ok = strconv.FormatFloat(n, 'f', -1, 64), true
	}

	if q, err := apiresource.ParseQuantity(text); ok && err == nil {
		// Rounded up to whole bytes.
		return apiresource.NewQuantity(q.Value(), q.Format).String()
	}

	return v
}

func canonicalRotation(r map[string]any) map[string]any {
	c := maps.Clone(r)

	for _, field := range []string{"interval", "overlap"} {
		text, _ := r[field].(string)
		if d, err := time.ParseDuration(text); err == nil {
			c[field] = d.String()
		}
	}

	return c
}

// server returns the provider configuration of the server that the claim is on.
// Once something is there it stays where it is, whatever becomes of the pool: on
// another server the tenant would find an empty bucket.
func server(o *observation, pool *rules.Pool) xpv1.ProviderConfigReference {
	for _, m := range []managedResource{o.bucket(), o.user(claimItself)} {
		if ref, ok := m.providerConfigRef(); ok {
			return ref
		}
	}

	return xpv1.ProviderConfigReference{Kind: pool.ProviderConfigRef.Kind, Name: pool.ProviderConfigRef.Name}
}

func newManaged(kind, name string, ref xpv1.ProviderConfigReference, spec map[string]any) *composed.Unstructured {
	spec["providerConfigRef"] = map[string]any{"kind": ref.Kind, "name": ref.Name}

	return newComposed(miniov1alpha1.GroupVersion.String(), kind, name, map[string]any{"spec": spec})
}

// newComposed returns a resource with the given content beside its identity.
func newComposed(apiVersion, kind, name string, content map[string]any) *composed.Unstructured {
	content["apiVersion"] = apiVersion
	content["kind"] = kind
	content["metadata"] = map[string]any{"name": name}

	u := composed.New()
	u.Object = content

	return u
}

// keep returns a resource as it is: with the spec that it has, whatever that is.
func keep(m managedResource) *composed.Unstructured {
	return newComposed(m.Resource.GetAPIVersion(), m.Resource.GetKind(), m.Resource.GetName(), map[string]any{"spec": m.field("spec")})
}

// keepAll returns what there is of a claim as it is.
func keepAll(o *observation) composition {
	c := composition{users: make(map[identity]*composed.Unstructured)}

	if b := o.bucket(); b.exists() {
		c.bucket = keep(b)
	}

	for _, i := range o.users() {
		c.users[i] = keep(o.user(i))
	}

	c.waits = c.assess(o)

	return c
}

// resources returns the composition as Crossplane takes it.
func (c composition) resources() map[resource.Name]*resource.DesiredComposed {
	all := make(map[resource.Name]*resource.DesiredComposed, 3*len(c.users)+1)

	if c.bucket != nil {
		all[resourceBucket] = &resource.DesiredComposed{Resource: c.bucket, Ready: ready(c.waits[resourceBucket] == "")}
	}

	for i, u := range c.users {
		all[i.resource()] = &resource.DesiredComposed{Resource: u, Ready: ready(c.waits[i.resource()] == "")}
	}

	return all
}

func ready(r bool) resource.Ready {
	if r {
		return resource.ReadyTrue
	}

	return resource.ReadyFalse
}

func isTrue(obj map[string]any, field string) bool {
	v, _ := obj[field].(bool)

	return v
}
