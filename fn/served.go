package main

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"regexp"
	"strconv"

	"github.com/crossplane/function-sdk-go/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// servableID matches the access key IDs that a User's servedAccessKeyID may have. Tenants can write
// anything into their Secrets, also what cannot be encoded in a response.
var servableID = regexp.MustCompile(`^[A-Za-z0-9]{3,128}$`)

// keyFields are the keys of a Secret's data that hold the access key, by kind of Secret. keyIn decodes them
// in this order.
var keyFields = map[resource.Name][]string{
	resourceSecret:      {tenantv1alpha1.BucketInfoKey},
	resourceCredentials: {miniov1alpha1.ConnectionKeyAccessKeyID, miniov1alpha1.ConnectionKeySecretAccessKey},
}

// outdatedSecret is a Secret that does not hold the current key.
type outdatedSecret struct {
	name      string
	immutable bool
}

func (s outdatedSecret) message() string {
	if s.immutable {
		return `Secret "` + s.name + `" is immutable and does not hold the current access key: delete it, so that it is created anew`
	}

	return `waiting for Secret "` + s.name + `" to hold the current access key; the condition Synced says why it cannot be written`
}

// compare compares an identity's existing Secrets with the data that they should have, and records the served
// key: the one that they hold. Applications read it there, and Crossplane may be unable to write a newer one,
// because the claim is paused or a Secret is immutable. The provider must not revoke the served key, so the User
// names it; see setServedKeys. A Secret that this run is the first to update is not outdated yet: Crossplane is
// about to write it.
func (s *secrets) compare(o *observed, i identity, data map[resource.Name]map[string]any) {
	current, _ := o.credentials(i)

	for _, kind := range secretKinds {
		existing := o.secret(i.of(kind))
		if existing == nil {
			continue
		}

		have, _ := existing.Object["data"].(map[string]any)

		held := current
		if !sameKey(kind, have, data[kind]) {
			held = keyIn(kind, have)
		}

		// A retiring key is served as long as one of the Secrets holds it.
		if id := held.AccessKeyID; servableID.MatchString(id) && (s.served[i] == "" || s.served[i] == current.AccessKeyID) {
			s.served[i] = id
		}

		if held.AccessKeyID == current.AccessKeyID && held.AccessSecretKey == current.AccessSecretKey {
			continue
		}

		immutable := existing.Object["immutable"] == true
		if immutable || o.reportedKey(i) == tenantv1alpha1.MaskAccessKeyID(current.AccessKeyID) {
			s.outdated = append(s.outdated, outdatedSecret{name: existing.GetName(), immutable: immutable})
		}
	}
}

// sameKey reports whether the data of two Secrets of a kind certainly hold the same key.
func sameKey(kind resource.Name, a, b map[string]any) bool {
	for _, k := range keyFields[kind] {
		if a[k] == nil || a[k] != b[k] {
			return false
		}
	}

	return true
}

// keyIn returns the access key in the data of a Secret of a kind, as far as it can be read.
func keyIn(kind resource.Name, data map[string]any) tenantv1alpha1.BucketInfoS3 {
	values := make([][]byte, 0, len(keyFields[kind]))

	for _, k := range keyFields[kind] {
		encoded, _ := data[k].(string)
		value, _ := base64.StdEncoding.DecodeString(encoded)
		values = append(values, value)
	}

	if kind == resourceCredentials {
		return tenantv1alpha1.BucketInfoS3{AccessKeyID: string(values[0]), AccessSecretKey: string(values[1])}
	}

	doc := tenantv1alpha1.BucketInfo{}
	if json.Unmarshal(values[0], &doc) != nil {
		return tenantv1alpha1.BucketInfoS3{}
	}

	return doc.Spec.SecretS3
}

// reportedKey returns the masked access key ID of an identity in the claim's status of the previous run, the
// empty string if there is none.
func (o *observed) reportedKey(i identity) string {
	all, _ := o.status()["credentials"].([]any)
	for _, c := range all {
		c, _ := c.(map[string]any)
		if user, _ := c["user"].(string); identity(user) == i {
			id, _ := c["accessKeyID"].(string)

			return id
		}
	}

	return ""
}

// annotationReadyGeneration is the annotation of a User that holds its generation at which it was ready when its
// servedAccessKeyID was last changed. Of the next generation nothing else is new.
const annotationReadyGeneration = "apps.cozystack.io/ready-generation"

// userReady reports whether a User is ready, except that it may have yet to observe a new servedAccessKeyID: that
// follows the claim's Secrets, and is nothing for the claim to wait for. The User itself says so, because Crossplane
// may read a status of the claim that is older than the User.
func userReady(u managedResource) bool {
	previous := strconv.FormatInt(u.generation()-1, 10)

	return u.ready() || (u.wasReady() && u.field("metadata", "annotations", annotationReadyGeneration) == previous)
}

// setServedKeys sets the key that the Secrets hold in each User with a rotation. Where that is not known
// the User keeps what it has.
func (d desired) setServedKeys(o *observed, served map[identity]string) {
	const field = "servedAccessKeyID"

	for i, want := range d.users {
		spec, _ := want.Object["spec"].(map[string]any)
		parameters, _ := spec["forProvider"].(map[string]any)

		rotation, rotates := parameters["rotation"].(map[string]any)
		if !rotates {
			continue
		}

		u := o.user(i)
		has, _ := u.field("spec", "forProvider", "rotation", field).(string)
		ready, _ := u.field("metadata", "annotations", annotationReadyGeneration).(string)

		id := served[i]
		if id == "" {
			id = has
		}

		if id != has && d.waits[i.resource()] == "" && covers(u.field("spec"), spec) {
			ready = strconv.FormatInt(u.generation(), 10)
		}

		if ready != "" {
			want.SetAnnotations(map[string]string{annotationReadyGeneration: ready})
		}

		if id == "" || rotation[field] == id {
			continue
		}

		// A User that is kept unchanged shares its spec with the observed one.
		spec, parameters, rotation = maps.Clone(spec), maps.Clone(parameters), maps.Clone(rotation)
		rotation[field] = id
		parameters["rotation"] = rotation
		spec["forProvider"] = parameters
		want.Object["spec"] = spec
	}
}
