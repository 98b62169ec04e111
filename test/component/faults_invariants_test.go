//go:build e2e

package component

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	miniogo "github.com/minio/minio-go/v7"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// until waits for a state, without a fault.
func (b *bed) until(ctx context.Context, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, await.Timeout)
	defer cancel()

	return await.Until(ctx, "a state", try)
}

// edit changes an object, and starts again after a conflict.
func edit[T client.Object](ctx context.Context, o T, change func(T)) error {
	ctx, cancel := context.WithTimeout(ctx, await.Timeout)
	defer cancel()

	return await.Until(ctx, "a change", func() error {
		if err := env.Kube.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}

		change(o)

		return env.Kube.Update(ctx, o)
	})
}

// createIn creates the provider configuration and resources.
func (b *bed) createIn(ctx context.Context, all []resource.Managed) error {
	err := env.Kube.Create(ctx, b.config)
	for _, mg := range all {
		err = errors.Join(err, env.Kube.Create(ctx, mg))
	}

	return err
}

// settle waits until all resources are settled and the provider makes no further calls
// for them, and remembers the published key.
func (b *bed) settle(ctx context.Context) error {
	return b.until(ctx, func() error {
		if err := b.settled(ctx); err != nil {
			return err
		}

		time.Sleep(200 * time.Millisecond)

		if b.user == nil {
			return nil
		}

		var err error
		b.before, err = b.connection(ctx)

		return err
	})
}

// settled returns an error unless all resources are settled.
func (b *bed) settled(ctx context.Context) error {
	for _, mg := range b.all() {
		if err := settled(ctx, mg); err != nil {
			return fmt.Errorf("%T %s: %w", mg, mg.GetName(), err)
		}
	}

	return nil
}

// works returns an error unless the published key works.
func (b *bed) works(ctx context.Context) error {
	c, err := b.connection(ctx)
	if err != nil {
		return err
	}

	return works(ctx, c)
}

// exists returns an error unless an object exists.
func exists(ctx context.Context, bucket, object string) error {
	if _, err := env.Server.S3.StatObject(ctx, bucket, object, miniogo.StatObjectOptions{}); err != nil {
		return fmt.Errorf("object %q of bucket %q: %w", object, bucket, err)
	}

	return nil
}

// ready reports whether a resource is Ready and Synced with its current spec.
func ready(ctx context.Context, mg resource.Managed) bool { return settled(ctx, mg) == nil }

// readyIsTrue returns an error if a new resource is Ready and is not what it should be.
func (b *bed) readyIsTrue(ctx context.Context) error {
	if ready(ctx, b.user) {
		if err := b.works(ctx); err != nil {
			return fmt.Errorf("the User is Ready: %w", err)
		}
	}

	if ready(ctx, b.buckets["set"]) {
		if err := serves(ctx, b.buckets["set"].Name, everySettingServed()); err != nil {
			return fmt.Errorf("the Bucket is Ready: %w", err)
		}
	}

	if ready(ctx, b.buckets["plain"]) {
		if err := serves(ctx, b.buckets["plain"].Name, noSettingServed); err != nil {
			return fmt.Errorf("the Bucket is Ready: %w", err)
		}
	}

	if ready(ctx, b.policy) {
		if _, err := env.Server.InfoCannedPolicyV2(ctx, b.policy.Name); err != nil {
			return fmt.Errorf("the Policy is Ready: %w", err)
		}
	}

	return b.keeps(ctx)
}

// keeps returns an error unless what does not belong to the provider is there.
func (b *bed) keeps(ctx context.Context) error { return exists(ctx, b.home, keptObject) }

// keepsKey returns an error unless the key that was published before works, and the one
// that is published.
func (b *bed) keepsKey(ctx context.Context) error {
	return errors.Join(b.keeps(ctx), works(ctx, b.before), b.works(ctx))
}

// mustBelieve reports whether MinIO itself says again and again, during the fault, that something
// is gone. Then its resource may go, and leave it behind.
func (b *bed) mustBelieve() bool {
	return b.cell.lasting && b.cell.fault.name == "404"
}

// keepsContents returns an error unless the Buckets that are deleted and not empty exist, and
// hold what they held.
func (b *bed) keepsContents(ctx context.Context) error {
	uploads, err := (miniogo.Core{Client: env.Server.S3}).ListMultipartUploads(ctx, b.buckets["upload"].Name, keptObject, "", "", "", 1)
	if err == nil && len(uploads.Uploads) != 1 {
		err = fmt.Errorf("%d incomplete uploads, want 1", len(uploads.Uploads))
	}

	err = errors.Join(b.keeps(ctx), err, exists(ctx, b.buckets["full"].Name, keptObject))
	if b.mustBelieve() {
		return err
	}

	return errors.Join(err,
		env.Kube.Get(ctx, client.ObjectKeyFromObject(b.buckets["full"]), &miniov1alpha1.Bucket{}),
		env.Kube.Get(ctx, client.ObjectKeyFromObject(b.buckets["upload"]), &miniov1alpha1.Bucket{}))
}

// unchanged returns an error unless everything is as it was before the fault.
func (b *bed) unchanged(ctx context.Context) error {
	c, err := b.connection(ctx)
	if err != nil {
		return err
	}

	if c != b.before {
		return errors.New("another key is published than before")
	}

	policy, err := env.Server.InfoCannedPolicyV2(ctx, b.policy.Name)
	if err != nil {
		return err
	}

	return errors.Join(
		b.settled(ctx), works(ctx, c), samePolicy(b.policy.Spec.ForProvider.Document, policy.Policy),
		serves(ctx, b.buckets["set"].Name, everySettingServed()), serves(ctx, b.buckets["plain"].Name, noSettingServed))
}

var quotaServed = map[string]string{"versioning": "Enabled", "quota": "1073741824"}

// changed returns an error unless everything is as change wants it.
func (b *bed) changed(ctx context.Context) error {
	policy, err := env.Server.InfoCannedPolicyV2(ctx, b.policy.Name)
	if err != nil {
		return err
	}

	if err := errors.Join(samePolicy(b.policy.Spec.ForProvider.Document, policy.Policy), settled(ctx, b.policy)); err != nil {
		return err
	}

	if err := errors.Join(
		serves(ctx, b.buckets["set"].Name, noSettingServed), settled(ctx, b.buckets["set"]),
		serves(ctx, b.buckets["plain"].Name, quotaServed), settled(ctx, b.buckets["plain"]),
	); err != nil {
		return err
	}

	if err := env.Kube.Get(ctx, client.ObjectKeyFromObject(b.user), b.user); err != nil {
		return err
	}

	if c := b.user.GetCondition(xpv1.TypeReady); c.Reason != miniov1alpha1.ReasonDisabled {
		return fmt.Errorf("the User is not disabled: Ready is %s: %s", c.Status, c.Reason)
	}

	if c := b.user.GetCondition(xpv1.TypeSynced); c.Status != corev1.ConditionTrue {
		return fmt.Errorf("the User is not synced: %s", c.Message)
	}

	return revoked(ctx, b.before)
}

// rotated returns an error unless the key of a generation is published and works.
func (b *bed) rotated(ctx context.Context, generation int64) error {
	if err := b.settled(ctx); err != nil {
		return err
	}

	s := b.user.Status.AtProvider
	if s.Generation != generation || len(s.RetiringKeys) != int(generation) || s.RetiringKeys[generation-1].Until == nil {
		return fmt.Errorf("generation %d, want %d; retiring: %v", s.Generation, generation, s.RetiringKeys)
	}

	return b.works(ctx)
}

// retired returns an error unless the earlier keys are revoked.
func (b *bed) retired(ctx context.Context) error {
	if err := errors.Join(b.settled(ctx), b.works(ctx)); err != nil {
		return err
	}

	if n := len(b.user.Status.AtProvider.RetiringKeys); n > 0 {
		return fmt.Errorf("%d keys are retiring", n)
	}

	if b.mustBelieve() {
		return nil
	}

	accounts, err := env.Server.ListServiceAccounts(ctx, b.user.Annotations["crossplane.io/external-name"])
	if err == nil && len(accounts.Accounts) != 1 {
		err = fmt.Errorf("the server has %d access keys of the user, want 1", len(accounts.Accounts))
	}

	return err
}

// deleted returns an error unless everything is gone but the Buckets that are not empty.
func (b *bed) deleted(ctx context.Context) error {
	for _, mg := range b.all() {
		if mg == b.buckets["full"] || mg == b.buckets["upload"] {
			continue
		}

		if err := gone(ctx, mg); err != nil {
			return err
		}
	}

	return b.goneFromServer(ctx, "set", "plain")
}

// purged returns an error unless everything is gone. It unlocks an object once the provider has
// found it locked.
func (b *bed) purged(ctx context.Context) error {
	locked := b.buckets["locked"]
	if strings.Contains(locked.GetCondition(miniov1alpha1.ConditionPurging).Message, "locked") && gone(ctx, locked) != nil {
		if err := env.Server.S3.PutObjectRetention(ctx, locked.Name, "a", miniogo.PutObjectRetentionOptions{GovernanceBypass: true}); err != nil {
			return err
		}
	}

	for _, mg := range b.all() {
		if err := gone(ctx, mg); err != nil {
			return err
		}
	}

	return b.goneFromServer(ctx, "plain", "locked")
}

// goneFromServer returns an error while the server has buckets, or the user or policies.
func (b *bed) goneFromServer(ctx context.Context, buckets ...string) error {
	if b.mustBelieve() {
		return nil
	}

	now, err := env.Server.S3.ListBuckets(ctx)
	if err != nil {
		return err
	}

	for _, o := range now {
		for _, name := range buckets {
			if o.Name == b.ns+"-"+name {
				return fmt.Errorf("bucket %q is left", o.Name)
			}
		}
	}

	policies, err := env.Server.ListCannedPolicies(ctx)
	if err != nil {
		return err
	}

	for name := range policies {
		if slices.Contains([]string{b.ns + "-policy", b.before.AccessKeyID}, name) {
			return fmt.Errorf("policy %q is left", name)
		}
	}

	if b.before.AccessKeyID == "" {
		return nil
	}

	_, err = env.Server.GetUserInfo(ctx, b.before.AccessKeyID)
	if err == nil {
		return fmt.Errorf("user %q is left", b.before.AccessKeyID)
	}

	return nil
}
