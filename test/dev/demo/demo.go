// Package demo shows the main job end to end, to a person: a tenant claims a
// bucket, gets a Secret, uses what is in it, lets a colleague read, has the keys
// replaced, meets the platform's policy, and gives the bucket back.
package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	miniogo "github.com/minio/minio-go/v7"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/clients"
	"github.com/cistern-dev/cistern/test/dev/platform"
)

// What the tenants claim.
const (
	claim = "backup-prod"

	manifest = "examples/claim/bucket.yaml"

	key, text = "reports/2026.txt", "Water is kept in a cistern."
)

const (
	patience = time.Minute
	pause    = 20 * time.Millisecond
)

// demo is what all steps need.
type demo struct {
	*show

	platform *platform.Platform
	kube     client.Client
	admin    *clients.Admin

	// Namespaces of two tenants that have nothing to do with each other.
	tenantA, tenantB string
}

// Run shows the demo on a platform that is up. It fails if anything of what it
// shows does not hold. The tenants' namespaces are gone when it returns.
func Run(ctx context.Context, p *platform.Platform, repo string, out io.Writer) (err error) {
	kube, err := clients.Kubernetes(p)
	if err != nil {
		return err
	}

	admin, err := clients.NewAdmin(ctx, p, kube)
	if err != nil {
		return err
	}

	dir, err := os.MkdirTemp("", "cistern-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	d := &demo{platform: p, kube: kube, admin: admin}

	for _, ns := range []*string{&d.tenantA, &d.tenantB} {
		// Another name each time: an earlier demo may have been killed.
		o := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "tenant-"}}
		if err := kube.Create(ctx, o); err != nil {
			return fmt.Errorf("cannot make the namespace of a tenant: %w", err)
		}

		*ns = o.Name

		defer func() {
			err = errors.Join(err, d.removeNamespace(context.WithoutCancel(ctx), o))
		}()
	}

	if d.show, err = newShow(ctx, out, p, repo, d.tenantA, dir); err != nil {
		return err
	}

	return d.play(ctx)
}

// play shows one step after the other.
func (d *demo) play(ctx context.Context) error {
	info, err := d.claim(ctx)
	if err != nil {
		return err
	}

	if err := d.secret(ctx); err != nil {
		return err
	}

	if err := d.use(ctx, info); err != nil {
		return err
	}

	for _, next := range []func(context.Context, tenantv1alpha1.BucketInfo) error{
		d.otherTenant, d.colleague, d.rotate, d.policy, d.giveBack,
	} {
		if err := next(ctx, info); err != nil {
			return err
		}
	}

	return nil
}

func (d *demo) claim(ctx context.Context) (tenantv1alpha1.BucketInfo, error) {
	d.step("A tenant claims a bucket, with nothing but a name")

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

	d.donef(start, "the bucket is there, with its Secret")

	if _, err := d.run(ctx, "kubectl get buckets.apps.cozystack.io"); err != nil {
		return tenantv1alpha1.BucketInfo{}, err
	}

	return clients.BucketInfo(ctx, d.kube, d.tenantA, claim, "")
}

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

func (d *demo) use(ctx context.Context, info tenantv1alpha1.BucketInfo) error {
	d.step("An S3 client uses it")
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

func (d *demo) otherTenant(ctx context.Context, info tenantv1alpha1.BucketInfo) error {
	d.step("Another tenant, who claims the same name, gets another bucket")

	if _, err := d.run(ctx, "kubectl apply --namespace "+d.tenantB+" -f "+manifest); err != nil {
		return err
	}

	start := time.Now()
	if err := d.waitReady(ctx, d.tenantB); err != nil {
		return err
	}

	d.donef(start, "its bucket is there")

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
			return fmt.Errorf("the other tenant may %s the first one's bucket: want AccessDenied, got %w", try.what, try.err)
		}
	}

	d.donef(start, "its key is refused on the first one's bucket: AccessDenied")

	return nil
}

// waitReady waits until a tenant's claim is ready, and says what it waits for if
// it does not become so.
func (d *demo) waitReady(ctx context.Context, ns string) error {
	b := &tenantv1alpha1.Bucket{}

	err := wait(ctx, "the claim to be ready", func() (bool, error) {
		err := d.kube.Get(ctx, types.NamespacedName{Namespace: ns, Name: claim}, b)
		c := b.Status.GetCondition("Ready")

		// Ready as it is now, not as it was before a change.
		return c.Status == corev1.ConditionTrue && c.ObservedGeneration == b.Generation, err
	})

	return errorf(err, "%s", b.Status.GetCondition(tenantv1alpha1.ConditionProvisioned).Message)
}

func (d *demo) removeNamespace(ctx context.Context, ns *corev1.Namespace) error {
	if err := d.kube.Delete(ctx, ns); err != nil {
		return fmt.Errorf("cannot remove the namespace %q: %w", ns.Name, err)
	}

	return wait(ctx, "the namespace "+ns.Name+" to be gone", func() (bool, error) {
		err := d.kube.Get(ctx, client.ObjectKeyFromObject(ns), ns)
		return err != nil, client.IgnoreNotFound(err)
	})
}

// wait looks again and again until something is so.
func wait(ctx context.Context, what string, is func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()

	for {
		ok, err := is()
		if ok && err == nil {
			return nil
		}

		select {
		case <-ctx.Done():
			if err != nil {
				return fmt.Errorf("waited %s for %s: %w", patience, what, err)
			}

			return fmt.Errorf("waited %s for %s", patience, what)
		case <-time.After(pause):
		}
	}
}

func errorf(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}

	return fmt.Errorf("%w: "+format, append([]any{err}, args...)...)
}

func wantObject(ctx context.Context, s3 *miniogo.Client, bucket, key, want string) error {
	o, err := s3.GetObject(ctx, bucket, key, miniogo.GetObjectOptions{})
	if err != nil {
		return err
	}
	defer o.Close()

	got, err := io.ReadAll(o)
	if err == nil && string(got) != want {
		err = fmt.Errorf("it holds %q, not %q", got, want)
	}

	return err
}

func wantKeys(ctx context.Context, s3 *miniogo.Client, bucket string, want ...string) error {
	var got []string

	for o := range s3.ListObjects(ctx, bucket, miniogo.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			return o.Err
		}

		got = append(got, o.Key)
	}

	if fmt.Sprint(got) != fmt.Sprint(want) {
		return fmt.Errorf("it holds %q, not %q", got, want)
	}

	return nil
}
