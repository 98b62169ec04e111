package demo

import (
	"bytes"
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

// colleague gives somebody a key that can read only.
func (d *demo) colleague(ctx context.Context, info tenantv1alpha1.BucketInfo) error {
	d.step("A colleague gets a key that can only read")

	start := time.Now()
	if err := d.patch(ctx, `{"spec": {"users": {"auditor": {"readonly": true}}}}`); err != nil {
		return err
	}

	if err := d.waitReady(ctx, d.tenantA); err != nil {
		return err
	}

	d.donef(start, "the key is there, in Secrets of its own")

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
		return fmt.Errorf("cannot list the bucket with the key that reads: %w", err)
	}

	d.donef(start, "it lists the bucket")

	start = time.Now()
	if code := miniogo.ToErrorResponse(write(ctx, s3, info.Spec.BucketName)).Code; code != miniogo.AccessDenied {
		return fmt.Errorf("writing with a key that reads only: want AccessDenied, got %q", code)
	}

	d.donef(start, "it cannot write: AccessDenied")

	return nil
}

// rotate has all keys of the claim replaced.
func (d *demo) rotate(ctx context.Context, before tenantv1alpha1.BucketInfo) error {
	d.step("The keys are replaced, without a gap")

	start := time.Now()
	if err := d.patch(ctx, `{"spec": {"rotation": {"trigger": "laptop lost", "overlap": "1h"}}}`); err != nil {
		return err
	}

	var after tenantv1alpha1.BucketInfo

	if err := wait(ctx, "the Secret to hold another key", func() (bool, error) {
		var err error
		after, err = clients.BucketInfo(ctx, d.kube, d.tenantA, claim, "")

		return after.Spec.SecretS3.AccessKeyID != before.Spec.SecretS3.AccessKeyID, err
	}); err != nil {
		return err
	}

	d.donef(start, "the Secret holds another key")

	for _, k := range []struct {
		what string
		info tenantv1alpha1.BucketInfo
	}{{"the new key works", after}, {"the old key works for another hour: pods have time to restart", before}} {
		start := time.Now()

		s3, err := clients.Tenant(d.platform, k.info)
		if err != nil {
			return err
		}

		if err := wantKeys(ctx, s3, before.Spec.BucketName); err != nil {
			return fmt.Errorf("want it so that %s: %w", k.what, err)
		}

		d.donef(start, "%s", k.what)
	}

	if err := d.waitReady(ctx, d.tenantA); err != nil {
		return err
	}

	_, err := d.run(ctx, "kubectl get bucket.apps.cozystack.io "+claim+" -o yaml | sed -n '/^  credentials:/,/^  endpoint:/p'")

	return err
}

// policy asks for more than the platform gives.
func (d *demo) policy(ctx context.Context, _ tenantv1alpha1.BucketInfo) error {
	d.step("The platform has the last word")

	if err := d.patch(ctx, `{"spec": {"quota": "50Ti"}}`); err != nil {
		return err
	}

	start := time.Now()
	if err := wait(ctx, "the claim to be refused", func() (bool, error) {
		b, err := d.get(ctx)

		return strings.Contains(b.Status.GetCondition(tenantv1alpha1.ConditionProvisioned).Message, "more than 10Ti"), err
	}); err != nil {
		return err
	}

	d.donef(start, "refused, and everything stays as it is")

	if _, err := d.run(ctx, "kubectl get bucket.apps.cozystack.io "+claim+` -o jsonpath='{.status.conditions[?(@.type=="Provisioned")].message}{"\n"}'`); err != nil {
		return err
	}

	if err := d.patch(ctx, `{"spec": {"quota": "10Gi"}}`); err != nil {
		return err
	}

	start = time.Now()
	if err := d.waitReady(ctx, d.tenantA); err != nil {
		return err
	}

	d.donef(start, "a quota of 10Gi is in force")

	return nil
}

// giveBack deletes the claim, first with something in the bucket.
func (d *demo) giveBack(ctx context.Context, info tenantv1alpha1.BucketInfo) error {
	d.step("The tenant gives the bucket back, and nothing is lost by mistake")

	bucket, user := info.Spec.BucketName, info.Spec.SecretS3.AccessKeyID
	remove := "kubectl delete bucket.apps.cozystack.io " + claim

	s3, err := clients.Tenant(d.platform, info)
	if err != nil {
		return err
	}

	if err := write(ctx, s3, bucket); err != nil {
		return err
	}

	out, err := d.run(ctx, remove)
	if err == nil || !strings.Contains(out, "still holds 1 object") {
		return errors.New("a claim was deleted whose bucket is not empty")
	}

	if err := s3.RemoveObject(ctx, bucket, key, miniogo.RemoveObjectOptions{}); err != nil {
		return err
	}

	d.printf("\n     The tenant deletes the object.\n")

	start := time.Now()

	if _, err := d.run(ctx, remove); err != nil {
		return err
	}

	for _, gone := range []struct {
		what string
		is   func() (bool, error)
	}{
		{"bucket", func() (bool, error) {
			there, err := d.admin.S3.BucketExists(ctx, bucket)
			return !there, err
		}},
		{"users", func() (bool, error) {
			users, err := d.admin.ListUsers(ctx)
			_, there := users[user]

			return !there, err
		}},
		{"policies", func() (bool, error) {
			policies, err := d.admin.ListCannedPolicies(ctx)
			_, there := policies[user]

			return !there, err
		}},
		{"Secrets", func() (bool, error) {
			err := d.kube.Get(ctx, types.NamespacedName{Namespace: d.tenantA, Name: tenantv1alpha1.SecretNameFor(claim, "")}, &corev1.Secret{})
			return err != nil, client.IgnoreNotFound(err)
		}},
	} {
		if err := wait(ctx, "the "+gone.what+" to be gone", gone.is); err != nil {
			return err
		}

		d.donef(start, "%s gone", gone.what)
	}

	return nil
}

// patch changes the claim as a tenant would.
func (d *demo) patch(ctx context.Context, patch string) error {
	_, err := d.run(ctx, "kubectl patch bucket.apps.cozystack.io "+claim+" --type merge --patch '"+patch+"'")

	return err
}

func (d *demo) get(ctx context.Context) (*tenantv1alpha1.Bucket, error) {
	b := &tenantv1alpha1.Bucket{}

	return b, d.kube.Get(ctx, types.NamespacedName{Namespace: d.tenantA, Name: claim}, b)
}

// write writes an object.
func write(ctx context.Context, s3 *miniogo.Client, bucket string) error {
	_, err := s3.PutObject(ctx, bucket, key, bytes.NewReader([]byte(text)), int64(len(text)), miniogo.PutObjectOptions{})

	return err
}
