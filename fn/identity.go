package main

import (
	"strings"

	"github.com/crossplane/function-sdk-go/resource"

	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// identity is the name of an entry of the claim's spec.users, or the empty string for the claim
// itself. Each identity has credentials of its own.
type identity string

// claimItself is the identity of the claim's own credentials.
const claimItself identity = ""

// Names of the composed resources within the composition. For an entry of spec.users, a hyphen and the
// entry's name follow.
const (
	resourceBucket      resource.Name = "bucket"
	resourceUser        resource.Name = "user"
	resourceSecret      resource.Name = "secret"
	resourceCredentials resource.Name = "credentials"
)

// identitiesOf returns the identities of a claim, in any order.
func identitiesOf(spec *tenantv1alpha1.BucketSpec) []identity {
	all := make([]identity, 0, len(spec.Users)+1)
	all = append(all, claimItself)

	for name := range spec.Users {
		all = append(all, identity(name))
	}

	return all
}

// identityOf returns the identity whose composed resource of a kind has the given name, and reports
// whether the name is one of that kind.
func identityOf(kind, name resource.Name) (identity, bool) {
	if name == kind {
		return claimItself, true
	}

	user, ok := strings.CutPrefix(string(name), string(kind)+"-")

	return identity(user), ok
}

func (i identity) resource() resource.Name { return i.of(resourceUser) }

// of returns the name of the identity's composed resource of a kind.
func (i identity) of(kind resource.Name) resource.Name {
	if i == claimItself {
		return kind
	}

	return kind + "-" + resource.Name(i)
}

// resourceName returns the name of the identity's User.
func (i identity) resourceName(o *observed) string {
	if i == claimItself {
		return o.resourceName()
	}

	return o.resourceName() + "-" + string(i)
}

// connectionSecretName returns the name of the Secret in which the identity's User publishes its key.
// It differs from the names of the tenant's Secrets, which begin with "bucket-".
func (i identity) connectionSecretName(o *observed) string {
	if i == claimItself {
		return "user-" + o.base
	}

	return "user-" + o.base + "-" + string(i)
}

// secretName returns the name of the identity's Secret of a kind: resourceSecret or
// resourceCredentials.
func (i identity) secretName(o *observed, kind resource.Name) string {
	if kind == resourceCredentials {
		return tenantv1alpha1.CredentialsSecretNameFor(o.name, string(i))
	}

	return tenantv1alpha1.SecretNameFor(o.name, string(i))
}

// description names the identity's key in a message.
func (i identity) description() string {
	if i == claimItself {
		return "the access key"
	}

	return `the access key of user "` + string(i) + `"`
}

// field names the identity's claim field in a message.
func (i identity) field() string { return "users." + string(i) }
