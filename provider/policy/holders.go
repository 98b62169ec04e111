package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/minio/madmin-go/v3"

	"github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// maxHolders bounds how many holders a message names.
const maxHolders = 5

// holders says for people who holds a policy. Users that belong to a User
// resource are named by it. It is the same as long as the holders are.
func (e *external) holders(ctx context.Context, policy string) string {
	entities, err := e.admin.GetPolicyEntities(ctx, madmin.PolicyEntitiesQuery{Policy: []string{policy}})
	if err != nil {
		return "somebody"
	}

	var names []string

	resources := e.resources(ctx)

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
		return "somebody"
	case n > maxHolders:
		names = append(names[:maxHolders], fmt.Sprintf("%d more", n-maxHolders))
	}

	return strings.Join(names, ", ")
}

// resources returns namespace and name of the User resources by their users'
// names on their server. It is for messages: of two servers' users of the same
// name it may choose the wrong one.
func (e *external) resources(ctx context.Context) map[string]string {
	users := &v1alpha1.UserList{}
	if err := e.kube.List(ctx, users); err != nil {
		return nil
	}

	names := make(map[string]string, len(users.Items))
	for _, u := range users.Items {
		names[u.Annotations["crossplane.io/external-name"]] = u.Namespace + "/" + u.Name
	}

	return names
}
