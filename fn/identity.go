package main

import (
	"strings"

	"github.com/crossplane/function-sdk-go/resource"

	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// identity is who has credentials for a claim's bucket: an entry of spec.users,
// or the claim itself, which has no name.
type identity string

// claimItself is the identity of the claim's own credentials.
const claimItself identity = ""

// Names of the composed resources, as Crossplane keeps them apart. Those of an
// entry of spec.users are followed by a hyphen and its name.
const (
	resourceBucket      resource.Name = "bucket"
	resourceUser        resource.Name = "user"
	resourceSecret      resource.Name = "secret"
	resourceCredentials resource.Name = "credentials"
)

// identityOf returns whose composed resource of a kind has a name.
func identityOf(kind, name resource.Name) (identity, bool) {
	if name == kind {
		return claimItself, true
	}

	user, ok := strings.CutPrefix(string(name), string(kind)+"-")

	return identity(user), ok
}

func (i identity) resource() resource.Name { return i.of(resourceUser) }

// of returns the name of this identity's composed resource of a kind.
func (i identity) of(kind resource.Name) resource.Name {
	if i == claimItself {
		return kind
	}

	return kind + "-" + resource.Name(i)
}

// resourceName is the name of the identity's User.
func (i identity) resourceName(o *observation) string {
	if i == claimItself {
		return o.resourceName()
	}

	return o.resourceName() + "-" + string(i)
}

// connectionSecretName is the name of the Secret that the identity's User
// publishes its key in. It cannot be that of a tenant's Secret, which all begin
// with "bucket-".
func (i identity) connectionSecretName(o *observation) string {
	if i == claimItself {
		return "user-" + o.uid
	}

	return "user-" + o.uid + "-" + string(i)
}

// secrets returns the names of the identity's Secrets by composed resource.
func (i identity) secrets(o *observation) map[resource.Name]string {
	return map[resource.Name]string{
		i.of(resourceSecret):      tenantv1alpha1.SecretNameFor(o.name, string(i)),
		i.of(resourceCredentials): tenantv1alpha1.CredentialsSecretNameFor(o.name, string(i)),
	}
}

// what names the identity's key in a message.
func (i identity) what() string {
	if i == claimItself {
		return "the access key"
	}

	return `the access key of user "` + string(i) + `"`
}

// field names the identity's field of the claim in a message.
func (i identity) field() string { return "users." + string(i) }
