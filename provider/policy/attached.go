package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/minio/madmin-go/v3"
	"sigs.k8s.io/controller-runtime/pkg/client"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// maxHolders bounds how many holders a message names.
const maxHolders = 5

// Entities tells who holds policies. It is a dear call, because the answer is
// encrypted.
type Entities interface {
	GetPolicyEntities(ctx context.Context, q madmin.PolicyEntitiesQuery) (madmin.PolicyEntitiesResult, error)
}

// AttachedTo says for people who holds a policy. Users that belong to a User
// resource are named by it. It is the same as long as the holders are.
func AttachedTo(ctx context.Context, kube client.Reader, admin Entities, policy string) string {
	entities, err := admin.GetPolicyEntities(ctx, madmin.PolicyEntitiesQuery{Policy: []string{policy}})
	if err != nil {
		return "somebody"
	}

	var names []string

	resources := users(ctx, kube)

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

// users returns namespace and name of the User resources by their users'
// names on their server. It is for messages: of two servers' users of the same
// name it may choose the wrong one.
func users(ctx context.Context, kube client.Reader) map[string]string {
	list := &miniov1alpha1.UserList{}
	if err := kube.List(ctx, list); err != nil {
		return nil
	}

	names := make(map[string]string, len(list.Items))
	for _, u := range list.Items {
		names[u.Annotations["crossplane.io/external-name"]] = u.Namespace + "/" + u.Name
	}

	return names
}
