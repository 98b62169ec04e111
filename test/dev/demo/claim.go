package demo

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	miniogo "github.com/minio/minio-go/v7"

	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/clients"
)

// claim shows a tenant that claims a bucket, and returns what its Secret holds.
func (d *demo) claim(ctx context.Context) (tenantv1alpha1.BucketInfo, error) {
	d.step("A tenant claims a bucket; a name is all it needs")

	text, err := os.ReadFile(filepath.Join(d.dir, manifest))
	if err != nil {
		return tenantv1alpha1.BucketInfo{}, err
	}

	d.printf("\n")

	for line := range bytes.Lines(text) {
		if !bytes.HasPrefix(line, []byte("#")) {
			d.printf("     %s", line)
		}
	}

	if _, err := d.run(ctx, "kubectl apply -f "+manifest); err != nil {
		return tenantv1alpha1.BucketInfo{}, err
	}

	start := time.Now()
	if err := d.waitReady(ctx, d.tenantA); err != nil {
		return tenantv1alpha1.BucketInfo{}, err
	}

	d.donef(start, "the claim is Ready: the bucket and its Secret exist")

	if _, err := d.run(ctx, "kubectl get buckets.apps.cozystack.io"); err != nil {
		return tenantv1alpha1.BucketInfo{}, err
	}

	return clients.BucketInfo(ctx, d.kube, d.tenantA, claim, "")
}

// secret shows the Secret of the claim.
func (d *demo) secret(ctx context.Context) error {
	d.step("The tenant reads the Secret")

	for _, command := range []string{
		"kubectl get secret bucket-backup-prod",
		"kubectl get secret bucket-backup-prod -o jsonpath='{.data.BucketInfo}' | base64 -d | jq",
		"kubectl get secret bucket-backup-prod -o jsonpath='{.data.BucketInfo}' | base64 -d | jq -r '.spec.secretS3.accessKeyID, .spec.secretS3.accessSecretKey'",
	} {
		if _, err := d.run(ctx, command); err != nil {
			return err
		}
	}

	return nil
}

// use shows an S3 client that uses the key of the Secret.
func (d *demo) use(ctx context.Context, info tenantv1alpha1.BucketInfo) error {
	d.step("An S3 client uses the bucket with the key of the Secret")
	d.printf("\n")

	s3, err := clients.Tenant(d.platform, info)
	if err != nil {
		return err
	}

	bucket := info.Spec.BucketName

	for _, s := range []struct {
		what string
		do   func() error
	}{
		{"write the object " + key, func() error { return write(ctx, s3, bucket) }},
		{"read it back", func() error { return wantObject(ctx, s3, bucket, key, text) }},
		{"list the bucket: 1 object", func() error { return wantKeys(ctx, s3, bucket, key) }},
		{"delete the object", func() error { return s3.RemoveObject(ctx, bucket, key, miniogo.RemoveObjectOptions{}) }},
		{"list the bucket: 0 objects", func() error { return wantKeys(ctx, s3, bucket) }},
	} {
		start := time.Now()
		if err := s.do(); err != nil {
			return fmt.Errorf("cannot %s: %w", s.what, err)
		}

		d.donef(start, "%s", s.what)
	}

	return nil
}

// otherTenant shows that the claims of two tenants are separate.
func (d *demo) otherTenant(ctx context.Context, info tenantv1alpha1.BucketInfo) error {
	d.step("Another tenant claims the same name, and gets another bucket")

	if _, err := d.run(ctx, "kubectl apply --namespace "+d.tenantB+" -f "+manifest); err != nil {
		return err
	}

	start := time.Now()
	if err := d.waitReady(ctx, d.tenantB); err != nil {
		return err
	}

	d.donef(start, "its claim is Ready")

	other, err := clients.BucketInfo(ctx, d.kube, d.tenantB, claim, "")
	if err != nil {
		return err
	}

	s3, err := clients.Tenant(d.platform, other)
	if err != nil {
		return err
	}

	start = time.Now()

	for _, try := range []struct {
		what string
		err  error
	}{
		{"read", wantKeys(ctx, s3, info.Spec.BucketName)},
		{"write to", write(ctx, s3, info.Spec.BucketName)},
	} {
		if code := miniogo.ToErrorResponse(try.err).Code; code != miniogo.AccessDenied {
			return fmt.Errorf("the other tenant can %s the first tenant's bucket: want AccessDenied, got %w", try.what, try.err)
		}
	}

	d.donef(start, "its key cannot use the first tenant's bucket: AccessDenied")

	return nil
}
