package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/minio/madmin-go/v3"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

const (
	// maxNamed bounds how many users and groups a message names.
	maxNamed = 5

	// unnamed stands for users and groups that the server does not list.
	unnamed = "a user or group"
)

// Entities lists the users and groups that policies are attached to. The call is
// expensive, because its answer is encrypted.
type Entities interface {
	GetPolicyEntities(ctx context.Context, q madmin.PolicyEntitiesQuery) (madmin.PolicyEntitiesResult, error)
}

// AttachedTo returns a list of the users and groups that a policy is attached to, for a
// message. A user that belongs to a User resource is named after the resource. The text
// changes only if the users or groups do.
func AttachedTo(ctx context.Context, kube client.Reader, admin Entities, policy string) string {
	entities, err := admin.GetPolicyEntities(ctx, madmin.PolicyEntitiesQuery{Policy: []string{policy}})
	if err != nil {
		return unnamed
	}

	var names []string

	resources := userResources(ctx, kube)

	for _, m := range entities.PolicyMappings {
		for _, u := range m.Users {
			if r, ok := resources[u]; ok {
				names = append(names, fmt.Sprintf("User %q (%s)", r, u))
			} else {
				names = append(names, fmt.Sprintf("user %q", u))
			}
		}

		for _, g := range m.Groups {
			names = append(names, fmt.Sprintf("group %q", g))
		}
	}

	slices.Sort(names)

	switch n := len(names); {
	case n == 0:
		return unnamed
	case n > maxNamed:
		names = append(names[:maxNamed], fmt.Sprintf("%d more", n-maxNamed))
	}

	return strings.Join(names, ", ")
}

// userResources returns the namespace and name of each User resource by the name of its
// user. That suffices for messages only: users of two servers may have the same name, and
// then one of the two resources is returned.
func userResources(ctx context.Context, kube client.Reader) map[string]string {
	list := &miniov1alpha1.UserList{}
	if err := kube.List(ctx, list); err != nil {
		return nil
	}

	names := make(map[string]string, len(list.Items))
	for _, u := range list.Items {
		names[meta.GetExternalName(&u)] = u.Namespace + "/" + u.Name
	}

	return names
}
