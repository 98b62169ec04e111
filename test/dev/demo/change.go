package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	miniogo "github.com/minio/minio-go/v7"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/clients"
)

// colleague shows a second user of the claim, which may only read.
func (d *demo) colleague(ctx context.Context, info tenantv1alpha1.BucketInfo) error {
	d.step("A colleague gets a read-only key")

	start := time.Now()
	if err := d.patch(ctx, `{"spec": {"users": {"auditor": {"readonly": true}}}}`); err != nil {
		return err
	}

	if err := d.waitReady(ctx, d.tenantA); err != nil {
		return err
	}

	d.donef(start, "the user auditor has a key, in Secrets of its own")

	if _, err := d.run(ctx, "kubectl get secrets --field-selector type=Opaque"); err != nil {
		return err
	}

	d.printf("\n")

	auditor, err := clients.BucketInfo(ctx, d.kube, d.tenantA, claim, "auditor")
	if err != nil {
		return err
	}

	s3, err := clients.Tenant(d.platform, auditor)
	if err != nil {
		return err
	}

	start = time.Now()
	if err := wantKeys(ctx, s3, info.Spec.BucketName); err != nil {
		return fmt.Errorf("cannot list the bucket with the read-only key: %w", err)
	}

	d.donef(start, "this key can list the bucket")

	start = time.Now()
	if code := miniogo.ToErrorResponse(write(ctx, s3, info.Spec.BucketName)).Code; code != miniogo.AccessDenied {
		return fmt.Errorf("the read-only key: writing must fail with AccessDenied, got %q", code)
	}

	d.donef(start, "this key cannot write: AccessDenied")

	return nil
}

// rotate shows that all keys of the claim are replaced, with an overlap.
func (d *demo) rotate(ctx context.Context, before tenantv1alpha1.BucketInfo) error {
	d.step("The tenant rotates the keys; the old ones work during an overlap")

	start := time.Now()
	if err := d.patch(ctx, `{"spec": {"rotation": {"trigger": "laptop lost", "overlap": "1h"}}}`); err != nil {
		return err
	}

	var after tenantv1alpha1.BucketInfo

	if err := wait(ctx, "the Secret to hold a new key", func() (bool, error) {
		var err error
		after, err = clients.BucketInfo(ctx, d.kube, d.tenantA, claim, "")

		return after.Spec.SecretS3.AccessKeyID != before.Spec.SecretS3.AccessKeyID, err
	}); err != nil {
		return err
	}

	d.donef(start, "the Secret holds a new key")

	for _, k := range []struct {
		what string
		info tenantv1alpha1.BucketInfo
	}{{"the new key works", after}, {"the old key works for an hour, so that pods can restart", before}} {
		start := time.Now()

		s3, err := clients.Tenant(d.platform, k.info)
		if err != nil {
			return err
		}

		if err := wantKeys(ctx, s3, before.Spec.BucketName); err != nil {
			return fmt.Errorf("cannot show that %s: %w", k.what, err)
		}

		d.donef(start, "%s", k.what)
	}

	if err := d.waitReady(ctx, d.tenantA); err != nil {
		return err
	}

	_, err := d.run(ctx, "kubectl get bucket.apps.cozystack.io "+claim+" -o yaml | sed -n '/^  credentials:/,/^  endpoint:/p'")

	return err
}

// rules shows a claim that breaks a rule of the platform.
func (d *demo) rules(ctx context.Context, _ tenantv1alpha1.BucketInfo) error {
	d.step("The platform's rules limit what tenants can claim")

	if err := d.patch(ctx, `{"spec": {"quota": "50Ti"}}`); err != nil {
		return err
	}

	start := time.Now()
	if err := wait(ctx, "the claim to break a rule", func() (bool, error) {
		b, err := d.get(ctx)

		return strings.Contains(b.Status.GetCondition(tenantv1alpha1.ConditionProvisioned).Message, "more than 10Ti"), err
	}); err != nil {
		return err
	}

	d.donef(start, "the claim breaks a rule; the bucket stays as it is")

	const message = `jsonpath='{.status.conditions[?(@.type=="Provisioned")].message}{"\n"}'`
	if _, err := d.run(ctx, "kubectl get bucket.apps.cozystack.io "+claim+" -o "+message); err != nil {
		return err
	}

	if err := d.patch(ctx, `{"spec": {"quota": "10Gi"}}`); err != nil {
		return err
	}

	start = time.Now()
	if err := d.waitReady(ctx, d.tenantA); err != nil {
		return err
	}

	d.donef(start, "the bucket has a quota of 10Gi")

	return nil
}

// remove shows that a claim can be deleted only once its bucket is empty.
func (d *demo) remove(ctx context.Context, info tenantv1alpha1.BucketInfo) error {
	d.step("The tenant deletes the claim; a bucket that holds objects is kept")

	bucket, user := info.Spec.BucketName, info.Spec.SecretS3.AccessKeyID
	command := "kubectl delete bucket.apps.cozystack.io " + claim

	s3, err := clients.Tenant(d.platform, info)
	if err != nil {
		return err
	}

	if err := write(ctx, s3, bucket); err != nil {
		return err
	}

	out, err := d.run(ctx, command)
	if err == nil || !strings.Contains(out, "still holds 1 object") {
		return errors.New("a claim was deleted although its bucket was not empty")
	}

	if err := s3.RemoveObject(ctx, bucket, key, miniogo.RemoveObjectOptions{}); err != nil {
		return err
	}

	d.printf("\n     The tenant deletes the object.\n")

	start := time.Now()

	if _, err := d.run(ctx, command); err != nil {
		return err
	}

	return d.awaitDeleted(ctx, start, bucket, user)
}

// awaitDeleted waits until everything that was made for the claim is deleted.
func (d *demo) awaitDeleted(ctx context.Context, start time.Time, bucket, user string) error {
	for _, gone := range []struct {
		what    string
		deleted func() (bool, error)
	}{
		{"bucket", func() (bool, error) {
			exists, err := d.admin.S3.BucketExists(ctx, bucket)
			return !exists, err
		}},
		{"users", func() (bool, error) {
			users, err := d.admin.ListUsers(ctx)
			_, exists := users[user]

			return !exists, err
		}},
		{"policies", func() (bool, error) {
			policies, err := d.admin.ListCannedPolicies(ctx)
			_, exists := policies[user]

			return !exists, err
		}},
		{"Secrets", func() (bool, error) {
			err := d.kube.Get(ctx, types.NamespacedName{Namespace: d.tenantA, Name: tenantv1alpha1.SecretNameFor(claim, "")}, &corev1.Secret{})
			return err != nil, client.IgnoreNotFound(err)
		}},
	} {
		if err := wait(ctx, "the "+gone.what+" to be deleted", gone.deleted); err != nil {
			return err
		}

		d.donef(start, "%s deleted", gone.what)
	}

	return nil
}

// patch shows how a tenant changes the claim.
func (d *demo) patch(ctx context.Context, patch string) error {
	_, err := d.run(ctx, "kubectl patch bucket.apps.cozystack.io "+claim+" --type merge --patch '"+patch+"'")

	return err
}

// get returns the claim.
func (d *demo) get(ctx context.Context) (*tenantv1alpha1.Bucket, error) {
	b := &tenantv1alpha1.Bucket{}

	return b, d.kube.Get(ctx, types.NamespacedName{Namespace: d.tenantA, Name: claim}, b)
}
