//go:build e2e

package extras

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/minio/madmin-go/v3"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	iam "github.com/cistern-dev/cistern/apis/extras/iam/v1alpha1"
)

func groupLifecycle() lifecycle {
	const group = "operators"

	return lifecycle{
		kind:     "group.iam",
		external: group,
		resource: func(_ *testing.T, ns string) resource.ModernManaged {
			return &iam.Group{ObjectMeta: named(ns, group)}
		},
		matches: func(ctx context.Context, changed bool) error {
			g, err := env.Server.GetGroupDescription(ctx, group)
			if err != nil {
				return err
			}

			return want(g.Status, map[bool]string{false: "enabled", true: "disabled"}[changed])
		},
		change: func(mg resource.ModernManaged) { mg.(*iam.Group).Spec.ForProvider.DisableGroup = new(true) },
		drift: func(ctx context.Context) error {
			return env.Server.SetGroupStatus(ctx, group, madmin.GroupDisabled)
		},
		gone: func(ctx context.Context) error { return groupGone(ctx, group) },
	}
}

// groupGone returns an error unless a group does not exist.
func groupGone(ctx context.Context, group string) error {
	_, err := env.Server.GetGroupDescription(ctx, group)
	if madmin.ToErrorResponse(err).Code == "XMinioAdminNoSuchGroup" {
		return nil
	}

	return fmt.Errorf("want no group %q, got %w", group, err)
}

func memberLifecycle() lifecycle {
	const group, user = "members-group", "members-user"

	matches := func(ctx context.Context, _ bool) error {
		g, err := env.Server.GetGroupDescription(ctx, group)
		if err == nil && !slices.Contains(g.Members, user) {
			err = errNotFound
		}

		return err
	}

	return lifecycle{
		kind:     "groupuserattachment.iam",
		external: group + "/" + user,
		resource: func(t *testing.T, ns string) resource.ModernManaged {
			must(t, env.Server.AddUser(t.Context(), user, "members-user-secret"))
			must(t, newGroup(t.Context(), group))

			a := &iam.GroupUserAttachment{ObjectMeta: named(ns, "member")}
			a.Spec.ForProvider.GroupName, a.Spec.ForProvider.UserName = new(group), new(user)

			return a
		},
		matches: matches,
		immutable: func(mg resource.ModernManaged, other string) {
			mg.(*iam.GroupUserAttachment).Spec.ForProvider.UserName = new(cmp.Or(other, user))
		},
		drift: func(ctx context.Context) error {
			return env.Server.UpdateGroupMembers(ctx, madmin.GroupAddRemove{Group: group, Members: []string{user}, IsRemove: true})
		},
		gone: goneIf(matches),
	}
}

// newGroup creates an empty group.
func newGroup(ctx context.Context, name string) error {
	return env.Server.UpdateGroupMembers(ctx, madmin.GroupAddRemove{Group: name})
}

func groupPolicyLifecycle() lifecycle {
	const group = "readers"

	matches := func(ctx context.Context, _ bool) error {
		g, err := env.Server.GetGroupDescription(ctx, group)
		if err == nil && !slices.Contains(strings.Split(g.Policy, ","), "readonly") {
			err = errNotFound
		}

		return err
	}

	return lifecycle{
		kind:     "grouppolicyattachment.iam",
		external: group + "/readonly",
		resource: func(t *testing.T, ns string) resource.ModernManaged {
			must(t, newGroup(t.Context(), group))
			must(t, setGroupPolicy(t.Context(), group, "diagnostics"))

			a := &iam.GroupPolicyAttachment{ObjectMeta: named(ns, "read")}
			a.Spec.ForProvider.GroupName, a.Spec.ForProvider.PolicyName = new(group), new("readonly")

			return a
		},
		matches: matches,
		immutable: func(mg resource.ModernManaged, other string) {
			mg.(*iam.GroupPolicyAttachment).Spec.ForProvider.PolicyName = new(cmp.Or(other, "readonly"))
		},
		drift: func(ctx context.Context) error {
			return setGroupPolicy(ctx, group, "diagnostics")
		},
		gone: func(ctx context.Context) error {
			if err := goneIf(matches)(ctx); err != nil {
				return err
			}

			// The policy that the resource did not attach must be kept.
			g, err := env.Server.GetGroupDescription(ctx, group)
			if err != nil {
				return err
			}

			return want(g.Policy, "diagnostics")
		},
	}
}

// setGroupPolicy makes a policy the only one attached to a group.
func setGroupPolicy(ctx context.Context, group, policy string) error {
	return env.Server.SetPolicy(ctx, policy, group, true) //nolint:staticcheck // Its successor only adds policies.
}

func ldapGroupLifecycle() lifecycle {
	matches := func(ctx context.Context, _ bool) error {
		e, err := ldapMinIO.GetLDAPPolicyEntities(ctx, madmin.PolicyEntitiesQuery{Groups: []string{peopleDN}})
		if err == nil && (len(e.GroupMappings) != 1 || !slices.Contains(e.GroupMappings[0].Policies, "readonly")) {
			err = errNotFound
		}

		return err
	}

	return lifecycle{
		kind:     "ldapgrouppolicyattachment.iam",
		external: peopleDN + "/readonly",
		resource: func(t *testing.T, ns string) resource.ModernManaged {
			// Another entry of the directory has the policy too, and must not be taken for
			// the group.
			_, err := ldapMinIO.AttachPolicyLDAP(t.Context(), madmin.PolicyAssociationReq{Policies: []string{"readonly"}, User: bobDN})
			must(t, err)

			a := &iam.LDAPGroupPolicyAttachment{ObjectMeta: named(ns, "people-read")}
			a.Spec.ForProvider.GroupDN, a.Spec.ForProvider.PolicyName = new(peopleDN), new("readonly")
			a.Spec.ProviderConfigReference = onLDAPMinIO()

			return a
		},
		matches: matches,
		immutable: func(mg resource.ModernManaged, other string) {
			mg.(*iam.LDAPGroupPolicyAttachment).Spec.ForProvider.PolicyName = new(cmp.Or(other, "readonly"))
		},
		drift: func(ctx context.Context) error {
			_, err := ldapMinIO.DetachPolicyLDAP(ctx, madmin.PolicyAssociationReq{Policies: []string{"readonly"}, Group: peopleDN})

			return err
		},
		gone: goneIf(matches),
	}
}

// onLDAPMinIO refers to the ClusterProviderConfig of ldapMinIO.
func onLDAPMinIO() *xpv1.ProviderConfigReference {
	return &xpv1.ProviderConfigReference{Kind: "ClusterProviderConfig", Name: ldapConfig}
}

func ldapUserLifecycle() lifecycle {
	matches := func(ctx context.Context, _ bool) error {
		e, err := ldapMinIO.GetLDAPPolicyEntities(ctx, madmin.PolicyEntitiesQuery{Users: []string{aliceDN}})
		if err == nil && (len(e.UserMappings) != 1 || !slices.Contains(e.UserMappings[0].Policies, "diagnostics")) {
			err = errNotFound
		}

		return err
	}

	return lifecycle{
		kind:     "ldapuserpolicyattachment.iam",
		external: aliceDN + "/diagnostics",
		resource: func(t *testing.T, ns string) resource.ModernManaged {
			_, err := ldapMinIO.AttachPolicyLDAP(t.Context(), madmin.PolicyAssociationReq{Policies: []string{"diagnostics"}, User: bobDN})
			must(t, err)

			a := &iam.LDAPUserPolicyAttachment{ObjectMeta: named(ns, "alice")}
			a.Spec.ForProvider.UserDN, a.Spec.ForProvider.PolicyName = new(aliceDN), new("diagnostics")
			a.Spec.ProviderConfigReference = onLDAPMinIO()

			return a
		},
		matches: matches,
		immutable: func(mg resource.ModernManaged, other string) {
			mg.(*iam.LDAPUserPolicyAttachment).Spec.ForProvider.PolicyName = new(cmp.Or(other, "diagnostics"))
		},
		drift: func(ctx context.Context) error {
			_, err := ldapMinIO.DetachPolicyLDAP(ctx, madmin.PolicyAssociationReq{Policies: []string{"diagnostics"}, User: aliceDN})

			return err
		},
		gone: goneIf(matches),
	}
}
