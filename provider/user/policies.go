package user

import (
	"context"
	"slices"
	"strings"

	"github.com/minio/madmin-go/v3"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/policy"
)

// policyAdmin is what this file needs of an administration client.
type policyAdmin interface {
	policy.Entities

	AddCannedPolicy(ctx context.Context, name string, document []byte) error
	InfoCannedPolicyV2(ctx context.Context, name string) (*madmin.PolicyInfo, error)
	SetPolicy(ctx context.Context, names, entity string, isGroup bool) error
	RemoveCannedPolicy(ctx context.Context, name string) error
}

// policies writes the canned policy that each user has of its own, and attaches
// policies to users.
type policies struct {
	kube  client.Reader
	admin policyAdmin
	// inGroups reports whether the user was observed to be in groups.
	inGroups bool
}

// policyName returns the name of u's own policy. Like the IDs of keys it follows from
// a UID even if the external name was set by hand: a policy of that name may belong to
// another client of the server.
func policyName(u *miniov1alpha1.User) string { return accessKeyIDFor(namesUID(u), 0) }

// attachments returns the names of the policies that should be attached to the user:
// its own, then those of its spec.
func attachments(u *miniov1alpha1.User) []string {
	names := []string{policyName(u)}
	for _, p := range u.Spec.ForProvider.Policies {
		if !slices.Contains(names, p.PolicyName) {
			names = append(names, p.PolicyName)
		}
	}

	return names
}

// attachmentsDrifted reports whether other policies are attached to the user than should
// be. The list attached is as the server writes it: separated by commas, in any order.
func attachmentsDrifted(u *miniov1alpha1.User, attached string) bool {
	want, got := slices.Sorted(slices.Values(attachments(u))), slices.Sorted(strings.SplitSeq(attached, ","))

	return !slices.Equal(want, got)
}

// drifted reports whether the user's own policy is missing or differs from what the
// spec asks for.
func (p policies) drifted(ctx context.Context, u *miniov1alpha1.User, m *memory) (bool, error) {
	want, err := policyDocument(u.Spec.ForProvider, p.inGroups)
	if err != nil {
		return false, err
	}

	got, exists, err := p.get(ctx, policyName(u))

	return !exists || !m.samePolicy(want, got), err
}

// get returns a policy's document, and whether the policy exists.
func (p policies) get(ctx context.Context, name string) (document []byte, exists bool, err error) {
	info, err := p.admin.InfoCannedPolicyV2(ctx, name)
	if minio.IsNotFound(err) {
		return nil, false, nil
	}

	if err != nil {
		return nil, false, errors.Wrapf(err, "cannot read policy %q", name)
	}

	return info.Policy, true, nil
}

// write writes the user's own policy.
func (p policies) write(ctx context.Context, u *miniov1alpha1.User) error {
	document, err := policyDocument(u.Spec.ForProvider, p.inGroups)
	if err != nil {
		return err
	}

	return errors.Wrapf(p.admin.AddCannedPolicy(ctx, policyName(u), document), "cannot write policy %q", policyName(u))
}

// attach attaches the user's policies, and detaches every other.
func (p policies) attach(ctx context.Context, u *miniov1alpha1.User) error {
	names := strings.Join(attachments(u), ",")

	err := p.admin.SetPolicy(ctx, names, Name(u), false)
	if minio.IsNoSuchPolicy(err) {
		// The server's answer does not name the policy.
		missing, err := p.missing(ctx, u)
		if err != nil {
			return err
		}

		if len(missing) > 0 {
			return errors.Errorf("cannot attach the policies %s to user %q, because they do not exist: "+
				"create them, or remove them from spec.forProvider.policies", strings.Join(missing, ", "), Name(u))
		}
	}

	return errors.Wrapf(err, "cannot attach the policies %s to user %q", names, Name(u))
}

// missing returns the names of the policies of the user's spec that do not exist.
func (p policies) missing(ctx context.Context, u *miniov1alpha1.User) ([]string, error) {
	var names []string

	for _, name := range attachments(u)[1:] {
		_, exists, err := p.get(ctx, name)
		if err != nil {
			return nil, err
		}

		if !exists {
			names = append(names, name)
		}
	}

	return names, nil
}

// remove removes the user's own policy. The server keeps it while it is attached to
// another user or group.
func (p policies) remove(ctx context.Context, u *miniov1alpha1.User) error {
	name := policyName(u)

	err := p.admin.RemoveCannedPolicy(ctx, name)
	if minio.IsPolicyInUse(err) {
		return errors.Errorf("policy %q, which is this user's own, is attached to %s: detach it from them; the policy is then deleted",
			name, policy.AttachedTo(ctx, p.kube, p.admin, name))
	}

	return errors.Wrapf(resource.Ignore(minio.IsNotFound, err), "cannot remove policy %q", name)
}
